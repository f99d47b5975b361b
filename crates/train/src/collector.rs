//! Collecting the rollouts of one agent from environments on the host.

use crate::chunk::{Chunk, Forward, Setup, forward_on};
use crate::config::Config;
use crate::error::TrainError;
use crate::session::Session;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use striatum_agent::{HostNetwork, Learner, NetworkSpec, Rollout, Transitions};
use striatum_envs::{Snapshot, VecEnv};
use striatum_kernels::{Backend, Standardizer};

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
    /// Resets the environments with the run's seed. Without `parallel` there is one chunk, unless environments step by themselves.
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
        let probe = make_envs(1)?;
        let size = match probe.processes().filter(|_| parallel || probe.is_asynchronous()) {
            Some(processes) => num_envs.div_ceil(batches_of(processes)),
            None if parallel => num_envs.div_ceil(4).clamp(CHUNK.start, CHUNK.end),
            None => num_envs,
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
        let standardizer = self.standardizer.take();
        let setup = Setup {
            steps: rollout.steps,
            envs: self.num_envs,
            first_step: self.steps,
            standardizer: standardizer.as_ref(),
        };
        for chunk in &mut self.chunks {
            exclusive(chunk).begin(rollout.steps, &self.log_std, session.inverse_temperature());
        }
        let collected = self.collect_from(learner, rollout, &setup);
        self.standardizer = standardizer;
        for chunk in &mut self.chunks {
            session.notes.append(&mut exclusive(chunk).envs.take_notes());
        }
        collected?;
        self.steps = self.steps.wrapping_add(rollout.steps as u32);
        self.take_stock(session, rollout.steps);
        for chunk in &mut self.chunks {
            exclusive(chunk).write(learner, rollout);
        }
        Ok(())
    }

    /// Takes the rollout's steps wherever the network is.
    fn collect_from<B: Backend>(
        &mut self,
        learner: &mut Learner<B>,
        rollout: &mut Rollout<B>,
        setup: &Setup<'_>,
    ) -> Result<(), TrainError> {
        let asynchronous = self.chunks.iter_mut().all(|chunk| exclusive(chunk).envs.is_asynchronous());
        match learner.on_host() {
            Some(network) if asynchronous => {
                self.in_lockstep(setup, &mut forward_on(network))?;
                self.chunks.iter_mut().for_each(|chunk| exclusive(chunk).evaluate_rest(network, setup));
                Ok(())
            }
            Some(network) => self.on_host(network, setup),
            None => self.on_device(learner, rollout, setup),
        }
    }

    /// A device is asked at every step, and keeps the values.
    fn on_device<B: Backend>(
        &mut self,
        learner: &mut Learner<B>,
        rollout: &mut Rollout<B>,
        setup: &Setup<'_>,
    ) -> Result<(), TrainError> {
        self.in_lockstep(setup, &mut |row, observations, outputs| learner.act(rollout, row, observations, outputs))?;
        for chunk in &mut self.chunks {
            let chunk = exclusive(chunk);
            chunk.standardize_rest(setup);
            let (first, count) = (chunk.first as u32, chunk.count as u32);
            let place = |row: &u32| row / count * setup.envs as u32 + first + row % count;
            let truncated: Vec<u32> = chunk.truncated_rows.iter().map(place).collect();
            let last = (chunk.first, &*chunk.normalized);
            learner.bootstrap(rollout, last, &chunk.truncated_observations, &truncated)?;
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

    /// One thread goes from chunk to chunk: while it answers one, the environments of the others step, if they do so by themselves.
    fn in_lockstep(&mut self, setup: &Setup<'_>, forward: &mut Forward<'_>) -> Result<(), TrainError> {
        for t in 0..setup.steps {
            for chunk in &mut self.chunks {
                let chunk = exclusive(chunk);
                if t > 0 {
                    chunk.finish_step(t - 1)?;
                }
                chunk.decide(t, setup, forward)?;
                chunk.envs.begin_step(&chunk.taken)?;
            }
        }
        self.chunks.iter_mut().try_for_each(|chunk| exclusive(chunk).finish_step(setup.steps - 1))
    }

    /// Episodes, reward scale and the normaliser's next observations; then scales the rewards.
    fn take_stock(&mut self, session: &mut Session, steps: usize) {
        self.seen.clear();
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

/// Into how many batches environments are split that so many processes step: two halves, if the processes can be halved.
fn batches_of(processes: usize) -> usize {
    if processes.is_multiple_of(2) { 2 } else { processes }
}
