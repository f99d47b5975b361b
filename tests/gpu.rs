//! The fused engine on a GPU, from rollout to checkpoint: by itself, against the CPU, and through the binary.
//!
//! Without any adapter the tests are shown as ignored. libtest decides that when it compiles, hence a harness of our own.

mod common;

#[path = "gpu/agreement.rs"]
mod agreement;
#[path = "gpu/ahead.rs"]
mod ahead;
#[path = "gpu/command.rs"]
mod command;
#[path = "gpu/together.rs"]
mod together;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;
use striatum::envs::{VecEnv, make_with};
use striatum::kernels::{Cpu, Gpu, adapters};
use striatum::train::TrainError;
use striatum::train::checkpoint::{Array, Checkpoint, Data};
use striatum::train::config::{Config, DeviceChoice};
use striatum::train::engine::{AnyTrainer, open_trainer};
use striatum::train::trainer::Trainer;

/// A test's name and body, which panics where it fails.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let ignored = adapters().is_empty();
    let tests = [agreement::TESTS, ahead::TESTS, together::TESTS, command::TESTS].concat();
    let trial = |(name, body): Test| {
        let run = move || {
            body();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit_code()
}

/// Small and with everything on. 64 steps an iteration: the time limit of Pendulum, 200 steps, falls into the fourth.
const COMMON: &[&str] = &[
    "device=gpu",
    "engine=fused",
    "seed=7",
    "num_envs=8",
    "total_steps=4096",
    "network.hidden=[16,16]",
    "normalize.observations=true",
    "normalize.rewards=true",
];
const PPO: &[&str] = &[
    "ppo.num_steps=64",
    "ppo.minibatches=4",
    "ppo.epochs=2",
    "ppo.learning_rate=1e-3",
    "ppo.anneal_learning_rate=true",
    "ppo.anneal_clip=true",
    "ppo.value_clip=0.3",
];
const A2C: &[&str] = &[
    "algo=a2c",
    "a2c.num_steps=64",
    "a2c.anneal_learning_rate=true",
    "a2c.entropy_coef=0.01",
    "a2c.learning_rate=1e-3",
];
const DUAL: &[&str] = &["network.pathways=dual", "dopamine.kappa=0.3", "dopamine.sum_decay=0.01", "dopamine.tone=0.2"];
const HORIZONS: &[&str] = &["critic.horizons=6", "critic.shortest_horizon=2", "critic.longest_horizon=80"];
const QUANTILES: &[&str] = &["critic.kind=quantile", "critic.quantiles=10", "critic.huber=0.1", "ppo.value_clip=0"];
const TONIC: &[&str] = &[
    "dopamine.reward_centering=td",
    "dopamine.force_centering=true",
    "dopamine.tonic_gain=1",
    "dopamine.logit_decay=0.01",
];
/// Of `Bandit-v0`, which steps on the host.
const MASKED: &[&str] = &["env.closed=2", "env.steps=7"];
const GAUSSIAN: &[&str] = &["network.squash=false", "network.state_dependent_exploration=false"];
const SQUASHED: &[&str] = &["network.squash=true", "network.state_dependent_exploration=false"];
const STATE_DEPENDENT: &[&str] =
    &["network.squash=false", "network.state_dependent_exploration=true", "network.exploration_interval=5"];

/// A configuration for the GPU.
fn config(task: &str, sets: &[&[&str]]) -> Config {
    common::config(task, &[&[COMMON], sets].concat().concat())
}

fn open(configs: Vec<Config>) -> AnyTrainer {
    let Config { task, env, .. } = configs[0].clone();
    let make = |count| -> Result<Box<dyn VecEnv>, TrainError> { Ok(make_with(&task, count, &env)?) };
    open_trainer(configs, &make).unwrap_or_else(|error| panic!("{error}")).0
}

/// A trainer of several agents on the GPU.
fn gpu(configs: &[Config]) -> Trainer<Gpu> {
    match open(configs.to_vec()) {
        AnyTrainer::Gpu(trainer) => trainer,
        AnyTrainer::Cpu(_) => panic!("the GPU was asked for"),
    }
}

/// A trainer of the same agent on the CPU.
fn cpu(config: &Config) -> Trainer<Cpu> {
    match open(vec![Config { device: DeviceChoice::Cpu, ..config.clone() }]) {
        AnyTrainer::Cpu(trainer) => trainer,
        AnyTrainer::Gpu(_) => panic!("the CPU was asked for"),
    }
}

/// Fails unless both are the same but for the clock.
#[track_caller]
fn assert_same(name: &str, a: &Checkpoint, b: &Checkpoint) {
    assert!(a.tensors.keys().eq(b.tensors.keys()), "{name}: {:?} against {:?}", a.tensors.keys(), b.tensors.keys());
    for (key, array) in &a.tensors {
        assert!(*array == b.tensors[key], "{name}: tensor `{key}` differs");
    }
    assert_eq!((&a.counters, &a.config), (&b.counters, &b.config), "{name}");
    let timeless = |c: &Checkpoint| -> Vec<(String, u64)> {
        let numbers = c.numbers.iter().filter(|(key, _)| !key.ends_with("_seconds"));
        numbers.map(|(key, value)| (key.clone(), value.to_bits())).collect()
    };
    assert_eq!(timeless(a), timeless(b), "{name}");
}

/// The largest difference between the parameters of two checkpoints, relative to the largest one of each tensor and 0.01.
#[track_caller]
fn distance(a: &Checkpoint, b: &Checkpoint) -> f32 {
    let is_weight = |key: &str| {
        !["optimizer.", "normalizer.", "reward_scaler.", "envs.", "episodes."].iter().any(|p| key.starts_with(p))
    };
    let mut largest = 0.0_f32;
    for key in a.tensors.keys().filter(|key| is_weight(key)) {
        let [a, b] = [a, b].map(|c| numbers(&c.tensors[key]));
        let scale = a.iter().fold(0.01_f32, |m, x| m.max(x.abs()));
        assert_eq!(a.len(), b.len(), "{key}");
        largest = a.iter().zip(b).fold(largest, |m, (x, y)| m.max((x - y).abs() / scale));
    }
    largest
}

#[track_caller]
fn numbers(array: &Array) -> &[f32] {
    match &array.data {
        Data::F32(numbers) => numbers,
        _ => panic!("parameters are single precision"),
    }
}
