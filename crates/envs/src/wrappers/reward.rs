//! Rewards by their sign, or within a range.

use super::layer::{Inner, Wrapper};
use super::tally::marked;
use crate::{EnvError, StepBuffers};

/// Puts the sign of a reward in its place, or clips it.
pub(super) struct RewardClip {
    pub sign: bool,
    pub range: Option<[f32; 2]>,
}

impl RewardClip {
    fn clip(&self, reward: f32) -> f32 {
        // The sign of 0 is 0.
        let signed = if self.sign && reward != 0.0 { reward.signum() } else { reward };
        self.range.map_or(signed, |[low, high]| signed.clamp(low, high))
    }
}

impl Wrapper for RewardClip {
    fn started(&mut self, _: &mut Inner<'_>, _: &[bool], _: &mut [f32]) -> Result<(), EnvError> {
        Ok(())
    }

    fn step(
        &mut self,
        inner: &mut Inner<'_>,
        active: &[bool],
        actions: &[f32],
        mut out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        inner.step(active, actions, out.reborrow())?;
        marked(active).for_each(|env| out.rewards[env] = self.clip(out.rewards[env]));
        Ok(())
    }
}
