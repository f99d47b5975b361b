//! A weak car in a valley (Moore 1990), with a continuous force.

use super::numbers;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const MIN_POSITION: f64 = -1.2;
const MAX_POSITION: f64 = 0.6;
const MAX_SPEED: f64 = 0.07;
const GOAL: f64 = 0.45;
const POWER: f64 = 0.0015;
const GRAVITY: f64 = 0.0025;

/// `MountainCarContinuous-v0`: push a car with a force in -1..1 until it is up the right hill. 100 at the goal, less a
/// tenth of the squared action each step; 999 steps at most.
///
/// State and observation: position, velocity. The force is clipped, the cost of the action is not. Gymnasium computes the
/// first step from a state in double precision and, because it keeps the result in single precision, all later ones in
/// single; so does this.
#[derive(Clone, Debug, Default)]
pub struct MountainCarContinuous {
    position: f64,
    velocity: f64,
}

impl MountainCarContinuous {
    fn observe(&self, observation: &mut [f32]) {
        observation.copy_from_slice(&[self.position as f32, self.velocity as f32]);
    }
}

/// Whether single precision holds `x` exactly.
fn is_single(x: f64) -> bool {
    f64::from(x as f32) == x
}

impl Env for MountainCarContinuous {
    fn observation_space(&self) -> Space {
        Space::Box {
            low: vec![MIN_POSITION as f32, -MAX_SPEED as f32],
            high: vec![MAX_POSITION as f32, MAX_SPEED as f32],
        }
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn time_limit(&self) -> Option<u32> {
        Some(999)
    }

    fn solved_at(&self) -> Option<f32> {
        Some(90.0)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        (self.position, self.velocity) = (rng.range(-0.6, -0.4), 0.0);
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let single = is_single(self.position) && is_single(self.velocity);
        let round = |x: f64| if single { f64::from(x as f32) } else { x };
        let slope = GRAVITY * round(3.0 * self.position).cos();
        let force = action[0].clamp(-1.0, 1.0);
        // NumPy keeps a product with the action in single precision; a clipped force is one of Python's own numbers.
        let push = if force == action[0] {
            f64::from(force * POWER as f32 - slope as f32)
        } else {
            f64::from(force) * POWER - slope
        };
        let velocity = round(self.velocity + round(push)).clamp(round(-MAX_SPEED), round(MAX_SPEED));
        let position = round(self.position + velocity).clamp(round(MIN_POSITION), round(MAX_POSITION));
        let at_wall = position == round(MIN_POSITION) && velocity < 0.0;
        let velocity = if at_wall { 0.0 } else { velocity };
        let terminated = position >= round(GOAL) && velocity >= 0.0;
        (self.position, self.velocity) = (f64::from(position as f32), f64::from(velocity as f32));
        self.observe(observation);

        let bonus = if terminated { 100.0 } else { 0.0 };
        let reward = bonus - f64::from(action[0]).powi(2) * 0.1;
        Step { reward: reward as f32, terminated, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.position, self.velocity]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        [self.position, self.velocity] = numbers(state, ["position", "velocity"])?;
        self.observe(observation);
        Ok(())
    }

    fn scene(&self, _: Option<LastStep<'_>>) -> Option<Scene> {
        Some(super::mountain_car::draw(self.position, GOAL))
    }
}
