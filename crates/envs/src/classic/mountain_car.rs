//! A weak car in a valley (Moore 1990).

use super::numbers;
use crate::scene::{colors, corners, placed};
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const MIN_POSITION: f64 = -1.2;
const MAX_POSITION: f64 = 0.6;
const MAX_SPEED: f64 = 0.07;
const GOAL: f64 = 0.5;
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;

/// `MountainCar-v0`: push a car left (0), not at all (1) or right (2) until it is up the right hill. -1 a step, 200
/// steps at most.
///
/// State and observation: position, velocity.
#[derive(Clone, Debug, Default)]
pub struct MountainCar {
    position: f64,
    velocity: f64,
}

impl MountainCar {
    fn observe(&self, observation: &mut [f32]) {
        observation.copy_from_slice(&[self.position as f32, self.velocity as f32]);
    }
}

impl Env for MountainCar {
    fn observation_space(&self) -> Space {
        Space::Box {
            low: vec![MIN_POSITION as f32, -MAX_SPEED as f32],
            high: vec![MAX_POSITION as f32, MAX_SPEED as f32],
        }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }

    fn time_limit(&self) -> Option<u32> {
        Some(200)
    }

    fn solved_at(&self) -> Option<f32> {
        Some(-110.0)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        (self.position, self.velocity) = (rng.range(-0.6, -0.4), 0.0);
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let push = (f64::from(action[0]) - 1.0) * FORCE;
        let velocity = (self.velocity + (push + (3.0 * self.position).cos() * -GRAVITY)).clamp(-MAX_SPEED, MAX_SPEED);
        let position = (self.position + velocity).clamp(MIN_POSITION, MAX_POSITION);
        let at_wall = position == MIN_POSITION && velocity < 0.0;
        (self.position, self.velocity) = (position, if at_wall { 0.0 } else { velocity });
        self.observe(observation);
        Step { reward: -1.0, terminated: self.position >= GOAL && self.velocity >= 0.0, truncated: false }
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
        Some(draw(self.position, GOAL))
    }
}

/// The height of the hills.
fn height(position: f64) -> f64 {
    (3.0 * position).sin() * 0.45 + 0.55
}

/// Valley, car and flag, as in Gymnasium.
pub(super) fn draw(position: f64, goal: f64) -> Scene {
    const PIECES: u32 = 99;
    let mut scene = Scene::new(600.0, 400.0, colors::WHITE);
    let scale = scene.width / (MAX_POSITION - MIN_POSITION);
    let place = |position: f64| [(position - MIN_POSITION) * scale, height(position) * scale];
    let piece = |i: u32| place(MIN_POSITION + (MAX_POSITION - MIN_POSITION) * f64::from(i) / f64::from(PIECES));
    scene.line((0..=PIECES).map(piece).collect::<Vec<_>>(), 1.0, colors::BLACK);

    // Gymnasium's tilt, a little steeper than the hill.
    let tilt = (3.0 * position).cos();
    let [x, y] = place(position);
    let car = [x, y + 10.0];
    scene.polygon(placed(corners(-20.0, 0.0, 20.0, 20.0), tilt, car), colors::BLACK);
    for wheel in placed([[10.0, 0.0], [-10.0, 0.0]], tilt, car) {
        scene.disc(wheel, 8.0, [128, 128, 128]);
    }

    let [x, y] = place(goal);
    let top = y + 50.0;
    scene.line([[x, y], [x, top]], 1.0, colors::BLACK);
    scene.polygon([[x, top], [x, top - 10.0], [x + 25.0, top - 5.0]], [204, 204, 0]);
    scene
}
