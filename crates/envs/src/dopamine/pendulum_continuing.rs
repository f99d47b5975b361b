//! A pendulum to be held up for ever.

use crate::classic::Pendulum;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

/// `Pendulum-continuing-v0`: `Pendulum-v1` without an end. `offset` is added to every reward, which changes no policy's rank: what is best
/// with one offset is best with any.
#[derive(Clone, Debug)]
pub struct PendulumContinuing {
    pendulum: Pendulum,
    offset: f32,
}

impl Parametric for PendulumContinuing {
    const PARAMS: &'static [Param] =
        &[Param::real("offset", (-1000.0, 1000.0), 0.0, "A constant that is added to every reward.")];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        Ok(Self { pendulum: Pendulum::default(), offset: arguments.real("offset") as f32 })
    }
}

impl Env for PendulumContinuing {
    fn observation_space(&self) -> Space {
        self.pendulum.observation_space()
    }

    fn action_space(&self) -> Space {
        self.pendulum.action_space()
    }

    fn continuing(&self) -> bool {
        true
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.pendulum.reset(rng, observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let step = self.pendulum.step(action, rng, observation);
        Step { reward: step.reward + self.offset, ..step }
    }

    fn state(&self) -> Vec<f64> {
        self.pendulum.state()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.pendulum.set_state(state, observation)
    }

    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        self.pendulum.scene(last)
    }
}
