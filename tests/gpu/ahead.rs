//! Iterations that are launched before the sessions know of the last one.

use crate::common::{checkpoint, metrics};
use crate::{A2C, DUAL, PPO, SQUASHED, Test, assert_same, config, gpu};
use std::fs;
use std::path::Path;
use std::slice::from_ref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use striatum::envs::{VecEnv, make};
use striatum::kernels::Gpu;
use striatum::train::TrainError;
use striatum::train::checkpoint::Checkpoint;
use striatum::train::run::{self, RunOptions};
use striatum::train::trainer::Trainer;
use tempfile::tempdir;

pub const TESTS: &[Test] = &[
    ("running_ahead_changes_nothing", changes_nothing),
    ("what_the_next_rollout_needs_is_waited_for", waits),
    ("a_run_pauses_where_it_is_evaluated_and_saved", pauses),
    ("a_run_that_is_ahead_is_interrupted_as_a_whole", interrupted),
];

const STEADY: &[&str] = &["normalize.observations=false", "normalize.rewards=false"];
/// Steps of an iteration.
const ROWS: u64 = 512;

/// What an iteration told, but for the clock.
#[track_caller]
fn told(trainer: &Trainer<Gpu>) -> String {
    let iteration = trainer.iteration(0).expect("finite gradients");
    let progress = &trainer.sessions()[0].progress;
    let counts = (progress.steps, progress.iterations, iteration.learning_rate);
    format!("{counts:?} {:?} {:?}", iteration.update, iteration.rollout)
}

fn changes_nothing() {
    for (task, sets) in [
        ("CartPole-v1", [PPO, DUAL, STEADY]),
        ("Pendulum-v1", [A2C, SQUASHED, STEADY]),
        ("CartPole-v1", [PPO, &["ppo.target_kl=0.0002"], STEADY]),
    ] {
        let config = config(task, &sets);
        let [mut waiting, mut ahead] = [gpu(from_ref(&config)), gpu(from_ref(&config))];
        for iteration in 1..=5 {
            waiting.iterate().expect("an iteration");
            ahead.iterate_towards(5 * ROWS).expect("an iteration");
            assert_eq!(ahead.is_ahead(), iteration < 5, "{task}, iteration {iteration}");
            assert!(!waiting.is_ahead());
            assert_eq!(told(&waiting), told(&ahead), "{task}");
        }
        let [waiting, ahead] = [waiting, ahead].map(|mut trainer| trainer.checkpoint(0).expect("a checkpoint"));
        assert!(waiting.counters["episodes"] > 0, "{task}: no episode ended");
        assert_same(task, &waiting, &ahead);
    }
}

fn waits() {
    for set in [
        &["normalize.observations=true"][..],
        &["normalize.rewards=true"],
        &["dopamine.tonic_gain=1"],
        &["dopamine.reward_centering=td", "dopamine.force_centering=true"],
    ] {
        let mut trainer = gpu(&[config("CartPole-v1", &[PPO, STEADY, set])]);
        trainer.iterate_towards(u64::MAX).expect("an iteration");
        assert!(!trainer.is_ahead(), "{set:?}");
    }
}

fn envs(count: usize) -> Result<Box<dyn VecEnv>, TrainError> {
    Ok(make("CartPole-v1", count)?)
}

fn options<'a>(out: &Path, stop_after: Option<u64>, interrupted: &'a AtomicBool) -> RunOptions<'a> {
    RunOptions { out: out.to_owned(), stop_after, interrupted, quiet: true }
}

/// Evaluations and the best checkpoint are those of a trainer that is never ahead of them.
fn pauses() {
    let never = AtomicBool::new(false);
    let folder = tempdir().expect("a folder");
    let due: &[&str] = &["eval.interval=1024", "eval.episodes=2", "run.checkpoint_interval=1536", "run.log_interval=1"];
    let config = config("CartPole-v1", &[PPO, STEADY, due]);
    let out = folder.path().join("run");
    run::train(config.clone(), &envs, &options(&out, Some(7 * ROWS), &never)).expect("most of a run");

    let mut trainer = gpu(from_ref(&config));
    let (mut returns, mut best) = (Vec::new(), None);
    for iteration in 1..=7 {
        trainer.iterate().expect("an iteration");
        if iteration % 2 == 0 {
            let (evaluation, is_best) = trainer.evaluate(0).expect("an evaluation");
            returns.push(evaluation.mean_return);
            best = if is_best { Some(trainer.checkpoint(0).expect("a checkpoint")) } else { best };
        }
    }
    let evaluations = metrics(&out, "evaluation");
    let means = evaluations.iter().map(|line| line["eval/return_mean"].as_f64().expect("a number"));
    assert_eq!(means.collect::<Vec<_>>(), returns);
    let saved = metrics(&out, "saved");
    let latest = saved.iter().filter(|line| line["kind"] == "latest").map(|line| line["step"].as_u64());
    assert_eq!(latest.collect::<Vec<_>>(), [3, 6, 7].map(|iteration| Some(iteration * ROWS)));
    let best = best.expect("the first one is the best so far");
    assert!(Checkpoint::load(&out.join("checkpoints/best.safetensors")).expect("it is there").tensors == best.tensors);
    assert!(checkpoint(&out).tensors == trainer.checkpoint(0).expect("a checkpoint").tensors);
}

fn interrupted() {
    let folder = tempdir().expect("a folder");
    let [straight, resumed] = ["straight", "resumed"].map(|name| folder.path().join(name));
    let long: &[&str] = &["total_steps=32768", "eval.interval=0", "eval.episodes=2", "run.log_interval=1"];
    let config = config("CartPole-v1", &[PPO, STEADY, long, &["run.checkpoint_interval=0"]]);
    run::train(config.clone(), &envs, &options(&straight, None, &AtomicBool::new(false))).expect("a run");

    let interrupt = AtomicBool::new(false);
    let half = thread::scope(|scope| {
        scope.spawn(|| {
            let reported =
                || fs::read_to_string(resumed.join("metrics.jsonl")).is_ok_and(|text| text.lines().count() > 6);
            while !reported() {
                thread::sleep(Duration::from_millis(1));
            }
            interrupt.store(true, Ordering::Relaxed);
        });
        run::train(config.clone(), &envs, &options(&resumed, None, &interrupt)).expect("some of a run")
    });
    assert!(!half.finished && half.steps < config.total_steps, "{half:?}");
    let never = AtomicBool::new(false);
    run::resume(config, &checkpoint(&resumed), &envs, &options(&resumed, None, &never)).expect("the rest");
    assert_same("interrupted", &checkpoint(&straight), &checkpoint(&resumed));
}
