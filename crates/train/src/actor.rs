//! From a network's outputs to actions.

use crate::config::Config;
use crate::spec::action_bounds;
use striatum_envs::Space;
use striatum_kernels::{HeadLayout, Noise, Policy, PolicyHead, environment_action};
use striatum_rng::{Purpose, Stream};

/// How actions are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// The most probable action, or the mean.
    Deterministic,
    /// Sampled, counted by this seed.
    Sampled(u64),
}

/// Where the actions of one step of N environments are written.
pub struct Actions<'a> {
    /// As the policy sees them (`u` where squashed), `[N, action width]`.
    pub stored: &'a mut [f32],
    /// As the environment takes them, `[N, action width]`.
    pub taken: &'a mut [f32],
    /// `log pi(a|s)`, `[N]`.
    pub log_probs: &'a mut [f32],
}

/// Chooses actions for N environments, with memory of its own.
pub struct Actor {
    choice: Choice,
    /// Number of the first environment.
    first: u32,
    policy: Policy,
    head: PolicyHead,
    low: Vec<f32>,
    high: Vec<f32>,
    /// `[N]`.
    tone: Vec<f32>,
    /// `[N]`.
    inverse_temperature: Vec<f32>,
    exploration_interval: usize,
    /// Standard normal numbers of state-dependent exploration, `[N, log_std_len]`; empty without.
    exploration: Vec<f32>,
}

impl Actor {
    /// An actor for `count` environments, of which the first has the number `first`.
    pub fn new(
        choice: Choice,
        (first, count): (usize, usize),
        layout: &HeadLayout,
        actions: &Space,
        config: &Config,
    ) -> Self {
        let (low, high) = action_bounds(actions);
        let explores = matches!(choice, Choice::Sampled(_)) && layout.policy.features() > 0;
        Self {
            choice,
            first: first as u32,
            policy: layout.policy.clone(),
            head: PolicyHead::new(layout),
            low: low.to_vec(),
            high: high.to_vec(),
            tone: vec![config.dopamine.tone; count],
            inverse_temperature: vec![config.dopamine.inverse_temperature; count],
            exploration_interval: config.network.exploration_interval,
            exploration: vec![0.0; if explores { count * layout.policy.log_std_len() } else { 0 }],
        }
    }

    /// Dopamine tone of every environment, `[N]`.
    pub fn tone(&self) -> &[f32] {
        &self.tone
    }

    /// Gives every environment this inverse temperature in place of the configured one.
    pub fn set_inverse_temperature(&mut self, beta: f32) {
        self.inverse_temperature.fill(beta);
    }

    /// Starts a rollout with the current `log_std`.
    pub fn begin(&mut self, log_std: &[f32]) {
        self.head.load(log_std);
    }

    /// Actions for output rows `[N, W]`. `step` counts the batch's steps since the run began, `rollout_step` those since
    /// [`begin`](Self::begin).
    pub fn act(&mut self, outputs: &[f32], step: u32, rollout_step: usize, actions: Actions<'_>) {
        self.explore(step, rollout_step);
        let noise = match self.choice {
            Choice::Deterministic => Noise::Mode,
            Choice::Sampled(_) if !self.exploration.is_empty() => Noise::Matrix { exploration: &self.exploration },
            Choice::Sampled(seed) => Noise::Counted { seed, step, first_lane: self.first },
        };
        let gains = [&self.tone[..], &self.inverse_temperature];
        self.head.act(outputs, gains, noise, actions.stored, actions.log_probs);
        let width = self.policy.action_width();
        for (stored, taken) in actions.stored.chunks_exact(width).zip(actions.taken.chunks_exact_mut(width)) {
            environment_action(&self.policy, &self.low, &self.high, stored, taken);
        }
    }

    /// Draws a new exploration matrix for each environment at the start of a rollout and every `exploration_interval` steps.
    fn explore(&mut self, step: u32, rollout_step: usize) {
        let Choice::Sampled(seed) = self.choice else { return };
        let due = match self.exploration_interval {
            0 => rollout_step == 0,
            interval => rollout_step.is_multiple_of(interval),
        };
        let len = self.policy.log_std_len();
        if self.exploration.is_empty() || !due {
            return;
        }
        for (env, matrix) in (self.first..).zip(self.exploration.chunks_exact_mut(len)) {
            let mut stream = Stream::new(seed, Purpose::Exploration, env, step);
            matrix.iter_mut().for_each(|z| *z = stream.normal());
        }
    }
}
