//! `striatum plot`.

use super::note;
use crate::cli::PlotArgs;
use anyhow::Result;
use striatum_train::fleet::runs_of;
use striatum_train::plot::{PlotOptions, plot};

pub fn run(args: &PlotArgs) -> Result<()> {
    let runs = args.runs.iter().map(|path| runs_of(path)).collect::<Result<Vec<_>, _>>()?.concat();
    plot(&runs, &args.metric, &args.output, &PlotOptions::default())?;
    note(format_args!("wrote {}", args.output.display()));
    Ok(())
}
