//! Episodes of games that stand still until FIRE is pressed.

use super::layer::{Between, Inner, Wrapper};
use crate::{EnvError, StepBuffers, VecEnv};

/// Actions 1 and 2 after every start of an episode, a lost life included, as Stable-Baselines3's `FireResetEnv`.
pub(super) struct FireReset {
    between: Between,
}

impl FireReset {
    pub fn new(envs: &dyn VecEnv) -> Self {
        Self { between: Between::new(envs) }
    }

    /// Fires in those who take part.
    fn fire(&mut self, inner: &mut Inner<'_>, observations: &mut [f32]) -> Result<(), EnvError> {
        for action in [1.0, 2.0] {
            self.between.actions.fill(action);
            self.between.step(inner, observations)?;
        }
        Ok(())
    }
}

impl Wrapper for FireReset {
    fn started(&mut self, inner: &mut Inner<'_>, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        self.between.active.copy_from_slice(active);
        self.fire(inner, observations)
    }

    fn step(
        &mut self,
        inner: &mut Inner<'_>,
        active: &[bool],
        actions: &[f32],
        mut out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        inner.step(active, actions, out.reborrow())?;
        if self.between.mark_ended(active, &out) { self.fire(inner, out.observations) } else { Ok(()) }
    }
}
