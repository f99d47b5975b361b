//! Short checks that agents learn, and that the policy that learns is the one that acted.

mod common;

use common::config;
use striatum::train::TrainError;
use striatum::train::config::Config;
use striatum::train::trainer::Trainer;
use striatum::{envs, kernels, train};

/// A trainer on the CPU for a built-in task.
fn trainer(config: &Config) -> Trainer<kernels::Cpu> {
    let (task, params) = (config.task.clone(), config.env.clone());
    let make = |count| -> Result<Box<dyn envs::VecEnv>, TrainError> { Ok(envs::make_with(&task, count, &params)?) };
    let probe = make(1).expect("a task");
    let spec = train::spec::network_spec(config, &*probe).expect("a network");
    match train::engine::open(config, &spec).expect("an engine").0 {
        train::engine::Engine::Cpu(learner) => Trainer::new(config.clone(), learner, &make).expect("a trainer"),
        train::engine::Engine::Gpu(_) => panic!("these tests ask for the CPU"),
    }
}

/// Trains until the last 100 episodes have the mean return 475; fails beyond the steps of the task's own settings.
#[track_caller]
fn solves_cartpole(sets: &[&str]) -> Trainer<kernels::Cpu> {
    let mut trainer = trainer(&config("CartPole-v1", &[sets, &["device=cpu"]].concat()));
    while trainer.sessions()[0].progress.solved_at_steps.is_none() {
        trainer.iterate().expect("an iteration");
        let session = &trainer.sessions()[0];
        assert!(session.progress.steps < session.config.total_steps, "{sets:?}: not solved");
    }
    trainer
}

#[test]
fn ppo_solves_cartpole() {
    let mut trainer = solves_cartpole(&[]);
    let (evaluation, _) = trainer.evaluate(0).expect("an evaluation");
    assert!(evaluation.mean_return >= 450.0, "{evaluation:?}");
}

#[test]
fn ppo_with_two_pathways_solves_cartpole() {
    solves_cartpole(&["network.pathways=dual", "dopamine.kappa=0.2", "dopamine.sum_decay=0.01"]);
}

#[test]
fn ppo_with_other_critics_solves_cartpole() {
    solves_cartpole(&["critic.horizons=8"]);
    solves_cartpole(&["critic.kind=quantile"]);
}

#[test]
fn a2c_makes_progress() {
    let mut trainer = trainer(&config("CartPole-v1", &["algo=a2c", "device=cpu", "total_steps=500000"]));
    let before = trainer.evaluate(0).expect("an evaluation").0.mean_return;
    while trainer.sessions()[0].progress.steps < 100_000 {
        trainer.iterate().expect("an iteration");
    }
    let after = trainer.evaluate(0).expect("an evaluation").0.mean_return;
    assert!(before < 100.0 && after > 150.0, "from {before} to {after}");
}

#[test]
fn ppo_makes_progress_with_continuous_actions() {
    let mut trainer = trainer(&config("Pendulum-v1", &["device=cpu"]));
    let before = trainer.evaluate(0).expect("an evaluation").0.mean_return;
    while trainer.sessions()[0].progress.steps < 60_000 {
        trainer.iterate().expect("an iteration");
    }
    let after = trainer.evaluate(0).expect("an evaluation").0.mean_return;
    assert!(after > before + 300.0, "from {before} to {after}");
}

/// Two of four arms are closed at a time: pulling the best one where it is open, and any other elsewhere, gives 1/2 on average, and chance
/// 0.35.
#[test]
fn ppo_learns_which_open_arm_is_best() {
    let sets = ["device=cpu", "env.closed=2", "network.pathways=dual", "eval.episodes=4000"];
    let mut trainer = trainer(&config("Bandit-v0", &sets));
    while trainer.sessions()[0].progress.steps < 30_000 {
        trainer.iterate().expect("an iteration");
    }
    let after = trainer.evaluate(0).expect("an evaluation").0.mean_return;
    assert!(after > 0.46, "{after}");
}

/// Without memory a suit of before is guessed, for -1/2 on average.
#[cfg(feature = "burn")]
#[test]
fn ppo_with_memory_remembers_a_card() {
    let mut trainer = trainer(&config("RepeatPrevious-v0", &["device=cpu", "env.k=2"]));
    while trainer.sessions()[0].progress.steps < 40_000 {
        trainer.iterate().expect("an iteration");
    }
    let after = trainer.evaluate(0).expect("an evaluation").0.mean_return;
    assert!(after > 0.4, "{after}");
}

/// Observations are choices, which the network sees one-hot.
#[test]
fn ppo_crosses_a_lake_that_is_not_slippery() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    let outcome =
        common::train("FrozenLake-v1 --device cpu --total-steps 40000 --set env.slippery=false --json", &run).ok();
    assert_eq!(outcome.json()["last_return"], 1.0, "{outcome:?}");
}

/// Before the first gradient step of an iteration the policy is the one that acted: every probability ratio is 1. A wrong tone,
/// normaliser, exploration matrix or squashing on either side would show here.
#[test]
fn the_first_ratio_is_1() {
    const GSDE: &str = "network.state_dependent_exploration=true";
    let single: &[&str] = &["network.pathways=single"];
    let dual: &[&str] =
        &["network.pathways=dual", "dopamine.tone=0.3", "dopamine.kappa=0.3", "dopamine.sum_decay=0.01"];
    let warm: &[&str] = &["dopamine.inverse_temperature=2.5"];
    let tonic: &[&str] = &["dopamine.tonic_gain=2", "dopamine.logit_decay=0.01"];
    for (task, policy) in [
        ("CartPole-v1", &[][..]),
        ("CartPole-v1", warm),
        ("CartPole-v1", tonic),
        ("Acrobot-v1", &["network.shared_trunk=true"]),
        ("Pendulum-v1", &["network.squash=false", "network.state_dependent_exploration=false"]),
        ("Pendulum-v1", &["network.squash=true", "network.state_dependent_exploration=false"]),
        ("Pendulum-v1", &["network.squash=false", GSDE]),
        ("Pendulum-v1", &["network.squash=false", GSDE, "network.exploration_interval=4"]),
        ("MountainCarContinuous-v0", &["network.squash=true", GSDE, "network.shared_trunk=true"]),
        ("Bandit-v0", &["env.closed=2", "env.steps=7"]),
        #[cfg(feature = "burn")]
        ("Bandit-v0", &["env.closed=2", "env.steps=7", "network.memory=gru", "network.memory_width=16"]),
        #[cfg(feature = "burn")]
        ("CartPoleNoVel-v1", &["network.memory=lstm", "network.memory_width=16", "ppo.sequence_length=16"]),
        #[cfg(feature = "burn")]
        ("CartPoleNoVel-v1", &["network.memory=mingru", "network.memory_width=16", "network.shared_trunk=true"]),
    ] {
        for pathways in [single, dual] {
            let common = [
                "device=cpu",
                "num_envs=8",
                "ppo.num_steps=64",
                "ppo.minibatches=4",
                "ppo.learning_rate=3e-3",
                "normalize.observations=true",
                "normalize.rewards=true",
            ];
            let sets = [&common, policy, pathways].concat();
            let mut trainer = trainer(&config(task, &sets));
            for iteration in 0..5 {
                trainer.iterate().expect("an iteration");
                let update = trainer.iteration(0).expect("a finite gradient").update;
                let deviation = update.first_ratio_deviation;
                assert!(deviation < 1e-5, "{task} {sets:?}: ratio off by {deviation} in iteration {iteration}");
                assert!(update.optimizer_steps >= 4, "{task} {sets:?}: {} optimiser steps", update.optimizer_steps);
                let drift = update.loss.ratio_deviation;
                assert!(drift > 1e-4, "{task} {sets:?}: the policy did not move ({drift})");
            }
        }
    }
}
