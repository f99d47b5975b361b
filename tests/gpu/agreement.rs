//! One agent: resumed bit for bit, learning with the policy that acted, and near the CPU's.

use crate::{
    A2C, DUAL, GAUSSIAN, HORIZONS, MASKED, PPO, QUANTILES, SQUASHED, STATE_DEPENDENT, TONIC, Test, assert_same, config,
    cpu, distance, gpu,
};
use std::slice::from_ref;
use striatum::kernels::Backend;
use striatum::train::checkpoint::Checkpoint;
use striatum::train::trainer::Trainer;

pub const TESTS: &[Test] = &[
    ("ppo_is_resumed_bit_for_bit", ppo_resumed),
    ("a2c_is_resumed_bit_for_bit", a2c_resumed),
    ("the_first_ratio_is_1", first_ratio),
    ("weights_stay_near_the_cpus", near_the_cpu),
    ("a_run_changes_devices_both_ways", changes_devices),
];

const TARGET_KL: &[&str] = &["ppo.target_kl=3e-5"];
const ADAM: &[&str] = &["a2c.optimizer=adam", "network.shared_trunk=true"];

fn iterate<B: Backend>(trainer: &mut Trainer<B>, iterations: usize) -> Checkpoint {
    for _ in 0..iterations {
        trainer.iterate().expect("an iteration");
        trainer.iteration(0).expect("finite gradients");
    }
    trainer.checkpoint(0).expect("a checkpoint")
}

fn ppo_resumed() {
    resumed("CartPole-v1", &[PPO, DUAL]);
    resumed("Pendulum-v1", &[PPO, HORIZONS]);
    resumed("CartPole-v1", &[PPO, DUAL, QUANTILES, &["critic.opponent=true"]]);
    resumed("Bandit-v0", &[PPO, DUAL, MASKED]);
    let end = resumed("CartPole-v1", &[PPO, DUAL, TONIC]);
    assert!(end.numbers["tonic.fast"] != end.numbers["tonic.slow"] && end.numbers["tonic.average_reward"] != 0.0);
    let end = resumed("Pendulum-v1", &[PPO, STATE_DEPENDENT, TARGET_KL]);
    assert!(end.counters["optimizer_steps"] < 5 * 8, "the KL limit stops nothing: {:?}", end.counters);
}

fn a2c_resumed() {
    resumed("Acrobot-v1", &[A2C, ADAM]);
    resumed("Pendulum-v1", &[A2C, SQUASHED]);
    resumed("Pendulum-v1", &[A2C, &["critic.kind=expectile", "a2c.gae_lambda=0.9"]]);
}

/// Five iterations at once; the same with a new trainer after the second one.
#[track_caller]
fn resumed(task: &str, sets: &[&[&str]]) -> Checkpoint {
    let config = config(task, sets);
    let mut straight = gpu(from_ref(&config));
    let half = iterate(&mut straight, 2);
    let whole = iterate(&mut straight, 3);
    assert!(whole.counters["steps"] == 5 * 512 && whole.counters["optimizer_steps"] > half.counters["optimizer_steps"]);
    assert!(task == "Acrobot-v1" || whole.counters["episodes"] > 0, "{task}: no episode ended");
    assert!(whole.tensors.contains_key("normalizer.mean") && whole.tensors.contains_key("reward_scaler.returns"));

    let mut resumed = gpu(from_ref(&config));
    resumed.restore(0, &half).expect("a checkpoint of the same shape");
    assert_same(task, &half, &resumed.checkpoint(0).expect("a checkpoint"));
    assert_same(task, &whole, &iterate(&mut resumed, 3));
    whole
}

/// The shader that samples and the one that learns compute one density.
fn first_ratio() {
    let warm: &[&str] = &["dopamine.inverse_temperature=2.5"];
    let shared: &[&str] = &["network.shared_trunk=true"];
    let squashed_noise: &[&str] = &["network.squash=true", "network.state_dependent_exploration=true"];
    for (task, sets) in [
        ("CartPole-v1", [PPO, &[], warm]),
        ("CartPole-v1", [PPO, DUAL, TONIC]),
        ("Acrobot-v1", [PPO, DUAL, shared]),
        ("Pendulum-v1", [PPO, GAUSSIAN, &[]]),
        ("Pendulum-v1", [PPO, SQUASHED, DUAL]),
        ("Pendulum-v1", [PPO, STATE_DEPENDENT, &[]]),
        ("MountainCarContinuous-v0", [PPO, squashed_noise, DUAL]),
    ] {
        let mut trainer = gpu(from_ref(&config(task, &sets)));
        for iteration in 0..3 {
            trainer.iterate().expect("an iteration");
            let update = trainer.iteration(0).expect("finite gradients").update;
            let deviation = update.first_ratio_deviation;
            assert!(deviation < 1e-4, "{task} {sets:?}: ratio off by {deviation} in iteration {iteration}");
            let drift = update.loss.ratio_deviation;
            assert!(drift > 1e-3, "{task} {sets:?}: the policy did not move ({drift})");
        }
    }
}

/// How far parameters may be apart after two iterations, relative to the largest of their tensor. Sums have other orders and functions
/// other last bits on each device, which Adam magnifies where a gradient is almost 0: 7e-6 was seen on a software adapter.
const NEAR: f32 = 1e-4;

/// Two iterations on either device. A discount that is off by a hundredth, or anything else of that size, would be seen.
fn near_the_cpu() {
    let plain: &[&str] = &["normalize.observations=false", "normalize.rewards=false", "num_envs=5"];
    let linear: &[&str] = &["network.hidden=[]", "num_envs=3", "a2c.normalize_advantages=true"];
    for (task, sets) in [
        ("CartPole-v1", [PPO, DUAL]),
        ("CartPole-v1", [PPO, TONIC]),
        ("Acrobot-v1", [A2C, TONIC]),
        ("MountainCar-v0", [PPO, plain]),
        ("Pendulum-v1", [PPO, SQUASHED]),
        ("Pendulum-v1", [PPO, HORIZONS]),
        ("Pendulum-v1", [A2C, STATE_DEPENDENT]),
        ("CartPole-v1", [A2C, HORIZONS]),
        ("Pendulum-v1", [PPO, QUANTILES]),
        ("CartPole-v1", [A2C, &["critic.kind=expectile", "critic.quantiles=5"]]),
        ("CartPole-v1", [A2C, linear]),
        ("Bandit-v0", [PPO, MASKED]),
    ] {
        let config = config(task, &sets);
        let mut other = config.clone();
        (other.ppo.gamma, other.a2c.gamma) = (0.99 * config.ppo.gamma, 0.99 * config.a2c.gamma);
        let [on_cpu, off] = [&config, &other].map(|config| iterate(&mut cpu(config), 2));
        let on_gpu = iterate(&mut gpu(from_ref(&config)), 2);
        let (apart, noise) = (distance(&on_cpu, &on_gpu), distance(&on_cpu, &off));
        assert!(apart < NEAR, "{task} {sets:?}: weights are {apart} apart");
        assert!(noise > 5.0 * NEAR, "{task} {sets:?}: another discount is only {noise} apart");
        assert_eq!(on_cpu.counters, on_gpu.counters, "{task} {sets:?}");
        assert!(on_cpu.tensors.keys().eq(on_gpu.tensors.keys()), "{task} {sets:?}");
    }
}

/// What one device saved is taken on by the other one, as if it were its own.
fn changes_devices() {
    for (task, sets) in [("CartPole-v1", [PPO, DUAL]), ("Pendulum-v1", [A2C, STATE_DEPENDENT])] {
        let config = config(task, &sets);
        let (mut gpu, mut cpu) = (gpu(from_ref(&config)), cpu(&config));
        let mut saved = iterate(&mut gpu, 2);
        for to in ["CPU", "GPU"] {
            let restored = if to == "CPU" { cpu.restore(0, &saved) } else { gpu.restore(0, &saved) };
            restored.expect("a checkpoint of the same shape");
            let (a, b) = (iterate(&mut gpu, 2), iterate(&mut cpu, 2));
            let apart = distance(&a, &b);
            assert!(apart < NEAR && distance(&a, &saved) > 5.0 * NEAR, "{task} {sets:?} to the {to}: {apart} apart");
            assert_eq!(a.counters, b.counters, "{task} {sets:?} to the {to}");
            saved = b;
        }
    }
}
