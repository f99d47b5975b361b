//! Collecting the rollouts of one agent from environments on the host.

use crate::actor::{Actions, Actor, Choice};
use crate::config::Config;
use crate::error::TrainError;
use crate::session::Session;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use striatum_agent::{HostNetwork, Learner, NetworkSpec, Rollout, Transitions};
use striatum_envs::{Snapshot, StepBuffers, VecEnv};
use striatum_kernels::{Backend, HeadLayout, KernelError, Standardizer};

/// Environments of a chunk, at most and at least.
const CHUNK: Range<usize> = 4..64;

/// Environments under way, in chunks that go through a rollout side by side where the network runs on the host's threads. How they are
/// split depends on their number alone, and results do not depend on it.
pub struct Collector {
    chunks: Vec<Mutex<Chunk>>,
    num_envs: usize,
    standardizer: Option<Standardizer>,
    log_std: Vec<f32>,
    /// Raw observations of the last rollout, `[T, N, inputs]`: they reach the normaliser when the update is over, so that it is the
    /// same throughout.
    seen: Vec<f32>,
    /// Rewards and ends of one step of all environments.
    step_rewards: Vec<f32>,
    step_ends: Vec<f32>,
    /// Steps of the batch since the run began.
    pub(crate) steps: u32,
}

impl Collector {
    /// Resets the environments with the run's seed. Without `parallel` there is one chunk.
    ///
    /// # Errors
    /// If an environment gives a number that is not finite.
    pub fn new(
        config: &Config,
        spec: &NetworkSpec,
        parallel: bool,
        make_envs: &dyn Fn(usize) -> Result<Box<dyn VecEnv>, TrainError>,
    ) -> Result<Self, TrainError> {
        let num_envs = config.num_envs;
        let size = if parallel { num_envs.div_ceil(4).clamp(CHUNK.start, CHUNK.end) } else { num_envs };
        let chunks = (0..num_envs).step_by(size).map(|first| {
            let envs = make_envs(size.min(num_envs - first))?;
            Ok(Mutex::new(Chunk::new(config, spec, first, envs)?))
        });
        Ok(Self {
            chunks: chunks.collect::<Result<_, TrainError>>()?,
            num_envs,
            standardizer: None,
            log_std: vec![0.0; spec.head.policy.log_std_len()],
            seen: Vec::new(),
            step_rewards: vec![0.0; num_envs],
            step_ends: vec![0.0; num_envs],
            steps: 0,
        })
    }

    /// T steps of every environment, written to `rollout` with their values.
    ///
    /// # Errors
    /// If an environment or the device fails.
    pub fn collect<B: Backend>(
        &mut self,
        learner: &mut Learner<B>,
        session: &mut Session,
        rollout: &mut Rollout<B>,
    ) -> Result<(), TrainError> {
        learner.read_log_std(0, &mut self.log_std)?;
        if let Some(normalizer) = &session.normalizer {
            let clip = session.config.normalize.observation_clip;
            self.standardizer.get_or_insert_with(|| normalizer.standardizer(clip)).follow(normalizer);
        }
        let setup = Setup { steps: rollout.steps, first_step: self.steps, standardizer: self.standardizer.as_ref() };
        for chunk in &mut self.chunks {
            exclusive(chunk).begin(rollout.steps, &self.log_std, session.inverse_temperature());
        }
        match learner.on_host() {
            Some(network) => self.on_host(network, &setup)?,
            None => self.on_device(learner, rollout, &setup)?,
        }
        self.steps = self.steps.wrapping_add(rollout.steps as u32);
        self.take_stock(session, rollout.steps);
        for chunk in &mut self.chunks {
            exclusive(chunk).write(learner, rollout);
        }
        Ok(())
    }

    /// Every chunk goes through the whole rollout by itself, on any thread.
    fn on_host(&self, network: &dyn HostNetwork, setup: &Setup<'_>) -> Result<(), TrainError> {
        network.each(self.chunks.len(), &|i| {
            let mut chunk = self.chunks[i].lock().unwrap_or_else(PoisonError::into_inner);
            chunk.outcome = chunk.collect_on_host(network, setup);
        });
        for chunk in &self.chunks {
            let outcome = &mut chunk.lock().unwrap_or_else(PoisonError::into_inner).outcome;
            std::mem::replace(outcome, Ok(()))?;
        }
        Ok(())
    }

    /// The only chunk asks the device at every step, which keeps the values.
    fn on_device<B: Backend>(
        &self,
        learner: &mut Learner<B>,
        rollout: &mut Rollout<B>,
        setup: &Setup<'_>,
    ) -> Result<(), TrainError> {
        let mut chunk = self.chunks[0].lock().unwrap_or_else(PoisonError::into_inner);
        chunk.collect(setup, &mut |t, observations, outputs| learner.act(rollout, t, observations, outputs))?;
        chunk.standardize_last(setup);
        let Chunk { normalized, truncated_observations, truncated_rows, .. } = &*chunk;
        Ok(learner.bootstrap(rollout, normalized, truncated_observations, truncated_rows)?)
    }

    /// Episodes, reward scale and the normaliser's next observations; then scales the rewards.
    fn take_stock(&mut self, session: &mut Session, steps: usize) {
        self.seen.clear();
        for t in 0..steps {
            for chunk in &mut self.chunks {
                let chunk = exclusive(chunk);
                let (first, rows) = (chunk.first, t * chunk.count..(t + 1) * chunk.count);
                let Transitions { rewards, terminated, truncated, .. } = &chunk.transitions;
                for (i, row) in rows.clone().enumerate() {
                    let end = terminated[row] + truncated[row];
                    session.episodes.step(first + i, rewards[row], end > 0.0);
                    self.step_ends[first + i] = end;
                }
                self.step_rewards[first..first + chunk.count].copy_from_slice(&rewards[rows.clone()]);
                if session.normalizer.is_some() {
                    let width = chunk.observations.len() / chunk.count;
                    self.seen.extend_from_slice(&chunk.seen[rows.start * width..rows.end * width]);
                }
            }
            if let Some(scaler) = &mut session.scaler {
                scaler.update(&self.step_rewards, &self.step_ends);
            }
        }
        if let Some(scaler) = &session.scaler {
            let (scale, clip) = (scaler.scale(), session.config.normalize.reward_clip);
            for chunk in &mut self.chunks {
                let rewards = &mut exclusive(chunk).transitions.rewards;
                rewards.iter_mut().for_each(|reward| *reward = (*reward * scale).clamp(-clip, clip));
            }
        }
    }

    /// Lets the normaliser learn from the last rollout; call it when the update is over.
    pub fn finish_iteration(&mut self, session: &mut Session) {
        if let Some(normalizer) = &mut session.normalizer {
            normalizer.update(&self.seen, None);
        }
    }

    /// Where all environments are.
    pub fn snapshot(&self) -> Snapshot {
        let snapshots =
            self.chunks.iter().map(|chunk| chunk.lock().unwrap_or_else(PoisonError::into_inner).envs.snapshot());
        let mut all: Option<Snapshot> = None;
        for part in snapshots {
            match &mut all {
                None => all = Some(part),
                Some(all) => {
                    all.states.extend(part.states);
                    all.episodes.extend(part.episodes);
                    all.steps.extend(part.steps);
                    all.total_steps.extend(part.total_steps);
                }
            }
        }
        all.unwrap_or_else(|| Snapshot { seed: 0, first: 0, state_width: 0, ..Default::default() })
    }

    /// Length of an environment's state.
    pub fn state_width(&self) -> usize {
        self.snapshot().state_width
    }

    /// Puts all environments where a snapshot of as many says.
    ///
    /// # Errors
    /// If it does not fit the task.
    pub fn restore(&mut self, all: &Snapshot) -> Result<(), TrainError> {
        for chunk in &mut self.chunks {
            let chunk = exclusive(chunk);
            let part = chunk.first..chunk.first + chunk.count;
            let snapshot = Snapshot {
                seed: all.seed,
                first: chunk.first as u32,
                state_width: all.state_width,
                states: all.states[part.start * all.state_width..part.end * all.state_width].to_vec(),
                episodes: all.episodes[part.clone()].to_vec(),
                steps: all.steps[part.clone()].to_vec(),
                total_steps: all.total_steps[part].to_vec(),
            };
            chunk.envs.restore(&snapshot, &mut chunk.observations)?;
        }
        Ok(())
    }

    /// N.
    pub fn num_envs(&self) -> usize {
        self.num_envs
    }
}

fn exclusive(chunk: &mut Mutex<Chunk>) -> &mut Chunk {
    chunk.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// What a rollout has in common for all chunks.
struct Setup<'a> {
    steps: usize,
    /// Steps of the batch before the rollout.
    first_step: u32,
    standardizer: Option<&'a Standardizer>,
}

impl Setup<'_> {
    fn standardize(&self, rows: &mut [f32]) {
        if let Some(standardizer) = self.standardizer {
            standardizer.apply(rows);
        }
    }
}

/// The outputs of a step's observations: `(t, observations [n, inputs], outputs [n, W])`.
type Forward<'a> = dyn FnMut(usize, &[f32], &mut [f32]) -> Result<(), KernelError> + 'a;

/// The n environments `first` and on.
struct Chunk {
    envs: Box<dyn VecEnv>,
    actor: Actor,
    head: HeadLayout,
    first: usize,
    count: usize,
    /// Raw observations that the next action is for, `[n, inputs]`.
    observations: Vec<f32>,
    /// The same as the network sees them.
    normalized: Vec<f32>,
    /// `[n, W]`.
    outputs: Vec<f32>,
    /// `[n, action width]`.
    taken: Vec<f32>,
    final_observations: Vec<f32>,
    /// `[T, n, ..]`.
    transitions: Transitions,
    /// Raw observations, `[T, n, inputs]`.
    seen: Vec<f32>,
    /// `[K, T + 1, n]` and `[K, T, n]`; on a device that keeps them there is anything here.
    values: Vec<f32>,
    final_values: Vec<f32>,
    /// Rows `t * n + i` whose episode was truncated, and its final observation as the network sees it.
    truncated_rows: Vec<u32>,
    truncated_observations: Vec<f32>,
    truncated_outputs: Vec<f32>,
    outcome: Result<(), TrainError>,
}

impl Chunk {
    fn new(config: &Config, spec: &NetworkSpec, first: usize, mut envs: Box<dyn VecEnv>) -> Result<Self, TrainError> {
        let (count, inputs) = (envs.num_envs(), spec.inputs());
        let mut observations = vec![0.0; count * inputs];
        envs.reset(config.seed, first as u32, &mut observations)?;
        let choice = Choice::Sampled(config.seed);
        Ok(Self {
            actor: Actor::new(choice, (first, count), &spec.head, envs.action_space(), config),
            envs,
            head: spec.head.clone(),
            first,
            count,
            normalized: observations.clone(),
            outputs: vec![0.0; count * spec.head.width()],
            taken: vec![0.0; count * spec.head.policy.action_width()],
            final_observations: vec![0.0; count * inputs],
            observations,
            transitions: Transitions::default(),
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
    fn begin(&mut self, steps: usize, log_std: &[f32], beta: f32) {
        let (rows, heads) = (steps * self.count, self.head.value_heads);
        let inputs = self.observations.len() / self.count;
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
            self.seen.resize(rows * inputs, 0.0);
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
        let (count, inputs) = (self.count, self.observations.len() / self.count);
        let width = self.head.policy.action_width();
        for t in 0..setup.steps {
            let rows = t * count..(t + 1) * count;
            self.seen[rows.start * inputs..rows.end * inputs].copy_from_slice(&self.observations);
            let observations = &mut self.transitions.observations[rows.start * inputs..rows.end * inputs];
            observations.copy_from_slice(&self.observations);
            setup.standardize(observations);
            forward(t, observations, &mut self.outputs)?;
            self.keep_values(setup.steps, t);
            let actions = Actions {
                stored: &mut self.transitions.actions[rows.start * width..rows.end * width],
                taken: &mut self.taken,
                log_probs: &mut self.transitions.log_probs[rows.clone()],
            };
            self.actor.act(&self.outputs, setup.first_step.wrapping_add(t as u32), t, actions);
            self.envs.step(
                &self.taken,
                StepBuffers {
                    observations: &mut self.observations,
                    rewards: &mut self.transitions.rewards[rows.clone()],
                    terminated: &mut self.transitions.terminated[rows.clone()],
                    truncated: &mut self.transitions.truncated[rows.clone()],
                    final_observations: &mut self.final_observations,
                },
            )?;
            for (i, row) in rows.enumerate() {
                if self.transitions.truncated[row] > 0.0 {
                    self.truncated_rows.push(row as u32);
                    let last = &self.final_observations[i * inputs..(i + 1) * inputs];
                    self.truncated_observations.extend_from_slice(last);
                }
            }
        }
        setup.standardize(&mut self.truncated_observations);
        Ok(())
    }

    /// T steps, and the values that the rollout's end needs.
    fn collect_on_host(&mut self, network: &dyn HostNetwork, setup: &Setup<'_>) -> Result<(), TrainError> {
        self.collect(setup, &mut |_, observations, outputs| {
            network.forward(0, observations, outputs);
            Ok(())
        })?;
        self.standardize_last(setup);
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
        Ok(())
    }

    /// Makes the observations after the rollout what the network sees of them.
    fn standardize_last(&mut self, setup: &Setup<'_>) {
        self.normalized.copy_from_slice(&self.observations);
        setup.standardize(&mut self.normalized);
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
    fn write<B: Backend>(&self, learner: &Learner<B>, rollout: &mut Rollout<B>) {
        let (backend, envs) = (learner.backend(), self.first..self.first + self.count);
        rollout.write(backend, envs.clone(), &self.transitions);
        if learner.on_host().is_some() {
            rollout.write_values(backend, envs, &self.values, &self.final_values);
        }
    }
}
