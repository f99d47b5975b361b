//! Whole PPO iterations of CartPole-v1 as `striatum train` runs them, and the time of each stage.

use super::clock::median;
use super::device::Device;
use super::kernels::flops;
use crate::commands::builtin;
use anyhow::Result;
use std::time::{Duration, Instant};
use striatum_kernels::MlpSpec;
use striatum_train::config::{Config, DeviceChoice};
use striatum_train::engine::open_trainer;
use striatum_train::spec::network_spec;
use striatum_train::trainer::Trainer;
use striatum_train::{TrainError, with_trainer};

/// The task.
pub const TASK: &str = "CartPole-v1";

/// Settings of an iteration.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// A, which differ in their seed.
    pub agents: usize,
    /// N of each.
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

/// Of the CPU, and of a GPU.
const SMALL: [Preset; 2] = [
    Preset { agents: 1, envs: 8, steps: 32, minibatches: 1, epochs: 20, width: 64, quick: true },
    Preset { agents: 1, envs: 128, steps: 32, minibatches: 8, epochs: 4, width: 64, quick: true },
];
const CPU: [Preset; 2] = [
    Preset { agents: 1, envs: 1024, steps: 128, minibatches: 16, epochs: 4, width: 64, quick: false },
    Preset { agents: 1, envs: 1024, steps: 128, minibatches: 16, epochs: 4, width: 256, quick: false },
];
const GPU: [Preset; 4] = [
    Preset { agents: 1, envs: 4096, steps: 128, minibatches: 4, epochs: 4, width: 64, quick: false },
    Preset { agents: 1, envs: 4096, steps: 128, minibatches: 4, epochs: 4, width: 256, quick: false },
    Preset { agents: 1, envs: 32_768, steps: 128, minibatches: 4, epochs: 4, width: 64, quick: false },
    Preset { agents: 64, envs: 512, steps: 128, minibatches: 4, epochs: 4, width: 64, quick: false },
];

/// What is timed.
pub fn presets(gpu: bool, quick: bool) -> impl Iterator<Item = Preset> {
    let own = if gpu { GPU.iter() } else { CPU.iter() };
    SMALL.iter().chain(own).filter(move |preset| preset.quick || !quick).copied()
}

impl Preset {
    /// The setting, for people.
    pub fn name(&self) -> String {
        let Self { envs, steps, minibatches, epochs, width, .. } = self;
        let agents = if self.agents > 1 { format!("{} x ", self.agents) } else { String::new() };
        format!("{agents}{envs}x{steps}, {minibatches} x {epochs}, {width}-{width}")
    }

    /// Environment steps of an iteration, of all agents.
    pub fn rows(&self) -> usize {
        self.agents * self.steps * self.envs
    }

    fn configs(&self, device: DeviceChoice, threads: usize) -> Vec<Config> {
        let config = self.config(device, threads);
        (1..).map(|seed| Config { seed, ..config.clone() }).take(self.agents).collect()
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
        flops(spec, (self.epochs * self.rows()) as f64).iter().sum()
    }
}

/// Dispatches of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatches {
    /// All of them.
    pub all: u64,
    /// Those that are no minibatch's: rollout, advantages, every epoch's order, and what is reported.
    pub others: u64,
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
    pub dispatches: Option<Dispatches>,
    /// `fused` or `burn`.
    pub engine: &'static str,
}

/// Times iterations for about `budget`.
///
/// # Errors
/// If the engine cannot be opened, or training fails.
pub fn time(preset: Preset, device: DeviceChoice, threads: usize, budget: Duration) -> Result<Times> {
    let configs = preset.configs(device, threads);
    configs[0].validate().map_err(TrainError::from)?;
    let make_envs = builtin(TASK);
    let probe = make_envs(1)?;
    let spec = network_spec(&configs[0], probe.observation_space(), probe.action_space()).map_err(TrainError::from)?;
    let (trainer, info) = open_trainer(configs, &make_envs)?;
    let mut times = with_trainer!(trainer, trainer => stages(trainer, &preset, budget))?;
    if let Some(dispatches) = &mut times.dispatches {
        // The same with one epoch alone tells an epoch's dispatches from the rest.
        let once = Preset { epochs: 1, ..preset }.configs(device, threads);
        let (trainer, _) = open_trainer(once, &make_envs)?;
        let single = with_trainer!(trainer, trainer => single_epoch(trainer, preset.rows()))?;
        dispatches.others = others(dispatches.all, preset.epochs as u64, single);
    }
    times.gflops = preset.update_flops(&spec) / times.update / 1e9;
    times.engine = info.engine;
    Ok(times)
}

fn stages<D: Device>(mut trainer: Trainer<D>, preset: &Preset, budget: Duration) -> Result<Times> {
    // The first one compiles and allocates.
    trainer.iterate()?;
    let before = trainer.learner().backend().dispatches();
    let begun = Instant::now();
    let mut columns: [Vec<f64>; 4] = Default::default();
    while columns[0].len() < 2 || begun.elapsed() < budget {
        trainer.iterate()?;
        let timing = trainer.iteration(0)?.timing;
        let row = [timing.total, timing.collect, timing.advantages, timing.update];
        columns.iter_mut().zip(row).for_each(|(column, seconds)| column.push(seconds));
    }
    let after = trainer.learner().backend().dispatches();
    let iterations = columns[0].len() as u64;
    let [whole, collect, advantages, update] = columns.map(|mut column| median(&mut column));
    let dispatches = before.zip(after).map(|(before, after)| (after - before) / iterations);
    Ok(Times {
        whole,
        collect,
        advantages,
        update,
        gflops: 0.0,
        steps_per_second: preset.rows() as f64 / whole,
        dispatches: dispatches.map(|all| Dispatches { all, others: all }),
        engine: "",
    })
}

/// Dispatches of an iteration of one epoch, and of the epoch's order of so many rows alone.
fn single_epoch<D: Device>(mut trainer: Trainer<D>, rows: usize) -> Result<[u64; 2]> {
    let count = |trainer: &mut Trainer<D>| trainer.learner().backend().dispatches().unwrap_or(0);
    let begun = count(&mut trainer);
    trainer.iterate()?;
    let iterated = count(&mut trainer);
    let device = trainer.learner().backend();
    device.shuffle(&[[1, 2]], rows, &mut device.upload_indices(&vec![0; rows]));
    Ok([iterated - begun, count(&mut trainer) - iterated])
}

/// The dispatches that are no minibatch's, if an iteration of so many epochs has `all`, one of a single epoch `single`, and each
/// epoch's order takes `order` of them.
fn others(all: u64, epochs: u64, [single, order]: [u64; 2]) -> u64 {
    let epoch = (all - single) / (epochs - 1).max(1);
    single - epoch + epochs * order
}

#[cfg(test)]
mod tests {
    use super::others;

    #[test]
    fn dispatches_of_minibatches_are_told_from_others() {
        // 9 once an iteration, 1 an epoch, 7 for each of an epoch's 3 minibatches.
        let iteration = |epochs: u64| 9 + epochs * (1 + 3 * 7);
        assert_eq!(others(iteration(4), 4, [iteration(1), 1]), 9 + 4);
        assert_eq!(others(iteration(20), 20, [iteration(1), 1]), 9 + 20);
    }
}
