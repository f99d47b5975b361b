//! [`Observed`]: a batch whose observations are seen through a [`View`].

use super::state::{self, Reader};
use super::tally::marked;
use super::wrap::with_marks;
use crate::{Account, EnvError, Frame, Moment, Picture, Snapshot, Space, StepBuffers, VecEnv};

/// What makes observations of others, environment by environment.
pub(super) trait View: Send {
    /// Writes what is seen of `source` in environment `env`; it `starts` an episode or follows the last one that was seen.
    ///
    /// # Errors
    /// If it is no value of the space that is read.
    fn see(&mut self, env: usize, starts: bool, source: &[f32], target: &mut [f32]) -> Result<(), EnvError>;

    /// Writes what is needed of environment `env` to go on.
    fn save(&self, _env: usize, _state: &mut Vec<f64>) {}

    /// Takes back what [`save`](Self::save) wrote, and writes what is seen now; `source` is the inner batch's current observation.
    ///
    /// # Errors
    /// As [`see`](Self::see).
    fn load(
        &mut self,
        env: usize,
        _state: &mut Reader<'_>,
        source: &[f32],
        target: &mut [f32],
    ) -> Result<(), EnvError> {
        self.see(env, true, source, target)
    }
}

/// A batch seen through a view.
pub(super) struct Observed<V> {
    inner: Box<dyn VecEnv>,
    eye: Eye<V>,
    space: Space,
    everyone: Vec<bool>,
}

/// A view and what it looks at: rows of an observation and the marks of allowed actions, which it leaves as they are.
struct Eye<V> {
    view: V,
    /// Numbers of an observation of the inner batch, of one that is seen, and of the marks behind both.
    source: usize,
    target: usize,
    marks: usize,
    /// Of the inner batch, `[N, source + marks]`.
    observations: Vec<f32>,
    final_observations: Vec<f32>,
}

impl<V: View> Eye<V> {
    /// Sees the observation of environment `env`, or the `last` one of its episode.
    fn see(&mut self, env: usize, starts: bool, last: bool, seen: &mut [f32]) -> Result<(), EnvError> {
        let rows = if last { &self.final_observations } else { &self.observations };
        let (source, target) = parts([self.source, self.target, self.marks], env, rows, seen);
        self.view.see(env, starts, source, target)
    }

    /// Sees the first observations of the environments that `active` marks.
    fn see_started(&mut self, active: &[bool], seen: &mut [f32]) -> Result<(), EnvError> {
        marked(active).try_for_each(|env| self.see(env, true, false, seen))
    }

    /// Sees what a step of the environments that `active` marks gave. A row that does not count, if there is any, shows the first
    /// observation after a reset.
    fn see_stepped(
        &mut self,
        account: Option<Account<'_>>,
        active: &[bool],
        out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        for env in marked(active) {
            let ended = out.ended(env);
            if ended {
                self.see(env, false, true, out.final_observations)?;
            }
            let starts = ended || account.is_some_and(|account| account.counts[env] == 0.0);
            self.see(env, starts, false, out.observations)?;
        }
        Ok(())
    }

    fn load(&mut self, env: usize, state: &mut Reader<'_>, seen: &mut [f32]) -> Result<(), EnvError> {
        let (source, target) = parts([self.source, self.target, self.marks], env, &self.observations, seen);
        self.view.load(env, state, source, target)
    }

    /// The caller's buffers, with places for the inner batch's observations.
    fn inner_buffers<'a>(&'a mut self, out: &'a mut StepBuffers<'_>) -> StepBuffers<'a> {
        StepBuffers {
            observations: &mut self.observations,
            rewards: out.rewards,
            terminated: out.terminated,
            truncated: out.truncated,
            final_observations: &mut self.final_observations,
        }
    }
}

/// Environment `env`'s observation, and where what is seen of it goes; its marks are copied.
fn parts<'a>(
    [source, target, marks]: [usize; 3],
    env: usize,
    rows: &'a [f32],
    seen: &'a mut [f32],
) -> (&'a [f32], &'a mut [f32]) {
    let (source, marked) = rows[env * (source + marks)..][..source + marks].split_at(source);
    let (target, marks) = seen[env * (target + marks)..][..target + marks].split_at_mut(target);
    marks.copy_from_slice(marked);
    (source, target)
}

impl<V: View> Observed<V> {
    /// What is seen through `view` belongs to `space`, behind which the marks of allowed actions follow.
    pub fn new(inner: Box<dyn VecEnv>, view: V, space: Space) -> Self {
        let (count, width, marks) = (inner.num_envs(), inner.observation_space().width(), inner.action_mask_width());
        Self {
            eye: Eye {
                view,
                source: width - marks,
                target: space.width(),
                marks,
                observations: vec![0.0; count * width],
                final_observations: vec![0.0; count * width],
            },
            space: with_marks(space, marks),
            everyone: vec![true; count],
            inner,
        }
    }
}

impl<V: View> VecEnv for Observed<V> {
    super::forward!();

    fn observation_space(&self) -> &Space {
        &self.space
    }

    fn action_space(&self) -> &Space {
        self.inner.action_space()
    }

    fn continuing(&self) -> bool {
        self.inner.continuing()
    }

    fn frame_rate(&self) -> f32 {
        self.inner.frame_rate()
    }

    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        self.inner.reset(seed, first, &mut self.eye.observations)?;
        self.eye.see_started(&self.everyone, observations)
    }

    fn step(&mut self, actions: &[f32], mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.inner.step(actions, self.eye.inner_buffers(&mut out))?;
        self.eye.see_stepped(self.inner.account(), &self.everyone, out)
    }

    fn step_active(&mut self, active: &[bool], actions: &[f32], mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.inner.step_active(active, actions, self.eye.inner_buffers(&mut out))?;
        self.eye.see_stepped(self.inner.account(), active, out)
    }

    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        self.inner.reset_active(active, &mut self.eye.observations)?;
        self.eye.see_started(active, observations)
    }

    fn is_asynchronous(&self) -> bool {
        self.inner.is_asynchronous()
    }

    fn begin_step(&mut self, actions: &[f32]) -> Result<(), EnvError> {
        self.inner.begin_step(actions)
    }

    fn finish_step(&mut self, actions: &[f32], mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.inner.finish_step(actions, self.eye.inner_buffers(&mut out))?;
        self.eye.see_stepped(self.inner.account(), &self.everyone, out)
    }

    fn account(&self) -> Option<Account<'_>> {
        self.inner.account()
    }

    fn snapshot(&self) -> Snapshot {
        let inner = self.inner.snapshot();
        if !self.keeps_episodes() {
            return inner;
        }
        state::extend(inner, |env, state| self.eye.view.save(env, state))
    }

    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        if !self.keeps_episodes() {
            self.inner.restore(snapshot, &mut self.eye.observations)?;
            return self.eye.see_started(&self.everyone, observations);
        }
        let mut own = Vec::new();
        self.eye.view.save(0, &mut own);
        let (inner, rows) = state::split(snapshot, self.num_envs(), own.len())?;
        self.inner.restore(&inner, &mut self.eye.observations)?;
        rows.enumerate().try_for_each(|(env, mut row)| self.eye.load(env, &mut row, observations))
    }
}
