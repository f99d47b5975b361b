//! A safe amount against a gamble.

use super::{happens, whole};
use crate::classic::numbers;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::{Env, EnvError, Space, Step};
use striatum_rng::Stream;

/// Amounts are at most this, and at least its negative.
const MOST: (f64, f64) = (-1000.0, 1000.0);

/// `RiskyChoice-v0`: take the amount `safe` (0), or gamble (1) for `win` with the given `probability`, else `lose`. By default both are
/// worth the same on average. An episode is `steps` choices; the observation is always 1. State: choices in the episode.
#[derive(Clone, Debug)]
pub struct RiskyChoice {
    safe: f64,
    win: f64,
    lose: f64,
    probability: f64,
    steps: u32,
    step: u32,
}

impl Parametric for RiskyChoice {
    const PARAMS: &'static [Param] = &[
        Param::real("safe", MOST, 0.5, "Reward of the safe choice, action 0."),
        Param::real("win", MOST, 1.0, "Reward of a gamble that is won."),
        Param::real("lose", MOST, 0.0, "Reward of a gamble that is lost."),
        Param::real("probability", (0.0, 1.0), 0.5, "Probability that a gamble, action 1, is won."),
        Param::whole("steps", (1, 1_000_000), 1, "Steps of an episode."),
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let [safe, win, lose, probability] = ["safe", "win", "lose", "probability"].map(|name| arguments.real(name));
        Ok(Self { safe, win, lose, probability, steps: arguments.whole("steps"), step: 0 })
    }
}

impl Env for RiskyChoice {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.step = 0;
        observation[0] = 1.0;
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let reward = match (action[0] == 1.0, happens(self.probability, rng)) {
            (false, _) => self.safe,
            (true, true) => self.win,
            (true, false) => self.lose,
        };
        self.step = self.step.saturating_add(1);
        observation[0] = 1.0;
        Step { reward: reward as f32, terminated: self.step >= self.steps, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.step.into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let [step] = numbers(state, ["step"])?;
        self.step = whole("step", step, 0..=self.steps.into())? as u32;
        observation[0] = 1.0;
        Ok(())
    }
}
