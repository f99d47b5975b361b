//! Swing up a double pendulum by its elbow (Sutton 1996).

use super::numbers;
use crate::scene::{colors, corners, placed};
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use std::f64::consts::PI;
use striatum_rng::Stream;

/// Seconds a step.
const DT: f64 = 0.2;
const GRAVITY: f64 = 9.8;
const LENGTH: f64 = 1.0;
const MASS: f64 = 1.0;
/// Distance of a link's centre of mass from its upper joint.
const CENTRE: f64 = 0.5;
const INERTIA: f64 = 1.0;
const MAX_VELOCITY: [f64; 2] = [4.0 * PI, 9.0 * PI];

/// `Acrobot-v1`: torque the joint between two links by -1 (0), 0 (1) or 1 (2) until the tip is one link's length above the
/// upper joint. -1 a step, 0 at the goal, 500 steps at most.
///
/// State: angle of the first link (rad, 0 is down), angle of the second to the first, their velocities. Observation:
/// cosine and sine of both angles, velocities. The equations are those of Sutton and Barto's book, integrated by one
/// fourth-order Runge-Kutta step of 0.2 s.
#[derive(Clone, Debug, Default)]
pub struct Acrobot {
    state: [f64; 4],
}

impl Acrobot {
    fn observe(&self, observation: &mut [f32]) {
        let [a, b, a_dot, b_dot] = self.state;
        let ((sin_a, cos_a), (sin_b, cos_b)) = (a.sin_cos(), b.sin_cos());
        observation.copy_from_slice(&[cos_a, sin_a, cos_b, sin_b, a_dot, b_dot].map(|x| x as f32));
    }
}

/// The time derivative of the state under a torque.
#[inline]
fn derivative([a, b, a_dot, b_dot]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sin_b, cos_b) = b.sin_cos();
    let d1 = MASS * (CENTRE * CENTRE)
        + MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2.0 * LENGTH * CENTRE * cos_b)
        + INERTIA
        + INERTIA;
    let d2 = MASS * (CENTRE * CENTRE + LENGTH * CENTRE * cos_b) + INERTIA;
    let phi2 = MASS * CENTRE * GRAVITY * (a + b - PI / 2.0).cos();
    let phi1 = -MASS * LENGTH * CENTRE * (b_dot * b_dot) * sin_b - 2.0 * MASS * LENGTH * CENTRE * b_dot * a_dot * sin_b
        + (MASS * CENTRE + MASS * LENGTH) * GRAVITY * (a - PI / 2.0).cos()
        + phi2;
    let b_acc = (torque + d2 / d1 * phi1 - MASS * LENGTH * CENTRE * (a_dot * a_dot) * sin_b - phi2)
        / (MASS * (CENTRE * CENTRE) + INERTIA - d2 * d2 / d1);
    let a_acc = -(d2 * b_acc + phi1) / d1;
    [a_dot, b_dot, a_acc, b_acc]
}

/// One step of the classical Runge-Kutta method.
fn runge_kutta(y: [f64; 4], torque: f64) -> [f64; 4] {
    let along = |k: [f64; 4], h: f64| std::array::from_fn(|i| y[i] + h * k[i]);
    let k1 = derivative(y, torque);
    let k2 = derivative(along(k1, DT / 2.0), torque);
    let k3 = derivative(along(k2, DT / 2.0), torque);
    let k4 = derivative(along(k3, DT), torque);
    std::array::from_fn(|i| y[i] + DT / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// The angle in -pi..=pi. A few turns are undone one by one, as Gymnasium does; for a huge angle that would never end.
fn wrap(mut angle: f64) -> f64 {
    if angle.abs() > 64.0 * PI {
        return (angle + PI).rem_euclid(2.0 * PI) - PI;
    }
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

impl Env for Acrobot {
    fn observation_space(&self) -> Space {
        let high = vec![1.0, 1.0, 1.0, 1.0, MAX_VELOCITY[0] as f32, MAX_VELOCITY[1] as f32];
        Space::Box { low: high.iter().map(|x| -x).collect(), high }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }

    fn time_limit(&self) -> Option<u32> {
        Some(500)
    }

    fn solved_at(&self) -> Option<f32> {
        Some(-100.0)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        // Gymnasium draws in double precision and keeps single.
        self.state = std::array::from_fn(|_| f64::from(rng.range(-0.1, 0.1) as f32));
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let [a, b, a_dot, b_dot] = runge_kutta(self.state, f64::from(action[0]) - 1.0);
        let (a, b) = (wrap(a), wrap(b));
        self.state =
            [a, b, a_dot.clamp(-MAX_VELOCITY[0], MAX_VELOCITY[0]), b_dot.clamp(-MAX_VELOCITY[1], MAX_VELOCITY[1])];
        self.observe(observation);
        let terminated = -a.cos() - (b + a).cos() > 1.0;
        Step { reward: if terminated { 0.0 } else { -1.0 }, terminated, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        self.state.to_vec()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.state = numbers(state, ["angle 1", "angle 2", "angular velocity 1", "angular velocity 2"])?;
        self.observe(observation);
        Ok(())
    }

    /// Both links and the height to be reached, as in Gymnasium.
    fn scene(&self, _: Option<LastStep<'_>>) -> Option<Scene> {
        let mut scene = Scene::new(500.0, 500.0, colors::WHITE);
        let middle = scene.width / 2.0;
        let scale = middle / (2.0 * LENGTH + 0.2);
        let [a, b, ..] = self.state;
        let elbow = [middle + scale * a.sin(), middle - scale * a.cos()];
        scene.line([[0.0, middle + scale], [scene.width, middle + scale]], 1.0, colors::BLACK);
        for (joint, angle) in [([middle; 2], a), (elbow, a + b)] {
            let link = corners(0.0, -0.1 * scale, LENGTH * scale, 0.1 * scale);
            scene.polygon(placed(link, angle - PI / 2.0, joint), [0, 204, 204]);
            scene.disc(joint, 0.1 * scale, [204, 204, 0]);
        }
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        15.0
    }
}
