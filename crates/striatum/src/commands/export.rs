//! `striatum export`.

use super::builtin;
use crate::cli::{ExportArgs, FormatArg};
use anyhow::Result;
use striatum_train::saved::SavedPolicy;

pub fn run(args: &ExportArgs) -> Result<()> {
    let saved = SavedPolicy::load(&args.run.run, args.run.checkpoint.into())?;
    let policy = saved.export(&builtin(&saved.config.task))?;
    match args.format {
        FormatArg::Safetensors => policy.to_safetensors(&args.output)?,
        FormatArg::Onnx => policy.to_onnx(&args.output)?,
    }
    eprintln!("wrote {}", args.output.display());
    Ok(())
}
