//! A policy that plays in a batch of environments.

use crate::actor::{Actions, Actor, Choice};
use crate::config::Config;
use crate::error::TrainError;
use crate::evaluate::Series;
use crate::rows::Rows;
use striatum_agent::Learner;
use striatum_envs::{StepBuffers, VecEnv};
use striatum_kernels::{Backend, RunningMoments, Standardizer};

/// A step of an episode.
pub(crate) struct Played<'a> {
    /// The environment.
    pub env: usize,
    /// What the network made of the observation.
    pub outputs: &'a [f32],
    /// The action as the policy sees it, and as the environment took it.
    pub stored: &'a [f32],
    pub taken: &'a [f32],
    /// The reward, and the ends of an episode, as they are learned from. An episode that does both counts as terminated.
    pub reward: f32,
    pub terminated: bool,
    pub truncated: bool,
    /// The reward as the task gave it, and whether an episode of the task ended or was cut.
    pub game_reward: f32,
    pub ends: bool,
    /// Whether the episode was lost with the process that it ran in, and what was seen of it counts for nothing.
    pub lost: bool,
    /// The raw observation at the end of an episode; anything in other steps.
    pub final_observation: &'a [f32],
}

/// Plays step after step of all environments, which start anew by themselves.
pub(crate) struct Player<'a, B: Backend> {
    pub learner: &'a mut Learner<B>,
    pub envs: &'a mut dyn VecEnv,
    standardizer: Option<Standardizer>,
    /// Steps from one start of exploration to the next: as many as in training.
    rollout: usize,
    actor: Actor,
    step: u32,
    memory: Rows,
    observations: Vec<f32>,
    /// As the network reads them.
    rows: Vec<f32>,
    outputs: Vec<f32>,
    stored: Vec<f32>,
    taken: Vec<f32>,
    log_probs: Vec<f32>,
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
    final_observations: Vec<f32>,
}

impl<'a, B: Backend> Player<'a, B> {
    /// The first episode of every environment.
    pub fn start(
        learner: &'a mut Learner<B>,
        normalizer: Option<&RunningMoments>,
        config: &Config,
        envs: &'a mut dyn VecEnv,
        series: &Series,
    ) -> Result<Self, TrainError> {
        let (count, width) = (envs.num_envs(), envs.observation_space().width());
        let seed = series.occasion.seed(series.seed);
        // Training's first steps draw from the plain seed.
        let choice = match series.choice {
            Choice::Sampled(plain) => Choice::Sampled(series.occasion.seed(plain)),
            Choice::Deterministic => Choice::Deterministic,
        };
        let layout = learner.spec().head.clone();
        let mut actor = Actor::new(choice, (0, count), &layout, envs.action_space(), config);
        let mut log_std = vec![0.0; layout.policy.log_std_len()];
        learner.read_log_std(0, &mut log_std)?;
        actor.begin(&log_std);
        let mut observations = vec![0.0; count * width];
        envs.reset(seed, 0, &mut observations)?;
        let actions = layout.policy.action_width();
        let memory = Rows::new(learner.spec(), count);
        Ok(Self {
            learner,
            envs,
            standardizer: normalizer.map(|moments| moments.standardizer(config.normalize.observation_clip)),
            rollout: config.num_steps(),
            actor,
            step: 0,
            rows: vec![0.0; count * memory.inputs()],
            memory,
            final_observations: observations.clone(),
            observations,
            outputs: Vec::new(),
            stored: vec![0.0; count * actions],
            taken: vec![0.0; count * actions],
            log_probs: vec![0.0; count],
            rewards: vec![0.0; count],
            terminated: vec![0.0; count],
            truncated: vec![0.0; count],
        })
    }

    pub fn num_envs(&self) -> usize {
        self.rewards.len()
    }

    /// Acts once in every environment.
    pub fn step(&mut self) -> Result<(), TrainError> {
        self.memory.check_masks(&self.observations, 0, self.step)?;
        self.memory.fill(&self.observations, self.standardizer.as_ref(), &mut self.rows);
        self.outputs = self.learner.predict(&self.rows)?;
        let chosen = Actions { stored: &mut self.stored, taken: &mut self.taken, log_probs: &mut self.log_probs };
        // New exploration matrices come as often as in training.
        self.actor.act(&self.outputs, self.step, self.step as usize % self.rollout, chosen);
        self.step = self.step.wrapping_add(1);
        let out = StepBuffers {
            observations: &mut self.observations,
            rewards: &mut self.rewards,
            terminated: &mut self.terminated,
            truncated: &mut self.truncated,
            final_observations: &mut self.final_observations,
        };
        self.envs.step(&self.taken, out)?;
        let ends = |env: usize| self.terminated[env] + self.truncated[env] > 0.0;
        self.memory.carry(&self.outputs, ends);
        Ok(())
    }

    /// Whether the last step was one of the task's.
    pub fn counts(&self, env: usize) -> bool {
        self.envs.account().is_none_or(|account| account.counts[env] > 0.0)
    }

    /// Whether the last step ended what is an episode to the agent, such as a life.
    pub fn ended(&self, env: usize) -> bool {
        self.terminated[env] + self.truncated[env] > 0.0
    }

    /// Whether the last step ended an episode of the task.
    pub fn ends(&self, env: usize) -> bool {
        self.envs.account().map_or_else(|| self.ended(env), |account| account.ends[env] > 0.0)
    }

    /// The last step of an environment, after which its episode is `cut` or not.
    pub fn played(&self, env: usize, cut: bool) -> Played<'_> {
        let count = self.num_envs();
        // The next observation of what goes on for ever is the episode's last.
        let ends_with = if cut { &self.observations } else { &self.final_observations };
        Played {
            env,
            outputs: row(&self.outputs, env, count),
            stored: row(&self.stored, env, count),
            taken: row(&self.taken, env, count),
            reward: self.rewards[env],
            terminated: self.terminated[env] > 0.0,
            truncated: self.truncated[env] > 0.0 || cut,
            game_reward: self.envs.account().map_or(self.rewards[env], |account| account.rewards[env]),
            ends: self.ends(env) || cut,
            lost: !self.counts(env),
            final_observation: row(ends_with, env, count),
        }
    }

    /// What the network makes of where the last step led: the observation at an episode's end if it `ends`, or is `cut` there.
    pub fn predict_next(&mut self, env: usize, cut: bool, ends: bool) -> Result<Vec<f32>, TrainError> {
        let played = self.played(env, cut);
        let observation = if ends { played.final_observation } else { row(&self.observations, env, self.num_envs()) };
        let mut next = Vec::with_capacity(self.memory.inputs());
        self.memory.push_last(observation, played.outputs, &mut next);
        self.memory.standardize(self.standardizer.as_ref(), &mut next);
        Ok(self.learner.predict(&next)?)
    }
}

/// A row of `count`.
fn row(all: &[f32], env: usize, count: usize) -> &[f32] {
    let width = all.len() / count;
    &all[env * width..(env + 1) * width]
}
