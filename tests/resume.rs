//! A run that was interrupted and resumed is the run that was not, bit for bit.

mod common;

use common::{Outcome, checkpoint, latest, metrics, striatum, train};
use serde_json::Value;
use std::fs;
use std::path::Path;
use striatum::train::checkpoint::Checkpoint;
use tempfile::tempdir;

/// Small and with everything on: annealing, normalisation, two pathways that learn asymmetrically, evaluations and checkpoints.
const COMMON: &str = "--quiet --device cpu --seed 7 --num-envs 4 --set network.hidden=[16,16] --set network.pathways=dual \
    --set dopamine.kappa=0.3 --set dopamine.sum_decay=0.01 --set dopamine.tone=0.2 --set normalize.observations=true \
    --set normalize.rewards=true --set eval.interval=500 --set eval.episodes=3 --set run.checkpoint_interval=300 \
    --set run.log_interval=200";
const PPO: &str = "--algo ppo --set ppo.num_steps=32 --set ppo.minibatches=4 --set ppo.epochs=3 \
    --set ppo.anneal_learning_rate=true --set ppo.anneal_clip=true --set ppo.target_kl=0.05 --set ppo.value_clip=0.3";
const A2C: &str = "--algo a2c --set a2c.num_steps=16 --set a2c.anneal_learning_rate=true --set a2c.entropy_coef=0.01";
const TONIC: &str = "--set dopamine.force_centering=true --set dopamine.tonic_gain=1 --set dopamine.logit_decay=0.01";
const GSDE: &str = "--set network.state_dependent_exploration=true --set network.squash=false";

/// Fails unless both are the same but for the clock.
#[track_caller]
fn assert_same(name: &str, a: &Checkpoint, b: &Checkpoint) {
    assert_same_tensors(name, a, b);
    assert_eq!(a.counters, b.counters, "{name}");
    let timeless = |c: &Checkpoint| -> Vec<(String, u64)> {
        let numbers = c.numbers.iter().filter(|(key, _)| !key.ends_with("_seconds"));
        numbers.map(|(key, value)| (key.clone(), value.to_bits())).collect()
    };
    assert_eq!(timeless(a), timeless(b), "{name}");
    assert_eq!(a.config, b.config, "{name}");
}

#[track_caller]
fn assert_same_tensors(name: &str, a: &Checkpoint, b: &Checkpoint) {
    assert!(a.tensors.keys().eq(b.tensors.keys()), "{name}: {:?} against {:?}", a.tensors.keys(), b.tensors.keys());
    for (key, array) in &a.tensors {
        assert!(*array == b.tensors[key], "{name}: tensor `{key}` differs");
    }
}

/// The points of a curve without what the clock decides.
fn curve(run: &Path, event: &str) -> Vec<Value> {
    let mut lines = metrics(run, event);
    for line in &mut lines {
        let object = line.as_object_mut().expect("an object");
        object.retain(|key, _| key != "wall_seconds" && key != "charts/SPS");
    }
    lines
}

fn steps(run: &Path, event: &str) -> Vec<u64> {
    metrics(run, event).iter().map(|line| line["step"].as_u64().expect("a step")).collect()
}

#[track_caller]
fn assert_curves_are_whole(name: &str, straight: &Path, resumed: &Path) {
    for event in ["iteration", "evaluation"] {
        assert!(steps(resumed, event).is_sorted_by(|a, b| a < b), "{name}: {event} steps repeat");
        assert_eq!(curve(straight, event), curve(resumed, event), "{name}: {event}");
    }
}

/// Trains 2000 steps at once; the same with `--stop-after 700`, which no evaluation and no checkpoint falls on, and `resume`.
#[track_caller]
fn interrupted_is_uninterrupted(name: &str, args: &str) -> Checkpoint {
    let folder = tempdir().expect("a folder");
    let (straight, resumed) = (folder.path().join("straight"), folder.path().join("resumed"));
    train(&format!("{args} --total-steps 2000"), &straight).ok();
    train(&format!("{args} --total-steps 2000 --stop-after 700"), &resumed).ok();

    let half = checkpoint(&resumed);
    assert!((700..2000).contains(&half.counters["steps"]), "{name}: {:?}", half.counters);
    assert!(half.counters["evaluated_at"] < half.counters["steps"], "{name}: {:?}", half.counters);
    striatum("resume --quiet", &[&resumed]).ok();

    let (a, b) = (checkpoint(&straight), checkpoint(&resumed));
    assert_same(name, &a, &b);
    assert!(a.tensors.keys().any(|key| key.starts_with("optimizer.second_moment.")), "{name}: no moments");
    assert!(a.tensors.contains_key("normalizer.mean") && a.tensors.contains_key("reward_scaler.returns"), "{name}");
    assert_curves_are_whole(name, &straight, &resumed);
    let best = |run: &Path| fs::read(run.join("checkpoints/best.safetensors")).is_ok();
    assert!(best(&straight) && best(&resumed), "{name}: no best checkpoint");
    b
}

#[test]
fn ppo_on_discrete_actions() {
    interrupted_is_uninterrupted("ppo, categorical", &format!("CartPole-v1 {COMMON} {PPO}"));
}

#[test]
fn ppo_on_continuous_actions() {
    interrupted_is_uninterrupted("ppo, Gaussian", &format!("Pendulum-v1 {COMMON} {PPO}"));
    let squashed = format!("Pendulum-v1 {COMMON} {PPO} --set network.squash=true --set network.shared_trunk=true");
    interrupted_is_uninterrupted("ppo, squashed Gaussian", &squashed);
}

#[test]
fn ppo_with_state_dependent_exploration() {
    interrupted_is_uninterrupted("ppo, gSDE", &format!("Pendulum-v1 {COMMON} {PPO} {GSDE}"));
    let interval = "--set network.exploration_interval=5";
    interrupted_is_uninterrupted("ppo, gSDE of 5 steps", &format!("Pendulum-v1 {COMMON} {PPO} {GSDE} {interval}"));
}

#[test]
fn several_value_heads() {
    let horizons = "--set critic.horizons=5 --set critic.longest_horizon=50";
    interrupted_is_uninterrupted("ppo, 5 horizons", &format!("CartPole-v1 {COMMON} {PPO} {horizons}"));
    let shared = "--set network.shared_trunk=true";
    interrupted_is_uninterrupted("a2c, 5 horizons", &format!("Pendulum-v1 {COMMON} {A2C} {horizons} {shared}"));
}

#[test]
fn a_distributional_critic() {
    let quantiles =
        "--set ppo.value_clip=0 --set critic.kind=quantile --set critic.quantiles=9 --set critic.opponent=true";
    interrupted_is_uninterrupted("ppo, 9 quantiles", &format!("CartPole-v1 {COMMON} {PPO} {quantiles}"));
    let expectiles = "--set critic.kind=expectile --set critic.quantiles=6 --set a2c.gae_lambda=0.7";
    interrupted_is_uninterrupted("a2c, 6 expectiles", &format!("Pendulum-v1 {COMMON} {A2C} {expectiles}"));
}

#[test]
fn tonic_signals() {
    for (algo, form) in [(PPO, "td"), (PPO, "mean"), (A2C, "td")] {
        let args = format!("CartPole-v1 {COMMON} {algo} {TONIC} --set dopamine.reward_centering={form}");
        let end = interrupted_is_uninterrupted(&format!("tonic signals, {form}"), &args);
        let numbers =
            ["average_reward", "fast", "slow", "variance", "weight"].map(|n| end.numbers[&format!("tonic.{n}")]);
        assert!(numbers.iter().all(|&x| x != 0.0) && numbers[1] != numbers[2], "{numbers:?}");
    }
    let args =
        format!("Pendulum-v1 {COMMON} {PPO} --set dopamine.force_centering=true --set dopamine.reward_centering=td");
    let end = interrupted_is_uninterrupted("centred Pendulum", &args);
    assert!(end.numbers["tonic.average_reward"] < 0.0 && !end.numbers.contains_key("tonic.fast"), "{:?}", end.numbers);
}

#[test]
fn tonic_signals_are_among_the_curves() {
    let folder = tempdir().expect("a folder");
    let (on, off) = (folder.path().join("on"), folder.path().join("off"));
    let args = format!("CartPole-v1 {COMMON} {PPO} --total-steps 1024 --set run.log_interval=0");
    train(&format!("{args} {TONIC} --set dopamine.reward_centering=td"), &on).ok();
    train(&args, &off).ok();
    let tags = ["dopamine/tonic", "dopamine/inverse_temperature", "dopamine/reward_fast", "dopamine/reward_slow"];
    let last = |run: &Path| metrics(run, "iteration").pop().expect("a point");
    let numbers = tags.map(|tag| last(&on)[tag].as_f64().unwrap_or_else(|| panic!("no {tag}: {}", last(&on))));
    let kept = ["average_reward", "fast", "slow"].map(|name| checkpoint(&on).numbers[&format!("tonic.{name}")]);
    let logged = [numbers[0], numbers[2], numbers[3]];
    assert!(logged.iter().zip(kept).all(|(logged, kept)| (logged - kept).abs() < 1e-12), "{logged:?} for {kept:?}");
    assert!(numbers[1] != 1.0 && (0.25..=4.0).contains(&numbers[1]), "{numbers:?}");
    assert!(last(&off)[tags[0]].is_f64() && tags[1..].iter().all(|tag| last(&off)[tag].is_null()), "{}", last(&off));
    assert!(checkpoint(&off).numbers.keys().all(|key| !key.starts_with("tonic.")));
}

/// What was saved before there were tonic signals says nothing of them, in its configuration either.
#[test]
fn a_checkpoint_without_tonic_signals_is_resumed() {
    const NEW: [&str; 7] = [
        "reward_centering",
        "centering_rate",
        "force_centering",
        "tonic_gain",
        "tonic_fast",
        "tonic_slow",
        "logit_decay",
    ];
    let folder = tempdir().expect("a folder");
    let (straight, resumed) = (folder.path().join("straight"), folder.path().join("resumed"));
    let args = format!("CartPole-v1 {COMMON} {PPO} --total-steps 1024");
    train(&args, &straight).ok();
    train(&format!("{args} --stop-after 512"), &resumed).ok();
    let mut old = checkpoint(&resumed);
    let is_new = |line: &str| NEW.iter().any(|key| line.starts_with(&format!("{key} = ")));
    assert_eq!(old.config.lines().filter(|line| is_new(line)).count(), NEW.len());
    old.config = old.config.lines().filter(|line| !is_new(line)).collect::<Vec<_>>().join("\n");
    old.save(&latest(&resumed)).expect("a checkpoint");
    striatum("resume --quiet", &[&resumed]).ok();
    assert_same("old", &checkpoint(&straight), &checkpoint(&resumed));
}

#[test]
fn a2c_on_discrete_actions() {
    interrupted_is_uninterrupted("a2c, rmsprop", &format!("CartPole-v1 {COMMON} {A2C}"));
    interrupted_is_uninterrupted("a2c, adam", &format!("CartPole-v1 {COMMON} {A2C} --set a2c.optimizer=adam"));
}

#[test]
fn a2c_on_continuous_actions() {
    interrupted_is_uninterrupted("a2c, Gaussian", &format!("Pendulum-v1 {COMMON} {A2C}"));
    interrupted_is_uninterrupted("a2c, gSDE", &format!("Pendulum-v1 {COMMON} {A2C} {GSDE}"));
}

/// Random dynamics, states that count, an evaluation of what never ends, and parameters that only the checkpoint knows.
#[test]
fn tasks_with_parameters() {
    for (task, sets) in [
        ("CliffGamble-v0", "--set env.gambles=2 --set env.stake=3"),
        ("Bandit-v0", "--set env.arms=3 --set env.steps=30 --set env.reversal=7"),
        ("Conditioning-v0", "--set env.delay=4 --set env.probability=0.5"),
        ("Pendulum-continuing-v0", "--set env.offset=5 --set eval.continuing_steps=50"),
    ] {
        interrupted_is_uninterrupted(task, &format!("{task} {COMMON} {PPO} {sets}"));
    }
    interrupted_is_uninterrupted("a2c", &format!("Vigour-v0 {COMMON} {A2C} --set env.duration=20"));
}

/// What a memory carries is in the checkpoint, and so is where an episode has just started; masks come from the task.
#[cfg(feature = "burn")]
#[test]
fn memories_and_masks() {
    let memory = |kind: &str| format!("--set network.memory={kind} --set network.memory_width=8");
    let ppo = format!("{COMMON} {PPO} --set ppo.sequence_length=8");
    let closed = "--set env.closed=2 --set env.steps=9";
    let gru = interrupted_is_uninterrupted("ppo, gru", &format!("CartPoleNoVel-v1 {ppo} {}", memory("gru")));
    assert_eq!(gru.tensors["envs.memory"].shape, [4, 1 + 2 * 8]);
    interrupted_is_uninterrupted("ppo, mingru, masks", &format!("Bandit-v0 {ppo} {closed} {}", memory("mingru")));
    let shared = memory("lstm") + " --set network.shared_trunk=true";
    interrupted_is_uninterrupted("a2c, lstm", &format!("RepeatPrevious-v0 {COMMON} {A2C} {shared}"));
    interrupted_is_uninterrupted("ppo, masks", &format!("Bandit-v0 {COMMON} {PPO} {closed}"));
}

#[test]
fn agents_whose_tasks_differ() {
    let folder = tempdir().expect("a folder");
    let (parent, alone) = (folder.path().join("launch"), folder.path().join("alone"));
    let task = |rest: &str| format!("Bandit-v0 {COMMON} {PPO} --total-steps 2000 {rest}");
    train(&task("--vary env.arms=2,6 --vary env.best=0.5,0.9 --stop-after 700"), &parent).ok();
    striatum("resume --quiet", &[&parent]).ok();
    train(&task("--set env.arms=6 --set env.best=0.9"), &alone).ok();
    let run = parent.join("arms=6,best=0.9,seed7");
    assert_same("arms=6,best=0.9", &checkpoint(&alone), &checkpoint(&run));
    striatum("eval --episodes 3", &[&run]).ok();
}

#[test]
fn a_seed_matters_and_the_number_of_threads_does_not() {
    let folder = tempdir().expect("a folder");
    let args = "CartPole-v1 --quiet --device cpu --num-envs 64 --total-steps 8192 --set ppo.num_steps=32 --set ppo.minibatches=2 \
        --set normalize.observations=true";
    let run = |name: &str, more: &str| {
        let out = folder.path().join(name);
        train(&format!("{args} {more}"), &out).ok();
        checkpoint(&out)
    };
    let one = run("one", "--set threads=1");
    for threads in [2, 3] {
        let many = run(&format!("{threads}"), &format!("--set threads={threads}"));
        assert_same_tensors(&format!("{threads} threads against one"), &one, &many);
        assert_eq!(one.counters, many.counters);
    }
    let other = run("other", "--set threads=1 --seed 1");
    assert!(one.tensors["envs.states"] != other.tensors["envs.states"], "the seed changes nothing");
}

#[test]
fn a_run_may_be_interrupted_twice() {
    let folder = tempdir().expect("a folder");
    let (straight, resumed) = (folder.path().join("straight"), folder.path().join("resumed"));
    let args = format!("CartPole-v1 {COMMON} {PPO} --total-steps 2000");
    train(&args, &straight).ok();
    train(&format!("{args} --stop-after 400"), &resumed).ok();
    let middle = striatum("resume --json --stop-after 900", &[&resumed]).ok();
    assert_eq!(middle.json()["finished"], false, "{middle:?}");
    assert!(middle.stderr.contains("striatum resume"), "{middle:?}");
    striatum("resume --quiet", &[&resumed]).ok();
    assert_same("twice", &checkpoint(&straight), &checkpoint(&resumed));
    assert_curves_are_whole("twice", &straight, &resumed);
}

/// A run that was killed has lines in `metrics.jsonl` beyond its last checkpoint.
#[test]
fn steps_beyond_the_checkpoint_are_forgotten() {
    let folder = tempdir().expect("a folder");
    let (straight, early) = (folder.path().join("straight"), folder.path().join("early"));
    let args = format!("CartPole-v1 {COMMON} {PPO} --total-steps 2000");
    train(&args, &straight).ok();
    train(&format!("{args} --stop-after 700"), &early).ok();
    let (whole, curves) = (checkpoint(&straight), curve(&straight, "iteration"));

    fs::copy(latest(&early), latest(&straight)).expect("a copy");
    let cut = fs::read(straight.join("metrics.jsonl")).expect("metrics");
    fs::write(straight.join("metrics.jsonl"), &cut[..cut.len() - 5]).expect("metrics");
    striatum("resume --quiet", &[&straight]).ok();
    assert_same("killed", &whole, &checkpoint(&straight));
    assert_eq!(curves, curve(&straight, "iteration"));
}

#[test]
fn a_finished_run_is_left_alone_and_may_be_extended() {
    let folder = tempdir().expect("a folder");
    let (long, short) = (folder.path().join("long"), folder.path().join("short"));
    // Without annealing the total decides nothing but the end.
    let args = "CartPole-v1 --quiet --device cpu --num-envs 4 --set ppo.num_steps=32 --set ppo.minibatches=4 \
        --set ppo.anneal_learning_rate=false --set ppo.anneal_clip=false --set eval.episodes=2";
    train(&format!("{args} --total-steps 1024"), &long).ok();
    train(&format!("{args} --total-steps 512"), &short).ok();

    let before = |run: &Path| {
        [latest(run), run.join("metrics.jsonl"), run.join("config.toml")].map(|f| fs::read(f).expect("a file"))
    };
    let files = before(&short);
    for arguments in ["resume --json", "resume --json --total-steps 300"] {
        let again: Outcome = striatum(arguments, &[&short]).ok();
        assert!(again.stderr.contains("nothing to do") && again.stderr.contains("--total-steps"), "{again:?}");
        assert_eq!((again.json()["steps"].as_u64(), again.json()["finished"].as_bool()), (Some(512), Some(true)));
        assert!(before(&short) == files, "{arguments} changed the run");
    }

    let extended = striatum("resume --json --total-steps 1024", &[&short]).ok();
    assert_eq!(extended.json()["steps"], 1024, "{extended:?}");
    assert_same_tensors("extended", &checkpoint(&long), &checkpoint(&short));
    let config = fs::read_to_string(short.join("config.toml")).expect("a config");
    assert!(config.contains("total_steps = 1024"), "{config}");
    assert!(steps(&short, "iteration").is_sorted_by(|a, b| a < b));
}

#[test]
fn a_solved_run_is_left_alone_and_may_be_extended() {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    let first = train("CartPole-v1 --json --device cpu --total-steps 200000 --stop-at-threshold", &run).ok();
    let solved = first.json()["solved_at_steps"].as_u64().expect("CartPole is solved within 200k steps");
    assert_eq!((first.json()["steps"].as_u64(), first.json()["finished"].as_bool()), (Some(solved), Some(true)));
    let again = striatum("resume --json", &[&run]).ok();
    assert_eq!(again.json()["steps"].as_u64(), Some(solved), "{again:?}");
    assert!(again.stderr.contains("nothing to do") && again.stderr.contains("--total-steps"), "{again:?}");
    let extended = striatum(&format!("resume --json --total-steps {}", solved + 1000), &[&run]).ok();
    assert!(extended.json()["steps"].as_u64() >= Some(solved + 1000), "{extended:?}");
}

/// Interrupted in its very last iteration, or after it: what is finished is evaluated.
#[test]
fn a_finished_run_is_evaluated_whatever_interrupts_it() {
    use std::sync::atomic::AtomicBool;
    use striatum::train::TrainError;
    use striatum::train::run::{self, RunOptions};

    let folder = tempdir().expect("a folder");
    let sets = ["ppo.num_steps=32", "num_envs=4", "ppo.minibatches=4", "eval.episodes=2", "eval.interval=0"];
    let config = common::config("CartPole-v1", &[&sets[..], &["total_steps=128"]].concat());
    let make = |count| -> Result<_, TrainError> { Ok(striatum::envs::make("CartPole-v1", count)?) };
    let out = folder.path().join("run");
    let options = |interrupted| RunOptions { out: out.clone(), stop_after: None, interrupted, quiet: true };
    let (yes, no) = (AtomicBool::new(true), AtomicBool::new(false));
    let summary = run::train(config.clone(), &make, &options(&yes)).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        summary.finished && summary.best_return.is_some() && summary.best_return == summary.last_return,
        "{summary:?}"
    );
    assert_eq!((metrics(&out, "evaluation").len(), checkpoint(&out).counters["evaluated_at"]), (1, 128));

    // A run that was left without its evaluation gets it from a resume.
    let mut left = checkpoint(&out);
    left.counters.insert("evaluated_at".into(), 0);
    let summary = run::resume(config, &left, &make, &options(&no)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((summary.steps, checkpoint(&out).counters["evaluated_at"]), (128, 128));
}

#[test]
fn a_resume_that_is_to_stop_where_it_stands_trains_nothing() {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    train(&format!("CartPole-v1 {COMMON} {PPO} --total-steps 2000 --stop-after 300"), &run).ok();
    let (bytes, steps) = (fs::read(latest(&run)).expect("a file"), checkpoint(&run).counters["steps"]);
    for stop in [0, 1, steps] {
        let idle = striatum(&format!("resume --json --stop-after {stop}"), &[&run]).ok();
        assert!(
            idle.stderr.contains("nothing to do") && idle.stderr.contains(&format!("--stop-after {stop}")),
            "{idle:?}"
        );
        assert_eq!((idle.json()["steps"].as_u64(), &idle.json()["finished"]), (Some(steps), &false.into()));
        assert!(bytes == fs::read(latest(&run)).expect("a file"), "--stop-after {stop} changed the run");
    }
}

/// Both engines name their tensors alike, so each reads the other's checkpoint.
#[cfg(feature = "burn")]
#[test]
fn the_engines_share_their_checkpoints() {
    use std::sync::atomic::AtomicBool;
    use striatum::envs;
    use striatum::train::config::{Config, EngineChoice};
    use striatum::train::run::{RunOptions, resume};

    let folder = tempdir().expect("a folder");
    for (wrote, reads) in [("fused", EngineChoice::Burn), ("burn", EngineChoice::Fused)] {
        let run = folder.path().join(wrote);
        let args = "--total-steps 512 --stop-after 256 --num-envs 4 --set ppo.num_steps=32 --set ppo.minibatches=4";
        train(&format!("CartPole-v1 --quiet --device cpu {args} --set engine={wrote}"), &run).ok();
        let saved = checkpoint(&run);
        let config = Config { engine: reads, ..Config::from_toml(&saved.config, wrote).expect("a config") };
        let options = RunOptions { out: run, stop_after: None, interrupted: &AtomicBool::new(false), quiet: true };
        let make = |count| Ok(envs::make("CartPole-v1", count)?);
        let summary = resume(config, &saved, &make, &options).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(summary.steps, 512);
        assert_ne!(summary.engine, wrote);
    }
}
