//! Steps a second of a task of Python's, without an agent: `throughput TASK ENVS WORKERS SECONDS [PYTHON]`.
//!
//! Prints those of one batch, for which the caller waits, and of two halves of it that step in turn, as a trainer has them.

use std::time::{Duration, Instant};
use striatum_envs::{EnvError, Params, Purpose, Space, StepBuffers, Stream, VecEnv};
use striatum_gym::{GymEnvs, GymSettings, Task, make};

/// A batch and where its steps go.
struct Rig {
    envs: GymEnvs,
    actions: Vec<f32>,
    observations: Vec<f32>,
    finals: Vec<f32>,
    numbers: [Vec<f32>; 3],
}

impl Rig {
    fn new(task: &Task, count: usize, first: u32) -> Result<Self, EnvError> {
        let mut envs = make(task, count)?;
        let mut observations = vec![0.0; count * (envs.observation_space().width())];
        envs.reset(0, first, &mut observations)?;
        let actions = vec![0.0; count * envs.action_space().width()];
        let numbers = std::array::from_fn(|_| vec![0.0; count]);
        Ok(Self { envs, actions, finals: observations.clone(), observations, numbers })
    }

    /// Random actions.
    fn choose(&mut self, step: u32) {
        let mut stream = Stream::new(0, Purpose::User, 0, step);
        for action in &mut self.actions {
            *action = match self.envs.action_space() {
                Space::Discrete { n } => stream.below(*n as u32) as f32,
                _ => stream.uniform() * 2.0 - 1.0,
            };
        }
    }

    fn finish(&mut self) -> Result<(), EnvError> {
        let [rewards, terminated, truncated] = &mut self.numbers;
        let (observations, final_observations) = (&mut self.observations, &mut self.finals);
        let out = StepBuffers { observations, rewards, terminated, truncated, final_observations };
        self.envs.finish_step(&self.actions, out)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, envs, workers, seconds, python @ ..] = &words[..] else {
        return Err("give TASK ENVS WORKERS SECONDS [PYTHON]".into());
    };
    let (num_envs, workers, seconds) = (envs.parse::<usize>()?, workers.parse()?, seconds.parse()?);
    let settings =
        GymSettings { workers, python: python.first().cloned().unwrap_or_default(), ..GymSettings::default() };
    let task = Task { name: name.clone(), settings, arguments: Params::default(), num_envs };
    let halves = num_envs / 2;
    for (what, counts) in [("one batch", vec![num_envs]), ("two halves", vec![num_envs - halves, halves])] {
        if counts.contains(&0) || counts.len() > workers {
            continue;
        }
        let mut first = 0;
        let mut rigs = Vec::new();
        for count in counts {
            rigs.push(Rig::new(&task, count, first)?);
            first += count as u32;
        }
        println!("{what}: {:.0} steps/s", measure(&mut rigs, num_envs, Duration::from_secs_f64(seconds))?);
    }
    Ok(())
}

/// Steps a second of all batches together, after a tenth of the time.
fn measure(rigs: &mut [Rig], num_envs: usize, time: Duration) -> Result<f64, EnvError> {
    let (mut step, mut begun, mut warm) = (0, Instant::now(), false);
    let mut counted = 0;
    loop {
        for rig in &mut *rigs {
            if step > 0 {
                rig.finish()?;
            }
            rig.choose(step);
            rig.envs.begin_step(&rig.actions)?;
        }
        step += 1;
        counted += num_envs;
        if !warm && begun.elapsed() > time / 10 {
            (begun, counted, warm) = (Instant::now(), 0, true);
        }
        if warm && begun.elapsed() > time {
            let rate = counted as f64 / begun.elapsed().as_secs_f64();
            rigs.iter_mut().try_for_each(Rig::finish)?;
            return Ok(rate);
        }
    }
}
