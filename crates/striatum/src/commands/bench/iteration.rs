//! Whole PPO iterations of CartPole-v1 as `striatum train` runs them, and the time of each stage.

use super::clock::median;
use super::device::Device;
use super::kernels::flops;
use crate::commands::builtin;
use anyhow::Result;
use std::time::{Duration, Instant};
use striatum_agent::Learner;
use striatum_kernels::MlpSpec;
use striatum_train::config::{Config, DeviceChoice};
use striatum_train::spec::network_spec;
use striatum_train::trainer::Trainer;
use striatum_train::{TrainError, engine, with_learner};

/// The task.
pub const TASK: &str = "CartPole-v1";

/// Settings of an iteration.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// N.
    pub envs: usize,
    /// T.
    pub steps: usize,
    /// Minibatches of an epoch.
    pub minibatches: usize,
    /// Epochs.
    pub epochs: usize,
    /// Width of the two hidden layers of each of the two networks.
    pub width: usize,
    /// Whether it is short enough for `--quick`.
    pub quick: bool,
}

/// What is timed.
pub const PRESETS: [Preset; 4] = [
    Preset { envs: 8, steps: 32, minibatches: 1, epochs: 20, width: 64, quick: true },
    Preset { envs: 128, steps: 32, minibatches: 8, epochs: 4, width: 64, quick: true },
    Preset { envs: 1024, steps: 128, minibatches: 16, epochs: 4, width: 64, quick: false },
    Preset { envs: 1024, steps: 128, minibatches: 16, epochs: 4, width: 256, quick: false },
];

impl Preset {
    /// The setting, for people.
    pub fn name(&self) -> String {
        let Self { envs, steps, minibatches, epochs, width, .. } = self;
        format!("{envs}x{steps}, {minibatches} x {epochs}, {width}-{width}")
    }

    fn config(&self, device: DeviceChoice, threads: usize) -> Config {
        let mut config = Config { task: TASK.to_owned(), device, threads, ..Config::default() };
        config.num_envs = self.envs;
        config.total_steps = 1 << 50;
        config.ppo.num_steps = self.steps;
        config.ppo.minibatches = self.minibatches;
        config.ppo.epochs = self.epochs;
        config.ppo.learning_rate = 2.5e-4;
        config.network.hidden = vec![self.width; 2];
        config
    }

    /// Operations of the update alone.
    fn update_flops(&self, spec: &MlpSpec) -> f64 {
        flops(spec, (self.epochs * self.steps * self.envs) as f64).iter().sum()
    }
}

/// Medians over iterations, in seconds.
#[derive(Clone, Debug)]
pub struct Times {
    /// The whole iteration.
    pub whole: f64,
    /// The rollout.
    pub collect: f64,
    /// Bootstrap values, TD errors and advantages.
    pub advantages: f64,
    /// Every epoch and minibatch.
    pub update: f64,
    /// GFLOP/s of the update.
    pub gflops: f64,
    /// Environment steps a second.
    pub steps_per_second: f64,
    /// Dispatches of an iteration, on a GPU.
    pub dispatches: Option<u64>,
    /// `fused` or `burn`.
    pub engine: &'static str,
}

/// Times iterations for about `budget`.
///
/// # Errors
/// If the engine cannot be opened, or training fails.
pub fn time(preset: &Preset, device: DeviceChoice, threads: usize, budget: Duration) -> Result<Times> {
    let config = preset.config(device, threads);
    config.validate().map_err(TrainError::from)?;
    let make_envs = builtin(TASK);
    let probe = make_envs(1)?;
    let spec = network_spec(&config, probe.observation_space(), probe.action_space()).map_err(TrainError::from)?;
    let (learner, info) = engine::open(&config, &spec)?;
    let mut times = with_learner!(learner, learner => stages(Trainer::new(config, learner, &make_envs)?, budget))?;
    times.gflops = preset.update_flops(&spec) / times.update / 1e9;
    times.steps_per_second = (preset.steps * preset.envs) as f64 / times.whole;
    times.engine = info.engine;
    Ok(times)
}

fn stages<D: Device>(mut trainer: Trainer<D>, budget: Duration) -> Result<Times> {
    let dispatches = |learner: &Learner<D>| learner.backend().dispatches();
    // The first one compiles and allocates.
    trainer.iterate()?;
    let before = dispatches(trainer.learner());
    let begun = Instant::now();
    let mut columns: [Vec<f64>; 4] = Default::default();
    while columns[0].len() < 2 || begun.elapsed() < budget {
        let start = Instant::now();
        let timing = trainer.iterate()?.timing;
        let row = [start.elapsed().as_secs_f64(), timing.collect, timing.advantages, timing.update];
        columns.iter_mut().zip(row).for_each(|(column, seconds)| column.push(seconds));
    }
    let after = dispatches(trainer.learner());
    let iterations = columns[0].len() as u64;
    let [whole, collect, advantages, update] = columns.map(|mut column| median(&mut column));
    Ok(Times {
        whole,
        collect,
        advantages,
        update,
        gflops: 0.0,
        steps_per_second: 0.0,
        dispatches: before.zip(after).map(|(before, after)| (after - before) / iterations),
        engine: "",
    })
}
