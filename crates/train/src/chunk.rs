//! Some of the environments on the host, and what they give in a rollout.

use crate::actor::{Actions, Actor, Choice};
use crate::config::Config;
use crate::error::TrainError;
use crate::rows::Rows;
use std::ops::Range;
use striatum_agent::{HostNetwork, Learner, NetworkSpec, Rollout, Transitions};
use striatum_envs::{StepBuffers, VecEnv};
use striatum_kernels::{Backend, HeadLayout, KernelError, Standardizer};

/// What a rollout has in common for all chunks.
pub(crate) struct Setup<'a> {
    pub steps: usize,
    /// N, of all chunks together.
    pub envs: usize,
    /// Steps of the batch before the rollout.
    pub first_step: u32,
    pub standardizer: Option<&'a Standardizer>,
}

/// The outputs of some of the rollout's rows: `(first of them, rows [n, inputs], outputs [n, W])`.
pub(crate) type Forward<'a> = dyn FnMut(usize, &[f32], &mut [f32]) -> Result<(), KernelError> + 'a;

/// The outputs of a network on the host.
pub(crate) fn forward_on(
    network: &dyn HostNetwork,
) -> impl FnMut(usize, &[f32], &mut [f32]) -> Result<(), KernelError> {
    |_, observations, outputs| {
        network.forward(0, observations, outputs);
        Ok(())
    }
}

/// The n environments `first` and on.
pub(crate) struct Chunk {
    pub envs: Box<dyn VecEnv>,
    actor: Actor,
    head: HeadLayout,
    pub first: usize,
    pub count: usize,
    /// What makes rows of observations.
    pub rows: Rows,
    /// Raw observations that the next action is for, `[n, observed]`.
    pub observations: Vec<f32>,
    /// The rows of the observations after the rollout, `[n, inputs]`.
    pub normalized: Vec<f32>,
    /// `[n, W]`.
    outputs: Vec<f32>,
    /// `[n, action width]`.
    pub taken: Vec<f32>,
    final_observations: Vec<f32>,
    /// `[T, n, ..]`.
    pub transitions: Transitions,
    /// Rewards and ends of episodes as the task counts them, `[T, n]`, where those that are learned from are others; else empty.
    pub game_rewards: Vec<f32>,
    pub game_ends: Vec<f32>,
    /// Raw observations, `[T, n, words]`.
    pub seen: Vec<f32>,
    /// `[K, T + 1, n]` and `[K, T, n]`; on a device that keeps them there is anything here.
    values: Vec<f32>,
    final_values: Vec<f32>,
    /// Rows `t * n + i` whose episode was truncated, and the row of its final observation.
    pub truncated_rows: Vec<u32>,
    pub truncated_observations: Vec<f32>,
    truncated_outputs: Vec<f32>,
    pub outcome: Result<(), TrainError>,
}

impl Chunk {
    pub fn new(
        config: &Config,
        spec: &NetworkSpec,
        first: usize,
        mut envs: Box<dyn VecEnv>,
    ) -> Result<Self, TrainError> {
        let count = envs.num_envs();
        let rows = Rows::new(spec, count);
        let mut observations = vec![0.0; count * rows.observed()];
        envs.reset(config.seed, first as u32, &mut observations)?;
        let choice = Choice::Sampled(config.seed);
        Ok(Self {
            actor: Actor::new(choice, (first, count), &spec.head, envs.action_space(), config),
            envs,
            head: spec.head.clone(),
            first,
            count,
            normalized: vec![0.0; count * rows.inputs()],
            outputs: vec![0.0; count * spec.head.width()],
            taken: vec![0.0; count * spec.head.policy.action_width()],
            final_observations: observations.clone(),
            observations,
            rows,
            transitions: Transitions::default(),
            game_rewards: Vec::new(),
            game_ends: Vec::new(),
            seen: Vec::new(),
            values: Vec::new(),
            final_values: Vec::new(),
            truncated_rows: Vec::new(),
            truncated_observations: Vec::new(),
            truncated_outputs: Vec::new(),
            outcome: Ok(()),
        })
    }

    /// Makes room for T steps, and takes over the current `log_std` and inverse temperature.
    pub fn begin(&mut self, steps: usize, log_std: &[f32], beta: f32) {
        let (rows, heads) = (steps * self.count, self.head.value_heads);
        let inputs = self.rows.inputs();
        let Transitions {
            observations,
            actions,
            log_probs,
            rewards,
            terminated,
            truncated,
            mask,
            tone,
            inverse_temperature,
        } = &mut self.transitions;
        if rewards.len() != rows {
            for buffer in [log_probs, rewards, terminated, truncated] {
                buffer.resize(rows, 0.0);
            }
            mask.resize(rows, 1.0);
            observations.resize(rows * inputs, 0.0);
            actions.resize(rows * self.head.policy.action_width(), 0.0);
            *tone = self.actor.tone().repeat(steps);
            inverse_temperature.clear();
            self.seen.resize(rows * self.rows.words(), 0.0);
            self.values.resize(heads * (rows + self.count), 0.0);
            self.final_values.resize(heads * rows, 0.0);
            // Every step of a task may be its last one. Memory that is not written to costs nothing.
            self.truncated_rows.reserve(rows);
            self.truncated_observations.reserve(rows * inputs);
            self.truncated_outputs.reserve(rows * self.head.width());
        }
        if inverse_temperature.first() != Some(&beta) {
            self.actor.set_inverse_temperature(beta);
            inverse_temperature.clear();
            inverse_temperature.resize(rows, beta);
        }
        self.truncated_rows.clear();
        self.truncated_observations.clear();
        self.actor.begin(log_std);
    }

    /// T steps.
    fn collect(&mut self, setup: &Setup<'_>, forward: &mut Forward<'_>) -> Result<(), TrainError> {
        for t in 0..setup.steps {
            self.decide(t, setup, forward)?;
            self.step(t)?;
        }
        Ok(())
    }

    /// Asks the network for the actions of step t.
    pub fn decide(&mut self, t: usize, setup: &Setup<'_>, forward: &mut Forward<'_>) -> Result<(), TrainError> {
        let (inputs, width) = (self.rows.inputs(), self.head.policy.action_width());
        let (rows, step) = (t * self.count..(t + 1) * self.count, setup.first_step.wrapping_add(t as u32));
        self.rows.check_masks(&self.observations, self.first, step)?;
        self.keep_seen(t);
        let observations = &mut self.transitions.observations[rows.start * inputs..rows.end * inputs];
        self.rows.fill(&self.observations, setup.standardizer, observations);
        forward(t * setup.envs + self.first, observations, &mut self.outputs)?;
        self.keep_values(setup.steps, t);
        let actions = Actions {
            stored: &mut self.transitions.actions[rows.start * width..rows.end * width],
            taken: &mut self.taken,
            log_probs: &mut self.transitions.log_probs[rows],
        };
        self.actor.act(&self.outputs, step, t, actions);
        Ok(())
    }

    /// Takes step t.
    fn step(&mut self, t: usize) -> Result<(), TrainError> {
        let (envs, actions, out) = self.at(t);
        envs.step(actions, out)?;
        self.note_step(t);
        Ok(())
    }

    /// Waits for step t, which was begun.
    pub fn finish_step(&mut self, t: usize) -> Result<(), TrainError> {
        let (envs, actions, out) = self.at(t);
        envs.finish_step(actions, out)?;
        self.note_step(t);
        Ok(())
    }

    /// Environments, actions and where step t goes.
    fn at(&mut self, t: usize) -> (&mut dyn VecEnv, &[f32], StepBuffers<'_>) {
        let rows = t * self.count..(t + 1) * self.count;
        let out = StepBuffers {
            observations: &mut self.observations,
            rewards: &mut self.transitions.rewards[rows.clone()],
            terminated: &mut self.transitions.terminated[rows.clone()],
            truncated: &mut self.transitions.truncated[rows],
            final_observations: &mut self.final_observations,
        };
        (&mut *self.envs, &self.taken, out)
    }

    /// Keeps what the end of the rollout and a memory's next step need of step t.
    fn note_step(&mut self, t: usize) {
        let (observed, width) = (self.rows.observed(), self.head.width());
        let rows = t * self.count..(t + 1) * self.count;
        self.keep_account(rows.clone());
        let Transitions { terminated, truncated, .. } = &self.transitions;
        for (i, row) in rows.clone().enumerate() {
            if truncated[row] > 0.0 {
                self.truncated_rows.push(row as u32);
                let last = &self.final_observations[i * observed..(i + 1) * observed];
                let output = &self.outputs[i * width..(i + 1) * width];
                self.rows.push_last(last, output, &mut self.truncated_observations);
            }
        }
        self.rows.carry(&self.outputs, |i| terminated[rows.start + i] + truncated[rows.start + i] > 0.0);
    }

    /// Keeps the observations of step t for the normaliser.
    fn keep_seen(&mut self, t: usize) {
        let (observed, words) = (self.rows.observed(), self.rows.words());
        let to = &mut self.seen[t * self.count * words..(t + 1) * self.count * words];
        if observed == words {
            return to.copy_from_slice(&self.observations);
        }
        for (to, observation) in to.chunks_exact_mut(words).zip(self.observations.chunks_exact(observed)) {
            to.copy_from_slice(&observation[..words]);
        }
    }

    /// Keeps the task's own account of a step, if it has one.
    fn keep_account(&mut self, rows: Range<usize>) {
        let Some(account) = self.envs.account() else { return };
        let steps = self.transitions.rewards.len();
        self.game_rewards.resize(steps, 0.0);
        self.game_ends.resize(steps, 0.0);
        self.game_rewards[rows.clone()].copy_from_slice(account.rewards);
        self.game_ends[rows.clone()].copy_from_slice(account.ends);
        self.transitions.mask[rows].copy_from_slice(account.counts);
    }

    /// T steps, and the values that the rollout's end needs.
    pub fn collect_on_host(&mut self, network: &dyn HostNetwork, setup: &Setup<'_>) -> Result<(), TrainError> {
        self.collect(setup, &mut forward_on(network))?;
        self.evaluate_rest(network, setup);
        Ok(())
    }

    /// The values of what follows the rollout, and of where episodes were truncated in it.
    pub fn evaluate_rest(&mut self, network: &dyn HostNetwork, setup: &Setup<'_>) {
        self.standardize_rest(setup);
        network.forward(0, &self.normalized, &mut self.outputs);
        self.keep_values(setup.steps, setup.steps);

        let (width, rows) = (self.head.width(), setup.steps * self.count);
        self.truncated_outputs.resize(self.truncated_rows.len() * width, 0.0);
        network.forward(0, &self.truncated_observations, &mut self.truncated_outputs);
        for (&row, outputs) in self.truncated_rows.iter().zip(self.truncated_outputs.chunks_exact(width)) {
            for k in 0..self.head.value_heads {
                self.final_values[k * rows + row as usize] = outputs[self.head.values_at() + k];
            }
        }
    }

    /// Makes the observations after the rollout, and those of truncated episodes' ends, what the network sees of them.
    pub fn standardize_rest(&mut self, setup: &Setup<'_>) {
        self.rows.standardize(setup.standardizer, &mut self.truncated_observations);
        self.rows.fill(&self.observations, setup.standardizer, &mut self.normalized);
    }

    /// Keeps the values of step t's outputs.
    fn keep_values(&mut self, steps: usize, t: usize) {
        for (i, outputs) in self.outputs.chunks_exact(self.head.width()).enumerate() {
            for k in 0..self.head.value_heads {
                let line = k * (steps + 1) * self.count;
                self.values[line + t * self.count + i] = outputs[self.head.values_at() + k];
            }
        }
    }

    /// Writes everything to its place in the rollout of all environments.
    pub fn write<B: Backend>(&self, learner: &Learner<B>, rollout: &mut Rollout<B>) {
        let (backend, envs) = (learner.backend(), self.first..self.first + self.count);
        rollout.write(backend, envs.clone(), &self.transitions);
        if learner.on_host().is_some() {
            rollout.write_values(backend, envs, &self.values, &self.final_values);
        }
    }
}
