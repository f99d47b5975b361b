//! What a run tells the world while it goes on.

use std::path::PathBuf;

/// Something happened in a run. `step` counts environment steps and `wall_seconds` seconds of training; both go on where they
/// stood when a run is resumed.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Training starts, or goes on.
    Start {
        /// The resolved configuration as TOML.
        config: String,
        /// The task.
        task: String,
        /// The algorithm.
        algo: String,
        /// What computes the networks.
        engine: String,
        /// The device.
        device: String,
        /// Why that device, where it was chosen automatically.
        reason: Option<String>,
        /// The run's seed.
        seed: u64,
        /// Where the run ends.
        total_steps: u64,
        /// Steps done before: 0, or those of the checkpoint that is resumed.
        step: u64,
        /// Seconds of training before.
        wall_seconds: f64,
    },
    /// A rollout was collected and learned from.
    Iteration {
        /// Steps done.
        step: u64,
        /// Seconds of training.
        wall_seconds: f64,
        /// Steps a second; sinks write it as `charts/SPS`.
        steps_per_second: f64,
        /// Episodes finished since the run began.
        episodes: u64,
        /// Mean return of the last 100 episodes, none before the first one ends; sinks write it as `charts/episodic_return`.
        episodic_return: Option<f64>,
        /// Everything else, by TensorBoard tag (CleanRL's where it has one).
        scalars: Vec<(&'static str, f64)>,
    },
    /// A deterministic evaluation; sinks write it as `eval/return_mean` and `eval/return_std`.
    Evaluation {
        /// Steps done.
        step: u64,
        /// Seconds of training.
        wall_seconds: f64,
        /// Mean return.
        mean: f64,
        /// Standard deviation of the returns.
        std: f64,
        /// Number of episodes.
        episodes: usize,
    },
    /// A checkpoint was written.
    Saved {
        /// Steps done.
        step: u64,
        /// The file.
        path: PathBuf,
        /// What it is for.
        kind: SavedKind,
    },
    /// Something is amiss, and the run goes on.
    Warning(String),
    /// Training ends, or is interrupted.
    End {
        /// Steps done.
        step: u64,
        /// Seconds of training.
        wall_seconds: f64,
        /// Episodes finished since the run began.
        episodes: u64,
        /// Mean return of the last 100 episodes.
        episodic_return: Option<f64>,
        /// Why it ends, as a short phrase: `finished`, `solved`, `interrupted`.
        reason: String,
    },
}

/// Which checkpoint was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedKind {
    /// The one to resume from.
    Latest,
    /// The one of the best evaluation.
    Best,
}

impl SavedKind {
    /// `latest` or `best`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Best => "best",
        }
    }
}

/// Tag of the mean return of the last 100 training episodes.
pub const EPISODIC_RETURN: &str = "charts/episodic_return";

impl Event {
    /// The event's curves: TensorBoard tags and values, without those that have no value yet.
    pub fn scalars(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Iteration { steps_per_second, episodic_return, scalars, .. } => {
                let mut all: Vec<_> = episodic_return.map(|mean| (EPISODIC_RETURN, mean)).into_iter().collect();
                all.push(("charts/SPS", *steps_per_second));
                let own: Vec<_> = scalars.iter().filter(|(tag, _)| all.iter().all(|(taken, _)| taken != tag)).collect();
                all.extend(own);
                all
            }
            Self::Evaluation { mean, std, .. } => vec![("eval/return_mean", *mean), ("eval/return_std", *std)],
            _ => Vec::new(),
        }
    }

    /// The step at which it happened, if it has one.
    pub fn step(&self) -> Option<u64> {
        match self {
            Self::Start { step, .. }
            | Self::Iteration { step, .. }
            | Self::Evaluation { step, .. }
            | Self::Saved { step, .. }
            | Self::End { step, .. } => Some(*step),
            Self::Warning(_) => None,
        }
    }
}
