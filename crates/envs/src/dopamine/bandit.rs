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
///
/// With `closed` so many arms, others every time, cannot be pulled: the observation then ends with a mask of those that can, and the state
/// with the same.
#[derive(Clone, Debug)]
pub struct Bandit {
    probabilities: Vec<f64>,
    closed: usize,
    reversal: u32,
    steps: u32,
    step: u32,
    /// One an arm; empty where none is ever closed.
    open: Vec<bool>,
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
        Param::whole("closed", (0, MOST_ARMS - 1), 0, "Arms that an action mask closes at a time, at random."),
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
        let (reversal, steps, closed) =
            (arguments.whole("reversal"), arguments.whole("steps"), arguments.whole("closed") as usize);
        if closed >= arms {
            return Err(arguments.misfit("closed", format!("below the {arms} arms of `env.arms`"), 1));
        }
        let open = vec![true; if closed > 0 { arms } else { 0 }];
        Ok(Self { probabilities, closed, reversal, steps, step: 0, open })
    }
}

impl Bandit {
    /// The probability of a reward at an arm now.
    fn probability(&self, arm: usize) -> f64 {
        let arms = self.probabilities.len();
        let moved = self.step.checked_div(self.reversal).unwrap_or(0) as usize % arms;
        self.probabilities[(arm + arms - moved) % arms]
    }

    /// Closes other arms: each that is left with the probability that as many as are needed are among them.
    fn close(&mut self, rng: &mut Stream) {
        let (arms, mut left) = (self.open.len(), self.closed);
        for (arm, open) in self.open.iter_mut().enumerate() {
            *open = rng.below((arms - arm) as u32) as usize >= left;
            left -= usize::from(!*open);
        }
    }

    fn observe(&self, observation: &mut [f32]) {
        observation[0] = 1.0;
        observation[1..].iter_mut().zip(&self.open).for_each(|(mark, &open)| *mark = f32::from(u8::from(open)));
    }
}

impl Env for Bandit {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1 + self.open.len(), 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: self.probabilities.len() }
    }

    fn action_mask_width(&self) -> usize {
        self.open.len()
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.step = 0;
        self.close(rng);
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let rewarded = happens(self.probability(action[0] as usize), rng);
        self.step = self.step.saturating_add(1);
        self.close(rng);
        self.observe(observation);
        Step { reward: f32::from(u8::from(rewarded)), terminated: self.step >= self.steps, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        std::iter::once(self.step.into()).chain(self.open.iter().map(|&open| u8::from(open).into())).collect()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let (pulls, marks) = state.split_at(state.len().saturating_sub(self.open.len()));
        let [step] = numbers(pulls, ["step"])?;
        let step = whole("step", step, 0..=self.steps.into())? as u32;
        let open = marks.iter().map(|&mark| whole("an arm's mark", mark, 0..=1));
        let open = open.map(|mark| mark.map(|mark| mark == 1)).collect::<Result<Vec<_>, _>>()?;
        if !open.is_empty() && !open.contains(&true) {
            return Err(EnvError::BadState("no arm is open".to_owned()));
        }
        (self.step, self.open) = (step, open);
        self.observe(observation);
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
