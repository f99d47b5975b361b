//! Swing up a pendulum.

use super::numbers;
use crate::scene::{Point, arc, colors, corners, placed};
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
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

    /// The rod and the torque that moved it, as in Gymnasium.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        const ROD: [u8; 3] = [204, 77, 77];
        let mut scene = Scene::new(500.0, 500.0, colors::WHITE);
        let middle = [scene.width / 2.0; 2];
        let scale = scene.width / 4.4;
        let angle = self.angle + PI / 2.0;
        scene.polygon(placed(corners(0.0, -0.1 * scale, scale, 0.1 * scale), angle, middle), ROD);
        for end in placed([[0.0, 0.0], [scale, 0.0]], angle, middle) {
            scene.disc(end, 0.1 * scale, ROD);
        }
        if let Some(LastStep { action, .. }) = last {
            let torque = f64::from(action[0].clamp(-MAX_TORQUE, MAX_TORQUE));
            draw_torque(&mut scene, middle, torque * scale / 4.0);
        }
        scene.disc(middle, 0.05 * scale, colors::BLACK);
        Some(scene)
    }
}

/// Three quarters of a circle with an arrow's head, against the clock if the torque is positive.
fn draw_torque(scene: &mut Scene, middle: Point, torque: f64) {
    let (radius, sign) = (torque.abs(), torque.signum());
    let mirrored = |[x, y]: Point| [middle[0] - sign * x, middle[1] + y];
    let points = arc([0.0; 2], 0.93 * radius, PI / 2.0, -PI).into_iter().map(mirrored);
    scene.line(points.collect::<Vec<_>>(), 0.06 * radius, colors::BLACK);
    let head = [[-1.06, -0.06], [-0.93, 0.0], [-0.79, -0.06], [-0.93, 0.3]].map(|[x, y]| [x * radius, y * radius]);
    scene.polygon(head.map(mirrored), colors::BLACK);
}
