//! `striatum plot`.

use super::note;
use crate::cli::PlotArgs;
use anyhow::Result;
use striatum_train::plot::{PlotOptions, plot};

pub fn run(args: &PlotArgs) -> Result<()> {
    plot(&args.runs, &args.metric, &args.output, &PlotOptions::default())?;
    note(format_args!("wrote {}", args.output.display()));
    Ok(())
}
