//! `striatum export`.

use super::{environments, note};
use crate::cli::{ExportArgs, FormatArg};
use anyhow::{Context, Result};
use striatum_train::saved::SavedPolicy;

/// Observations that `--samples` writes.
const SAMPLES: usize = 1000;

pub fn run(args: &ExportArgs) -> Result<()> {
    let saved = SavedPolicy::load(&args.run.run, args.run.checkpoint.into())?;
    let policy = saved.export(&environments(&saved.config))?;
    match args.format {
        FormatArg::Safetensors => policy.to_safetensors(&args.output)?,
        FormatArg::Onnx => policy.to_onnx(&args.output)?,
    }
    note(format_args!("wrote {}", args.output.display()));
    if let Some(path) = &args.samples {
        let samples = policy.expectations(&policy.random_observations(SAMPLES))?;
        std::fs::write(path, samples.to_string()).with_context(|| format!("`{}` cannot be written", path.display()))?;
        note(format_args!("wrote {}", path.display()));
    }
    Ok(())
}
