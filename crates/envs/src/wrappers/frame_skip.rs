//! Actions that are repeated.

use super::layer::{Inner, Wrapper};
use super::pixels;
use super::state::{Reader, push_words};
use super::tally::marked;
use crate::{EnvError, Pixel, Repeat, StepBuffers, VecEnv};

/// Takes each action `times` times, or until the episode ends, and sums the rewards. Of pictures, each pixel is the larger one of the
/// last two, as Stable-Baselines3's `MaxAndSkipEnv`; the last picture of an episode is made of its own last two in the step.
pub(super) struct FrameSkip {
    times: u32,
    /// What pictures are made of, if the last two become one.
    pool: Option<Pixel>,
    /// Whether the inner batch does it by itself.
    given: bool,
    /// Who goes on, `[N]`.
    going: Vec<bool>,
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
    /// The observations of every other round, `[N, width]`.
    other: Vec<f32>,
    /// The last observations given, `[N, width]`, where the inner batch's are others.
    last: Vec<f32>,
    width: usize,
}

impl FrameSkip {
    pub fn new(envs: &dyn VecEnv, times: u32, pool: Option<Pixel>) -> Self {
        let (count, width) = (envs.num_envs(), envs.observation_space().width());
        let (given, kept) = (envs.can_repeat(), envs.keeps_episodes());
        let room = |is_used: bool| vec![0.0; if pool.is_some() && is_used { count * width } else { 0 }];
        Self {
            times,
            pool,
            going: vec![false; count],
            rewards: vec![0.0; count],
            terminated: vec![0.0; count],
            truncated: vec![0.0; count],
            other: room(!given),
            last: room(kept),
            given,
            width,
        }
    }

    /// A round of those who go on, whose observations go to `out` or aside.
    fn round(
        &mut self,
        inner: &mut Inner<'_>,
        actions: &[f32],
        aside: bool,
        out: &mut StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        let observations = if aside { &mut self.other } else { &mut *out.observations };
        let final_observations = &mut *out.final_observations;
        let Self { rewards, terminated, truncated, going, .. } = self;
        inner.step(going, actions, StepBuffers { observations, rewards, terminated, truncated, final_observations })?;
        for env in marked(&self.going) {
            out.rewards[env] += self.rewards[env];
            out.terminated[env] = self.terminated[env];
            out.truncated[env] = self.truncated[env];
        }
        Ok(())
    }

    /// Lets those rest whose episode ended in this round.
    fn rest(&mut self, round: u32, aside: bool, out: &mut StepBuffers<'_>) {
        for env in 0..self.going.len() {
            if !(self.going[env] && out.ended(env)) {
                continue;
            }
            self.going[env] = false;
            let row = env * self.width..(env + 1) * self.width;
            let Some(pixel) = self.pool else { continue };
            if round > 0 {
                let before = if aside { &out.observations[row.clone()] } else { &self.other[row.clone()] };
                pixels::maximum(pixel, &mut out.final_observations[row.clone()], before);
            }
            if aside {
                out.observations[row.clone()].copy_from_slice(&self.other[row]);
            }
        }
    }
}

impl Wrapper for FrameSkip {
    fn pace(&self) -> u32 {
        self.times
    }

    fn started(&mut self, _: &mut Inner<'_>, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        self.keep(active, observations);
        Ok(())
    }

    fn step(
        &mut self,
        inner: &mut Inner<'_>,
        active: &[bool],
        actions: &[f32],
        mut out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        if self.given {
            inner.repeat = Some(Repeat { times: self.times, pool: self.pool.is_some() });
            inner.step(active, actions, out.reborrow())?;
            self.keep(active, out.observations);
            return Ok(());
        }
        self.going.copy_from_slice(active);
        marked(active).for_each(|env| out.rewards[env] = 0.0);
        for round in 0..self.times {
            // So the last round's go to `out`.
            let aside = self.pool.is_some() && (self.times - round).is_multiple_of(2);
            self.round(inner, actions, aside, &mut out)?;
            self.rest(round, aside, &mut out);
            if !self.going.contains(&true) {
                break;
            }
        }
        if let Some(pixel) = self.pool {
            for row in marked(&self.going).map(|env| env * self.width..(env + 1) * self.width) {
                pixels::maximum(pixel, &mut out.observations[row.clone()], &self.other[row]);
            }
        }
        self.keep(active, out.observations);
        Ok(())
    }

    fn save(&self, env: usize, state: &mut Vec<f64>) {
        if !self.last.is_empty() {
            push_words(state, &self.last[env * self.width..][..self.width]);
        }
    }

    fn load(&mut self, env: usize, state: &mut Reader<'_>, observation: &mut [f32]) {
        if !self.last.is_empty() {
            state.words(observation);
            self.last[env * self.width..][..self.width].copy_from_slice(observation);
        }
    }
}

impl FrameSkip {
    /// Keeps the observations of the environments that `active` marks for a snapshot.
    fn keep(&mut self, active: &[bool], observations: &[f32]) {
        if !self.last.is_empty() {
            for row in marked(active).map(|env| env * self.width..(env + 1) * self.width) {
                self.last[row.clone()].copy_from_slice(&observations[row]);
            }
        }
    }
}
