//! Swing up a pendulum.

use super::numbers;
use crate::{Env, EnvError, Space, Step};
use std::f64::consts::PI;
use striatum_rng::Stream;

const MAX_SPEED: f64 = 8.0;
const MAX_TORQUE: f32 = 2.0;
/// Seconds a step.
const DT: f64 = 0.05;
const GRAVITY: f64 = 10.0;

/// `Pendulum-v1`: swing a pendulum up and hold it with a torque in -2..2. The cost of a step is
/// `angle^2 + 0.1 velocity^2 + 0.001 torque^2`, with the angle before the step in -pi..pi; always 200 steps.
///
/// State: angle (rad, 0 is up, not wrapped), angular velocity. Observation: cosine and sine of the angle, velocity.
#[derive(Clone, Debug, Default)]
pub struct Pendulum {
    angle: f64,
    velocity: f64,
}

impl Pendulum {
    fn observe(&self, observation: &mut [f32]) {
        let (sin, cos) = self.angle.sin_cos();
        observation.copy_from_slice(&[cos as f32, sin as f32, self.velocity as f32]);
    }
}

impl Env for Pendulum {
    fn observation_space(&self) -> Space {
        let high = vec![1.0, 1.0, MAX_SPEED as f32];
        Space::Box { low: high.iter().map(|x| -x).collect(), high }
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -MAX_TORQUE, MAX_TORQUE)
    }

    fn time_limit(&self) -> Option<u32> {
        Some(200)
    }

    /// Gymnasium names none; -200 is about what Stable-Baselines3's zoo reports for a trained agent.
    fn solved_at(&self) -> Option<f32> {
        Some(-200.0)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        (self.angle, self.velocity) = (rng.range(-PI, PI), rng.range(-1.0, 1.0));
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let torque = action[0].clamp(-MAX_TORQUE, MAX_TORQUE);
        let angle = (self.angle + PI).rem_euclid(2.0 * PI) - PI;
        // Gymnasium's products of the torque alone are in single precision.
        let cost = angle * angle + 0.1 * (self.velocity * self.velocity) + f64::from(0.001 * (torque * torque));
        let acceleration = 3.0 * GRAVITY / 2.0 * self.angle.sin() + f64::from(3.0 * torque);
        self.velocity = (self.velocity + acceleration * DT).clamp(-MAX_SPEED, MAX_SPEED);
        self.angle += self.velocity * DT;
        self.observe(observation);
        Step { reward: -cost as f32, terminated: false, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.angle, self.velocity]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        [self.angle, self.velocity] = numbers(state, ["angle", "angular velocity"])?;
        self.observe(observation);
        Ok(())
    }
}
