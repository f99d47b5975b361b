//! Runs on Python's tasks, as on others.

use crate::common::{checkpoint, metrics, striatum};
use crate::{Test, bridged, outcome, python, train};
use std::fs;
use std::path::Path;
use striatum::train::checkpoint::Checkpoint;
use tempfile::tempdir;

pub const TESTS: &[Test] = &[
    ("results_do_not_depend_on_workers", results_do_not_depend_on_workers),
    ("a_run_goes_on_with_its_next_episodes", a_run_goes_on_with_its_next_episodes),
    ("a_saved_run_needs_no_flags", a_saved_run_needs_no_flags),
    ("several_agents_have_workers_of_their_own", several_agents_have_workers_of_their_own),
    ("rows_that_are_no_transitions_are_not_learned_from", rows_that_are_no_transitions_are_not_learned_from),
    ("a_task_tells_what_it_is", a_task_tells_what_it_is),
];

const SMALL: &str = "gym:CartPole-v1 --seed 3 --num-envs 6 --total-steps 1536 --set ppo.num_steps=64 --set ppo.minibatches=4 \
    --set ppo.epochs=2 --set network.hidden=[16,16] --set normalize.observations=true --set normalize.rewards=true \
    --set eval.interval=768 --set eval.episodes=3";

#[track_caller]
fn assert_same_tensors(name: &str, a: &Checkpoint, b: &Checkpoint) {
    assert!(a.tensors.keys().eq(b.tensors.keys()), "{name}");
    for (key, array) in &a.tensors {
        assert!(*array == b.tensors[key], "{name}: tensor `{key}` differs");
    }
}

fn results_do_not_depend_on_workers() {
    let folder = tempdir().expect("a folder");
    let run = |name: &str, args: &str| {
        let out = folder.path().join(name);
        outcome(&mut train(&format!("{SMALL} {args}"), &out)).ok();
        checkpoint(&out)
    };
    let one = run("one", "--workers 1");
    assert_eq!(one.counters["steps"], 1536);
    assert!(one.counters["episodes"] > 20);
    // One batch, two halves, and three batches; with threads of their own or not.
    for (name, args) in
        [("two", "--workers 2"), ("three", "--workers 3 --threads 1"), ("restart", "--on-env-failure restart")]
    {
        assert_same_tensors(name, &one, &run(name, args));
    }
}

fn a_run_goes_on_with_its_next_episodes() {
    let folder = tempdir().expect("a folder");
    let half = folder.path().join("half");
    outcome(&mut train(&format!("{SMALL} --stop-after 768"), &half)).ok();
    let stopped = checkpoint(&half);
    let resumed = |name: &str| {
        let out = folder.path().join(name);
        copy(&half, &out);
        outcome(&mut bridged(&format!("resume --quiet {}", out.display()))).ok();
        checkpoint(&out)
    };
    let (a, b) = (resumed("a"), resumed("b"));
    assert_eq!(a.counters["steps"], 1536);
    assert_same_tensors("resumed twice", &a, &b);
    assert_eq!(a.counters["episodes"], b.counters["episodes"]);
    let episodes = |checkpoint: &Checkpoint| checkpoint.u32("envs.episodes", &[6]).expect("episodes").to_vec();
    assert!(episodes(&a).iter().zip(episodes(&stopped)).all(|(after, before)| *after > before));
    let finished = a.counters["episodes"] - stopped.counters["episodes"];
    let started: u32 = episodes(&a).iter().zip(episodes(&stopped)).map(|(after, before)| after - before).sum();
    assert_eq!(u64::from(started), finished + 6, "the episodes that were under way never end");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        match path.is_dir() {
            true => copy(&path, &target),
            false => assert!(fs::copy(&path, &target).is_ok()),
        }
    }
}

fn a_saved_run_needs_no_flags() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("run");
    let args = "gym:Test/Counter-v0 --num-envs 4 --total-steps 256 --set ppo.num_steps=16 --env-arg longest=3 \
                --env-arg truncates=true --wrapper tests.python.tasks.Half --set eval.episodes=4";
    outcome(&mut train(args, &out)).ok();
    let run = out.display();
    let evaluated = outcome(&mut bridged(&format!("eval {run} --episodes 8 --json"))).ok().json();
    assert!(evaluated["max_length"].as_u64().is_some_and(|steps| steps <= 3), "{evaluated}");
    assert!(evaluated["max_return"].as_f64().is_some_and(|sum| sum <= 4.5), "the rewards are halved: {evaluated}");
    let onnx = folder.path().join("policy.onnx");
    outcome(&mut bridged(&format!("export {run} --format onnx -o {}", onnx.display()))).ok();
    let gif = folder.path().join("play.gif");
    outcome(&mut bridged(&format!("eval {run} --episodes 1 --record {}", gif.display()))).ok();
    assert!(fs::read(&gif).expect("a recording").starts_with(b"GIF8"));
    let config = fs::read_to_string(out.join("config.toml")).expect("a configuration");
    for part in
        ["[env]\nlongest = 3\ntruncates = true\n", "imports = [\"tests.python.tasks\"]", "tests.python.tasks.Half"]
    {
        assert!(config.contains(part), "{part} is not in {config}");
    }
}

fn several_agents_have_workers_of_their_own() {
    let folder = tempdir().expect("a folder");
    let (alone, both) = (folder.path().join("alone"), folder.path().join("both"));
    outcome(&mut train(SMALL, &alone)).ok();
    outcome(&mut train(&format!("{SMALL} --seeds 2"), &both)).ok();
    assert_same_tensors("among others", &checkpoint(&alone), &checkpoint(&both.join("seed3")));
}

fn rows_that_are_no_transitions_are_not_learned_from() {
    let folder = tempdir().expect("a folder");
    let run = |name: &str, args: &str| {
        let out = folder.path().join(name);
        let args = format!(
            "gym:CartPole-v1 --num-envs 8 --total-steps 30000 --set ppo.num_steps=64 --set eval.episodes=4 --set eval.interval=0 {args}"
        );
        outcome(&mut train(&args, &out)).ok();
        let mut lengths = metrics(&out, "iteration").into_iter().filter_map(|line| {
            Some((line["charts/episodic_return"].as_f64()?, line["charts/episodic_length"].as_f64()?))
        });
        lengths.next_back().expect("episodes have ended")
    };
    for mode in ["sync", "vector-entry-point"] {
        let (mean, length) = run(mode, &format!("--set gym.vectorization={mode}"));
        assert_eq!(mean, length, "a reward of 1 in every step that counts, and none between episodes");
        assert!(mean > 60.0, "{mode}: {mean}");
    }
}

fn a_task_tells_what_it_is() {
    let mut command = bridged("envs gym:Test/Parts-v0 --import tests.python.tasks");
    let text = outcome(command.arg("--python").arg(python())).ok().stdout;
    for part in ["14 numbers", "arm/0  4 numbers", "place  3 numbers", "choices of [2, 3]", "mean return of 20.5"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    let printed =
        striatum("config gym:LunarLander-v3 --env-arg gravity=-9.5 --env-arg continuous=true", &[]).ok().stdout;
    for part in ["num_envs = 16\n", "gamma = 0.999\n", "[env]\ncontinuous = true\ngravity = -9.5\n"] {
        assert!(printed.contains(part), "`{part}` is not in: {printed}");
    }
}
