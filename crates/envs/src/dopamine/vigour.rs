//! How fast to act (Niv, Daw, Joel and Dayan 2007).

use crate::classic::numbers;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

/// `Vigour-v0`: choose the latency of one action after the other until `duration` units of time have passed.
///
/// An action of latency t costs `cost` / t; once it is completed it pays `reward`, and the next one is chosen. Time is what is short: rewards
/// come at the rate (reward - cost / t) / t, which is highest, reward^2 / (4 cost), at t = 2 cost / reward; that is
/// sqrt(cost / rate), the latency that weighs haste against the average reward which time is worth. The last action is not completed if
/// less time is left than it takes. A number a in -1..1 chooses the latency `shortest` (`longest` / `shortest`)^((a + 1) / 2). Observation:
/// the share of the time that is left. State: the time that has passed.
#[derive(Clone, Debug)]
pub struct Vigour {
    reward: f64,
    cost: f64,
    shortest: f64,
    ratio: f64,
    duration: f64,
    elapsed: f64,
}

impl Parametric for Vigour {
    const PARAMS: &'static [Param] = &[
        Param::real("reward", (0.0, 1000.0), 1.0, "Reward of a completed action."),
        Param::real("cost", (0.0, 1000.0), 1.0, "Cost of an action times its latency."),
        Param::real("shortest", (0.001, 1000.0), 0.1, "The shortest latency."),
        Param::real("longest", (0.001, 1000.0), 10.0, "The longest latency."),
        Param::real("duration", (0.001, 1_000_000.0), 100.0, "Time of an episode."),
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let [reward, cost, shortest, longest, duration] =
            ["reward", "cost", "shortest", "longest", "duration"].map(|name| arguments.real(name));
        if longest < shortest {
            return Err(arguments.misfit("longest", format!("at least `env.shortest` ({shortest})"), shortest));
        }
        Ok(Self { reward, cost, shortest, ratio: longest / shortest, duration, elapsed: 0.0 })
    }
}

impl Vigour {
    /// What a number in -1..1 chooses.
    fn latency(&self, action: f32) -> f64 {
        self.shortest * self.ratio.powf((f64::from(action.clamp(-1.0, 1.0)) + 1.0) / 2.0)
    }

    fn observe(&self, observation: &mut [f32]) {
        observation[0] = (1.0 - self.elapsed / self.duration) as f32;
    }
}

impl Env for Vigour {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.elapsed = 0.0;
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let latency = self.latency(action[0]);
        let completed = latency <= self.duration - self.elapsed;
        self.elapsed = (self.elapsed + latency).min(self.duration);
        self.observe(observation);
        let reward = if completed { self.reward } else { 0.0 } - self.cost / latency;
        Step { reward: reward as f32, terminated: self.elapsed >= self.duration, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.elapsed]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let [elapsed] = numbers(state, ["elapsed time"])?;
        if !(0.0..=self.duration).contains(&elapsed) {
            return Err(EnvError::BadState(format!(
                "elapsed time is {elapsed}; give a number from 0 to {}",
                self.duration
            )));
        }
        self.elapsed = elapsed;
        self.observe(observation);
        Ok(())
    }

    /// The time that has passed, and the last action's latency between the shortest and the longest, where a mark shows the best one.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        const LEFT: f64 = 40.0;
        const LONG: f64 = 520.0;
        const Y: f64 = 130.0;
        let mut scene = Scene::new(600.0, 400.0, colors::WHITE);
        scene.text("time", [300.0, 350.0], 24.0, colors::INK);
        scene.rectangle([LEFT, 270.0], [LONG, 44.0], colors::PALE);
        scene.rectangle([LEFT, 270.0], [LONG * self.elapsed / self.duration, 44.0], colors::AGENT);

        let place = |latency: f64| {
            let share = (latency / self.shortest).ln() / self.ratio.ln();
            LEFT + LONG * if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) }
        };
        scene.text("latency", [300.0, 200.0], 24.0, colors::INK);
        scene.line([[LEFT, Y], [LEFT + LONG, Y]], 4.0, colors::FAINT);
        scene.text("haste", [LEFT + 30.0, 60.0], 20.0, colors::INK);
        scene.text("sloth", [LEFT + LONG - 30.0, 60.0], 20.0, colors::INK);
        let best = place(2.0 * self.cost / self.reward);
        scene.polygon([[best, Y - 18.0], [best - 10.0, Y - 38.0], [best + 10.0, Y - 38.0]], colors::GOOD);
        if let Some(LastStep { action, reward }) = last {
            let latency = self.latency(action[0]);
            let completed = f64::from(reward) > self.reward / 2.0 - self.cost / latency;
            scene.disc([place(latency), Y], 18.0, if completed { colors::GOLD } else { colors::BAD });
        }
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        4.0
    }
}
