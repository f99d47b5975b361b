//! Whole PPO iterations of CartPole-v1 as `striatum train` runs them, and the time of each stage.

use super::clock::median;
use super::device::Device;
use super::kernels::flops;
use crate::commands::environments;
use anyhow::Result;
use std::time::{Duration, Instant};
use striatum_agent::NetworkSpec;
use striatum_train::config::{Config, DeviceChoice};
use striatum_train::engine::open_trainer;
use striatum_train::spec::network_spec;
use striatum_train::trainer::{Timing, Trainer};
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

/// Of both devices.
const SMALL: [Preset; 2] = [
    Preset { agents: 1, envs: 8, steps: 32, minibatches: 1, epochs: 20, width: 64, quick: true },
    Preset { agents: 1, envs: 128, steps: 32, minibatches: 8, epochs: 4, width: 64, quick: true },
];
/// Of the CPU alone, where a trainer has one agent.
const CPU: [Preset; 2] = [
    Preset { agents: 1, envs: 1024, steps: 128, minibatches: 16, epochs: 4, width: 64, quick: false },
    Preset { agents: 1, envs: 1024, steps: 128, minibatches: 16, epochs: 4, width: 256, quick: false },
];
/// Of a GPU alone.
const GPU: [Preset; 5] = [
    Preset { agents: 8, envs: 8, steps: 32, minibatches: 1, epochs: 4, width: 64, quick: true },
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
    fn update_flops(&self, spec: &NetworkSpec) -> f64 {
        spec.as_mlp().map_or(0.0, |mlp| flops(&mlp, (self.epochs * self.rows()) as f64).iter().sum())
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

/// Medians over iterations, in seconds. On a GPU stages are launched without waiting for them: there an iteration of one epoch tells
/// the epochs' part from the rest.
#[derive(Clone, Debug)]
pub struct Times {
    /// The whole iteration.
    pub whole: f64,
    /// The rollout; on a GPU with all else that is no epoch's.
    pub collect: f64,
    /// TD errors and advantages; nothing on a GPU.
    pub advantages: Option<f64>,
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
    let first = configs[0].clone();
    let make_envs = environments(&first);
    let probe = make_envs(1)?;
    let spec = network_spec(&configs[0], &*probe).map_err(TrainError::from)?;
    let (trainer, info) = open_trainer(configs, &make_envs)?;
    let measured = with_trainer!(trainer, trainer => Measured::new(trainer, preset.rows(), budget))?;
    let Timing { collect, advantages, update, total } = measured.timing;
    let mut times = Times {
        whole: total,
        collect,
        advantages: Some(advantages),
        update,
        gflops: 0.0,
        steps_per_second: preset.rows() as f64 / total,
        dispatches: None,
        engine: info.engine,
    };
    if let Some(all) = measured.dispatches {
        let once = Preset { epochs: 1, ..preset }.configs(device, threads);
        let (trainer, _) = open_trainer(once, &make_envs)?;
        let single = with_trainer!(trainer, trainer => Measured::new(trainer, preset.rows(), budget / 2))?;
        let epochs = preset.epochs as f64;
        times.update = (epochs / (epochs - 1.0) * (total - single.timing.total)).clamp(0.0, total);
        (times.collect, times.advantages) = (total - times.update, None);
        let others = others(all, preset.epochs as u64, single.dispatches.unwrap_or(0), single.order);
        times.dispatches = Some(Dispatches { all, others });
    }
    times.gflops = preset.update_flops(&spec) / times.update / 1e9;
    Ok(times)
}

/// Iterations of a trainer.
struct Measured {
    /// Medians.
    timing: Timing,
    /// Dispatches of an iteration, on a GPU.
    dispatches: Option<u64>,
    /// Those of an epoch's order.
    order: u64,
}

impl Measured {
    fn new<D: Device>(mut trainer: Trainer<D>, rows: usize, budget: Duration) -> Result<Self> {
        // The first one compiles and allocates.
        trainer.iterate()?;
        let before = trainer.learner().backend().dispatches();
        let begun = Instant::now();
        let mut timings = Vec::new();
        while timings.len() < 2 || begun.elapsed() < budget {
            trainer.iterate_towards(u64::MAX)?;
            timings.push(trainer.iteration(0)?.timing);
        }
        while trainer.is_ahead() {
            trainer.iterate()?;
            timings.push(trainer.iteration(0)?.timing);
        }
        let device = trainer.learner().backend();
        let after = device.dispatches();
        device.shuffle(&[[1, 2]], rows, &mut device.upload_indices(&vec![0; rows]));
        let shuffled = device.dispatches();
        let launched = |from: Option<u64>, to: Option<u64>| from.zip(to).map(|(from, to)| to - from);
        let middle = |of: fn(&Timing) -> f64| median(&mut timings.iter().map(of).collect::<Vec<f64>>());
        Ok(Self {
            timing: Timing {
                collect: middle(|timing| timing.collect),
                advantages: middle(|timing| timing.advantages),
                update: middle(|timing| timing.update),
                total: middle(|timing| timing.total),
            },
            dispatches: launched(before, after).map(|all| all / timings.len() as u64),
            order: launched(after, shuffled).unwrap_or(0),
        })
    }
}

/// The dispatches that are no minibatch's, if an iteration of so many epochs has `all`, one of a single epoch `single`, and each
/// epoch's order takes `order` of them.
fn others(all: u64, epochs: u64, single: u64, order: u64) -> u64 {
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
        assert_eq!(others(iteration(4), 4, iteration(1), 1), 9 + 4);
        assert_eq!(others(iteration(20), 20, iteration(1), 1), 9 + 20);
    }
}
