//! `striatum train` and `striatum resume` with several agents.

use super::train::{changes, free_folder, options};
use super::{note, say, settings};
use crate::cli::{ReportArgs, ResumeArgs, TrainArgs};
use anyhow::{Result, ensure};
use striatum_train::fleet::{self, Agent, FleetError, FleetSummary};
use striatum_train::{TrainError, tasks};

/// Whether the arguments ask for more than a run.
pub fn is_asked_for(args: &TrainArgs) -> bool {
    args.seeds.is_some() || !args.vary.is_empty() || args.settings.seed.is_some_and(|seed| seed.last.is_some())
}

pub fn train(args: &TrainArgs) -> Result<()> {
    let agents = fleet::plan(&settings::request(&args.settings)?, seeds(args)?, &args.vary)?;
    let task = args.settings.task.as_str();
    let out = args.out.clone().unwrap_or_else(|| free_folder(task, &name(&agents)));
    let summary = fleet::train(agents, &tasks::make, &options(&args.report, out)?)?;
    report(&summary, &args.report)
}

pub fn resume(args: &ResumeArgs) -> Result<()> {
    let summary = fleet::resume(changes(args), &tasks::make, &options(&args.report, args.run.clone())?)?;
    report(&summary, &args.report)?;
    if summary.steps == 0 && summary.waiting.is_empty() && !args.report.quiet {
        note(match summary.finished {
            true => "nothing to do: every agent is finished; `--total-steps` with a larger number extends them",
            false => "nothing to do: no agent is below the steps of `--stop-after`",
        });
    }
    Ok(())
}

/// How many seeds, from the configured one on.
fn seeds(args: &TrainArgs) -> Result<u64> {
    let range = args.settings.seed.and_then(|seed| Some(seed.last? - seed.first + 1));
    ensure!(
        range.is_none() || args.seeds.is_none(),
        "`--seed A..B` says how many seeds there are; leave `--seeds` out, or give `--seed` the first one only"
    );
    Ok(range.or(args.seeds).unwrap_or(1))
}

/// `ppo-seeds0-9`; both names if the algorithm is varied.
fn name(agents: &[Agent]) -> String {
    let mut algos: Vec<_> = agents.iter().map(|agent| agent.config.algo_name()).collect();
    algos.sort_unstable();
    algos.dedup();
    let seeds = || agents.iter().map(|agent| agent.config.seed);
    format!("{}-seeds{}-{}", algos.join("-"), seeds().min().unwrap_or(0), seeds().max().unwrap_or(0))
}

fn report(summary: &FleetSummary, report: &ReportArgs) -> Result<()> {
    if !report.quiet {
        note(summary.table());
        let run = summary.run.display();
        match summary.finished {
            true => note(format_args!("`striatum plot {run} -o curves.svg` draws the agents' mean and range")),
            false => note(format_args!("`striatum resume {run}` continues the agents that are not finished")),
        }
    }
    if report.json {
        say(serde_json::to_string(summary)?)?;
    }
    if summary.failed.is_empty() {
        return Ok(());
    }
    let agents = summary.agents.len() + summary.failed.len() + summary.waiting.len();
    let failed = summary.failed.iter().map(|failure| failure.agent.clone()).collect();
    Err(TrainError::from(FleetError::Failed { failed, agents }).into())
}
