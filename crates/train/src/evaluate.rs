//! Evaluation in environments of their own.

use crate::actor::Choice;
use crate::config::Config;
use crate::error::TrainError;
use crate::player::{Played, Player};
use serde::Serialize;
use striatum_agent::Learner;
use striatum_envs::{EnvError, VecEnv};
use striatum_kernels::{Backend, RunningMoments};
use striatum_rng::{Purpose, Stream};

/// Episodes that run side by side, at most.
pub const EVAL_ENVS: usize = 64;

/// What evaluation episodes are for; each has starts of its own, and none has training's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Choosing the best policy during training.
    Selection = 0,
    /// Measuring a saved policy.
    Measurement = 1,
}

impl Occasion {
    pub(crate) fn seed(self, seed: u64) -> u64 {
        let mut stream = Stream::new(seed, Purpose::Evaluation, self as u32, 0);
        u64::from(stream.word()) | u64::from(stream.word()) << 32
    }
}

/// Returns and lengths of evaluation episodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of episodes.
    pub episodes: usize,
    /// Mean return.
    pub mean_return: f64,
    /// Standard deviation of the returns (population).
    pub std_return: f64,
    /// Smallest return.
    pub min_return: f64,
    /// Largest return.
    pub max_return: f64,
    /// Mean length in steps.
    pub mean_length: f64,
    /// Standard deviation of the lengths (population).
    pub std_length: f64,
    /// Shortest length.
    pub min_length: u32,
    /// Longest length.
    pub max_length: u32,
}

impl Evaluation {
    fn of(results: &[(f64, u32)]) -> Self {
        let count = results.len() as f64;
        let returns = results.iter().map(|r| r.0);
        let lengths = results.iter().map(|r| r.1);
        let spread = |values: &mut dyn Iterator<Item = f64>, mean: f64| {
            (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
        };
        let mean_return = returns.clone().sum::<f64>() / count;
        let mean_length = lengths.clone().map(f64::from).sum::<f64>() / count;
        Self {
            episodes: results.len(),
            mean_return,
            std_return: spread(&mut returns.clone(), mean_return),
            min_return: returns.clone().fold(f64::INFINITY, f64::min),
            max_return: returns.fold(f64::NEG_INFINITY, f64::max),
            mean_length,
            std_length: spread(&mut lengths.clone().map(f64::from), mean_length),
            min_length: lengths.clone().min().unwrap_or(0),
            max_length: lengths.max().unwrap_or(0),
        }
    }
}

/// Runs `episodes` episodes of the task in `envs` with the current weights and normaliser. Every environment runs the same number of episodes
/// (one more in the first few where it does not divide), so that short episodes do not count more than long ones. Where a task goes on for
/// ever, every `eval.continuing_steps` steps count as an episode.
///
/// # Errors
/// If an environment or the device fails.
pub fn evaluate<B: Backend>(
    learner: &mut Learner<B>,
    normalizer: Option<&RunningMoments>,
    config: &Config,
    envs: &mut dyn VecEnv,
    choice: Choice,
    (occasion, seed): (Occasion, u64),
    episodes: usize,
) -> Result<Evaluation, TrainError> {
    let mut running = vec![(0.0_f64, 0_u32); envs.num_envs()];
    let mut results = Vec::with_capacity(episodes);
    let series = Series { choice, occasion, seed, episodes };
    play(learner, normalizer, config, envs, series, &mut |step| {
        if step.lost {
            running[step.env] = (0.0, 0);
            return;
        }
        let (sum, length) = &mut running[step.env];
        *sum += f64::from(step.game_reward);
        *length += 1;
        if step.ends {
            results.push(std::mem::take(&mut running[step.env]));
        }
    })?;
    Ok(Evaluation::of(&results))
}

/// Which episodes, and how actions are chosen in them.
pub(crate) struct Series {
    pub choice: Choice,
    pub occasion: Occasion,
    pub seed: u64,
    pub episodes: usize,
}

impl Series {
    /// Shares the episodes out.
    pub fn schedule(&self, config: &Config, envs: &dyn VecEnv) -> Schedule {
        let most_steps = envs.continuing().then_some(config.eval.continuing_steps);
        Schedule::new(envs.num_envs(), self.episodes, most_steps)
    }
}

/// Episodes that may be lost one after the other, with the processes they ran in, before one is finished.
const LOST_IN_A_ROW: u32 = 20;

/// How many episodes every environment still plays, and how far it is in the one under way.
pub(crate) struct Schedule {
    left: Vec<usize>,
    lengths: Vec<u32>,
    most_steps: u32,
    /// Episodes lost since one was finished.
    lost: u32,
}

impl Schedule {
    /// `episodes` shared out over `count` environments; without an end of its own an episode is cut after `most_steps`.
    fn new(count: usize, episodes: usize, most_steps: Option<u32>) -> Self {
        let left = (0..count).map(|i| episodes / count + usize::from(i < episodes % count)).collect();
        Self { left, lengths: vec![0; count], most_steps: most_steps.unwrap_or(u32::MAX), lost: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.left.iter().all(|&left| left == 0)
    }

    /// Whether an episode under way is lost here, which is then played again.
    ///
    /// # Errors
    /// If so many are lost that none may ever be finished.
    pub fn lose(&mut self, env: usize) -> Result<bool, EnvError> {
        let is_lost = std::mem::take(&mut self.lengths[env]) > 0;
        self.lost += u32::from(is_lost);
        if self.lost > LOST_IN_A_ROW {
            return Err(EnvError::Failed(format!(
                "{LOST_IN_A_ROW} episodes in a row were lost with the workers that played them, and none was finished; `gym.on_env_failure` \
                 = \"stop\" shows the first failure"
            )));
        }
        Ok(is_lost)
    }

    /// Counts a step, with which the episode `ends` or not. Whether it is cut here; none where the environment has no more to play.
    pub fn step(&mut self, env: usize, ends: bool) -> Option<bool> {
        if self.left[env] == 0 {
            return None;
        }
        self.lengths[env] += 1;
        let cut = !ends && self.lengths[env] >= self.most_steps;
        if ends || cut {
            self.left[env] -= 1;
            self.lengths[env] = 0;
            self.lost = 0;
        }
        Some(cut)
    }
}

/// Plays the episodes, and shows every step of them.
pub(crate) fn play<B: Backend>(
    learner: &mut Learner<B>,
    normalizer: Option<&RunningMoments>,
    config: &Config,
    envs: &mut dyn VecEnv,
    series: Series,
    see: &mut dyn FnMut(&Played<'_>),
) -> Result<(), TrainError> {
    let mut schedule = series.schedule(config, envs);
    let mut player = Player::start(learner, normalizer, config, envs, &series)?;
    while !schedule.is_done() {
        player.step()?;
        for env in 0..player.num_envs() {
            let shown = match player.counts(env) {
                true => schedule.step(env, player.ends(env)),
                false => schedule.lose(env)?.then_some(false),
            };
            if let Some(cut) = shown {
                see(&player.played(env, cut));
            }
        }
    }
    Ok(())
}
