//! An exported policy acts as the saved one does.

use std::sync::atomic::AtomicBool;
use striatum_envs::VecEnv;
use striatum_train::TrainError;
use striatum_train::actor::{Actions, Actor, Choice};
use striatum_train::config::{Config, Request};
use striatum_train::engine::{Engine, open};
use striatum_train::run::{RunOptions, load_learner, train};
use striatum_train::saved::{SavedPolicy, Which};
use striatum_train::spec::network_spec;

fn config(task: &str, sets: &[&str]) -> Config {
    let sets = ["total_steps=2000", "device=cpu"].iter().chain(sets).map(|set| (*set).to_owned()).collect();
    Config::resolve(&Request { task: task.to_owned(), sets, ..Default::default() }).unwrap()
}

/// The largest difference between the actions of an export and those that evaluation takes, on 1000 observations.
fn largest_difference(config: Config) -> f32 {
    let task = config.task.clone();
    let make_envs = |count| -> Result<Box<dyn VecEnv>, TrainError> { Ok(striatum_envs::make(&task, count)?) };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let options = RunOptions { out: out.clone(), stop_after: None, interrupted: &AtomicBool::new(false), quiet: true };
    train(config.clone(), &make_envs, &options).unwrap();

    let saved = SavedPolicy::load(&out, Which::Latest).unwrap();
    let export = saved.export(&make_envs).unwrap();
    let observations = export.random_observations(1000);
    let exported = export.evaluate(&observations).unwrap();

    let envs = make_envs(1).unwrap();
    let spec = network_spec(&config, &*envs).unwrap();
    let (Engine::Cpu(mut learner), _) = open(&config, &spec).unwrap() else { panic!("not on the CPU") };
    load_learner(&mut learner, saved.checkpoint()).unwrap();
    let normalizer = saved.normalizer(spec.inputs()).unwrap();
    let mut rows = observations.clone();
    if let Some(moments) = normalizer {
        moments.standardizer(config.normalize.observation_clip).apply(&mut rows);
    }
    let outputs = learner.predict(&rows).unwrap();
    let width = spec.head.policy.action_width();
    let mut actor = Actor::new(Choice::Deterministic, (0, 1000), &spec.head, envs.action_space(), &config);
    let mut log_std = vec![0.0; spec.head.policy.log_std_len()];
    learner.read_log_std(0, &mut log_std).unwrap();
    actor.begin(&log_std);
    let [mut stored, mut acted] = [vec![0.0; 1000 * width], vec![0.0; 1000 * width]];
    let actions = Actions { stored: &mut stored, taken: &mut acted, log_probs: &mut [0.0; 1000] };
    actor.act(&outputs, 0, 0, actions);
    assert!(acted.iter().any(|a| *a != acted[0]), "every action is the same: nothing to compare");
    acted.iter().zip(&exported.actions).fold(0.0_f32, |largest, (a, b)| largest.max((a - b).abs()))
}

#[test]
fn a_discrete_policy_with_two_pathways_is_exported_as_it_acts() {
    let sets = ["network.pathways=dual", "dopamine.tone=0.3", "normalize.observations=true"];
    assert_eq!(largest_difference(config("CartPole-v1", &sets)), 0.0);
}

#[test]
fn a_continuous_policy_is_exported_as_it_acts() {
    let difference = largest_difference(config("Pendulum-v1", &["normalize.observations=true", "num_envs=1"]));
    assert!(difference < 1e-5, "{difference}");
    let squashed = config("Pendulum-v1", &["network.squash=true", "num_envs=1"]);
    let difference = largest_difference(squashed);
    assert!(difference < 1e-5, "{difference}");
}
