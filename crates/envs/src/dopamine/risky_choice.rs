//! A safe amount against a gamble.

use super::{happens, whole};
use crate::classic::numbers;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use std::f64::consts::{FRAC_PI_2, TAU};
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

    /// The sure amount beside the gamble as a wheel of fortune, what was chosen framed, and what it gave.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        const RADIUS: f64 = 95.0;
        const Y: f64 = 220.0;
        let mut scene = Scene::new(600.0, 400.0, colors::WHITE);
        let [safe, gamble] = [[155.0, Y], [445.0, Y]];
        if let Some(LastStep { action, reward }) = last {
            let gambled = action[0] == 1.0;
            scene.disc(if gambled { gamble } else { safe }, RADIUS + 12.0, colors::AGENT);
            let color = match gambled {
                false => colors::INK,
                true if reward == self.win as f32 => colors::GOOD,
                true => colors::BAD,
            };
            scene.text(format!("{reward}"), [if gambled { gamble[0] } else { safe[0] }, 40.0], 36.0, color);
        }
        scene.disc(safe, RADIUS, colors::PALE);
        scene.text(format!("{}", self.safe), safe, 32.0, colors::INK);
        scene.disc(gamble, RADIUS, colors::BAD);
        let won = TAU * self.probability;
        scene.sector(gamble, RADIUS, FRAC_PI_2 - won, FRAC_PI_2, colors::GOOD);
        for (amount, angle, share) in [
            (self.win, FRAC_PI_2 - won / 2.0, self.probability),
            (self.lose, FRAC_PI_2 - won / 2.0 + TAU / 2.0, 1.0 - self.probability),
        ] {
            if share > 0.08 {
                let at = [gamble[0] + 0.55 * RADIUS * angle.cos(), gamble[1] + 0.55 * RADIUS * angle.sin()];
                scene.text(format!("{amount}"), at, 26.0, colors::WHITE);
            }
        }
        scene.text("safe", [safe[0], 360.0], 24.0, colors::INK);
        scene.text("gamble", [gamble[0], 360.0], 24.0, colors::INK);
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        2.0
    }
}
