//! Pavlovian conditioning.

use super::{happens, whole};
use crate::classic::numbers;
use crate::params::{Arguments, Param, ParamDefault, ParamKind};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const MOST_STEPS: u32 = 200;

/// `Conditioning-v0`: a cue announces a reward; neither action does anything.
///
/// A trial is an interval of `interval` steps, and up to `jitter` more drawn anew for each, then a cue, and `delay` steps after the cue's
/// onset a reward of `magnitude` with the given `probability`, which ends the trial. An episode is `trials` trials and ends with the
/// last one's reward. As the observation `compound` there is a number for each of the `delay` steps from the onset on, 1 in that step
/// (the complete serial compound: a trace of the cue tells the time since its onset); as `presence` there is one number, 1 for the
/// first `cue` steps. All are 0 between trials. State: trials done, steps since the onset (negative before it).
#[derive(Clone, Debug)]
pub struct Conditioning {
    cue: u32,
    delay: u32,
    probability: f64,
    magnitude: f64,
    interval: u32,
    jitter: u32,
    trials: u32,
    compound: bool,
    trial: u32,
    clock: i32,
}

impl Parametric for Conditioning {
    const PARAMS: &'static [Param] = &[
        Param::whole(
            "cue",
            (1, MOST_STEPS),
            10,
            "Steps that the cue is there, at most delay; it shows as presence only.",
        ),
        Param::whole("delay", (1, MOST_STEPS), 10, "Steps from the cue's onset to the reward."),
        Param::real("probability", (0.0, 1.0), 1.0, "Probability that a trial is rewarded."),
        Param::real("magnitude", (-1000.0, 1000.0), 1.0, "The reward."),
        Param::whole("interval", (0, MOST_STEPS), 5, "Steps before a cue, at least."),
        Param::whole(
            "jitter",
            (0, MOST_STEPS),
            10,
            "Steps that are added to the interval at most, drawn for each trial.",
        ),
        Param::whole("trials", (1, 1_000_000), 10, "Trials of an episode."),
        Param {
            name: "observation",
            kind: ParamKind::OneOf(&["compound", "presence"]),
            default: ParamDefault::Word("compound"),
            doc: "What is observed: the time since the cue's onset, one number a step, or whether the cue is there.",
        },
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let delay = arguments.whole("delay");
        Ok(Self {
            cue: arguments.whole("cue").min(delay),
            delay,
            probability: arguments.real("probability"),
            magnitude: arguments.real("magnitude"),
            interval: arguments.whole("interval"),
            jitter: arguments.whole("jitter"),
            trials: arguments.whole("trials"),
            compound: arguments.word("observation") == "compound",
            trial: 0,
            clock: 0,
        })
    }
}

impl Conditioning {
    /// Steps to the cue of the next trial, as a negative clock.
    fn wait(&self, rng: &mut Stream) -> i32 {
        -((self.interval + rng.below(self.jitter + 1)) as i32)
    }

    fn observe(&self, observation: &mut [f32]) {
        observation.fill(0.0);
        match usize::try_from(self.clock) {
            Ok(since) if self.compound && since < observation.len() => observation[since] = 1.0,
            Ok(since) if !self.compound && since < self.cue as usize => observation[0] = 1.0,
            _ => {}
        }
    }
}

impl Env for Conditioning {
    fn observation_space(&self) -> Space {
        Space::uniform_box(if self.compound { self.delay as usize } else { 1 }, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        (self.trial, self.clock) = (0, self.wait(rng));
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, _: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let mut reward = 0.0;
        if self.trial < self.trials {
            self.clock += 1;
            if self.clock >= self.delay as i32 {
                reward = if happens(self.probability, rng) { self.magnitude } else { 0.0 };
                self.trial += 1;
                self.clock = if self.trial < self.trials { self.wait(rng) } else { self.delay as i32 };
            }
        }
        self.observe(observation);
        Step { reward: reward as f32, terminated: self.trial >= self.trials, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.trial.into(), self.clock.into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let [trial, clock] = numbers(state, ["trial", "steps since the cue's onset"])?;
        let longest = i64::from(self.interval + self.jitter);
        self.trial = whole("trial", trial, 0..=self.trials.into())? as u32;
        self.clock = whole("steps since the cue's onset", clock, -longest..=self.delay.into())? as i32;
        self.observe(observation);
        Ok(())
    }

    /// The cue as a lamp, the reward as a drop, and where in the trial it is.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        const LAMP: [f64; 2] = [180.0, 230.0];
        const DROP: [f64; 2] = [420.0, 215.0];
        const Y: f64 = 70.0;
        const LONG: f64 = 540.0;
        let mut scene = Scene::new(600.0, 400.0, colors::WHITE);
        let is_lit = (0..self.cue as i32).contains(&self.clock);
        scene.disc(LAMP, 62.0, if is_lit { colors::GOLD } else { colors::FAINT });
        scene.disc(LAMP, 54.0, if is_lit { [255, 236, 153] } else { colors::PALE });
        let reward = last.map_or(0.0, |last| last.reward);
        let color = match reward {
            reward if reward > 0.0 => colors::AGENT,
            reward if reward < 0.0 => colors::BAD,
            _ => colors::PALE,
        };
        scene.polygon(
            [[DROP[0] - 43.0, DROP[1] + 14.0], [DROP[0], DROP[1] + 90.0], [DROP[0] + 43.0, DROP[1] + 14.0]],
            color,
        );
        scene.disc(DROP, 45.0, color);
        scene.text("cue", [LAMP[0], 340.0], 24.0, colors::INK);
        scene.text("reward", [DROP[0], 340.0], 24.0, colors::INK);

        // The trial along time: the longest wait, the cue, the reward.
        let (before, after) = (f64::from(self.interval + self.jitter), f64::from(self.delay));
        let place = |clock: f64| 30.0 + (clock + before) * LONG / (before + after);
        let (onset, offset, end) = (place(0.0), place(self.cue.into()), place(after));
        scene.line([[place(-before), Y], [end, Y]], 3.0, colors::FAINT);
        scene.rectangle([onset, Y - 8.0], [offset - onset, 16.0], [255, 236, 153]);
        scene.line([[end, Y - 16.0], [end, Y + 16.0]], 4.0, colors::AGENT);
        scene.disc([place(self.clock.into()), Y], 10.0, colors::INK);
        let trial = (self.trial + 1).min(self.trials);
        scene.text(format!("trial {trial} of {}", self.trials), [300.0, 28.0], 20.0, colors::INK);
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        8.0
    }
}
