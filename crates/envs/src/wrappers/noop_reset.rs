//! Episodes that begin with a random number of steps in which nothing is done.

use super::layer::{Between, Inner, Wrapper};
use super::state::Reader;
use super::tally::marked;
use crate::{EnvError, StepBuffers, VecEnv};
use striatum_rng::{Purpose, Stream};

/// 1 to `most` times action 0 after every reset (Mnih et al. 2015), as Stable-Baselines3's `NoopResetEnv`. Environment i's k-th episode
/// draws how often from `Stream::new(seed, Purpose::Noop, i, k)`.
pub(super) struct NoopReset {
    most: u32,
    seed: u64,
    first: u32,
    /// Episodes begun, `[N]`.
    episodes: Vec<u32>,
    /// Actions to come, `[N]`.
    left: Vec<u32>,
    between: Between,
}

impl NoopReset {
    pub fn new(envs: &dyn VecEnv, most: u32) -> Self {
        let count = envs.num_envs();
        Self { most, seed: 0, first: 0, episodes: vec![0; count], left: vec![0; count], between: Between::new(envs) }
    }

    /// Does nothing as often as is drawn, in those who take part.
    fn wait(&mut self, inner: &mut Inner<'_>, observations: &mut [f32]) -> Result<(), EnvError> {
        for env in marked(&self.between.active) {
            let mut stream = Stream::new(self.seed, Purpose::Noop, self.first + env as u32, self.episodes[env]);
            self.left[env] = 1 + stream.below(self.most);
            self.episodes[env] = self.episodes[env].wrapping_add(1);
        }
        while self.between.active.contains(&true) {
            self.between.step(inner, observations)?;
            for (left, active) in self.left.iter_mut().zip(&mut self.between.active) {
                *left -= u32::from(*active);
                *active = *left > 0;
            }
        }
        Ok(())
    }
}

impl Wrapper for NoopReset {
    fn seed(&mut self, seed: u64, first: u32) {
        (self.seed, self.first) = (seed, first);
        self.episodes.fill(0);
    }

    fn started(&mut self, inner: &mut Inner<'_>, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        self.between.active.copy_from_slice(active);
        self.wait(inner, observations)
    }

    fn step(
        &mut self,
        inner: &mut Inner<'_>,
        active: &[bool],
        actions: &[f32],
        mut out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        inner.step(active, actions, out.reborrow())?;
        if self.between.mark_ended(active, &out) { self.wait(inner, out.observations) } else { Ok(()) }
    }

    fn can_repeat(&self) -> bool {
        true
    }

    fn save(&self, env: usize, state: &mut Vec<f64>) {
        state.push(self.episodes[env].into());
    }

    fn load(&mut self, env: usize, state: &mut Reader<'_>, _: &mut [f32]) {
        self.episodes[env] = state.number() as u32;
    }

    fn count_from(&mut self, env: usize, episodes: u32, _: u32) {
        self.episodes[env] = episodes;
    }
}
