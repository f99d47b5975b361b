//! A task of your own: push a mass along a line until it rests near a target drawn anew every episode.
//!
//!     cargo run --release --example custom_env

use striatum::envs::{Batch, Env, EnvError, Space, Step, StepBuffers, Stream, VecEnv};

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

fn main() -> Result<(), EnvError> {
    const N: usize = 16;
    let mut batch = Batch::new(N, Reach::default)?;
    let (mut observations, mut final_observations) = ([0.0; 3 * N], [0.0; 3 * N]);
    let (mut rewards, mut terminated, mut truncated) = ([0.0; N], [0.0; N], [0.0; N]);
    batch.reset(1, &mut observations)?;
    let (mut returns, mut finished) = ([0.0_f32; N], Vec::new());
    for _ in 0..1000 {
        // A spring with a damper, until a trained agent takes its place.
        let actions: Vec<f32> = observations.chunks(3).map(|o| 0.5 * (o[2] - o[0]) - o[1]).collect();
        let out = StepBuffers {
            observations: &mut observations,
            rewards: &mut rewards,
            terminated: &mut terminated,
            truncated: &mut truncated,
            final_observations: &mut final_observations,
        };
        batch.step(&actions, out)?;
        for i in 0..N {
            returns[i] += rewards[i];
            if terminated[i] + truncated[i] > 0.0 {
                finished.push(std::mem::take(&mut returns[i]));
            }
        }
    }
    let mean = finished.iter().sum::<f32>() / finished.len().max(1) as f32;
    println!("{} episodes, mean return {mean:.2}", finished.len());
    Ok(())
}
