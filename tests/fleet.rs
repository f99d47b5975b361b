//! Many agents in one launch: each is its run alone, bit for bit, whatever runs beside it and wherever it was interrupted.

mod common;

use common::{Outcome, checkpoint, command, latest, metrics, striatum, train};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use striatum::train::TrainError;
use striatum::train::checkpoint::Checkpoint;
use striatum::train::fleet;
use striatum::train::run::RunOptions;
use tempfile::tempdir;

const SHORT: &str = "CartPole-v1 --device cpu --num-envs 4 --total-steps 768 --set ppo.num_steps=32 --set ppo.minibatches=4 \
    --set ppo.epochs=2 --set network.hidden=[16,16] --set normalize.observations=true --set eval.interval=300 \
    --set eval.episodes=3 --set run.checkpoint_interval=200 --set run.log_interval=0";

/// Fails unless both are the same but for the clock.
#[track_caller]
fn assert_same(name: &str, a: &Checkpoint, b: &Checkpoint) {
    assert!(a.tensors.keys().eq(b.tensors.keys()), "{name}: {:?} against {:?}", a.tensors.keys(), b.tensors.keys());
    for (key, array) in &a.tensors {
        assert!(*array == b.tensors[key], "{name}: tensor `{key}` differs");
    }
    assert_eq!((&a.counters, &a.config), (&b.counters, &b.config), "{name}");
    for key in ["best_return", "last_return"] {
        assert_eq!(a.numbers[key].to_bits(), b.numbers[key].to_bits(), "{name}: {key}");
    }
}

/// The points of a run's curves without what the clock decides.
fn curve(run: &Path) -> Vec<Value> {
    let mut lines = metrics(run, "iteration");
    lines.extend(metrics(run, "evaluation"));
    for line in &mut lines {
        line.as_object_mut().expect("an object").retain(|key, _| key != "wall_seconds" && key != "charts/SPS");
    }
    lines
}

#[track_caller]
fn agents(result: &Value) -> &Vec<Value> {
    result["agents"].as_array().unwrap_or_else(|| panic!("no agents: {result}"))
}

#[test]
fn each_agent_is_its_run_alone() {
    let folder = tempdir().expect("a folder");
    let parent = folder.path().join("launch");
    let result = train(&format!("{SHORT} --seed 4 --seeds 3 --threads 2 --json --quiet"), &parent).ok();
    assert!(result.stderr.is_empty() && result.stdout.lines().count() == 1, "{result:?}");
    for (index, seed) in (4..7).enumerate() {
        let alone = folder.path().join(format!("alone{seed}"));
        let single = train(&format!("{SHORT} --seed {seed} --threads 2 --json --quiet"), &alone).ok().json();
        let run = parent.join(format!("seed{seed}"));
        assert_same(&format!("seed {seed}"), &checkpoint(&alone), &checkpoint(&run));
        assert_eq!(curve(&alone), curve(&run), "seed {seed}");
        let own = agents(&result.json())[index].clone();
        for key in ["task", "algo", "seed", "steps", "episodes", "episodic_return", "best_return", "last_return"] {
            assert_eq!(own[key], single[key], "seed {seed}: {key}");
            assert!(!own[key].is_null(), "{key}: {own}");
        }
        assert_eq!((&own["agent"], &own["finished"]), (&format!("seed{seed}").into(), &true.into()));
        let events = fs::read_dir(&run).expect("a folder").flatten();
        assert_eq!(events.filter(|e| e.file_name().to_string_lossy().starts_with("events.out.")).count(), 1);
        striatum("eval --episodes 1", &[&run]).ok();
    }
    let other = |name: &str| checkpoint(&parent.join(name)).tensors["envs.states"].clone();
    assert!(other("seed4") != other("seed5"), "the seeds change nothing");
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let folder = tempdir().expect("a folder");
    let launch = |threads: usize| {
        let parent = folder.path().join(threads.to_string());
        train(&format!("{SHORT} --seeds 3 --quiet --threads {threads}"), &parent).ok();
        [0, 1, 2].map(|seed| checkpoint(&parent.join(format!("seed{seed}"))))
    };
    let one = launch(1);
    // Fewer threads than agents, as many, and several for each.
    for threads in [2, 3, 7] {
        for (seed, (a, b)) in one.iter().zip(launch(threads)).enumerate() {
            let same = Checkpoint { config: a.config.clone(), ..b };
            assert_same(&format!("seed {seed} on {threads} threads"), a, &same);
        }
    }
}

#[test]
fn variations_are_applied_to_every_seed() {
    let folder = tempdir().expect("a folder");
    let parent = folder.path().join("launch");
    let vary = "--seed 1..2 --vary ppo.learning_rate=1e-3,1e-2 --vary network.hidden=[8,8],[12]";
    let result = train(&format!("{SHORT} {vary} --json --quiet"), &parent).ok().json();
    assert_eq!(agents(&result).len(), 8, "{result}");
    let name = "learning_rate=1e-2,hidden=8-8,seed2";
    let alone = folder.path().join("alone");
    train(&format!("{SHORT} --seed 2 --set ppo.learning_rate=1e-2 --set network.hidden=[8,8] --quiet"), &alone).ok();
    assert_same(name, &checkpoint(&alone), &checkpoint(&parent.join(name)));

    let own = agents(&result).iter().find(|agent| agent["agent"] == name).expect("it is there");
    assert_eq!(own["variation"], "ppo.learning_rate=1e-2, network.hidden=[8,8]");
    let rows = result["aggregate"].as_array().expect("a list");
    assert_eq!(rows.len(), 4 * 3, "{result}");
    for row in rows {
        let metric = row["metric"].as_str().expect("a name");
        let of = |agent: &&Value| agent["variation"] == row["variation"];
        let values: Vec<f64> =
            agents(&result).iter().filter(of).map(|a| a[metric].as_f64().expect("a number")).collect();
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key}: {row}"));
        let (low, high) = (values[0].min(values[1]), values[0].max(values[1]));
        // Of two values half a value goes at either end, and a quarter of all resamples are twice the same one.
        assert!(
            (number("iqm") - (low + high) / 2.0).abs() < 1e-9 && (number("mean") - number("iqm")).abs() < 1e-9,
            "{row}"
        );
        assert!((number("low") - low).abs() < 1e-9 && (number("high") - high).abs() < 1e-9, "{row}");
        assert!((number("std") - (high - low) / 2.0).abs() < 1e-9 && row["seeds"] == 2, "{row}");
    }
    striatum("eval --episodes 2", &[&parent.join("learning_rate=1e-3,hidden=12,seed1")]).ok();
}

#[test]
fn an_interrupted_launch_is_resumed_whole() {
    let folder = tempdir().expect("a folder");
    let (straight, resumed) = (folder.path().join("straight"), folder.path().join("resumed"));
    let args = format!("{SHORT} --seeds 3 --vary ppo.clip=0.1,0.3 --threads 2 --quiet");
    train(&args, &straight).ok();
    let half = train(&format!("{args} --stop-after 350 --json"), &resumed).ok().json();
    assert_eq!((&half["finished"], half["steps"].as_u64()), (&false.into(), Some(6 * 384)), "{half}");
    let names: Vec<_> = agents(&half).iter().map(|agent| agent["agent"].as_str().expect("a name")).collect();
    assert_eq!(names.len(), 6);
    // One agent is further than the others, one was killed before its first checkpoint, and one finished.
    striatum("resume --quiet --stop-after 500", &[&resumed.join(names[1])]).ok();
    fs::remove_dir_all(resumed.join(names[2]).join("checkpoints")).expect("a folder");
    striatum("resume --quiet", &[&resumed.join(names[3])]).ok();
    let whole = striatum("resume --json", &[&resumed]).ok();
    assert_eq!((&whole.json()["finished"], agents(&whole.json()).len()), (&true.into(), 6), "{whole:?}");
    assert!(whole.stderr.contains("6 agents, 2 at a time"), "{whole:?}");
    for name in &names {
        assert_same(name, &checkpoint(&straight.join(name)), &checkpoint(&resumed.join(name)));
        assert_eq!(curve(&straight.join(name)), curve(&resumed.join(name)), "{name}");
    }
    let again = striatum("resume --json", &[&resumed]).ok();
    assert!(again.stderr.contains("nothing to do"), "{again:?}");
    assert_eq!((again.json()["steps"].as_u64(), agents(&again.json()).len()), (Some(0), 6), "{again:?}");

    let longer = striatum("resume --json --quiet --total-steps 1024", &[&resumed]).ok().json();
    assert!(agents(&longer).iter().all(|agent| agent["steps"] == 1024), "{longer}");
    assert_eq!(longer["steps"], 6 * 256);
}

#[test]
fn agents_that_have_not_begun_wait_for_the_resume() {
    let folder = tempdir().expect("a folder");
    let (waiting, straight) = (folder.path().join("waiting"), folder.path().join("straight"));
    let sets: Vec<String> = SHORT.split(" --set ").skip(1).map(|set| set.trim().to_owned()).collect();
    let request = striatum::train::config::Request {
        task: "CartPole-v1".into(),
        sets: sets.into_iter().chain(["num_envs=4".into(), "total_steps=768".into(), "device=cpu".into()]).collect(),
        ..Default::default()
    };
    let make = |_: &_, count| Ok(striatum::envs::make("CartPole-v1", count)?);
    let options =
        RunOptions { out: waiting.clone(), stop_after: None, interrupted: &AtomicBool::new(true), quiet: true };
    let agents = fleet::plan(&request, 2, &[]).unwrap_or_else(|error| panic!("{error}"));
    let summary = fleet::train(agents, &make, &options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((summary.waiting, summary.finished, summary.steps), (vec!["seed0".into(), "seed1".into()], false, 0));
    striatum("resume --quiet", &[&waiting]).ok();
    train(&format!("{SHORT} --seeds 2 --quiet"), &straight).ok();
    for name in ["seed0", "seed1"] {
        assert_same(name, &checkpoint(&straight.join(name)), &checkpoint(&waiting.join(name)));
    }
}

#[test]
fn an_agent_that_fails_does_not_stop_the_others() {
    let folder = tempdir().expect("a folder");
    let parent = folder.path().join("launch");
    let vary = "--set ppo.max_grad_norm=1e30 --vary ppo.learning_rate=1e-3,1e30";
    let outcome = train(&format!("{SHORT} --seeds 2 {vary} --json"), &parent);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let result = outcome.json();
    assert_eq!(agents(&result).len(), 2, "{result}");
    assert!(agents(&result).iter().all(|agent| agent["steps"] == 768), "{result}");
    let failed: Vec<_> = result["failed"].as_array().expect("a list").iter().map(|f| f["agent"].as_str()).collect();
    assert_eq!(failed, [Some("learning_rate=1e30,seed0"), Some("learning_rate=1e30,seed1")], "{result}");
    assert!(result["failed"][0]["error"].as_str().is_some_and(|text| text.contains("not finite")), "{result}");
    for part in ["error: learning_rate=1e30,seed0: the gradient is not finite", "error: 2 of 4 agents failed: "] {
        assert!(outcome.stderr.contains(part), "{outcome:?}");
    }
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
}

/// What keeps every agent from beginning leaves nothing behind.
#[test]
fn a_launch_that_cannot_begin_leaves_nothing() {
    let folder = tempdir().expect("a folder");
    let (absent, empty) = (folder.path().join("absent"), folder.path().join("empty"));
    fs::create_dir(&empty).expect("a folder");
    let request = striatum::train::config::Request { task: "CartPole-v1".into(), ..Default::default() };
    // The first environment is for the check before the launch.
    let made = AtomicUsize::new(0);
    let make = |_: &_, count| match made.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(striatum::envs::make("CartPole-v1", count)?),
        _ => Err(TrainError::Engine("no more".into())),
    };
    for out in [&absent, &empty] {
        made.store(0, Ordering::Relaxed);
        let agents = fleet::plan(&request, 4, &[]).unwrap_or_else(|error| panic!("{error}"));
        let options =
            RunOptions { out: out.clone(), stop_after: None, interrupted: &AtomicBool::new(false), quiet: true };
        assert_eq!(fleet::train(agents, &make, &options).unwrap_err().to_string(), "no more");
    }
    assert!(!absent.exists());
    assert_eq!(fs::read_dir(&empty).expect("a folder").count(), 0);
}

#[test]
fn a_broken_agent_does_not_keep_the_others_from_being_resumed() {
    let folder = tempdir().expect("a folder");
    let parent = folder.path().join("launch");
    train(&format!("{SHORT} --seeds 3 --quiet --stop-after 300"), &parent).ok();
    fs::write(latest(&parent.join("seed0")), "nonsense").expect("a file");
    let outcome = striatum("resume --json --quiet", &[&parent]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("error: seed0: "), "{outcome:?}");
    assert_eq!((agents(&outcome.json()).len(), &outcome.json()["failed"][0]["agent"]), (2, &"seed0".into()));
    assert!(agents(&outcome.json()).iter().all(|agent| agent["steps"] == 768), "{outcome:?}");

    let list = parent.join("fleet.toml");
    let text = fs::read_to_string(&list).expect("a list");
    for (broken, part) in [
        ("format_version = 2\ntask = \"CartPole-v1\"\nagents = []\n".to_owned(), "newer program"),
        ("format_version = 1\ntask = \"CartPole-v1\"\nagents = []\n".to_owned(), "no agent"),
        (text.replace("seed0", "../seed0"), "no folder's name"),
        (text.replace("agents", "agenst"), "missing field `agents`"),
        ("\u{0}".to_owned(), "broken"),
    ] {
        fs::write(&list, broken).expect("a file");
        striatum("resume", &[&parent]).refused(&[part, "fleet.toml"]);
    }
}

#[test]
fn progress_and_result_of_a_launch() {
    let folder = tempdir().expect("a folder");
    let parent = folder.path().join("launch");
    let loud = train(&format!("{SHORT} --seeds 2"), &parent).ok();
    assert!(loud.stdout.is_empty(), "{loud:?}");
    for part in [
        "CartPole-v1: ppo on cpu (fused), 2 agents",
        "[2/2] seed",
        ": finished after 768 steps",
        "\nseed0 ",
        "\nseed1 ",
        "all agents\n",
        "95 % interval",
        "striatum plot ",
    ] {
        assert!(loud.stderr.contains(part), "`{part}` is not in: {}", loud.stderr);
    }
    assert!(
        !loud.stderr.contains("evaluation 1") && loud.stderr.lines().all(|line| line.chars().count() <= 100),
        "{loud:?}"
    );
    let picture = folder.path().join("curves.svg");
    striatum("plot -o", &[&picture, &parent]).ok();
    let whole = fs::read_to_string(&picture).expect("a picture");
    striatum("plot -o", &[&picture, &parent.join("fleet.toml"), &parent.join("seed0"), &parent.join("seed1")]).ok();
    assert_eq!(whole, fs::read_to_string(&picture).expect("a picture"));
    for args in ["eval", "export --format onnx -o x.onnx", "eval --checkpoint latest"] {
        striatum(args, &[&parent]).refused(&["several agents", "seed0"]);
    }
}

#[test]
fn without_out_a_launch_gets_a_folder_of_its_own() {
    let folder = tempdir().expect("a folder");
    for (args, name, agent) in [
        ("--seed 2..3", "ppo-seeds2-3", "seed3"),
        ("--seed 2 --seeds 2", "ppo-seeds2-3-2", "seed2"),
        ("--vary algo=a2c,ppo", "a2c-ppo-seeds0-0", "algo=a2c,seed0"),
    ] {
        let mut command = command();
        command.current_dir(folder.path()).arg("train").args(SHORT.split_whitespace()).args(args.split_whitespace());
        Outcome::from(command.arg("--quiet").output().expect("the binary runs")).ok();
        let run = folder.path().join("runs/CartPole-v1").join(name).join(agent);
        assert!(run.join("checkpoints/latest.safetensors").is_file(), "no {}", run.display());
    }
}

#[test]
fn what_makes_no_launch_is_refused_before_anything_is_written() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("launch");
    for (args, parts) in [
        ("--seeds 0", &["`--seeds` (0)", "1 to 1024"][..]),
        ("--seeds -1", &["--seeds", "-1"]),
        ("--seeds many", &["--seeds", "many"]),
        ("--seeds 1025", &["`--seeds` (1025)", "1024"]),
        ("--seed 0..1024", &["1024"]),
        ("--seed 0..9223372036854775807", &["1024"]),
        ("--seed 5..3", &["--seed", "the range is empty", "try 3..5"]),
        ("--seed 1..", &["--seed", "such as 1..10"]),
        ("--seed=-1..3", &["--seed", "such as 1..10"]),
        ("--seed 1..3 --seeds 2", &["`--seeds`", "`--seed A..B`"]),
        ("--seed 9223372036854775807 --seeds 2", &["largest"]),
        ("--seeds 2 --vary ppo.cilp=0.1,0.2", &["unknown key `ppo.cilp`", "did you mean `ppo.clip`"]),
        ("--vary ppo.clip", &["KEY=VALUE"]),
        ("--vary ppo.clip=0.1,-1", &["`ppo.clip`", "must be "]),
        ("--vary ppo.clip=0.1,wide", &["`ppo.clip`", "must be "]),
        ("--vary ppo.clip=0.2,0.20", &["same value twice", "`0.2` and `0.20`"]),
        ("--vary seed=1,2", &["cannot vary `seed`", "--seeds"]),
        ("--vary device=cpu,gpu", &["cannot vary `device`", "--device"]),
        ("--vary run.stop_at_threshold=true,false", &["cannot vary `run.stop_at_threshold`", "--set"]),
        ("--vary network.squash=false,true", &["`network.squash`", "discrete"]),
        ("--vary ppo.minibatches=4,7", &["`ppo.minibatches` (7) must divide"]),
    ] {
        let outcome = train(&format!("CartPole-v1 --num-envs 8 --set ppo.num_steps=32 {args}"), &out);
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
        outcome.refused(parts);
        assert!(!out.exists(), "{args} left `{}`", out.display());
    }
    if cfg!(not(feature = "burn")) {
        train("CartPole-v1 --seeds 2 --engine burn", &out).refused(&["no burn engine"]);
        assert!(!out.exists());
    }
    striatum("config CartPole-v1 --seed 1..3", &[]).refused(&["`--seed`", "one"]);

    fs::create_dir(&out).expect("a folder");
    train(&format!("{SHORT} --seeds 2 --quiet"), &out).ok();
    train(&format!("{SHORT} --seeds 2"), &out).refused(&["holds a launch already", "striatum resume"]);
    train(SHORT, &out).refused(&["holds a launch", "--out"]);
    fs::write(folder.path().join("file"), "").expect("a file");
    train(&format!("{SHORT} --seeds 2"), folder.path()).refused(&["is not empty", "--out"]);
    train(&format!("{SHORT} --seeds 2"), &folder.path().join("file")).refused(&["cannot be written", "--out"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_every_agent_and_a_second_one_stops_at_once() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let folder = tempdir().expect("a folder");
    let start = |name: &str, more: &str| {
        let args = format!("CartPole-v1 --device cpu --json --total-steps 1000000000 {more}");
        let mut command = command();
        command.arg("train").args(args.split_whitespace()).arg("--out").arg(folder.path().join(name));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    };
    let until_begun = |run: &Path| {
        let started = Instant::now();
        let begun = || fs::read_to_string(run.join("metrics.jsonl")).is_ok_and(|text| text.contains("\"iteration\""));
        while !begun() {
            assert!(started.elapsed() < Duration::from_secs(60), "training does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let interrupt = |id: u32| {
        let kill = std::process::Command::new("kill").args(["-s", "INT", &id.to_string()]).status();
        assert!(kill.expect("kill runs").success());
    };

    let launch = folder.path().join("launch");
    let child = start("launch", "--seeds 3 --threads 2");
    until_begun(&launch.join("seed0"));
    until_begun(&launch.join("seed1"));
    interrupt(child.id());
    let outcome = Outcome::from(child.wait_with_output().expect("it ends")).ok();
    let result = outcome.json();
    assert_eq!(
        (agents(&result).len(), &result["waiting"], &result["finished"]),
        (2, &serde_json::json!(["seed2"]), &false.into())
    );
    for agent in agents(&result) {
        let name = agent["agent"].as_str().expect("a name");
        assert_eq!(Some(checkpoint(&launch.join(name)).counters["steps"]), agent["steps"].as_u64());
    }
    assert!(outcome.stderr.contains("striatum resume"), "{outcome:?}");

    // One iteration of this takes long enough for a second signal.
    let child = start("run", "--num-envs 64 --set ppo.num_steps=16384 --set ppo.epochs=200");
    let begun = Instant::now();
    while !folder.path().join("run/metrics.jsonl").is_file() {
        assert!(begun.elapsed() < Duration::from_secs(60), "training does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    interrupt(child.id());
    std::thread::sleep(Duration::from_millis(300));
    interrupt(child.id());
    let outcome = Outcome::from(child.wait_with_output().expect("it ends"));
    assert_eq!(outcome.code, Some(130), "{outcome:?}");
    assert!(outcome.stderr.lines().any(|line| line == "stopped at once; the last checkpoint is kept"), "{outcome:?}");
}
