//! Actions that stick.

use super::layer::{Inner, Wrapper};
use super::state::{Reader, push_words};
use super::tally::marked;
use crate::{EnvError, StepBuffers, VecEnv};
use striatum_rng::{Purpose, Stream};

/// Takes the last action again with a probability (Machado et al. 2018), but never at an episode's first step, as Gymnasium's
/// `StickyAction`. Environment i at its t-th step draws from `Stream::new(seed, Purpose::Sticky, i, t)`.
pub(super) struct Sticky {
    probability: f32,
    seed: u64,
    first: u32,
    /// Steps so far, `[N]`.
    steps: Vec<u32>,
    /// Whether an action of the episode under way was taken, `[N]`.
    acted: Vec<bool>,
    /// `[N, action width]`.
    last: Vec<f32>,
}

impl Sticky {
    pub fn new(envs: &dyn VecEnv, probability: f32) -> Self {
        let count = envs.num_envs();
        let last = vec![0.0; count * envs.action_space().width()];
        Self { probability, seed: 0, first: 0, steps: vec![0; count], acted: vec![false; count], last }
    }

    fn width(&self) -> usize {
        self.last.len() / self.steps.len()
    }
}

impl Wrapper for Sticky {
    fn seed(&mut self, seed: u64, first: u32) {
        (self.seed, self.first) = (seed, first);
        self.steps.fill(0);
    }

    fn started(&mut self, _: &mut Inner<'_>, active: &[bool], _: &mut [f32]) -> Result<(), EnvError> {
        marked(active).for_each(|env| self.acted[env] = false);
        Ok(())
    }

    fn step(
        &mut self,
        inner: &mut Inner<'_>,
        active: &[bool],
        actions: &[f32],
        mut out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        let width = self.width();
        for env in marked(active) {
            let mut stream = Stream::new(self.seed, Purpose::Sticky, self.first + env as u32, self.steps[env]);
            self.steps[env] = self.steps[env].wrapping_add(1);
            let sticks = stream.uniform() < self.probability;
            if !(self.acted[env] && sticks) {
                let row = env * width..(env + 1) * width;
                self.last[row.clone()].copy_from_slice(&actions[row]);
            }
        }
        inner.step(active, &self.last, out.reborrow())?;
        marked(active).for_each(|env| self.acted[env] = !out.ended(env));
        Ok(())
    }

    fn save(&self, env: usize, state: &mut Vec<f64>) {
        let width = self.width();
        state.extend([f64::from(self.steps[env]), u8::from(self.acted[env]).into()]);
        push_words(state, &self.last[env * width..][..width]);
    }

    fn load(&mut self, env: usize, state: &mut Reader<'_>, _: &mut [f32]) {
        let width = self.width();
        self.steps[env] = state.number() as u32;
        self.acted[env] = state.number() > 0.0;
        state.words(&mut self.last[env * width..][..width]);
    }

    fn count_from(&mut self, env: usize, _: u32, steps: u32) {
        self.steps[env] = steps;
    }
}
