//! Steps of the built-in tasks.

use super::super::data::{number, word};
use super::{Cost, Entry, Expected, Kernel, Make, Outputs};
use anyhow::Result;
use striatum_envs::{Env, Purpose, Space, StepBuffers, Stream, VecEnv, make, make_one, tasks};
use striatum_kernels::Cpu;

const SEED: u64 = 11;

/// Steps after which a batch is compared: beyond the time limit of most tasks.
const CHECK_STEPS: usize = 600;

pub fn entry() -> Entry<Cpu> {
    let at = |task: &'static str, envs, steps| -> Make<Cpu> {
        Box::new(move |_| Ok(Box::new(EnvStep::new(task, envs, steps)?)))
    };
    let names = || tasks().iter().map(|task| task.name);
    Entry {
        name: "env_step",
        tolerance: 0.0,
        checks: names().map(|task| at(task, 5, CHECK_STEPS)).collect(),
        small: names().map(|task| at(task, 128, 1)).collect(),
        large: names().map(|task| at(task, 8192, 1)).collect(),
    }
}

/// A batch, which a launch steps so many times.
struct EnvStep {
    task: &'static str,
    envs: Box<dyn VecEnv>,
    steps: usize,
    taken: usize,
    actions: Vec<f32>,
    observations: Vec<f32>,
    final_observations: Vec<f32>,
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
}

/// A number of an action at a step.
fn action(space: &Space, step: usize, index: usize) -> f32 {
    match space {
        Space::Box { low, high } => {
            let (low, high) = (low[index % low.len()], high[index % high.len()]);
            low + (high - low) * (number(index, step as u32) + 0.5)
        }
        Space::Image { .. } => number(index, step as u32),
        Space::Discrete { n } => (word(index, step as u32) as usize % n) as f32,
        Space::MultiDiscrete { nvec } => (word(index, step as u32) as usize % nvec[index % nvec.len()]) as f32,
        Space::MultiBinary { .. } => (word(index, step as u32) % 2) as f32,
    }
}

impl EnvStep {
    fn new(task: &'static str, count: usize, steps: usize) -> Result<Self> {
        let mut envs = make(task, count)?;
        let width = count * envs.observation_space().width();
        let mut observations = vec![0.0; width];
        envs.reset(SEED, 0, &mut observations)?;
        Ok(Self {
            task,
            steps,
            taken: 0,
            actions: (0..count * envs.action_space().width()).map(|i| action(envs.action_space(), 0, i)).collect(),
            observations,
            final_observations: vec![0.0; width],
            rewards: vec![0.0; count],
            terminated: vec![0.0; count],
            truncated: vec![0.0; count],
            envs,
        })
    }
}

impl Kernel<Cpu> for EnvStep {
    fn shape(&self) -> String {
        format!("{}, {}", self.task, self.envs.num_envs())
    }

    fn cost(&self) -> Cost {
        Cost { items: (self.envs.num_envs() * self.steps) as f64, flops: None, bytes: None }
    }

    fn launch(&mut self, _: &Cpu) -> Result<()> {
        for _ in 0..self.steps {
            // Timed steps all take the first actions: drawing them is no part of a step.
            if self.steps > 1 {
                let space = self.envs.action_space();
                let step = self.taken;
                self.actions.iter_mut().enumerate().for_each(|(i, a)| *a = action(space, step, i));
            }
            let out = StepBuffers {
                observations: &mut self.observations,
                rewards: &mut self.rewards,
                terminated: &mut self.terminated,
                truncated: &mut self.truncated,
                final_observations: &mut self.final_observations,
            };
            self.envs.step(&self.actions, out)?;
            self.taken += 1;
        }
        Ok(())
    }

    fn outputs(&self, _: &Cpu) -> Result<Outputs> {
        Ok(vec![
            ("observations", self.observations.clone()),
            ("rewards", self.rewards.clone()),
            ("terminated", self.terminated.clone()),
            ("truncated", self.truncated.clone()),
        ])
    }

    /// The same by environments on their own, each reset by hand.
    fn expected(&self, _: &Cpu) -> Result<Expected> {
        let mut expected = vec![Vec::new(); 4];
        for index in 0..self.envs.num_envs() {
            let (observation, last) = alone(&mut *make_one(self.task)?, index, self.steps);
            expected[0].extend(observation.iter().map(|&x| f64::from(x)));
            expected[1..].iter_mut().zip(last).for_each(|(column, x)| column.push(f64::from(x)));
        }
        Ok(expected)
    }
}

/// One environment's observation after so many steps, and reward, `terminated` and `truncated` of the last one.
fn alone(env: &mut dyn Env, index: usize, steps: usize) -> (Vec<f32>, [f32; 3]) {
    let (space, limit) = (env.action_space(), env.time_limit());
    let (mut episode, mut age) = (0, 0);
    let mut observation = vec![0.0; env.observation_space().width()];
    let mut last = [0.0; 3];
    env.reset(&mut Stream::new(SEED, Purpose::Reset, index as u32, episode), &mut observation);
    for t in 0..steps {
        let width = space.width();
        let action: Vec<f32> = (0..width).map(|i| action(&space, t, index * width + i)).collect();
        let mut rng = Stream::new(SEED, Purpose::Dynamics, index as u32, t as u32);
        let step = env.step(&action, &mut rng, &mut observation);
        age += 1;
        let truncated = !step.terminated && (step.truncated || limit.is_some_and(|limit| age >= limit));
        last = [step.reward, f32::from(u8::from(step.terminated)), f32::from(u8::from(truncated))];
        if step.terminated || truncated {
            (episode, age) = (episode + 1, 0);
            env.reset(&mut Stream::new(SEED, Purpose::Reset, index as u32, episode), &mut observation);
        }
    }
    (observation, last)
}
