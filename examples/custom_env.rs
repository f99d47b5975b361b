//! A task of your own: push a mass along a line until it rests near a target drawn anew every episode.
//!
//!     cargo run --release --example custom_env

use striatum::agent::PpoSettings;
use striatum::envs::{Env, EnvError, Space, Step, Stream};
use striatum::train::TrainError;
use striatum::train::config::Config;
use striatum::train_task;

/// Position, velocity and target, each in -2..2; the action is a force in -1..1.
#[derive(Default)]
struct Reach([f32; 3]);

impl Env for Reach {
    fn observation_space(&self) -> Space {
        Space::uniform_box(3, -2.0, 2.0)
    }
    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }
    fn time_limit(&self) -> Option<u32> {
        Some(100)
    }
    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.0 = [0.0, 0.0, rng.range(-1.0, 1.0) as f32];
        observation.copy_from_slice(&self.0);
    }
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let [position, velocity, target] = self.0;
        let velocity = 0.9 * velocity + 0.1 * action[0].clamp(-1.0, 1.0);
        let position = (position + velocity).clamp(-2.0, 2.0);
        self.0 = [position, velocity, target];
        observation.copy_from_slice(&self.0);
        let distance = (position - target).abs();
        Step { reward: -distance, terminated: distance < 0.05 && velocity.abs() < 0.05, truncated: false }
    }
    fn state(&self) -> Vec<f64> {
        self.0.map(f64::from).to_vec()
    }
    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let state: [f64; 3] = state.try_into().map_err(|_| EnvError::BadState("give 3 numbers".to_owned()))?;
        self.0 = state.map(|x| x as f32);
        observation.copy_from_slice(&self.0);
        Ok(())
    }
}

fn main() -> Result<(), TrainError> {
    let config = Config {
        task: "Reach".to_owned(),
        total_steps: 60_000,
        num_envs: 16,
        ppo: PpoSettings { num_steps: 64, epochs: 10, learning_rate: 1e-3, entropy_coef: 0.0, ..Default::default() },
        ..Default::default()
    };
    let out = std::env::temp_dir().join(format!("striatum-reach-{}", std::process::id()));
    let summary = train_task(config, Reach::default, &out)?;
    println!("return {:.2}, run folder {}", summary.best_return.unwrap_or(f64::NAN), summary.run.display());
    Ok(())
}
