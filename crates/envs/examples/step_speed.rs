//! Nanoseconds per environment step of every built-in task whose name holds the argument, by batch size and thread count.
//!
//!     cargo run --release -p striatum-envs --example step_speed -- MinAtar

use std::time::Instant;
use striatum_envs::{Batch, EnvError, StepBuffers, VecEnv, make, make_one, tasks};

fn main() -> Result<(), EnvError> {
    println!("{:<26} {:>6} {:>10} {:>10} {:>10} {:>10}", "task", "N", "built-in", "boxed", "2 threads", "4 threads");
    let part = std::env::args().nth(1).unwrap_or_default();
    for task in tasks().iter().filter(|task| task.name.contains(&part)) {
        for num_envs in [1, 16, 128, 1024, 8192] {
            let boxed = || Batch::new(num_envs, || make_one(task.name).expect("the task is in the table"));
            let times = [
                time(&mut *make(task.name, num_envs)?)?,
                time(&mut boxed()?.with_threads(1))?,
                time(&mut boxed()?.with_threads(2))?,
                time(&mut boxed()?.with_threads(4))?,
            ];
            let [built_in, one, two, four] = times;
            println!("{:<26} {num_envs:>6} {built_in:>10.1} {one:>10.1} {two:>10.1} {four:>10.1}", task.name);
        }
    }
    Ok(())
}

/// The shortest of five times, in nanoseconds per environment step.
fn time(batch: &mut dyn VecEnv) -> Result<f64, EnvError> {
    let (n, width) = (batch.num_envs(), batch.observation_space().width());
    let (mut observations, mut final_observations) = (vec![0.0; n * width], vec![0.0; n * width]);
    let (mut rewards, mut terminated, mut truncated) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    batch.reset(0, 0, &mut observations)?;
    let actions: Vec<Vec<f32>> = (0..7).map(|t| (0..n).map(|i| ((i * 31 + t * 17) % 5 % 2) as f32).collect()).collect();
    let steps = (200_000 / n).clamp(20, 5_000);
    let mut shortest = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for t in 0..steps {
            let out = StepBuffers {
                observations: &mut observations,
                rewards: &mut rewards,
                terminated: &mut terminated,
                truncated: &mut truncated,
                final_observations: &mut final_observations,
            };
            batch.step(&actions[t % actions.len()], out)?;
        }
        shortest = shortest.min(start.elapsed().as_nanos() as f64 / (steps * n) as f64);
    }
    Ok(shortest)
}
