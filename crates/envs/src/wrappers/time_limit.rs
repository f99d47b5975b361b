//! Episodes that are cut after so many steps.

use super::layer::{Inner, Wrapper};
use super::state::Reader;
use super::tally::marked;
use crate::{EnvError, StepBuffers, VecEnv};

/// Truncates an episode after `most` steps, as Gymnasium's `TimeLimit`.
pub(super) struct TimeLimit {
    most: u32,
    /// Steps of the episode under way, `[N]`.
    steps: Vec<u32>,
    /// Who is cut, `[N]`.
    cut: Vec<bool>,
}

impl TimeLimit {
    pub fn new(envs: &dyn VecEnv, most: u32) -> Self {
        Self { most, steps: vec![0; envs.num_envs()], cut: vec![false; envs.num_envs()] }
    }
}

impl Wrapper for TimeLimit {
    fn started(&mut self, _: &mut Inner<'_>, active: &[bool], _: &mut [f32]) -> Result<(), EnvError> {
        marked(active).for_each(|env| self.steps[env] = 0);
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
        self.cut.fill(false);
        for env in marked(active) {
            self.steps[env] += 1;
            self.cut[env] = self.steps[env] >= self.most && !out.ended(env);
            if self.cut[env] {
                out.end(env);
                out.truncated[env] = 1.0;
                inner.tally.cut(env);
            }
            if out.ended(env) {
                self.steps[env] = 0;
            }
        }
        if self.cut.contains(&true) { inner.envs.reset_active(&self.cut, out.observations) } else { Ok(()) }
    }

    fn save(&self, env: usize, state: &mut Vec<f64>) {
        state.push(self.steps[env].into());
    }

    fn load(&mut self, env: usize, state: &mut Reader<'_>, _: &mut [f32]) {
        self.steps[env] = state.number() as u32;
    }
}
