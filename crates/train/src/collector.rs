//! Collecting the rollouts of one agent from environments on the host.

use crate::actor::{Actions, Actor, Choice};
use crate::config::Config;
use crate::error::TrainError;
use crate::rows::Rows;
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
    /// Raw observations of the last rollout, `[T, N, words]`: they reach the normaliser when the update is over, so that it is the
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
        let size = match make_envs(1)?.processes() {
            _ if !parallel => num_envs,
            None => num_envs.div_ceil(4).clamp(CHUNK.start, CHUNK.end),
            Some(processes) => num_envs.div_ceil(batches_of(processes)),
        };
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
        let asynchronous = self.chunks.iter_mut().all(|chunk| exclusive(chunk).envs.is_asynchronous());
        match learner.on_host() {
            Some(network) if asynchronous => self.in_lockstep(network, &setup)?,
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

    /// One thread goes from chunk to chunk: while it answers one, the environments of the others step.
    fn in_lockstep(&self, network: &dyn HostNetwork, setup: &Setup<'_>) -> Result<(), TrainError> {
        let chunks = self.chunks.iter().map(|chunk| chunk.lock().unwrap_or_else(PoisonError::into_inner));
        let mut chunks: Vec<_> = chunks.collect();
        let mut forward = forward_on(network);
        for t in 0..setup.steps {
            for chunk in &mut chunks {
                if t > 0 {
                    chunk.finish_step(t - 1)?;
                }
                chunk.decide(t, setup, &mut forward)?;
                chunk.begin_step()?;
            }
        }
        for chunk in &mut chunks {
            chunk.finish_step(setup.steps - 1)?;
            chunk.evaluate_rest(network, setup);
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
        chunk.standardize_rest(setup);
        let Chunk { normalized, truncated_observations, truncated_rows, .. } = &*chunk;
        Ok(learner.bootstrap(rollout, normalized, truncated_observations, truncated_rows)?)
    }

    /// Episodes, reward scale and the normaliser's next observations; then scales the rewards.
    fn take_stock(&mut self, session: &mut Session, steps: usize) {
        self.seen.clear();
        for chunk in &mut self.chunks {
            session.notes.append(&mut exclusive(chunk).envs.take_notes());
        }
        for t in 0..steps {
            for chunk in &mut self.chunks {
                let chunk = exclusive(chunk);
                let (first, rows) = (chunk.first, t * chunk.count..(t + 1) * chunk.count);
                let Transitions { rewards, terminated, truncated, mask, .. } = &chunk.transitions;
                let has_account = !chunk.game_rewards.is_empty();
                for (i, row) in rows.clone().enumerate() {
                    let end = terminated[row] + truncated[row];
                    self.step_ends[first + i] = end;
                    let (reward, end) =
                        if has_account { (chunk.game_rewards[row], chunk.game_ends[row]) } else { (rewards[row], end) };
                    if mask[row] > 0.0 {
                        session.episodes.step(first + i, reward, end > 0.0);
                    } else if end > 0.0 {
                        session.episodes.abandon(first + i);
                    }
                }
                self.step_rewards[first..first + chunk.count].copy_from_slice(&rewards[rows.clone()]);
                if session.normalizer.is_some() {
                    let width = chunk.rows.words();
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

    /// What the memory of a network keeps of all environments, `[N, 1 + carried]`; empty without memory.
    pub(crate) fn memory(&self) -> Vec<f32> {
        let own = |chunk: &Mutex<Chunk>| chunk.lock().unwrap_or_else(PoisonError::into_inner).rows.memory().to_vec();
        self.chunks.iter().flat_map(own).collect()
    }

    /// Takes over what [`memory`](Self::memory) gave.
    pub(crate) fn restore_memory(&mut self, all: &[f32]) {
        let width = all.len() / self.num_envs;
        for chunk in &mut self.chunks {
            let chunk = exclusive(chunk);
            chunk.rows.restore(&all[chunk.first * width..(chunk.first + chunk.count) * width]);
        }
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

/// The outputs of a step's rows: `(t, rows [n, inputs], outputs [n, W])`.
type Forward<'a> = dyn FnMut(usize, &[f32], &mut [f32]) -> Result<(), KernelError> + 'a;

fn forward_on(network: &dyn HostNetwork) -> impl FnMut(usize, &[f32], &mut [f32]) -> Result<(), KernelError> {
    |_, observations, outputs| {
        network.forward(0, observations, outputs);
        Ok(())
    }
}

/// Into how many batches environments are split that so many processes step: two halves, if the processes can be halved.
fn batches_of(processes: usize) -> usize {
    if processes.is_multiple_of(2) { 2 } else { processes }
}

/// The n environments `first` and on.
struct Chunk {
    envs: Box<dyn VecEnv>,
    actor: Actor,
    head: HeadLayout,
    first: usize,
    count: usize,
    /// What makes rows of observations.
    rows: Rows,
    /// Raw observations that the next action is for, `[n, observed]`.
    observations: Vec<f32>,
    /// The rows of the observations after the rollout, `[n, inputs]`.
    normalized: Vec<f32>,
    /// `[n, W]`.
    outputs: Vec<f32>,
    /// `[n, action width]`.
    taken: Vec<f32>,
    final_observations: Vec<f32>,
    /// `[T, n, ..]`.
    transitions: Transitions,
    /// Rewards and ends of episodes as the task counts them, `[T, n]`, where those that are learned from are others; else empty.
    game_rewards: Vec<f32>,
    game_ends: Vec<f32>,
    /// Raw observations, `[T, n, words]`.
    seen: Vec<f32>,
    /// `[K, T + 1, n]` and `[K, T, n]`; on a device that keeps them there is anything here.
    values: Vec<f32>,
    final_values: Vec<f32>,
    /// Rows `t * n + i` whose episode was truncated, and the row of its final observation.
    truncated_rows: Vec<u32>,
    truncated_observations: Vec<f32>,
    truncated_outputs: Vec<f32>,
    outcome: Result<(), TrainError>,
}

impl Chunk {
    fn new(config: &Config, spec: &NetworkSpec, first: usize, mut envs: Box<dyn VecEnv>) -> Result<Self, TrainError> {
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
    fn begin(&mut self, steps: usize, log_std: &[f32], beta: f32) {
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
    fn decide(&mut self, t: usize, setup: &Setup<'_>, forward: &mut Forward<'_>) -> Result<(), TrainError> {
        let (inputs, width) = (self.rows.inputs(), self.head.policy.action_width());
        let (rows, step) = (t * self.count..(t + 1) * self.count, setup.first_step.wrapping_add(t as u32));
        self.rows.check_masks(&self.observations, self.first, step)?;
        self.keep_seen(t);
        let observations = &mut self.transitions.observations[rows.start * inputs..rows.end * inputs];
        self.rows.fill(&self.observations, setup.standardizer, observations);
        forward(t, observations, &mut self.outputs)?;
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

    /// Lets the environments take a step by themselves; [`finish_step`](Self::finish_step) waits for it.
    fn begin_step(&mut self) -> Result<(), TrainError> {
        Ok(self.envs.begin_step(&self.taken)?)
    }

    fn finish_step(&mut self, t: usize) -> Result<(), TrainError> {
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
    fn collect_on_host(&mut self, network: &dyn HostNetwork, setup: &Setup<'_>) -> Result<(), TrainError> {
        self.collect(setup, &mut forward_on(network))?;
        self.evaluate_rest(network, setup);
        Ok(())
    }

    /// The values of what follows the rollout, and of where episodes were truncated in it.
    fn evaluate_rest(&mut self, network: &dyn HostNetwork, setup: &Setup<'_>) {
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
    fn standardize_rest(&mut self, setup: &Setup<'_>) {
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
    fn write<B: Backend>(&self, learner: &Learner<B>, rollout: &mut Rollout<B>) {
        let (backend, envs) = (learner.backend(), self.first..self.first + self.count);
        rollout.write(backend, envs.clone(), &self.transitions);
        if learner.on_host().is_some() {
            rollout.write_values(backend, envs, &self.values, &self.final_values);
        }
    }
}
