//! Vector environments: whatever their autoreset mode, the transitions are the same.

use crate::Test;
use crate::common::{Rig, python, task};
use std::process::Command;
use striatum_envs::{EnvError, Params, VecEnv};
use striatum_gym::{Autoreset, Task, Vectorization, describe};

pub const TESTS: &[Test] = &[
    ("autoreset_modes_give_the_same_transitions", autoreset_modes_give_the_same_transitions),
    ("a_tasks_own_vector_environment_is_taken", a_tasks_own_vector_environment_is_taken),
    ("vector_environments_step_together_only", vector_environments_step_together_only),
    ("envpool_steps_its_own_environments", envpool_steps_its_own_environments),
];

/// What one environment went through in a step.
#[derive(Clone, Debug, PartialEq)]
struct Transition {
    observation: Vec<f32>,
    action: f32,
    reward: f32,
    terminated: f32,
    truncated: f32,
    /// The observation after the step: the last one of an episode that has ended.
    next: Vec<f32>,
    lives: u32,
}

/// The transitions of each environment in so many steps. What is done depends on what is seen alone.
fn transitions(rig: &mut Rig, steps: usize) -> Vec<Vec<Transition>> {
    let n = rig.envs.num_envs();
    let width = rig.observations.len() / n;
    let mut all = vec![Vec::new(); n];
    for _ in 0..steps {
        let before = rig.observations.clone();
        let actions: Vec<f32> =
            before.chunks(width).map(|row| (row[0] as u32 + row.len() as u32 + row[2] as u32) as f32 % 2.0).collect();
        rig.step(&actions).unwrap();
        let counts = rig.envs.account().map_or(vec![1.0; n], |account| account.counts.to_vec());
        for env in (0..n).filter(|&env| counts[env] > 0.0) {
            let row = env * width..(env + 1) * width;
            let ends = rig.terminated[env] + rig.truncated[env] > 0.0;
            all[env].push(Transition {
                observation: before[row.clone()].to_vec(),
                action: actions[env],
                reward: rig.rewards[env],
                terminated: rig.terminated[env],
                truncated: rig.truncated[env],
                next: if ends { &rig.finals } else { &rig.observations }[row].to_vec(),
                lives: if ends { 0 } else { rig.envs.lives().unwrap()[env] },
            });
        }
    }
    all
}

fn clock(vectorization: Vectorization, autoreset: Autoreset) -> Task {
    let mut task = task("Clock", 3, 2);
    (task.settings.vectorization, task.settings.autoreset) = (vectorization, autoreset);
    task
}

fn autoreset_modes_give_the_same_transitions() {
    let plain = transitions(&mut Rig::new(&clock(Vectorization::None, Autoreset::Default), 0), 60);
    let ends: Vec<_> = plain[0].iter().filter(|t| t.terminated + t.truncated > 0.0).collect();
    assert!(ends.len() > 10 && ends.iter().any(|t| t.terminated > 0.0) && ends.iter().any(|t| t.truncated > 0.0));
    // Environments that were made to be looked at had their first episode then.
    let from = |all: &[Transition], episode: f32| -> Vec<Transition> {
        all.iter().filter(|t| t.observation[0] >= episode).take(40).cloned().collect()
    };
    for vectorization in [Vectorization::Sync, Vectorization::Async] {
        for autoreset in [Autoreset::Default, Autoreset::NextStep, Autoreset::SameStep, Autoreset::Disabled] {
            let mut rig = Rig::new(&clock(vectorization, autoreset), 0);
            let skips = matches!(autoreset, Autoreset::Default | Autoreset::NextStep);
            assert_eq!(rig.envs.account().is_some(), skips);
            for (env, (own, plain)) in transitions(&mut rig, 60).iter().zip(&plain).enumerate() {
                let (own, plain) = (from(own, 1.0), from(plain, 1.0));
                assert!(own.len() >= 35, "{}", own.len());
                assert_eq!(own[..], plain[..own.len()], "{vectorization:?} {autoreset:?} {env}");
            }
        }
    }
}

fn a_tasks_own_vector_environment_is_taken() {
    let mut own = task("Counter", 4, 2);
    own.name = "gym:CartPole-v1".to_owned();
    own.settings.vectorization = Vectorization::VectorEntryPoint;
    let described = describe(&own).unwrap();
    assert_eq!(described.time_limit, Some(500));
    let mut rig = Rig::new(&own, 0);
    let mut masked = 0;
    for _ in 0..60 {
        let ended: Vec<bool> = (0..4).map(|env| rig.terminated[env] > 0.0).collect();
        let finals = rig.finals.clone();
        rig.step(&[1.0; 4]).unwrap();
        let counts = rig.envs.account().unwrap().counts;
        for env in 0..4 {
            assert_eq!(counts[env] == 0.0, ended[env], "the row after an end is none");
            if ended[env] {
                masked += 1;
                let row = env * 4..(env + 1) * 4;
                assert_eq!(
                    (rig.rewards[env], rig.truncated[env]),
                    (0.0, 1.0),
                    "it is cut, for nothing is learned across it"
                );
                assert_eq!(rig.finals[row.clone()], finals[row.clone()]);
                assert!(rig.observations[row].iter().all(|x| x.abs() <= 0.05), "a first observation");
            }
        }
    }
    assert!(masked > 8, "{masked}");
    own.settings.autoreset = Autoreset::SameStep;
    let error = describe(&own).unwrap_err();
    assert!(error.to_string().contains("gym.autoreset"), "{error}");
}

fn vector_environments_step_together_only() {
    let mut rig = Rig::new(&clock(Vectorization::Sync, Autoreset::Default), 0);
    let (envs, out) = rig.split();
    assert_eq!(envs.step_active(&[true, false, false], &[0.0; 3], out), Err(EnvError::Together));
    assert_eq!(rig.envs.reset_active(&[true, false, false], &mut rig.observations), Err(EnvError::Together));
}

/// With EnvPool itself where it is installed, else with a stub of its interface.
fn envpool_steps_its_own_environments() {
    let found = Command::new(python()).args(["-c", "import envpool"]).output().expect("Python runs");
    let mut pool = task("Counter", 4, 2);
    pool.name = "envpool:CartPole-v1".to_owned();
    if !found.status.success() {
        pool.settings.imports.push("tests.python.envpool_stub".to_owned());
    }
    let mut rig = Rig::new(&pool, 5);
    let mut again = Rig::new(&pool, 5);
    assert_eq!(rig.observations, again.observations, "the seed arrives");
    assert_ne!(rig.observations[..4], rig.observations[8..12], "and differs from worker to worker");
    let (mut ends, mut masked) = (0, 0);
    for _ in 0..80 {
        let ended: Vec<bool> = (0..4).map(|env| rig.terminated[env] > 0.0).collect();
        rig.step(&[1.0; 4]).unwrap();
        again.step(&[1.0; 4]).unwrap();
        assert_eq!(rig.observations, again.observations);
        let counts = rig.envs.account().unwrap().counts.to_vec();
        for env in 0..4 {
            assert_eq!(counts[env] == 0.0, ended[env]);
            masked += usize::from(ended[env]);
            if rig.terminated[env] > 0.0 {
                ends += 1;
                let angle = rig.finals[env * 4 + 2];
                assert!(angle.abs() > 0.2, "the pole has fallen: {angle}");
            }
        }
    }
    assert!(ends > 8 && masked > 8, "{ends} {masked}");
    let mut strange = pool.clone();
    strange.name = "envpool:CartPol-v1".to_owned();
    let error = describe(&strange).unwrap_err().to_string();
    assert!(error.contains("did you mean `CartPole-v1`?"), "{error}");
    strange = pool;
    strange.arguments = Params::default();
    strange.settings.autoreset = Autoreset::SameStep;
    let error = describe(&strange).unwrap_err().to_string();
    assert!(error.contains("EnvPool resets in the next step"), "{error}");
}
