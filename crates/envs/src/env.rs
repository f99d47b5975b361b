//! [`Env`]: one environment, what a user writes.

use crate::{EnvError, LastStep, Scene, Space};
use striatum_rng::Stream;

/// Steps a second at which a task is shown if it names none.
pub const FRAME_RATE: f32 = 30.0;

/// What one step gave, apart from the observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The reward of the step.
    pub reward: f32,
    /// Whether a terminal state was reached: its value is 0 by definition.
    pub terminated: bool,
    /// Whether the episode was cut for a reason outside the task, apart from [`Env::time_limit`], which is added by the
    /// batch: the value of the last observation still counts.
    pub truncated: bool,
}

/// One environment. Write this for a task of your own; [`Batch`](crate::Batch) makes a [`VecEnv`](crate::VecEnv) of it.
pub trait Env: Send {
    /// What an observation is.
    fn observation_space(&self) -> Space;

    /// What an action is.
    fn action_space(&self) -> Space;

    /// Steps after which an episode is truncated, if it is.
    fn time_limit(&self) -> Option<u32> {
        None
    }

    /// Whether the task goes on for ever: it has neither terminal states nor a time limit. What counts is then the reward a step, and an
    /// evaluation counts so many steps as an episode.
    fn continuing(&self) -> bool {
        false
    }

    /// The mean return of 100 episodes from which the task counts as solved, if one is agreed upon.
    fn solved_at(&self) -> Option<f32> {
        None
    }

    /// How many numbers at the end of an observation mark allowed actions, 1.0 or 0.0, one for each option of each choice; 0 if all are
    /// always allowed. What is not allowed is never chosen. For discrete actions only, and every choice needs an allowed option.
    fn action_mask_width(&self) -> usize {
        0
    }

    /// Starts an episode; draws whatever is random from `rng` and writes the first observation.
    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]);

    /// Takes one step; `action` is a row of the action space, `rng` is for random dynamics.
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step;

    /// The internal state, in Gymnasium's `env.unwrapped.state` layout where it has one. Together with
    /// [`set_state`](Self::set_state) it lets a run resume bit for bit. Its length never changes.
    fn state(&self) -> Vec<f64>;

    /// Restores what [`state`](Self::state) gave and writes its observation.
    ///
    /// # Errors
    /// If the state has the wrong length or holds numbers that no state can have.
    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError>;

    /// What it looks like now, if it draws itself. `last` is the step that led here; none at the start of an episode.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        let _ = last;
        None
    }

    /// Steps a second at which it is shown.
    fn frame_rate(&self) -> f32 {
        FRAME_RATE
    }
}

impl<E: Env + ?Sized> Env for Box<E> {
    fn observation_space(&self) -> Space {
        (**self).observation_space()
    }

    fn action_space(&self) -> Space {
        (**self).action_space()
    }

    fn time_limit(&self) -> Option<u32> {
        (**self).time_limit()
    }

    fn continuing(&self) -> bool {
        (**self).continuing()
    }

    fn solved_at(&self) -> Option<f32> {
        (**self).solved_at()
    }

    fn action_mask_width(&self) -> usize {
        (**self).action_mask_width()
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        (**self).reset(rng, observation);
    }

    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        (**self).step(action, rng, observation)
    }

    fn state(&self) -> Vec<f64> {
        (**self).state()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        (**self).set_state(state, observation)
    }

    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        (**self).scene(last)
    }

    fn frame_rate(&self) -> f32 {
        (**self).frame_rate()
    }
}
