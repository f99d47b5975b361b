//! Lives as episodes.

use super::layer::{Between, Inner, Wrapper};
use super::state::Reader;
use super::tally::marked;
use crate::{EnvError, StepBuffers, VecEnv};

/// A lost life terminates an episode, and the next one goes on with action 0 where the game is; only the last life ends the game. As
/// Stable-Baselines3's `EpisodicLifeEnv`.
pub(super) struct EpisodicLife {
    /// Before the step, `[N]`.
    lives: Vec<u32>,
    between: Between,
}

impl EpisodicLife {
    pub fn new(envs: &dyn VecEnv) -> Self {
        Self { lives: vec![0; envs.num_envs()], between: Between::new(envs) }
    }

    fn count(&mut self, inner: &Inner<'_>, active: &[bool]) {
        let lives = inner.envs.lives().unwrap_or_default();
        for env in marked(active) {
            self.lives[env] = lives.get(env).copied().unwrap_or(0);
        }
    }
}

impl Wrapper for EpisodicLife {
    fn started(&mut self, inner: &mut Inner<'_>, active: &[bool], _: &mut [f32]) -> Result<(), EnvError> {
        self.count(inner, active);
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
        let lives = inner.envs.lives().unwrap_or_default();
        for (env, &left) in lives.iter().enumerate() {
            // Some games show no lives for a few frames before they end.
            let lost = active[env] && !out.ended(env) && (1..self.lives[env]).contains(&left);
            self.between.active[env] = lost;
            if lost {
                out.end(env);
                out.terminated[env] = 1.0;
            }
        }
        if self.between.active.contains(&true) {
            self.between.step(inner, out.observations)?;
        }
        self.count(inner, active);
        Ok(())
    }

    fn save(&self, env: usize, state: &mut Vec<f64>) {
        state.push(self.lives[env].into());
    }

    fn load(&mut self, env: usize, state: &mut Reader<'_>, _: &mut [f32]) {
        self.lives[env] = state.number() as u32;
    }
}
