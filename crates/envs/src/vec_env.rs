//! [`VecEnv`]: N environments, what a trainer steps.

use crate::{EnvError, FRAME_RATE, Frame, Moment, Picture, Space};

/// Where [`VecEnv::step`] writes: slices that the caller owns, `N` environments each.
///
/// An environment whose episode ended is reset at once: `observations` then holds the first observation of the next episode
/// and `final_observations` the last one of the ended episode. Rows of `final_observations` of other environments are
/// left alone.
#[derive(Debug)]
pub struct StepBuffers<'a> {
    /// `[N, observation width]`.
    pub observations: &'a mut [f32],
    /// `[N]`.
    pub rewards: &'a mut [f32],
    /// `[N]`: 1.0 where a terminal state was reached, else 0.0.
    pub terminated: &'a mut [f32],
    /// `[N]`: 1.0 where the episode was cut, else 0.0. Never 1.0 where `terminated` is.
    pub truncated: &'a mut [f32],
    /// `[N, observation width]`: written where `terminated` or `truncated` is 1.0.
    pub final_observations: &'a mut [f32],
}

impl<'a> StepBuffers<'a> {
    /// The same buffers for a shorter time.
    pub fn reborrow(&mut self) -> StepBuffers<'_> {
        StepBuffers {
            observations: self.observations,
            rewards: self.rewards,
            terminated: self.terminated,
            truncated: self.truncated,
            final_observations: self.final_observations,
        }
    }

    /// Whether the episode of environment `env` has ended.
    pub fn ended(&self, env: usize) -> bool {
        self.terminated[env] + self.truncated[env] > 0.0
    }

    /// Makes the observation of environment `env` the last one of its episode.
    pub(crate) fn end(&mut self, env: usize) {
        let width = self.observations.len() / self.rewards.len();
        let row = env * width..(env + 1) * width;
        self.final_observations[row.clone()].copy_from_slice(&self.observations[row]);
    }

    /// The buffers of the first `envs` environments, and those of the rest; `width` is that of an observation.
    pub(crate) fn split_at(self, envs: usize, width: usize) -> (Self, StepBuffers<'a>) {
        let (observations, observations_rest) = self.observations.split_at_mut(envs * width);
        let (rewards, rewards_rest) = self.rewards.split_at_mut(envs);
        let (terminated, terminated_rest) = self.terminated.split_at_mut(envs);
        let (truncated, truncated_rest) = self.truncated.split_at_mut(envs);
        let (final_observations, final_rest) = self.final_observations.split_at_mut(envs * width);
        (
            Self { observations, rewards, terminated, truncated, final_observations },
            Self {
                observations: observations_rest,
                rewards: rewards_rest,
                terminated: terminated_rest,
                truncated: truncated_rest,
                final_observations: final_rest,
            },
        )
    }
}

/// What a step was in the task's own account, where that differs from what is learned from; `[N]` each.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// 1.0 where the row is a transition, 0.0 where it is none (the ignored action of a next-step autoreset).
    pub counts: &'a [f32],
    /// Rewards before they were clipped.
    pub rewards: &'a [f32],
    /// 1.0 where an episode of the task ended: not where a life was lost.
    pub ends: &'a [f32],
}

/// How a step is made of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// How often the action is taken.
    pub times: u32,
    /// Whether each pixel is the larger one of the last two pictures of the step.
    pub pool: bool,
}

/// A batch of N environments of one kind, stepped together.
///
/// Environment `i` of seed `s` is the same whatever N and the thread count: its random numbers are counted by
/// `(s, i, episode)`.
pub trait VecEnv: Send {
    /// N.
    fn num_envs(&self) -> usize;

    /// What an observation is.
    fn observation_space(&self) -> &Space;

    /// What an action is.
    fn action_space(&self) -> &Space;

    /// The mean return of 100 episodes from which the task counts as solved, if one is agreed upon.
    fn solved_at(&self) -> Option<f32>;

    /// Whether the task goes on for ever, as [`Env::continuing`](crate::Env::continuing) says.
    fn continuing(&self) -> bool {
        false
    }

    /// The name of the built-in task that this is a batch of, if it is one: an engine may then step it by itself.
    fn builtin(&self) -> Option<&'static str> {
        None
    }

    /// Starts an episode in every environment; writes `[N, observation width]`. The batch holds the environments `first` and on of the
    /// seed: several batches can so be one.
    ///
    /// # Errors
    /// If an environment gives a number that is not finite.
    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError>;

    /// Steps every environment with `actions`, `[N, action width]`.
    ///
    /// # Errors
    /// If an environment gives a reward or an observation that is not finite; the error names environment and step.
    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError>;

    /// Steps the environments that `active` marks, `[N]`, and leaves the others and their rows alone. What wrappers that repeat or
    /// insert steps stand on.
    ///
    /// # Errors
    /// As [`step`](Self::step), or [`EnvError::Together`] if the batch can only step as a whole.
    fn step_active(&mut self, active: &[bool], actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        let _ = (active, actions, out);
        Err(EnvError::Together)
    }

    /// Whether [`step_repeated`](Self::step_repeated) can be called.
    fn can_repeat(&self) -> bool {
        false
    }

    /// Steps the environments that `active` marks as [`step_active`](Self::step_active) does, but several times with the same actions and
    /// in one go, which costs less where a step has a way to go. Rewards are summed; an environment rests once its episode has ended.
    ///
    /// # Errors
    /// As [`step_active`](Self::step_active).
    fn step_repeated(
        &mut self,
        active: &[bool],
        actions: &[f32],
        repeat: Repeat,
        out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        let _ = (active, actions, repeat, out);
        Err(EnvError::Together)
    }

    /// Starts the next episode of the environments that `active` marks, `[N]`, and writes their observations.
    ///
    /// # Errors
    /// As [`step_active`](Self::step_active).
    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        let _ = (active, observations);
        Err(EnvError::Together)
    }

    /// Whether [`begin_step`](Self::begin_step) lets environments step while the caller does something else.
    fn is_asynchronous(&self) -> bool {
        false
    }

    /// How many processes step the environments, of which this batch may have a part only; none where they step within this one.
    fn processes(&self) -> Option<usize> {
        None
    }

    /// Starts a step that [`finish_step`](Self::finish_step) waits for, where the batch [is asynchronous](Self::is_asynchronous).
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn begin_step(&mut self, actions: &[f32]) -> Result<(), EnvError> {
        let _ = actions;
        Ok(())
    }

    /// Ends the step that [`begin_step`](Self::begin_step) started with the same actions.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn finish_step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.step(actions, out)
    }

    /// The last step in the task's own account, if that differs from what [`step`](Self::step) wrote.
    fn account(&self) -> Option<Account<'_>> {
        None
    }

    /// Lives that each environment has left, `[N]`, if the task counts them.
    fn lives(&self) -> Option<&[u32]> {
        None
    }

    /// How many numbers at the end of an observation mark allowed actions, as [`Env::action_mask_width`](crate::Env::action_mask_width) says.
    fn action_mask_width(&self) -> usize {
        0
    }

    /// What the choices of a discrete action are called, one a choice; empty if the task does not name them.
    fn action_names(&self) -> &[String] {
        &[]
    }

    /// Whether a [`snapshot`](Self::snapshot) holds the episodes under way. Where it does not, [`restore`](Self::restore) starts new ones.
    fn keeps_episodes(&self) -> bool {
        true
    }

    /// The pixels of environment `env` as it is now, if it gives any.
    ///
    /// # Errors
    /// If the environment fails.
    fn frame(&mut self, env: usize) -> Result<Option<Frame>, EnvError> {
        let _ = env;
        Ok(None)
    }

    /// Keeps of every environment, from now on, what [`picture`](Self::picture) shows of the last step and of the end of an episode.
    fn watch(&mut self) {}

    /// A picture of environment `env`, if it has any; that of an episode's end after [`watch`](Self::watch) only.
    ///
    /// # Errors
    /// If the environment fails.
    fn picture(&mut self, env: usize, moment: Moment) -> Result<Option<Picture>, EnvError> {
        match moment {
            Moment::Now => Ok(self.frame(env)?.map(Picture::Frame)),
            Moment::End => Ok(None),
        }
    }

    /// Steps a second at which the task is shown.
    fn frame_rate(&self) -> f32 {
        FRAME_RATE
    }

    /// What has happened since the last call that a person should know of, such as a worker that was started anew.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Everything needed to go on bit for bit, as far as the batch [keeps](Self::keeps_episodes) it.
    fn snapshot(&self) -> Snapshot;

    /// Restores what [`snapshot`](Self::snapshot) gave and writes the current observations, `[N, observation width]`.
    ///
    /// # Errors
    /// If the snapshot does not fit this batch.
    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError>;
}

impl<V: VecEnv + ?Sized> VecEnv for Box<V> {
    fn num_envs(&self) -> usize {
        (**self).num_envs()
    }

    fn observation_space(&self) -> &Space {
        (**self).observation_space()
    }

    fn action_space(&self) -> &Space {
        (**self).action_space()
    }

    fn solved_at(&self) -> Option<f32> {
        (**self).solved_at()
    }

    fn continuing(&self) -> bool {
        (**self).continuing()
    }

    fn builtin(&self) -> Option<&'static str> {
        (**self).builtin()
    }

    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        (**self).reset(seed, first, observations)
    }

    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        (**self).step(actions, out)
    }

    fn step_active(&mut self, active: &[bool], actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        (**self).step_active(active, actions, out)
    }

    fn can_repeat(&self) -> bool {
        (**self).can_repeat()
    }

    fn step_repeated(
        &mut self,
        active: &[bool],
        actions: &[f32],
        repeat: Repeat,
        out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        (**self).step_repeated(active, actions, repeat, out)
    }

    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        (**self).reset_active(active, observations)
    }

    fn is_asynchronous(&self) -> bool {
        (**self).is_asynchronous()
    }

    fn processes(&self) -> Option<usize> {
        (**self).processes()
    }

    fn begin_step(&mut self, actions: &[f32]) -> Result<(), EnvError> {
        (**self).begin_step(actions)
    }

    fn finish_step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        (**self).finish_step(actions, out)
    }

    fn account(&self) -> Option<Account<'_>> {
        (**self).account()
    }

    fn lives(&self) -> Option<&[u32]> {
        (**self).lives()
    }

    fn action_mask_width(&self) -> usize {
        (**self).action_mask_width()
    }

    fn action_names(&self) -> &[String] {
        (**self).action_names()
    }

    fn keeps_episodes(&self) -> bool {
        (**self).keeps_episodes()
    }

    fn frame(&mut self, env: usize) -> Result<Option<Frame>, EnvError> {
        (**self).frame(env)
    }

    fn watch(&mut self) {
        (**self).watch();
    }

    fn picture(&mut self, env: usize, moment: Moment) -> Result<Option<Picture>, EnvError> {
        (**self).picture(env, moment)
    }

    fn frame_rate(&self) -> f32 {
        (**self).frame_rate()
    }

    fn take_notes(&mut self) -> Vec<String> {
        (**self).take_notes()
    }

    fn snapshot(&self) -> Snapshot {
        (**self).snapshot()
    }

    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        (**self).restore(snapshot, observations)
    }
}

/// The state of a batch of environments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The seed given to [`VecEnv::reset`].
    pub seed: u64,
    /// The first environment given to it.
    pub first: u32,
    /// Length of a row of `states`.
    pub state_width: usize,
    /// `[N, state_width]`.
    pub states: Vec<f64>,
    /// `[N]`: how many episodes each environment has started before the current one.
    pub episodes: Vec<u32>,
    /// `[N]`: steps taken in the current episode.
    pub steps: Vec<u32>,
    /// `[N]`: steps taken since [`VecEnv::reset`], modulo 2^32; counts the random numbers of the dynamics.
    pub total_steps: Vec<u32>,
}
