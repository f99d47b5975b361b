//! Evaluation in environments of their own.

use crate::actor::{Actions, Actor, Choice};
use crate::config::Config;
use crate::error::TrainError;
use crate::rows::Rows;
use serde::Serialize;
use striatum_agent::Learner;
use striatum_envs::{StepBuffers, VecEnv};
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
    fn seed(self, seed: u64) -> u64 {
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

/// Runs `episodes` episodes in `envs` with the current weights and normaliser. Every environment runs the same number of episodes
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
        let (sum, length) = &mut running[step.env];
        *sum += f64::from(step.reward);
        *length += 1;
        if step.terminated || step.truncated {
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

/// A step of an episode.
pub(crate) struct Played<'a> {
    /// The environment.
    pub env: usize,
    /// What the network made of the observation.
    pub outputs: &'a [f32],
    /// The action as the policy sees it, and as the environment took it.
    pub stored: &'a [f32],
    pub taken: &'a [f32],
    pub reward: f32,
    /// An episode that does both counts as terminated.
    pub terminated: bool,
    pub truncated: bool,
    /// The raw observation at the end of an episode; anything in other steps.
    pub final_observation: &'a [f32],
}

/// How many episodes every environment still plays, and how far it is in the one under way.
struct Schedule {
    left: Vec<usize>,
    lengths: Vec<u32>,
    most_steps: u32,
}

impl Schedule {
    /// `episodes` shared out over `count` environments; without an end of its own an episode is cut after `most_steps`.
    fn new(count: usize, episodes: usize, most_steps: Option<u32>) -> Self {
        let left = (0..count).map(|i| episodes / count + usize::from(i < episodes % count)).collect();
        Self { left, lengths: vec![0; count], most_steps: most_steps.unwrap_or(u32::MAX) }
    }

    fn is_done(&self) -> bool {
        self.left.iter().all(|&left| left == 0)
    }

    /// Counts a step, with which the episode `ends` or not. Whether it is cut here; none where the environment has no more to play.
    fn step(&mut self, env: usize, ends: bool) -> Option<bool> {
        if self.left[env] == 0 {
            return None;
        }
        self.lengths[env] += 1;
        let cut = !ends && self.lengths[env] >= self.most_steps;
        if ends || cut {
            self.left[env] -= 1;
            self.lengths[env] = 0;
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
    Series { choice, occasion, seed, episodes }: Series,
    see: &mut dyn FnMut(&Played<'_>),
) -> Result<(), TrainError> {
    let (count, width) = (envs.num_envs(), envs.observation_space().width());
    // Training's first steps draw from the plain seed.
    let choice = match choice {
        Choice::Sampled(seed) => Choice::Sampled(occasion.seed(seed)),
        Choice::Deterministic => choice,
    };
    let layout = learner.spec().head.clone();
    let mut actor = Actor::new(choice, (0, count), &layout, envs.action_space(), config);
    let mut log_std = vec![0.0; layout.policy.log_std_len()];
    learner.read_log_std(0, &mut log_std)?;
    actor.begin(&log_std);
    let standardizer = normalizer.map(|moments| moments.standardizer(config.normalize.observation_clip));
    let actions = layout.policy.action_width();
    let [mut stored, mut taken] = [vec![0.0; count * actions], vec![0.0; count * actions]];
    let mut log_probs = vec![0.0; count];
    let mut schedule = Schedule::new(count, episodes, envs.continuing().then_some(config.eval.continuing_steps));
    let (mut observations, mut final_observations) = (vec![0.0; count * width], vec![0.0; count * width]);
    let mut memory = Rows::new(learner.spec(), count);
    let mut rows = vec![0.0; count * memory.inputs()];
    let [mut rewards, mut terminated, mut truncated] = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];

    envs.reset(occasion.seed(seed), 0, &mut observations)?;
    let mut step = 0;
    while !schedule.is_done() {
        memory.check_masks(&observations, 0, step)?;
        memory.fill(&observations, standardizer.as_ref(), &mut rows);
        let outputs = learner.predict(&rows)?;
        let chosen = Actions { stored: &mut stored, taken: &mut taken, log_probs: &mut log_probs };
        // New exploration matrices come as often as in training.
        actor.act(&outputs, step, step as usize % config.num_steps(), chosen);
        envs.step(
            &taken,
            StepBuffers {
                observations: &mut observations,
                rewards: &mut rewards,
                terminated: &mut terminated,
                truncated: &mut truncated,
                final_observations: &mut final_observations,
            },
        )?;
        step = step.wrapping_add(1);
        memory.carry(&outputs, |env| terminated[env] + truncated[env] > 0.0);
        for env in 0..count {
            let ends = terminated[env] + truncated[env] > 0.0;
            let Some(cut) = schedule.step(env, ends) else { continue };
            // The next observation of what goes on for ever is the episode's last.
            let ends_with = if cut { &observations } else { &final_observations };
            let played = Played {
                env,
                outputs: &outputs[env * layout.width()..][..layout.width()],
                stored: &stored[env * actions..][..actions],
                taken: &taken[env * actions..][..actions],
                reward: rewards[env],
                terminated: terminated[env] > 0.0,
                truncated: truncated[env] > 0.0 || cut,
                final_observation: &ends_with[env * width..][..width],
            };
            see(&played);
        }
    }
    Ok(())
}
