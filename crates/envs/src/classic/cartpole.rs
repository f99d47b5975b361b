//! A pole on a cart (Barto, Sutton and Anderson 1983).

use super::numbers;
use crate::scene::{colors, corners, placed};
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const GRAVITY: f64 = 9.8;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = POLE_MASS + 1.0;
const HALF_LENGTH: f64 = 0.5;
const POLE_MOMENT: f64 = POLE_MASS * HALF_LENGTH;
const FORCE: f64 = 10.0;
/// Seconds a step.
const TAU: f64 = 0.02;
const POSITION_LIMIT: f64 = 2.4;
/// 12 degrees.
const ANGLE_LIMIT: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;

/// `CartPole-v1`: push a cart left (0) or right (1) so that the pole on it stays up. 1 a step, 500 steps at most.
///
/// State and observation: position (m), velocity, angle (rad), angular velocity; explicit Euler at 50 Hz.
#[derive(Clone, Debug, Default)]
pub struct CartPole {
    state: [f64; 4],
    /// Whether a terminal state was met since the start: Gymnasium then gives no reward for being in one.
    fallen: bool,
}

impl CartPole {
    fn observe(&self, observation: &mut [f32]) {
        observation.copy_from_slice(&self.state.map(|x| x as f32));
    }
}

impl Env for CartPole {
    fn observation_space(&self) -> Space {
        let high = vec![(POSITION_LIMIT * 2.0) as f32, f32::INFINITY, (ANGLE_LIMIT * 2.0) as f32, f32::INFINITY];
        Space::Box { low: high.iter().map(|x| -x).collect(), high }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn time_limit(&self) -> Option<u32> {
        Some(500)
    }

    fn solved_at(&self) -> Option<f32> {
        Some(475.0)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.state = std::array::from_fn(|_| rng.range(-0.05, 0.05));
        self.fallen = false;
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let [x, x_dot, theta, theta_dot] = self.state;
        let force = if action[0] == 1.0 { FORCE } else { -FORCE };
        let (sin, cos) = theta.sin_cos();
        // Florian 2007, "Correct equations for the dynamics of the cart-pole system", without friction.
        let temp = (force + POLE_MOMENT * (theta_dot * theta_dot) * sin) / TOTAL_MASS;
        let theta_acc =
            (GRAVITY * sin - cos * temp) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS));
        let x_acc = temp - POLE_MOMENT * theta_acc * cos / TOTAL_MASS;
        self.state = [x + TAU * x_dot, x_dot + TAU * x_acc, theta + TAU * theta_dot, theta_dot + TAU * theta_acc];
        self.observe(observation);

        let terminated = self.state[0].abs() > POSITION_LIMIT || self.state[2].abs() > ANGLE_LIMIT;
        let reward = if terminated && self.fallen { 0.0 } else { 1.0 };
        self.fallen |= terminated;
        Step { reward, terminated, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        self.state.to_vec()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.state = numbers(state, ["position", "velocity", "angle", "angular velocity"])?;
        self.fallen = false;
        self.observe(observation);
        Ok(())
    }

    fn scene(&self, _: Option<LastStep<'_>>) -> Option<Scene> {
        let [position, _, angle, _] = self.state;
        Some(draw(position, angle))
    }

    fn frame_rate(&self) -> f32 {
        50.0
    }
}

/// Cart and pole, as in Gymnasium.
fn draw(position: f64, angle: f64) -> Scene {
    const TRACK: f64 = 100.0;
    const POLE_WIDTH: f64 = 10.0;
    let mut scene = Scene::new(600.0, 400.0, colors::WHITE);
    let scale = scene.width / (2.0 * POSITION_LIMIT);
    let cart = [position * scale + scene.width / 2.0, TRACK];
    let axle = [cart[0], TRACK + 7.5];
    scene.line([[0.0, TRACK], [scene.width, TRACK]], 1.0, colors::BLACK);
    scene.polygon(placed(corners(-25.0, -15.0, 25.0, 15.0), 0.0, cart), colors::BLACK);
    let half = POLE_WIDTH / 2.0;
    let pole = corners(-half, -half, half, 2.0 * HALF_LENGTH * scale - half);
    // A pole of positive angle leans to the right.
    scene.polygon(placed(pole, -angle, axle), [202, 152, 101]);
    scene.disc(axle, half, [129, 132, 203]);
    scene
}
