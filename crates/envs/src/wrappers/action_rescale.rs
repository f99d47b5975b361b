//! Boxes of actions as -1 to 1.

use super::layer::{Inner, Wrapper};
use super::tally::marked;
use crate::{EnvError, StepBuffers, VecEnv};

/// Clips actions to -1 to 1 and stretches them over the bounds, as Gymnasium's `RescaleAction` after `ClipAction`.
pub(super) struct ActionRescale {
    low: Vec<f32>,
    high: Vec<f32>,
    /// `[N, action width]`.
    actions: Vec<f32>,
}

impl ActionRescale {
    pub fn new(envs: &dyn VecEnv, low: &[f32], high: &[f32]) -> Self {
        Self { low: low.to_vec(), high: high.to_vec(), actions: vec![0.0; envs.num_envs() * low.len()] }
    }
}

impl Wrapper for ActionRescale {
    fn started(&mut self, _: &mut Inner<'_>, _: &[bool], _: &mut [f32]) -> Result<(), EnvError> {
        Ok(())
    }

    fn step(
        &mut self,
        inner: &mut Inner<'_>,
        active: &[bool],
        actions: &[f32],
        out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        let width = self.low.len();
        for i in marked(active).flat_map(|env| env * width..(env + 1) * width) {
            let (low, high) = (self.low[i % width], self.high[i % width]);
            let share = (actions[i].clamp(-1.0, 1.0) + 1.0) / 2.0;
            // The difference of far bounds may be no finite number.
            self.actions[i] = (low * (1.0 - share) + high * share).clamp(low, high);
        }
        inner.step(active, &self.actions, out)
    }
}
