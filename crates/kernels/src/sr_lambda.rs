//! The mirror of `shaders/sr_lambda.wgsl`.

use crate::RolloutShape;
use crate::pool::{Parts, Pool};
use std::ops::Range;
use striatum_rng::{Purpose, philox4x32, unit_f32};

/// Heads that draw from one block of random words.
const BLOCK: usize = 4;

/// Environments that a thread walks back through time at once.
const COLUMNS: usize = 256;

/// Numbers from which other threads are worth waking.
const PARALLEL: usize = 1 << 12;

/// Arguments of [`Backend::sr_lambda`](crate::Backend::sr_lambda).
#[derive(Debug)]
pub struct SrLambdaArgs<'a, B> {
    /// A, K, T, N.
    pub shape: RolloutShape,
    /// Discount, `[A]`.
    pub gamma: &'a [f32],
    /// The probability of going on along the trajectory, `[A]`.
    pub lambda: &'a [f32],
    /// `[A]`.
    pub seeds: &'a [u64],
    /// Steps of the batch before the rollout.
    pub first_step: u32,
    /// `[A, T, N]`.
    pub rewards: &'a B,
    /// `[A, T, N]`.
    pub terminated: &'a B,
    /// `[A, T, N]`.
    pub truncated: &'a B,
    /// `theta(s_t)`, `[A, K, T + 1, N]`; the last row is of the observation after the rollout.
    pub values: &'a B,
    /// `theta(final observation)`, `[A, K, T, N]`; read only where `truncated` is set.
    pub final_values: &'a B,
    /// Output, `[A, K, T, N]`.
    pub targets: &'a mut B,
}

impl<B> SrLambdaArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let s = self.shape;
        let flags = s.agents * s.steps * s.envs;
        let long_enough = [self.gamma, self.lambda].into_iter().all(|numbers| numbers.len() >= s.agents)
            && self.seeds.len() >= s.agents
            && [self.rewards, self.terminated, self.truncated].into_iter().all(|buffer| len(buffer) >= flags)
            && len(self.values) >= s.agents * s.heads * (s.steps + 1) * s.envs
            && len(self.final_values) >= flags * s.heads
            && len(self.targets) >= flags * s.heads;
        assert!(long_enough, "sr_lambda: a buffer is too short for {s:?}");
    }
}

/// One agent, and a block of its heads.
struct Walk<'a> {
    /// T and N.
    sizes: [usize; 2],
    gamma: f32,
    lambda: f32,
    key: [u32; 2],
    first_step: u32,
    heads: Range<usize>,
    rewards: &'a [f32],
    terminated: &'a [f32],
    truncated: &'a [f32],
    values: &'a [f32],
    final_values: &'a [f32],
}

impl Walk<'_> {
    /// Back through time in the environments `envs`, at most [`COLUMNS`]; `row` gives the places of a head's targets at a step.
    fn walk<'o>(&self, envs: Range<usize>, row: impl Fn(usize, usize) -> &'o mut [f32]) {
        let [steps, all] = self.sizes;
        let (mut later, mut words) = ([[0.0; COLUMNS]; BLOCK], [[0; BLOCK]; COLUMNS]);
        for t in (0..steps).rev() {
            let step = self.first_step.wrapping_add(t as u32);
            for (words, env) in words.iter_mut().zip(envs.clone()) {
                let block = (self.heads.start / BLOCK) as u32;
                *words = philox4x32([block, env as u32, step, Purpose::Replacement as u32], self.key);
            }
            for ((i, k), later) in self.heads.clone().enumerate().zip(&mut later) {
                let next = &self.values[(k * (steps + 1) + t + 1) * all..][..all];
                let finals = &self.final_values[(k * steps + t) * all..][..all];
                for ((target, later), (env, words)) in row(k, t).iter_mut().zip(later).zip(envs.clone().zip(&words)) {
                    let flag = t * all + env;
                    let goes_on = t + 1 < steps && unit_f32(words[i]) < self.lambda;
                    // Choices and not products: what follows an episode's end may hold anything.
                    let sample = match (self.terminated[flag] != 0.0, self.truncated[flag] != 0.0) {
                        (true, _) => 0.0,
                        (false, true) => finals[env],
                        (false, false) if goes_on => *later,
                        (false, false) => next[env],
                    };
                    // Z_t = r_t + gamma Z_{t+1}, or r_t + gamma theta(s'_t)
                    *later = self.rewards[flag] + self.gamma * sample;
                    *target = *later;
                }
            }
        }
    }
}

pub(crate) fn mirror(pool: &Pool, args: SrLambdaArgs<'_, Vec<f32>>) {
    args.assert_lengths(Vec::len);
    let RolloutShape { agents, heads, steps, envs } = args.shape;
    let len = steps * envs;
    let (blocks, parts) = (heads.div_ceil(BLOCK), envs.div_ceil(COLUMNS));
    let items = agents * blocks * parts;
    let targets = Parts::new(args.targets);
    pool.split(items, agents * heads * len >= PARALLEL, &|_, item| {
        let (agent, block, part) = (item / parts / blocks, item / parts % blocks, item % parts);
        let [rewards, terminated, truncated] =
            [args.rewards, args.terminated, args.truncated].map(|numbers| &numbers[agent * len..][..len]);
        let walk = Walk {
            sizes: [steps, envs],
            gamma: args.gamma[agent],
            lambda: args.lambda[agent],
            key: [args.seeds[agent] as u32, (args.seeds[agent] >> 32) as u32],
            first_step: args.first_step,
            heads: block * BLOCK..heads.min((block + 1) * BLOCK),
            rewards,
            terminated,
            truncated,
            values: &args.values[agent * heads * (len + envs)..],
            final_values: &args.final_values[agent * heads * len..],
        };
        let columns = part * COLUMNS..envs.min((part + 1) * COLUMNS);
        walk.walk(columns.clone(), |k, t| {
            let at = (agent * heads + k) * len + t * envs;
            // SAFETY: every item has heads and columns of its own.
            unsafe { targets.part(at + columns.start..at + columns.end) }
        });
    });
}
