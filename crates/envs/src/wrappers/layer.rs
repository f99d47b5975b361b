//! [`Wrapped`]: a batch with a [`Wrapper`] around it that leaves observations as they are.

use super::state::{self, Reader};
use super::tally::Tally;
use crate::{Account, EnvError, Frame, Moment, Picture, Repeat, Snapshot, Space, StepBuffers, VecEnv};

/// What changes actions, rewards, or when episodes begin and end.
pub(super) trait Wrapper: Send {
    /// Starts to count random numbers anew, for the environments `first` and on.
    fn seed(&mut self, _seed: u64, _first: u32) {}

    /// Goes on where new episodes have started in the environments that `active` marks, whose first observations are given.
    fn started(&mut self, inner: &mut Inner<'_>, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError>;

    /// A step of the environments that `active` marks.
    fn step(
        &mut self,
        inner: &mut Inner<'_>,
        active: &[bool],
        actions: &[f32],
        out: StepBuffers<'_>,
    ) -> Result<(), EnvError>;

    /// Whether a step of its own is one of the inner batch, with the same action, so that it can as well be several in one go.
    fn can_repeat(&self) -> bool {
        false
    }

    /// How many steps of the inner batch are one of the wrapper's.
    fn pace(&self) -> u32 {
        1
    }

    /// Writes what is needed of environment `env` to go on.
    fn save(&self, _env: usize, _state: &mut Vec<f64>) {}

    /// Takes back what [`save`](Self::save) wrote; `observation` is the inner batch's current one.
    fn load(&mut self, _env: usize, _state: &mut Reader<'_>, _observation: &mut [f32]) {}

    /// Goes on to count random numbers after so many episodes and steps, where there is no state to take back.
    fn count_from(&mut self, _env: usize, _episodes: u32, _steps: u32) {}
}

/// The batch inside of a wrapper, and what it has given since the step began.
pub(super) struct Inner<'a> {
    pub envs: &'a mut dyn VecEnv,
    pub tally: &'a mut Tally,
    /// How the wrapper's own step is made of several.
    pub repeat: Option<Repeat>,
}

impl Inner<'_> {
    /// A step of the environments that `active` marks, which counts as a part of the wrapper's own step.
    pub fn step(&mut self, active: &[bool], actions: &[f32], mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        match self.repeat {
            Some(repeat) => self.envs.step_repeated(active, actions, repeat, out.reborrow())?,
            None => step_marked(self.envs, active, actions, out.reborrow())?,
        }
        self.tally.add(self.envs, active, &out);
        Ok(())
    }

    /// A step between two steps of the wrapper, whose rewards belong to the next.
    pub fn step_between(&mut self, active: &[bool], actions: &[f32], mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.envs.step_active(active, actions, out.reborrow())?;
        self.tally.carry(self.envs, active, &out);
        Ok(())
    }
}

/// Steps the environments that `active` marks, in the cheapest way.
fn step_marked(envs: &mut dyn VecEnv, active: &[bool], actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
    if active.contains(&false) { envs.step_active(active, actions, out) } else { envs.step(actions, out) }
}

/// Rows of steps between two steps of a wrapper.
#[derive(Debug)]
pub(super) struct Between {
    /// Who takes part.
    pub active: Vec<bool>,
    pub actions: Vec<f32>,
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
    final_observations: Vec<f32>,
}

impl Between {
    pub fn new(envs: &dyn VecEnv) -> Self {
        let count = envs.num_envs();
        Self {
            active: vec![false; count],
            actions: vec![0.0; count * envs.action_space().width()],
            rewards: vec![0.0; count],
            terminated: vec![0.0; count],
            truncated: vec![0.0; count],
            final_observations: vec![0.0; count * envs.observation_space().width()],
        }
    }

    /// Marks those of `active` whose episode has ended. Whether there are any.
    pub fn mark_ended(&mut self, active: &[bool], out: &StepBuffers<'_>) -> bool {
        for (env, mark) in self.active.iter_mut().enumerate() {
            *mark = active[env] && out.ended(env);
        }
        self.active.contains(&true)
    }

    /// A step of those who take part, where an episode that ends goes over into the next.
    pub fn step(&mut self, inner: &mut Inner<'_>, observations: &mut [f32]) -> Result<(), EnvError> {
        let Self { active, actions, rewards, terminated, truncated, final_observations } = self;
        let out = StepBuffers { observations, rewards, terminated, truncated, final_observations };
        inner.step_between(active, actions, out)
    }
}

/// A batch with a wrapper around it.
pub(super) struct Wrapped<W> {
    inner: Box<dyn VecEnv>,
    wrapper: W,
    tally: Tally,
    everyone: Vec<bool>,
    action_space: Space,
    continuing: bool,
}

impl<W: Wrapper> Wrapped<W> {
    pub fn new(inner: Box<dyn VecEnv>, wrapper: W) -> Self {
        let count = inner.num_envs();
        Self {
            tally: Tally::new(count),
            everyone: vec![true; count],
            action_space: inner.action_space().clone(),
            continuing: inner.continuing(),
            inner,
            wrapper,
        }
    }

    /// With other actions than the inner batch's.
    pub fn with_actions(mut self, actions: Space) -> Self {
        self.action_space = actions;
        self
    }

    /// With episodes that end.
    pub fn ending(mut self) -> Self {
        self.continuing = false;
        self
    }

    /// Restores a batch that starts new episodes.
    fn start_anew(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        self.tally.clear();
        self.inner.restore(snapshot, observations)?;
        for (env, (&episodes, &steps)) in snapshot.episodes.iter().zip(&snapshot.total_steps).enumerate() {
            self.wrapper.count_from(env, episodes, steps);
        }
        let mut inner = Inner { envs: &mut *self.inner, tally: &mut self.tally, repeat: None };
        self.wrapper.started(&mut inner, &self.everyone, observations)
    }
}

impl<W: Wrapper> VecEnv for Wrapped<W> {
    super::forward!();

    fn observation_space(&self) -> &Space {
        self.inner.observation_space()
    }

    fn action_space(&self) -> &Space {
        &self.action_space
    }

    fn continuing(&self) -> bool {
        self.continuing
    }

    fn frame_rate(&self) -> f32 {
        self.inner.frame_rate() / self.wrapper.pace() as f32
    }

    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        self.wrapper.seed(seed, first);
        self.tally.clear();
        self.inner.reset(seed, first, observations)?;
        let mut inner = Inner { envs: &mut *self.inner, tally: &mut self.tally, repeat: None };
        self.wrapper.started(&mut inner, &self.everyone, observations)
    }

    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.tally.begin(&self.everyone);
        let mut inner = Inner { envs: &mut *self.inner, tally: &mut self.tally, repeat: None };
        self.wrapper.step(&mut inner, &self.everyone, actions, out)
    }

    fn step_active(&mut self, active: &[bool], actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.tally.begin(active);
        let mut inner = Inner { envs: &mut *self.inner, tally: &mut self.tally, repeat: None };
        self.wrapper.step(&mut inner, active, actions, out)
    }

    fn can_repeat(&self) -> bool {
        self.wrapper.can_repeat() && self.inner.can_repeat()
    }

    fn step_repeated(
        &mut self,
        active: &[bool],
        actions: &[f32],
        repeat: Repeat,
        out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        self.tally.begin(active);
        let mut inner = Inner { envs: &mut *self.inner, tally: &mut self.tally, repeat: Some(repeat) };
        self.wrapper.step(&mut inner, active, actions, out)
    }

    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        self.tally.drop_carried(active);
        self.inner.reset_active(active, observations)?;
        let mut inner = Inner { envs: &mut *self.inner, tally: &mut self.tally, repeat: None };
        self.wrapper.started(&mut inner, active, observations)
    }

    fn account(&self) -> Option<Account<'_>> {
        Some(self.tally.account())
    }

    fn snapshot(&self) -> Snapshot {
        let inner = self.inner.snapshot();
        if !self.inner.keeps_episodes() {
            return inner;
        }
        state::extend(inner, |env, state| {
            state.push(self.tally.carried(env).into());
            self.wrapper.save(env, state);
        })
    }

    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        self.wrapper.seed(snapshot.seed, snapshot.first);
        if !self.inner.keeps_episodes() {
            return self.start_anew(snapshot, observations);
        }
        let mut own = Vec::new();
        self.wrapper.save(0, &mut own);
        let (inner, rows) = state::split(snapshot, self.num_envs(), 1 + own.len())?;
        self.inner.restore(&inner, observations)?;
        let width = self.observation_space().width();
        for (env, mut row) in rows.enumerate() {
            self.tally.set_carried(env, row.number());
            self.wrapper.load(env, &mut row, &mut observations[env * width..][..width]);
        }
        Ok(())
    }
}
