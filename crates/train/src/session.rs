//! One agent's run: its settings, how far it has come, and what it remembers beside its weights.

use crate::config::Config;
use crate::episodes::EpisodeStats;
use crate::tonic::Tonic;
use std::time::Instant;
use striatum_agent::RewardCentering;
use striatum_kernels::{ReturnScaler, RunningMoments};

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Environment steps, all environments together.
    pub steps: u64,
    /// Rollouts learned from.
    pub iterations: u32,
    /// Seconds of training, those before a resume counted in.
    pub wall_seconds: f64,
    /// Steps at which the mean return of the last 100 episodes first reached the task's threshold.
    pub solved_at_steps: Option<u64>,
    /// Seconds at which it did.
    pub solved_at_seconds: Option<f64>,
    /// The best mean return of an evaluation.
    pub best_return: Option<f64>,
    /// The mean return of the last evaluation.
    pub last_return: Option<f64>,
    /// Steps at the last evaluation.
    pub evaluated_at: u64,
    /// Steps at the last periodic checkpoint.
    pub saved_at: u64,
    /// Steps at the last point of the learning curves.
    pub reported_at: u64,
}

/// One agent's run.
pub struct Session {
    /// The settings.
    pub config: Config,
    /// How far it has come.
    pub progress: Progress,
    pub(crate) episodes: EpisodeStats,
    /// Statistics of raw observations, if they are normalised.
    pub(crate) normalizer: Option<RunningMoments>,
    /// Statistics of rewards, if they are scaled.
    pub(crate) scaler: Option<ReturnScaler>,
    /// What a network's memory keeps of every environment, `[N, 1 + carried]`, as of the last checkpoint; empty without memory.
    pub(crate) memory: Vec<f32>,
    /// Averages of the rewards that are learned from.
    pub(crate) tonic: Tonic,
    /// What has happened to the environments that a person should know of.
    pub(crate) notes: Vec<String>,
    /// How often that was, since the run began.
    pub(crate) failures: u64,
    /// The mean return from which the task counts as solved.
    solved_at: Option<f32>,
    started: Instant,
}

impl Session {
    /// A run at step 0, with observations of `inputs` numbers.
    pub fn new(config: Config, inputs: usize, solved_at: Option<f32>) -> Self {
        let gamma = f64::from(config.gamma());
        Self {
            episodes: EpisodeStats::new(config.num_envs),
            normalizer: config.normalize.observations.then(|| RunningMoments::new(inputs)),
            scaler: config.normalize.rewards.then(|| ReturnScaler::new(gamma, config.num_envs)),
            memory: Vec::new(),
            tonic: Tonic::default(),
            progress: Progress::default(),
            notes: Vec::new(),
            failures: 0,
            started: Instant::now(),
            solved_at,
            config,
        }
    }

    /// Whether every step of the run is done.
    pub fn is_finished(&self) -> bool {
        self.progress.steps >= self.config.total_steps
    }

    /// Whether the mean return of the last 100 training episodes reaches the task's threshold.
    pub fn is_solved(&self) -> bool {
        self.solved_at.is_some_and(|threshold| self.episodes.reaches(threshold))
    }

    /// Seconds of training so far, those before a resume counted in.
    pub fn wall_seconds(&self) -> f64 {
        self.progress.wall_seconds + self.started.elapsed().as_secs_f64()
    }

    /// The inverse temperature of the next rollout.
    pub fn inverse_temperature(&self) -> f32 {
        let dopamine = &self.config.dopamine;
        (f64::from(dopamine.inverse_temperature) * self.tonic.factor(dopamine)) as f32
    }

    /// Whether the run's settings ask for an evaluation now.
    pub fn evaluation_is_due(&self) -> bool {
        let interval = self.config.eval.interval;
        interval > 0 && self.progress.steps - self.progress.evaluated_at >= interval
    }

    /// Whether they ask for a checkpoint.
    pub fn checkpoint_is_due(&self) -> bool {
        let interval = self.config.run.checkpoint_interval;
        interval > 0 && self.progress.steps - self.progress.saved_at >= interval
    }

    /// The next number of steps at which the run's settings ask for the agent as it is then: to evaluate it, to save it, or to end. 0 if
    /// that may be after any iteration.
    pub fn next_pause(&self) -> u64 {
        let Config { run, eval, total_steps, .. } = &self.config;
        if run.stop_at_threshold {
            return 0;
        }
        let after = |since: u64, interval: u64| if interval > 0 { since.saturating_add(interval) } else { u64::MAX };
        after(self.progress.evaluated_at, eval.interval)
            .min(after(self.progress.saved_at, run.checkpoint_interval))
            .min(*total_steps)
    }

    /// Whether nothing that a rollout tells changes the next one, beside the weights.
    pub(crate) fn is_steady(&self) -> bool {
        let dopamine = &self.config.dopamine;
        let tonic = dopamine.tonic_gain != 0.0 || dopamine.reward_centering != RewardCentering::None;
        !tonic && self.normalizer.is_none() && self.scaler.is_none()
    }

    /// The share of the run that is left after `steps` steps more: 1 at first, towards 0 in the last iteration.
    pub(crate) fn remaining_after(&self, steps: u64) -> f32 {
        (1.0 - (self.progress.steps + steps) as f64 / self.config.total_steps as f64).max(0.0) as f32
    }

    /// Counts an iteration of `steps` steps.
    pub(crate) fn advance(&mut self, steps: u64) {
        self.progress.steps += steps;
        self.progress.iterations += 1;
        if self.progress.solved_at_steps.is_none() && self.is_solved() {
            self.progress.solved_at_steps = Some(self.progress.steps);
            self.progress.solved_at_seconds = Some(self.wall_seconds());
        }
    }

    /// Takes note of an evaluation. True if it is the best so far.
    pub(crate) fn note_evaluation(&mut self, mean_return: f64) -> bool {
        self.progress.evaluated_at = self.progress.steps;
        self.progress.last_return = Some(mean_return);
        let best = self.progress.best_return.is_none_or(|best| mean_return >= best);
        if best {
            self.progress.best_return = Some(mean_return);
        }
        best
    }
}
