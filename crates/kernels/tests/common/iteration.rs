//! What an iteration leaves, and float64 oracles of what is made of it; for the mirrors' tests and the shaders'.
#![allow(dead_code, reason = "every test target uses a part")]

use crate::common::{Ends, Rollout};
use striatum_kernels::{
    Backend, DiscountedReturnsArgs, EPISODE_NUMBERS, EPISODE_WINDOW, EpisodeWindowArgs, Gpu, ROLLOUT_STATS,
    RolloutShape, RolloutStatsArgs, discounted_returns, episode_window, rollout_stats,
};
use striatum_rng::{Purpose, Stream};

/// Named as the kernels' arguments are. Numbers that may not be read are NaN.
#[derive(Clone, Debug)]
pub struct Iteration {
    pub shape: RolloutShape,
    pub gamma: Vec<f32>,
    pub rewards: Vec<f32>,
    pub terminated: Vec<f32>,
    pub truncated: Vec<f32>,
    pub running: Vec<f32>,
    pub episode_returns: Vec<f32>,
    pub episode_lengths: Vec<f32>,
    pub deltas: Vec<f32>,
    pub advantages: Vec<f32>,
    pub returns: Vec<f32>,
}

/// Where a kernel runs.
#[derive(Clone, Copy)]
pub enum On<'a> {
    Mirror,
    Device(&'a Gpu),
}

/// Count, mean and sum of squared deviations.
pub fn moments(numbers: &[f64]) -> [f64; 3] {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count.max(1.0);
    [count, mean, numbers.iter().map(|x| (x - mean).powi(2)).sum()]
}

fn doubles(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}

impl Iteration {
    /// Normal numbers around `offset`.
    pub fn random(shape: RolloutShape, ends: Ends, offset: f32, seed: u64) -> Self {
        let Rollout { terminated, truncated, .. } = Rollout::random(shape, ends, seed);
        let mut stream = Stream::new(seed, Purpose::User, 1, 0);
        let mut numbers = |n: usize| -> Vec<f32> { (0..n).map(|_| offset + stream.normal()).collect() };
        let rows = shape.agents * shape.steps * shape.envs;
        let mut iteration = Self {
            shape,
            gamma: (0..shape.agents).map(|agent| 0.9 + 0.03 * agent as f32).collect(),
            rewards: numbers(rows),
            running: numbers(shape.agents * shape.envs),
            episode_returns: numbers(rows),
            episode_lengths: (0..rows).map(|row| row as f32).collect(),
            deltas: numbers(rows * shape.heads),
            advantages: numbers(rows * shape.heads),
            returns: numbers(rows * shape.heads),
            terminated,
            truncated,
        };
        iteration.poison();
        iteration
    }

    fn poison(&mut self) {
        for row in 0..self.rewards.len() {
            if !self.ended(row) {
                self.episode_returns[row] = f32::NAN;
                self.episode_lengths[row] = f32::NAN;
            }
        }
        let rows = self.rows();
        for i in (0..self.deltas.len()).filter(|i| !(i / rows).is_multiple_of(self.shape.heads)) {
            self.deltas[i] = f32::NAN;
            self.advantages[i] = f32::NAN;
            self.returns[i] = f32::NAN;
        }
    }

    fn rows(&self) -> usize {
        self.shape.steps * self.shape.envs
    }

    fn ended(&self, row: usize) -> bool {
        self.terminated[row] != 0.0 || self.truncated[row] != 0.0
    }

    /// One agent alone.
    pub fn agent(&self, agent: usize) -> Self {
        let of = |numbers: &[f32]| {
            let each = numbers.len() / self.shape.agents;
            numbers[agent * each..(agent + 1) * each].to_vec()
        };
        Self {
            shape: RolloutShape { agents: 1, ..self.shape },
            gamma: of(&self.gamma),
            rewards: of(&self.rewards),
            terminated: of(&self.terminated),
            truncated: of(&self.truncated),
            running: of(&self.running),
            episode_returns: of(&self.episode_returns),
            episode_lengths: of(&self.episode_lengths),
            deltas: of(&self.deltas),
            advantages: of(&self.advantages),
            returns: of(&self.returns),
        }
    }

    /// `running` after the rollout, and the moments `[A, 3]`.
    pub fn discounted_returns(&self, on: On<'_>) -> [Vec<f32>; 2] {
        let moments = vec![f32::NAN; 3 * self.shape.agents];
        match on {
            On::Mirror => {
                let (mut running, mut moments) = (self.running.clone(), moments);
                discounted_returns(DiscountedReturnsArgs {
                    shape: self.shape,
                    gamma: &self.gamma,
                    rewards: &self.rewards,
                    terminated: &self.terminated,
                    truncated: &self.truncated,
                    running: &mut running,
                    moments: &mut moments,
                });
                [running, moments]
            }
            On::Device(gpu) => {
                let (mut running, mut moments) = (gpu.upload(&self.running), gpu.upload(&moments));
                gpu.discounted_returns(DiscountedReturnsArgs {
                    shape: self.shape,
                    gamma: &self.gamma,
                    rewards: &gpu.upload(&self.rewards),
                    terminated: &gpu.upload(&self.terminated),
                    truncated: &gpu.upload(&self.truncated),
                    running: &mut running,
                    moments: &mut moments,
                });
                [&running, &moments].map(|buffer| gpu.download(buffer).expect("the device works"))
            }
        }
    }

    /// The same in float64, one environment after the other.
    pub fn discounted_returns_oracle(&self) -> [Vec<f64>; 2] {
        let RolloutShape { agents, steps, envs, .. } = self.shape;
        let (mut running, mut all) = (doubles(&self.running), Vec::new());
        for agent in 0..agents {
            let mut seen = Vec::new();
            for env in 0..envs {
                let sum = &mut running[agent * envs + env];
                for step in 0..steps {
                    let row = (agent * steps + step) * envs + env;
                    *sum = f64::from(self.gamma[agent]) * *sum + f64::from(self.rewards[row]);
                    seen.push(*sum);
                    if self.ended(row) {
                        *sum = 0.0;
                    }
                }
            }
            all.extend(moments(&seen));
        }
        [running, all]
    }

    /// `[A, EPISODE_NUMBERS]`.
    pub fn episode_window(&self, on: On<'_>) -> Vec<f32> {
        let out = vec![f32::NAN; self.shape.agents * EPISODE_NUMBERS];
        match on {
            On::Mirror => {
                let mut out = out;
                episode_window(EpisodeWindowArgs {
                    shape: self.shape,
                    terminated: &self.terminated,
                    truncated: &self.truncated,
                    episode_returns: &self.episode_returns,
                    episode_lengths: &self.episode_lengths,
                    out: &mut out,
                });
                out
            }
            On::Device(gpu) => {
                let mut out = gpu.upload(&out);
                gpu.episode_window(EpisodeWindowArgs {
                    shape: self.shape,
                    terminated: &gpu.upload(&self.terminated),
                    truncated: &gpu.upload(&self.truncated),
                    episode_returns: &gpu.upload(&self.episode_returns),
                    episode_lengths: &gpu.upload(&self.episode_lengths),
                    out: &mut out,
                });
                gpu.download(&out).expect("the device works")
            }
        }
    }

    /// The same by listing all episodes first.
    pub fn episode_window_oracle(&self) -> Vec<f32> {
        let mut out = Vec::new();
        for agent in 0..self.shape.agents {
            let rows = agent * self.rows()..(agent + 1) * self.rows();
            let all: Vec<usize> = rows.filter(|&row| self.ended(row)).collect();
            let last = &all[all.len().saturating_sub(EPISODE_WINDOW)..];
            out.push(all.len() as f32);
            for numbers in [&self.episode_returns, &self.episode_lengths] {
                let kept = last.iter().map(|&row| numbers[row]);
                out.extend(kept.chain(std::iter::repeat(0.0)).take(EPISODE_WINDOW));
            }
        }
        out
    }

    /// `[A, ROLLOUT_STATS]`.
    pub fn rollout_stats(&self, on: On<'_>) -> Vec<f32> {
        let stats = vec![f32::NAN; self.shape.agents * ROLLOUT_STATS];
        match on {
            On::Mirror => {
                let mut stats = stats;
                rollout_stats(RolloutStatsArgs {
                    shape: self.shape,
                    deltas: &self.deltas,
                    advantages: &self.advantages,
                    returns: &self.returns,
                    rewards: &self.rewards,
                    stats: &mut stats,
                });
                stats
            }
            On::Device(gpu) => {
                let mut stats = gpu.upload(&stats);
                gpu.rollout_stats(RolloutStatsArgs {
                    shape: self.shape,
                    deltas: &gpu.upload(&self.deltas),
                    advantages: &gpu.upload(&self.advantages),
                    returns: &gpu.upload(&self.returns),
                    rewards: &gpu.upload(&self.rewards),
                    stats: &mut stats,
                });
                gpu.download(&stats).expect("the device works")
            }
        }
    }

    /// The same in float64.
    pub fn rollout_stats_oracle(&self) -> Vec<f64> {
        let (rows, heads) = (self.rows(), self.shape.heads);
        let of = |agent: usize| {
            let [deltas, advantages, returns] = [&self.deltas, &self.advantages, &self.returns]
                .map(|numbers| doubles(&numbers[agent * heads * rows..][..rows]));
            let variance = |numbers: &[f64]| moments(numbers)[2] / rows.max(1) as f64;
            let positive = deltas.iter().filter(|&&delta| delta > 0.0).count() as f64 / rows.max(1) as f64;
            [
                moments(&deltas)[1],
                variance(&deltas),
                positive,
                variance(&advantages),
                variance(&returns),
                moments(&doubles(&self.rewards[agent * rows..][..rows]))[1],
                0.0,
                0.0,
            ]
        };
        (0..self.shape.agents).flat_map(of).collect()
    }
}
