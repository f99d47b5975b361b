//! What a run came to.

use crate::engine::EngineInfo;
use crate::folder::RunFolder;
use crate::run::is_done;
use crate::session::Session;
use serde::Serialize;
use std::path::PathBuf;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The task.
    pub task: String,
    /// `ppo` or `a2c`.
    pub algo: &'static str,
    /// `fused` or `burn`.
    pub engine: &'static str,
    /// `cpu`, or the adapter's name.
    pub device: String,
    /// The run's seed.
    pub seed: u64,
    /// Environment steps.
    pub steps: u64,
    /// Finished training episodes.
    pub episodes: u64,
    /// Mean return of the last 100 training episodes.
    pub episodic_return: Option<f64>,
    /// Best mean return of a deterministic evaluation.
    pub best_return: Option<f64>,
    /// Mean return of the last deterministic evaluation.
    pub last_return: Option<f64>,
    /// Environment steps a second over the whole run.
    pub steps_per_second: f64,
    /// Seconds of training.
    pub wall_seconds: f64,
    /// Steps at which the last 100 episodes first reached the task's threshold.
    pub solved_at_steps: Option<u64>,
    /// Seconds at which they did.
    pub solved_at_seconds: Option<f64>,
    /// Whether every step of the run is done, or the run stopped because it was solved.
    pub finished: bool,
    /// The run folder.
    pub run: PathBuf,
}

impl Summary {
    /// What a run has come to by now.
    pub(crate) fn of(session: &Session, info: &EngineInfo, folder: &RunFolder) -> Self {
        let (config, progress) = (&session.config, &session.progress);
        let wall_seconds = session.wall_seconds();
        Self {
            task: config.task.clone(),
            algo: config.algo_name(),
            engine: info.engine,
            device: info.device.clone(),
            seed: config.seed,
            steps: progress.steps,
            episodes: session.episodes.finished(),
            episodic_return: session.episodes.mean_return(),
            best_return: progress.best_return,
            last_return: progress.last_return,
            steps_per_second: progress.steps as f64 / wall_seconds,
            wall_seconds,
            solved_at_steps: progress.solved_at_steps,
            solved_at_seconds: progress.solved_at_seconds,
            finished: is_done(session),
            run: folder.path().to_owned(),
        }
    }
}
