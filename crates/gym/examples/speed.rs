//! Steps a second of a game of the Arcade Learning Environment under CleanRL's wrappers, with actions in turn:
//!
//!     cargo run --release -p striatum-gym --example speed -- PYTHON ALE/Breakout-v5 ENVS WORKERS STEPS
//!
//! `scripts/record_atari.py speed` measures CleanRL's wrappers.

use std::time::Instant;
use striatum_envs::wrappers::{WrapperSettings, wrap};
use striatum_envs::{EnvError, Params, StepBuffers};
use striatum_gym::{GymSettings, Task, make};

fn main() -> Result<(), EnvError> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let (python, game) = (next("python3"), next("ALE/Breakout-v5"));
    let mut number = |default: &str| next(default).parse().unwrap_or(1);
    let (count, workers, steps): (usize, usize, usize) = (number("8"), number("2"), number("500"));
    let task = Task {
        name: format!("gym:{game}"),
        settings: GymSettings { python, workers, imports: vec!["ale_py".to_owned()], ..GymSettings::default() },
        arguments: Params::default().with("frameskip", 1).with("repeat_action_probability", 0.0),
        num_envs: count,
    };
    let mut envs = wrap(Box::new(make(&task, count)?), &WrapperSettings::atari())?;
    let (width, choices) = (envs.observation_space().width(), envs.action_names().len());
    let (mut observations, mut finals) = (vec![0.0; count * width], vec![0.0; count * width]);
    let [mut rewards, mut terminated, mut truncated] = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
    envs.reset(0, 0, &mut observations)?;
    let start = Instant::now();
    for step in 0..steps {
        let actions: Vec<f32> = (0..count).map(|lane| ((step * (2 * lane + 3) + step / 7) % choices) as f32).collect();
        let out = StepBuffers {
            observations: &mut observations,
            rewards: &mut rewards,
            terminated: &mut terminated,
            truncated: &mut truncated,
            final_observations: &mut finals,
        };
        envs.step(&actions, out)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.0} steps a second, {:.0} frames",
        (steps * count) as f64 / seconds,
        (4 * steps * count) as f64 / seconds
    );
    Ok(())
}
