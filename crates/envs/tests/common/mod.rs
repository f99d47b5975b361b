//! A batch together with the buffers of its steps.

#![allow(dead_code, reason = "each test file uses a part")]

use striatum_envs::{EnvError, Purpose, Space, StepBuffers, Stream, VecEnv};

pub struct Run<V> {
    pub batch: V,
    pub observations: Vec<f32>,
    pub rewards: Vec<f32>,
    pub terminated: Vec<f32>,
    pub truncated: Vec<f32>,
    pub final_observations: Vec<f32>,
}

impl<V: VecEnv> Run<V> {
    /// A run whose buffers hold `FILL`.
    pub fn new(batch: V) -> Self {
        let n = batch.num_envs();
        let width = n * batch.observation_space().width();
        Self {
            batch,
            observations: vec![Self::FILL; width],
            rewards: vec![Self::FILL; n],
            terminated: vec![Self::FILL; n],
            truncated: vec![Self::FILL; n],
            final_observations: vec![Self::FILL; width],
        }
    }

    pub const FILL: f32 = 1234.5;

    pub fn seeded(batch: V, seed: u64) -> Self {
        let mut run = Self::new(batch);
        run.batch.reset(seed, 0, &mut run.observations).unwrap();
        run
    }

    pub fn step(&mut self, actions: &[f32]) -> Result<(), EnvError> {
        self.with_buffers(|batch, out| batch.step(actions, out))
    }

    pub fn step_active(&mut self, active: &[bool], actions: &[f32]) -> Result<(), EnvError> {
        self.with_buffers(|batch, out| batch.step_active(active, actions, out))
    }

    fn with_buffers<T>(&mut self, with: impl FnOnce(&mut V, StepBuffers<'_>) -> T) -> T {
        let out = StepBuffers {
            observations: &mut self.observations,
            rewards: &mut self.rewards,
            terminated: &mut self.terminated,
            truncated: &mut self.truncated,
            final_observations: &mut self.final_observations,
        };
        with(&mut self.batch, out)
    }

    /// Steps with the random actions of step `t`, the same for environment `i` in a batch of any size.
    pub fn step_random(&mut self, t: u32) {
        let actions = random_actions(self.batch.action_space(), self.batch.num_envs(), t);
        self.step(&actions).unwrap();
    }

    /// All numbers that a step wrote for environment `i`.
    pub fn row(&self, i: usize) -> Vec<f32> {
        let width = self.batch.observation_space().width();
        let mut row = self.observations[i * width..(i + 1) * width].to_vec();
        row.extend([self.rewards[i], self.terminated[i], self.truncated[i]]);
        row.extend(&self.final_observations[i * width..(i + 1) * width]);
        row
    }

    pub fn rows(&self) -> Vec<Vec<f32>> {
        (0..self.batch.num_envs()).map(|i| self.row(i)).collect()
    }
}

pub fn random_actions(space: &Space, num_envs: usize, t: u32) -> Vec<f32> {
    let draw = |i: usize| {
        let mut rng = Stream::new(99, Purpose::User, i as u32, t);
        let row: Vec<f32> = match space {
            Space::Box { low, high } => low.iter().zip(high).map(|(l, h)| l + (h - l) * rng.uniform()).collect(),
            Space::Image { .. } => panic!("actions are no pictures"),
            Space::Discrete { n } => vec![rng.below(*n as u32) as f32],
            Space::MultiDiscrete { nvec } => nvec.iter().map(|&n| rng.below(n as u32) as f32).collect(),
            Space::MultiBinary { n } => (0..*n).map(|_| rng.below(2) as f32).collect(),
        };
        row
    };
    (0..num_envs).flat_map(draw).collect()
}
