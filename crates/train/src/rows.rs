//! The rows that a network reads: observations as it sees them, and what it remembers.

use striatum_agent::NetworkSpec;
use striatum_envs::EnvError;
use striatum_kernels::{HeadLayout, Policy, Standardizer};

/// Makes the rows of N environments, `[observation | mask | start | state]` (the last two with memory only), and keeps what a memory
/// carries from step to step.
pub(crate) struct Rows {
    head: HeadLayout,
    /// Numbers of an observation, of what an environment gives, and of a whole row.
    words: usize,
    observed: usize,
    inputs: usize,
    /// `[N, 1 + carried]`: 1 where an episode starts, and the state before the next row; empty without memory.
    memory: Vec<f32>,
}

impl Rows {
    /// For `count` environments at the start of an episode.
    pub(crate) fn new(spec: &NetworkSpec, count: usize) -> Self {
        let (words, observed, inputs) = (spec.observation.words(), spec.observed(), spec.inputs());
        let mut rows =
            Self { head: spec.head.clone(), words, observed, inputs, memory: vec![0.0; count * (inputs - observed)] };
        rows.carry(&[], |_| true);
        rows
    }

    /// Numbers of an observation, without a mask.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Numbers that an environment gives.
    pub(crate) fn observed(&self) -> usize {
        self.observed
    }

    /// Width of a row.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// What a memory keeps of all environments, to go on bit for bit.
    pub(crate) fn memory(&self) -> &[f32] {
        &self.memory
    }

    /// Takes over what [`memory`](Self::memory) gave.
    pub(crate) fn restore(&mut self, memory: &[f32]) {
        self.memory.copy_from_slice(memory);
    }

    /// The rows `[N, inputs]` of observations `[N, observed]`.
    pub(crate) fn fill(&self, observations: &[f32], standardizer: Option<&Standardizer>, rows: &mut [f32]) {
        if self.memory.is_empty() {
            rows.copy_from_slice(observations);
        } else {
            let memories = self.memory.chunks_exact(self.inputs - self.observed);
            let given = observations.chunks_exact(self.observed).zip(memories);
            for (row, (observation, memory)) in rows.chunks_exact_mut(self.inputs).zip(given) {
                let (to, rest) = row.split_at_mut(self.observed);
                to.copy_from_slice(observation);
                rest.copy_from_slice(memory);
            }
        }
        self.standardize(standardizer, rows);
    }

    /// Makes observations what the network sees of them; masks and memories are left alone.
    pub(crate) fn standardize(&self, standardizer: Option<&Standardizer>, rows: &mut [f32]) {
        let Some(standardizer) = standardizer else { return };
        if self.words == self.inputs {
            return standardizer.apply(rows);
        }
        rows.chunks_exact_mut(self.inputs).for_each(|row| standardizer.apply(&mut row[..self.words]));
    }

    /// Takes the state out of a step's outputs `[N, W]`; where the episode ended, the next one starts with nothing.
    pub(crate) fn carry(&mut self, outputs: &[f32], ended: impl Fn(usize) -> bool) {
        let (width, at) = (self.head.width(), self.head.carried_at());
        for (i, own) in self.memory.chunks_exact_mut((self.inputs - self.observed).max(1)).enumerate() {
            if ended(i) {
                own.fill(0.0);
                own[0] = 1.0;
            } else {
                own[0] = 0.0;
                own[1..].copy_from_slice(&outputs[i * width + at..(i + 1) * width]);
            }
        }
    }

    /// Appends the row of an episode's last observation, not yet standardised, which follows on the step that gave the outputs `[W]`.
    pub(crate) fn push_last(&self, observation: &[f32], output: &[f32], rows: &mut Vec<f32>) {
        rows.extend_from_slice(observation);
        if !self.memory.is_empty() {
            rows.push(0.0);
            rows.extend_from_slice(&output[self.head.carried_at()..]);
        }
    }

    /// Makes sure that every choice has an option in the masks of observations `[N, observed]`, those of the environments `first` and on
    /// after `step` steps.
    pub(crate) fn check_masks(&self, observations: &[f32], first: usize, step: u32) -> Result<(), EnvError> {
        let Policy::Categorical { nvec } = &self.head.policy else { return Ok(()) };
        if !self.head.masked {
            return Ok(());
        }
        for (i, observation) in observations.chunks_exact(self.observed).enumerate() {
            let mut marks = &observation[self.words..];
            for (choice, &n) in nvec.iter().enumerate() {
                let (own, rest) = marks.split_at(n);
                if own.iter().all(|&mark| mark <= 0.0) {
                    return Err(EnvError::NothingAllowed { env: first + i, step, choice });
                }
                marks = rest;
            }
        }
        Ok(())
    }
}
