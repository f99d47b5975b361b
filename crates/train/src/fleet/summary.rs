//! What a launch came to, for people and for `--json`.

use crate::error::TrainError;
use crate::format;
use crate::run::Summary;
use crate::statistics::Aggregate;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// How one agent ended; none if it has not begun.
pub(super) struct Outcome {
    pub name: String,
    pub variation: String,
    pub end: Option<Result<Summary, TrainError>>,
}

/// How a launch ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FleetSummary {
    /// Agents that trained, in the order of the launch.
    pub agents: Vec<AgentSummary>,
    /// Agents that failed.
    pub failed: Vec<Failure>,
    /// Names of agents that had not begun when the launch was interrupted.
    pub waiting: Vec<String>,
    /// For each variation, its [`METRICS`](MetricAggregate::metric) over its agents that have one.
    pub aggregate: Vec<MetricAggregate>,
    /// Environment steps of this launch, all agents together.
    pub steps: u64,
    /// Those a second.
    pub steps_per_second: f64,
    /// Seconds of this launch.
    pub wall_seconds: f64,
    /// Whether every agent is done.
    pub finished: bool,
    /// The folder.
    pub run: PathBuf,
}

/// One agent's summary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentSummary {
    /// Its name.
    pub agent: String,
    /// What is varied.
    pub variation: String,
    /// How it ended.
    #[serde(flatten)]
    pub summary: Summary,
}

/// An agent that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Its name.
    pub agent: String,
    /// What happened.
    pub error: String,
}

/// One metric of the agents of a variation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricAggregate {
    /// What is varied; empty if nothing is.
    pub variation: String,
    /// How many agents have the metric, one a seed.
    pub seeds: usize,
    /// `episodic_return`, `best_return` or `last_return`, as in [`Summary`].
    pub metric: &'static str,
    /// Their values.
    #[serde(flatten)]
    pub values: Aggregate,
}

/// A metric's name and where it is.
type Metric = (&'static str, fn(&Summary) -> Option<f64>);

const METRICS: [Metric; 3] = [
    ("episodic_return", |summary| summary.episodic_return),
    ("best_return", |summary| summary.best_return),
    ("last_return", |summary| summary.last_return),
];

impl FleetSummary {
    pub(super) fn new(run: PathBuf, outcomes: Vec<Outcome>, steps: u64, wall_seconds: f64) -> Self {
        let (mut agents, mut failed, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for Outcome { name: agent, variation, end } in outcomes {
            match end {
                Some(Ok(summary)) => agents.push(AgentSummary { agent, variation, summary }),
                Some(Err(error)) => failed.push(Failure { agent, error: error.to_string() }),
                None => waiting.push(agent),
            }
        }
        let finished = failed.is_empty() && waiting.is_empty() && agents.iter().all(|agent| agent.summary.finished);
        let (aggregate, steps_per_second) = (aggregate(&agents), steps as f64 / wall_seconds);
        Self { agents, failed, waiting, aggregate, steps, steps_per_second, wall_seconds, finished, run }
    }

    /// A table of the agents and one of the variations, without a line's end.
    pub fn table(&self) -> String {
        let width = self.agents.iter().map(|agent| agent.agent.chars().count()).max().unwrap_or(0).max("agent".len());
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), format::value);
        let mut text =
            format!("{:width$}  {:>9}  {:>9}  {:>9}  {:>10}", "agent", "return", "best eval", "last eval", "solved at");
        for AgentSummary { agent, summary, .. } in &self.agents {
            let solved = summary.solved_at_steps.map_or_else(|| "-".to_owned(), |steps| steps.to_string());
            let [mean, best, last] = [summary.episodic_return, summary.best_return, summary.last_return].map(shown);
            let _ = write!(text, "\n{agent:width$}  {mean:>9}  {best:>9}  {last:>9}  {solved:>10}");
        }
        for Failure { agent, .. } in &self.failed {
            let _ = write!(text, "\n{agent:width$}  {:>9}", "failed");
        }
        let mut variation = None;
        for row in &self.aggregate {
            if variation != Some(&row.variation) {
                let title = if row.variation.is_empty() { "all agents" } else { &row.variation };
                let _ = write!(text, "\n{title}");
                variation = Some(&row.variation);
            }
            let Aggregate { iqm, low, high, mean, std } = row.values;
            let _ = write!(text, "\n  {:16} IQM {}", label(row.metric), format::value(iqm));
            if let (Some(low), Some(high)) = (low, high) {
                let _ = write!(text, "  (95 % interval {} to {})", format::value(low), format::value(high));
            }
            let _ = write!(text, "  mean {} ± {}  n {}", format::value(mean), format::value(std), row.seeds);
        }
        text
    }
}

/// A metric in the words of the table.
fn label(metric: &str) -> &str {
    match metric {
        "episodic_return" => "return",
        "best_return" => "best evaluation",
        _ => "last evaluation",
    }
}

fn aggregate(agents: &[AgentSummary]) -> Vec<MetricAggregate> {
    let mut variations: Vec<&str> = agents.iter().map(|agent| agent.variation.as_str()).collect();
    variations.dedup();
    let mut rows = Vec::new();
    for variation in variations {
        let own = || agents.iter().filter(|agent| agent.variation == variation);
        for (metric, of) in METRICS {
            let values: Vec<f64> = own().filter_map(|agent| of(&agent.summary)).collect();
            let seeds = values.len();
            rows.extend(Aggregate::of(&values).map(|values| MetricAggregate {
                variation: variation.to_owned(),
                seeds,
                metric,
                values,
            }));
        }
    }
    rows
}
