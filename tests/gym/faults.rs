//! Faults: each a clear error, a run that is saved, and nothing left behind.

use crate::common::{checkpoint, latest, metrics};
use crate::{Test, outcome, train};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use striatum::envs::{Purpose, Stream};
use tempfile::tempdir;

pub const TESTS: &[Test] = &[
    ("what_cannot_be_made_is_refused", what_cannot_be_made_is_refused),
    ("a_failed_run_is_saved", a_failed_run_is_saved),
    ("a_killed_trainer_leaves_nothing_behind", a_killed_trainer_leaves_nothing_behind),
    ("killed_workers_are_replaced", killed_workers_are_replaced),
    ("an_evaluation_that_never_ends_is_given_up", an_evaluation_that_never_ends_is_given_up),
];

fn what_cannot_be_made_is_refused() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("run");
    for (args, parts) in [
        ("gym:CartPol-v1", &["gym:CartPol-v1", "Did you mean: `CartPole`?"][..]),
        ("gym:Test/Counter-v0 --import nowhere_at_all", &["No module named 'nowhere_at_all'"]),
        ("gym:Test/Counter-v0 --wrapper nowhere.At", &["No module named 'nowhere'"]),
        ("gym:Test/Faulty-v0 --env-arg fault=make", &["Traceback", "no such robot"]),
        ("gym:Test/Parts-v0 --env-arg actions=dict", &["actions of Dict"]),
        ("gym:CartPole-v1 --env-arg gravity", &["--env-arg gravity", "KEY=VALUE"]),
        ("gym:CartPole-v1 --env-arg gravity=null", &["--env-arg gravity=null", "leave it out"]),
        ("gym:CartPole-v1 --env-arg 1=2", &["env.1", "the name of an argument"]),
        ("gym:CartPole-v1 --workers 5000", &["`gym.workers`", "must be "]),
    ] {
        outcome(&mut train(args, &out)).refused(parts);
        assert!(!out.exists(), "{args} left a folder");
    }
    let mut command = crate::bridged("train gym:CartPole-v1 --python /nowhere/python");
    outcome(command.arg("--out").arg(&out)).refused(&["there is no Python `/nowhere/python`", "--python PATH"]);
}

/// A run of four environments on two workers, of which the first fails at a step of its second rollout.
const FAULTY: &str = "gym:Test/Faulty-v0 --num-envs 4 --workers 2 --total-steps 10000000 --set ppo.num_steps=16 --set ppo.minibatches=2 \
    --set eval.interval=0 --set gym.timeout=5 --env-arg at=40";

fn a_failed_run_is_saved() {
    for (fault, parts) in [
        (
            "step",
            &["environment 0 of task `gym:Test/Faulty-v0` failed at step 40 of its episode 0", "the robot is on fire"]
                [..],
        ),
        ("kill", &["environments 0 to 1 of task `gym:Test/Faulty-v0` was killed by signal 9"]),
        ("hang", &["has not answered for 5 s", "in step"]),
    ] {
        let folder = tempdir().expect("a folder");
        let out = folder.path().join("run");
        let failed = outcome(&mut train(&format!("{FAULTY} --env-arg fault={fault}"), &out));
        assert_eq!(failed.code, Some(1), "{failed:?}");
        for part in parts.iter().chain(&["error: ", "saved at step 128", "striatum resume"]) {
            assert!(failed.stderr.contains(part), "{fault}: `{part}` is not in: {}", failed.stderr);
        }
        assert_eq!(checkpoint(&out).counters["steps"], 128, "two rollouts were learned from");
    }
}

/// The processes that `parent` has started.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |id: &u32| {
        let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = status.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        fields.get(1) == Some(&&*parent.to_string()) && fields[0] != "Z"
    };
    ids.filter(is_child).collect()
}

fn kill(signal: &str, id: u32) {
    Command::new("kill").args([signal, &id.to_string()]).stderr(Stdio::null()).status().expect("kill runs");
}

fn shared_memory() -> BTreeSet<String> {
    let files = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    files.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Waits until something is so.
#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} has not happened");
        sleep(Duration::from_millis(10));
    }
}

fn a_killed_trainer_leaves_nothing_behind() {
    if !Path::new("/proc/self/stat").exists() {
        return;
    }
    let before = shared_memory();
    // Workers that wait, and workers that hang in an environment. The vector environment has processes of its own.
    for args in ["--env-arg fault=none", "--env-arg fault=hang --set gym.timeout=1000", "--set gym.vectorization=async"]
    {
        let folder = tempdir().expect("a folder");
        let mut trainer = train(&format!("{FAULTY} {args}"), &folder.path().join("run"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        wait_for("training", || children(trainer.id()).len() >= 2);
        sleep(Duration::from_millis(1500));
        let workers = children(trainer.id());
        let all: Vec<u32> = workers.iter().flat_map(|&id| children(id)).chain(workers.iter().copied()).collect();
        assert_eq!(all.len(), if args.contains("async") { 6 } else { 2 }, "{args}");
        trainer.kill().expect("it runs");
        trainer.wait().expect("it ends");
        wait_for("the workers' end", || !all.iter().any(|id| Path::new(&format!("/proc/{id}")).exists()));
        assert_eq!(shared_memory(), before, "{args}");
    }
}

/// `STRIATUM_KILLS` workers are killed, 20 if it is not set, at random moments of one run.
fn killed_workers_are_replaced() {
    if !Path::new("/proc/self/stat").exists() {
        return;
    }
    let kills = std::env::var("STRIATUM_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let (before, folder) = (shared_memory(), tempdir().expect("a folder"));
    let out = folder.path().join("run");
    let args = "gym:CartPole-v1 --num-envs 4 --workers 2 --total-steps 100000000 --on-env-failure restart --set ppo.num_steps=32 \
                --set eval.interval=20000 --set eval.episodes=2 --json";
    let mut trainer = train(args, &out).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let (warnings, mut seen) = (collect(&mut trainer), BTreeSet::new());
    wait_for("training", || children(trainer.id()).len() >= 2 && out.join("metrics.jsonl").exists());
    let mut random = Stream::new(1, Purpose::User, 0, 0);
    for _ in 0..kills {
        // Some are hit while they start, but not all of them again and again.
        wait_for("two workers", || children(trainer.id()).len() >= 2 || !matches!(trainer.try_wait(), Ok(None)));
        sleep(Duration::from_millis(u64::from(100 + random.below(600))));
        let workers = children(trainer.id());
        seen.extend(workers.iter().copied());
        if let Some(&victim) = workers.get(random.below(workers.len().max(1) as u32) as usize) {
            kill("-KILL", victim);
        }
        if trainer.try_wait().expect("it can be asked").is_some() {
            panic!("the run has ended: {}", warnings.join().unwrap_or_default());
        }
    }
    wait_for("a new worker", || children(trainer.id()).len() >= 2);
    sleep(Duration::from_secs(2));
    seen.extend(children(trainer.id()));
    kill("-INT", trainer.id());
    let output = trainer.wait_with_output().expect("it ends");
    let warnings = warnings.join().expect("stderr is read");
    assert_eq!(output.status.code(), Some(0), "{warnings}");

    assert!(seen.len() as u32 > kills / 2, "only {} workers were started", seen.len());
    let replaced = warnings.matches("it was started anew").count();
    assert!(replaced as u32 > kills / 2, "{replaced} of {kills}: {warnings}");
    assert!(!seen.iter().any(|id| Path::new(&format!("/proc/{id}")).exists()), "workers are left behind");
    assert_eq!(shared_memory(), before);
    let saved = checkpoint(&out);
    assert!(latest(&out).exists() && saved.counters["steps"].is_multiple_of(128) && saved.counters["episodes"] > 0);
    let last = metrics(&out, "iteration").pop().expect("iterations");
    // What has happened in the last rollouts may not be counted yet when the last point is written.
    let counted = last["charts/env_failures"].as_u64().or(last["charts/env_failures"].as_f64().map(|n| n as u64));
    assert!(counted.is_some_and(|counted| counted > 0 && counted <= replaced as u64), "{last}");
    println!("{kills} kills, {replaced} replacements, {} steps", saved.counters["steps"]);
}

/// No episode gets as far as its end.
fn an_evaluation_that_never_ends_is_given_up() {
    let folder = tempdir().expect("a folder");
    let args = "gym:Test/Faulty-v0 --env-arg fault=step --env-arg at=3 --on-env-failure restart --num-envs 1 --workers 1 --total-steps 4 \
                --set ppo.num_steps=4 --set ppo.minibatches=1 --set eval.episodes=1";
    let failed = outcome(&mut train(args, &folder.path().join("run")));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let lost = "episodes in a row were lost with the workers that played them";
    assert!(failed.stderr.contains(lost), "{failed:?}");
}

/// Reads stderr on a thread, so that it does not fill up.
fn collect(child: &mut Child) -> std::thread::JoinHandle<String> {
    let mut pipe = child.stderr.take().expect("it is piped");
    std::thread::spawn(move || std::io::read_to_string(&mut pipe).unwrap_or_default())
}
