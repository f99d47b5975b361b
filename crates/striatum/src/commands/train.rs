//! `striatum train` and `striatum resume`.

use super::{environments, fleet, note, say, settings};
use crate::cli::{ReportArgs, ResumeArgs, TrainArgs};
use anyhow::{Context, Result};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use striatum_train::TrainError;
use striatum_train::fleet::is_fleet;
use striatum_train::folder::RunFolder;
use striatum_train::run::{self, Changes, RunOptions, Summary};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub fn train(args: &TrainArgs) -> Result<()> {
    if fleet::is_asked_for(args) {
        return fleet::train(args);
    }
    let config = settings::resolve(&args.settings)?;
    let name = format!("{}-seed{}", config.algo_name(), config.seed);
    let out = args.out.clone().unwrap_or_else(|| free_folder(&config.task, &name));
    let make_envs = environments(&config);
    with_options(&args.report, out, |options| Ok(run::train(config.clone(), &make_envs, options)?))
}

pub fn resume(args: &ResumeArgs) -> Result<()> {
    if is_fleet(&args.run) {
        return fleet::resume(args);
    }
    let folder = RunFolder::open(&args.run)?;
    let (checkpoint, mut config) = folder.load(&folder.latest())?;
    changes(args).apply(&mut config, Some(&checkpoint))?;
    let counter = |name: &str| checkpoint.counter(name).map_err(TrainError::from);
    let steps = counter("steps")?;
    let was_evaluated = counter("evaluated_at")? >= steps;
    let make_envs = environments(&config);
    with_options(&args.report, args.run.clone(), |options| {
        let summary = run::resume(config.clone(), &checkpoint, &make_envs, options)?;
        if summary.steps == steps && (was_evaluated || !summary.finished) && !options.quiet {
            say_why(&summary, options.stop_after);
        }
        Ok(summary)
    })
}

/// Says why a resume has not trained.
fn say_why(summary: &Summary, stop_after: Option<u64>) {
    let (steps, run) = (summary.steps, summary.run.display());
    match stop_after {
        _ if summary.finished => note(format_args!(
            "nothing to do: the run is finished after {steps} steps; `striatum resume {run} --total-steps {}` extends it",
            steps.saturating_mul(2)
        )),
        Some(stop) => {
            note(format_args!("nothing to do: the run is at step {steps}, and `--stop-after {stop}` ends it there"))
        }
        None => {}
    }
}

/// What `resume` may change.
pub(super) fn changes(args: &ResumeArgs) -> Changes {
    Changes { total_steps: args.total_steps, device: args.device, engine: args.engine }
}

fn with_options(report: &ReportArgs, out: PathBuf, run: impl FnOnce(&RunOptions<'_>) -> Result<Summary>) -> Result<()> {
    let summary = run(&options(report, out)?)?;
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

/// How a run reports and where, with Ctrl-C taken in hand.
pub(super) fn options(report: &ReportArgs, out: PathBuf) -> Result<RunOptions<'static>> {
    ctrlc::set_handler(|| {
        // The second time there is no waiting for the iteration's end.
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            // On a terminal the cursor stands behind the bar.
            let start = if std::io::stderr().is_terminal() { "\n" } else { "" };
            note(format_args!("{start}stopped at once; the last checkpoint is kept"));
            std::process::exit(130);
        }
    })
    .context("the Ctrl-C handler could not be set")?;
    Ok(RunOptions { out, stop_after: report.stop_after, interrupted: &INTERRUPTED, quiet: report.quiet })
}

/// `runs/TASK/NAME`, or the first `runs/TASK/NAME-K` that is free.
pub(super) fn free_folder(task: &str, name: &str) -> PathBuf {
    // A colon is no part of a name everywhere.
    let parent = Path::new("runs").join(task.replace(':', "-"));
    let names = std::iter::once(name.to_owned()).chain((2..).map(|k| format!("{name}-{k}")));
    names.map(|name| parent.join(name)).find(|path| !path.exists()).unwrap_or(parent)
}
