//! A bandit whose best arm may change.

use super::{happens, whole};
use crate::classic::numbers;
use crate::params::{Arguments, Param, ParamDefault, ParamKind};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const MOST_ARMS: u32 = 64;

/// `Bandit-v0`: pull one of `arms` arms, each rewarded with 1 at its own probability, else with 0. An episode is `steps` pulls.
///
/// Arm 0 has the probability `best` and all others `other`, or each its own of `probabilities`. After every `reversal` pulls of an
/// episode the probabilities move on by one arm, from the last one to arm 0; an episode starts with them where they were. The
/// observation is always 1. State: pulls in the episode.
#[derive(Clone, Debug)]
pub struct Bandit {
    probabilities: Vec<f64>,
    reversal: u32,
    steps: u32,
    step: u32,
}

impl Parametric for Bandit {
    const PARAMS: &'static [Param] = &[
        Param::whole("arms", (2, MOST_ARMS), 4, "Number of arms."),
        Param::real("best", (0.0, 1.0), 0.8, "Probability of a reward at the best arm, which is arm 0 at first."),
        Param::real("other", (0.0, 1.0), 0.2, "Probability of a reward at every other arm."),
        Param {
            name: "probabilities",
            kind: ParamKind::Reals { most: MOST_ARMS as usize, min: 0.0, max: 1.0 },
            default: ParamDefault::Reals(&[]),
            doc: "Probability of a reward at each arm, in place of best and other; [] is none.",
        },
        Param::whole(
            "reversal",
            (0, 1_000_000),
            0,
            "Steps after which the probabilities move on by one arm; 0 is never.",
        ),
        Param::whole("steps", (1, 1_000_000), 1, "Steps of an episode."),
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let (arms, list) = (arguments.whole("arms") as usize, arguments.reals("probabilities"));
        let probabilities = match list.len() {
            0 => {
                let mut all = vec![arguments.real("other"); arms];
                all[0] = arguments.real("best");
                all
            }
            count if count == arms => list,
            _ => return Err(arguments.misfit("probabilities", format!("one for each of `env.arms` ({arms})"), "[]")),
        };
        let (reversal, steps) = (arguments.whole("reversal"), arguments.whole("steps"));
        Ok(Self { probabilities, reversal, steps, step: 0 })
    }
}

impl Bandit {
    /// The probability of a reward at an arm now.
    fn probability(&self, arm: usize) -> f64 {
        let arms = self.probabilities.len();
        let moved = self.step.checked_div(self.reversal).unwrap_or(0) as usize % arms;
        self.probabilities[(arm + arms - moved) % arms]
    }
}

impl Env for Bandit {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: self.probabilities.len() }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.step = 0;
        observation[0] = 1.0;
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let rewarded = happens(self.probability(action[0] as usize), rng);
        self.step = self.step.saturating_add(1);
        observation[0] = 1.0;
        Step { reward: f32::from(u8::from(rewarded)), terminated: self.step >= self.steps, truncated: false }
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

    /// Every arm's probability as a bar, and over the arm that was pulled what it gave.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        const FLOOR: f64 = 60.0;
        const TALL: f64 = 270.0;
        let mut scene = Scene::new(600.0, 400.0, colors::WHITE);
        let arms = self.probabilities.len();
        let room = scene.width / arms as f64;
        let width = (0.6 * room).min(80.0);
        let pulled = last.map(|last| (last.action[0] as usize, last.reward));
        for arm in 0..arms {
            let middle = (arm as f64 + 0.5) * room;
            let color = if pulled.is_some_and(|(pulled, _)| pulled == arm) { colors::AGENT } else { [165, 200, 230] };
            scene.rectangle([middle - width / 2.0, FLOOR], [width, TALL], colors::PALE);
            scene.rectangle([middle - width / 2.0, FLOOR], [width, TALL * self.probability(arm)], color);
            if arms <= 20 {
                scene.text(arm.to_string(), [middle, FLOOR / 2.0], 24.0, colors::INK);
            }
        }
        if let Some((arm, reward)) = pulled {
            let color = if reward > 0.0 { colors::GOLD } else { colors::FAINT };
            let radius = (0.4 * room).min(22.0);
            scene.disc([(arm as f64 + 0.5) * room, FLOOR + TALL + 34.0], radius, color);
        }
        scene.line([[0.0, FLOOR], [scene.width, FLOOR]], 2.0, colors::INK);
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        4.0
    }
}
