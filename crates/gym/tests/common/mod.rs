//! What the tests share: tasks, and plain buffers to step them with.

use std::path::PathBuf;
use std::process::Command;
use striatum_envs::{EnvError, Params, StepBuffers, VecEnv};
use striatum_gym::{GymEnvs, GymSettings, Task, make};

/// The Python of the tests.
pub fn python() -> PathBuf {
    std::env::var_os("STRIATUM_PYTHON").unwrap_or_else(|| "python3".into()).into()
}

/// Whether it has Gymnasium.
pub fn has_gymnasium() -> bool {
    has_modules("gymnasium")
}

/// Whether it has these modules.
pub fn has_modules(names: &str) -> bool {
    let found = Command::new(python()).args(["-c", &format!("import {names}")]).output();
    found.is_ok_and(|output| output.status.success())
}

/// One of the tasks of `tests/python/tasks.py`.
pub fn task(name: &str, num_envs: usize, workers: usize) -> Task {
    let settings = GymSettings {
        python: python().display().to_string(),
        workers,
        imports: vec!["tests.python.tasks".to_owned()],
        ..GymSettings::default()
    };
    Task { name: format!("gym:Test/{name}-v0"), settings, arguments: Params::default(), num_envs }
}

/// A batch with what it gave last.
pub struct Rig {
    pub envs: GymEnvs,
    pub observations: Vec<f32>,
    pub rewards: Vec<f32>,
    pub terminated: Vec<f32>,
    pub truncated: Vec<f32>,
    pub finals: Vec<f32>,
}

impl Rig {
    /// All of a task's environments, reset with a seed.
    pub fn new(task: &Task, seed: u64) -> Self {
        Self::open(task, seed).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn open(task: &Task, seed: u64) -> Result<Self, EnvError> {
        let envs = make(task, task.num_envs)?;
        let (n, width) = (task.num_envs, envs.observation_space().width());
        let numbers = || vec![0.0; n];
        let (observations, finals) = (vec![0.0; n * width], vec![0.0; n * width]);
        let mut rig =
            Self { envs, observations, rewards: numbers(), terminated: numbers(), truncated: numbers(), finals };
        rig.envs.reset(seed, 0, &mut rig.observations)?;
        Ok(rig)
    }

    pub fn step(&mut self, actions: &[f32]) -> Result<(), EnvError> {
        let (envs, out) = self.split();
        envs.step(actions, out)
    }

    /// Environments and buffers apart.
    pub fn split(&mut self) -> (&mut GymEnvs, StepBuffers<'_>) {
        let out = StepBuffers {
            observations: &mut self.observations,
            rewards: &mut self.rewards,
            terminated: &mut self.terminated,
            truncated: &mut self.truncated,
            final_observations: &mut self.finals,
        };
        (&mut self.envs, out)
    }
}
