//! `striatum train` and `striatum resume`.

use super::{builtin, note, say, settings};
use crate::cli::{ReportArgs, ResumeArgs, TrainArgs};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use striatum_train::TrainError;
use striatum_train::config::Config;
use striatum_train::folder::RunFolder;
use striatum_train::run::{self, RunOptions, Summary};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub fn train(args: &TrainArgs) -> Result<()> {
    let config = settings::resolve(&args.settings)?;
    let out = args.out.clone().unwrap_or_else(|| free_folder(&config));
    let task = config.task.clone();
    let make_envs = builtin(&task);
    with_options(&args.report, out, |options| Ok(run::train(config, &make_envs, options)?))
}

pub fn resume(args: &ResumeArgs) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    let (checkpoint, mut config) = folder.load(&folder.latest())?;
    config.total_steps = args.total_steps.unwrap_or(config.total_steps);
    config.device = args.device.unwrap_or(config.device);
    config.engine = args.engine.unwrap_or(config.engine);
    let (steps, solved) =
        (checkpoint.counter("steps").map_err(TrainError::from)?, checkpoint.counters.contains_key("solved_at_steps"));
    if args.total_steps.is_some_and(|total| total > steps) && solved {
        // Whoever extends a solved run does not want it to end at once.
        config.run.stop_at_threshold = false;
    }
    let task = config.task.clone();
    let make_envs = builtin(&task);
    with_options(&args.report, args.run.clone(), |options| {
        let summary = run::resume(config, &checkpoint, &make_envs, options)?;
        if summary.steps == steps && summary.finished && !options.quiet {
            note(format_args!(
                "nothing to do: the run is finished after {steps} steps; `striatum resume {} --total-steps {}` extends it",
                summary.run.display(),
                steps.saturating_mul(2)
            ));
        }
        Ok(summary)
    })
}

fn with_options(report: &ReportArgs, out: PathBuf, run: impl FnOnce(&RunOptions<'_>) -> Result<Summary>) -> Result<()> {
    ctrlc::set_handler(|| {
        // The second time there is no waiting for the iteration's end.
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("the Ctrl-C handler could not be set")?;
    let options = RunOptions { out, stop_after: report.stop_after, interrupted: &INTERRUPTED, quiet: report.quiet };
    let summary = run(&options)?;
    if !report.quiet {
        let run = summary.run.display();
        match summary.finished {
            true => note(format_args!("`striatum eval {run}` plays the best policy")),
            false => note(format_args!("stopped at step {}; `striatum resume {run}` continues", summary.steps)),
        }
    }
    if report.json {
        say(serde_json::to_string(&summary)?)?;
    }
    Ok(())
}

/// `runs/TASK/ALGO-seedN`, or the first `runs/TASK/ALGO-seedN-K` that is free.
fn free_folder(config: &Config) -> PathBuf {
    let parent = Path::new("runs").join(&config.task);
    let name = format!("{}-seed{}", config.algo_name(), config.seed);
    let names = std::iter::once(name.clone()).chain((2..).map(|k| format!("{name}-{k}")));
    names.map(|name| parent.join(name)).find(|path| !path.exists()).unwrap_or(parent)
}
