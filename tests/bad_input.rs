//! Bad settings: each a clear error that names the field and the fix, exit code 2, no panic, and nothing written.

mod common;

use common::{Outcome, command, striatum, train};
use std::fs;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::Path;
use striatum::train::config::{KEYS, Key, Kind};
use tempfile::tempdir;

/// Trains into a folder of its own with one argument more, and fails unless that is refused before anything is written.
#[track_caller]
fn refused(args: &[&str], parts: &[&str]) {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("run");
    let outcome: Outcome =
        command().arg("train").args(args).arg("--out").arg(&out).output().expect("the binary runs").into();
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
    outcome.refused(parts);
    assert!(!out.exists(), "{args:?} left `{}`", out.display());
}

/// Values of another type than the key's, as TOML.
fn wrong_types(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::Text | Kind::AnyText | Kind::OneOf(_) | Kind::Device => &["3", "true", "[1]"],
        Kind::Texts => &["3", "one", "[1]"],
        Kind::Flag => &["3", "\"yes\"", "0.5"],
        Kind::Whole { .. } => &["many", "true", "1.5", "[1]", "99999999999999999999"],
        Kind::Real { .. } => &["much", "false", "[0.1]"],
        Kind::Size { .. } => &["large", "true", "[\"a\"]", "[1.5, 2]"],
        Kind::Range => &["1", "wide", "[\"a\", 1]"],
        Kind::Widths { .. } => &["64", "wide", "[\"a\"]", "[1.5]"],
    }
}

/// Values of the key's type that it may not have.
fn out_of_range(key: &Key) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    match key.kind {
        // The task is an argument, which wins over `--set`; a flag has no range.
        Kind::Text | Kind::AnyText | Kind::Flag => Vec::new(),
        Kind::Texts => texts(&["['']", "['a', ' ']"]),
        Kind::OneOf(_) => texts(&["nonsense", "\"\""]),
        Kind::Device => texts(&["tpu", "gpu:x", "\"\""]),
        Kind::Whole { min, max } => {
            let above = (max < i64::MAX as u64).then(|| (max + 1).to_string());
            let below = (min > 0).then(|| (min - 1).to_string());
            above.into_iter().chain(below).chain(["-1".to_owned(), i64::MIN.to_string()]).collect()
        }
        Kind::Real { min, max } => {
            let below = match min {
                Included(min) => vec![min - 0.5, -1e30],
                Excluded(min) => vec![min, min - 0.5],
                Unbounded => Vec::new(),
            };
            let above = match max {
                Included(max) => vec![max + 0.5, 1e30],
                Excluded(max) => vec![max, max + 0.5],
                Unbounded => Vec::new(),
            };
            let numbers = below.into_iter().chain(above).map(|number| format!("{number:?}"));
            numbers.chain(["nan", "inf", "-inf", "1e39"].map(str::to_owned)).collect()
        }
        Kind::Size { side } => {
            let wide = format!("[1, {}]", side + 1);
            texts(&["[3]", "[3, 0]", "[3, 3, 3]", "0"]).into_iter().chain([wide, (side + 1).to_string()]).collect()
        }
        Kind::Range => texts(&["[1.0]", "[1.0, 1.0]", "[2.0, 1.0]", "[-inf, 1.0]", "[0.0, nan]"]),
        Kind::Widths { layers, width } => {
            let deep = format!("{:?}", vec![8; layers + 1]);
            vec![deep, format!("[{}]", width + 1), "[0]".to_owned(), "[-4]".to_owned(), format!("[{}]", i64::MAX)]
        }
    }
}

#[test]
fn every_key_refuses_a_wrong_type() {
    for key in KEYS {
        for value in wrong_types(&key.kind) {
            let set = format!("{}={value}", key.name);
            refused(&["CartPole-v1", "--set", &set], &[&format!("`{}`", key.name), "must be "]);
        }
    }
}

#[test]
fn every_key_refuses_what_is_out_of_its_range() {
    let mut tried = 0;
    for key in KEYS {
        for value in out_of_range(key) {
            let set = format!("{}={value}", key.name);
            refused(&["CartPole-v1", "--set", &set], &[&format!("`{}`", key.name), "must be "]);
            tried += 1;
        }
    }
    assert!(tried > 150, "only {tried} values");
}

#[test]
fn a_file_is_checked_as_arguments_are() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("settings.toml");
    let name = file.to_str().expect("UTF-8");
    let write = |text: &[u8]| fs::write(&file, text).expect("a file");
    for (text, parts) in [
        ("[ppo]\nclip = \"wide\"\n", &["`ppo.clip`", "settings.toml", "must be "][..]),
        ("[ppo]\nclip = -1\n", &["`ppo.clip`", "must be ", "try "]),
        ("[ppo]\ncilp = 0.1\n", &["unknown key `ppo.cilp`", "did you mean `ppo.clip`"]),
        ("[pppo]\nclip = 0.1\n", &["unknown key `pppo`", "did you mean `ppo`"]),
        ("ppo = 3\n", &["`ppo`", "a section of keys"]),
        ("num_envs = \n", &["settings.toml", "not valid TOML", "line 1"]),
        ("[ppo]\nclip = 0.1\nclip = 0.2\n", &["not valid TOML"]),
    ] {
        write(text.as_bytes());
        refused(&["CartPole-v1", "--config", name], parts);
    }
    write(b"\xff\xfe\x00\x01");
    refused(&["CartPole-v1", "--config", name], &["settings.toml", "--config"]);
    let absent = folder.path().join("absent.toml");
    for path in [absent.as_path(), folder.path()] {
        refused(&["CartPole-v1", "--config", path.to_str().expect("UTF-8")], &["cannot read", "--config"]);
    }
}

#[test]
fn unknown_names_get_a_suggestion() {
    refused(&["CartPole"], &["no task `CartPole`", "did you mean `CartPole-v1`", "striatum envs"]);
    refused(&["cartpole-v1"], &["did you mean `CartPole-v1`"]);
    refused(&["Chess"], &["no task `Chess`", "striatum envs"]);
    refused(&[""], &["no task ``"]);
    refused(&["CartPole-v1", "--set", "ppo.cilp=0.1"], &["unknown key `ppo.cilp`", "did you mean `ppo.clip`"]);
    refused(&["CartPole-v1", "--set", "nmu_envs=4"], &["unknown key `nmu_envs`", "did you mean `num_envs`"]);
    refused(&["CartPole-v1", "--set", "qqqq=4"], &["unknown key `qqqq`", "striatum config TASK"]);
    refused(&["CartPole-v1", "--set", "ppo.clip"], &["KEY=VALUE"]);
    refused(&["CartPole-v1", "--set", "=4"], &["KEY=VALUE"]);
    refused(&["CartPole-v1", "--algo", "dqn"], &["'--algo <ALGO>'", "ppo, a2c"]);
    refused(&["CartPole-v1", "--device", "tpu"], &["--device", "`gpu:N`"]);
    refused(&["CartPole-v1", "--sede", "1"], &["--sede", "--seed"]);
    let bandit = ["no parameter `env.amrs`", "did you mean `env.arms`", "env.reversal = 0  Steps after which"];
    refused(&["Bandit-v0", "--set", "env.amrs=3"], &bandit);
    refused(&["Bandit-v0", "--set", "env.arms=1"], &["`env.arms` (1)", "a whole number from 2 to 64", "try 4"]);
    refused(&["Bandit-v0", "--vary", "env.arms=2,1"], &["`env.arms` (1)", "try 4"]);
    refused(&["CartPole-v1", "--set", "env.gravity=3"], &["no parameter `env.gravity`", "it has none"]);
    striatum("config Bandit-v0 --set env.steps=0", &[]).refused(&["`env.steps` (0)"]);
    striatum("envs Bandit", &[]).refused(&["did you mean `Bandit-v0`"]);
    striatum("tarin CartPole-v1", &[]).refused(&["tarin", "train"]);
    striatum("config CartPole", &[]).refused(&["did you mean `CartPole-v1`"]);
}

#[test]
fn numbers_that_make_no_run() {
    for (args, parts) in [
        ("--num-envs 0", &["`num_envs` (0)", "try 8"][..]),
        ("--total-steps 0", &["`total_steps` (0)", "try "]),
        ("--num-envs -1", &["--num-envs", "-1"]),
        ("--seed -1", &["--seed", "-1"]),
        ("--total-steps 1e6", &["--total-steps", "1e6"]),
        ("--stop-after many", &["--stop-after", "many"]),
        (
            "--num-envs 8 --set ppo.num_steps=32 --set ppo.minibatches=7",
            &["`ppo.minibatches` (7) must divide", "(256)", "try 8"],
        ),
        (
            "--set ppo.minibatches=256 --set ppo.num_steps=32",
            &["`ppo.normalize_advantages`", "fewer `ppo.minibatches`"],
        ),
        ("--set dopamine.kappa=0.5", &["`dopamine.kappa` (0.5)", "`network.pathways` to \"dual\""]),
        ("--set dopamine.kappa=0.5 --set network.pathways=dual", &["`dopamine.sum_decay`", "above 0", "try 0.01"]),
        ("--set dopamine.tonic_gain=1 --set dopamine.tonic_slow=0.2", &["`dopamine.tonic_slow` (0.2)", "try 0.01"]),
        (
            "--set dopamine.reward_centering=td",
            &[
                "`dopamine.reward_centering`",
                "episodes of task `CartPole-v1` end",
                "`dopamine.force_centering` to true",
            ],
        ),
        ("--seeds 2 --set dopamine.reward_centering=mean", &["`dopamine.reward_centering`", "set it to \"none\""]),
        ("--set network.squash=true", &["`network.squash`", "discrete", "set it to false"]),
        (
            "--set network.state_dependent_exploration=true",
            &["`network.state_dependent_exploration`", "set it to false"],
        ),
    ] {
        let args: Vec<&str> = std::iter::once("CartPole-v1").chain(args.split_whitespace()).collect();
        refused(&args, parts);
    }
}

#[test]
fn what_is_for_choices_needs_some() {
    for key in ["dopamine.logit_decay", "dopamine.tonic_gain"] {
        let set = format!("{key}=0.1");
        refused(&["Pendulum-v1", "--set", &set], &[&format!("`{key}` is for discrete actions"), "set it to 0"]);
    }
}

/// What this build or this machine has not got.
#[test]
fn engines_and_devices_that_are_not_there() {
    let deep = ["CartPole-v1", "--device", "gpu", "--set", "engine=fused", "--set", "network.hidden=[8, 8, 8, 8, 8]"];
    refused(&deep, &["`engine = \"fused\"`", "4 hidden layers", "--device cpu"]);
    refused(&["CartPole-v1", "--device", "gpu:99"], &["99"]);
    let remembering = ["CartPole-v1", "--set", "engine=fused", "--set", "network.memory=gru"];
    refused(&remembering, &["`engine = \"fused\"`", "`network.memory` is \"gru\"", "--engine auto"]);
    if !cfg!(feature = "burn") {
        refused(&["CartPole-v1", "--set", "engine=burn"], &["no burn engine", "`--engine fused`"]);
    }
}

/// What would need more memory than there is must not get as far as asking for it.
#[test]
fn huge_numbers_are_refused_before_any_memory_is_taken() {
    for (args, part) in [
        ("--num-envs 1000000000000000000", "`num_envs`"),
        ("--num-envs 9223372036854775807", "`num_envs`"),
        ("--num-envs 99999999999999999999", "--num-envs"),
        ("--num-envs 1048576 --set ppo.num_steps=1048576", "`ppo.num_steps * num_envs`"),
        ("--algo a2c --num-envs 1048576 --set a2c.num_steps=1048576", "`a2c.num_steps * num_envs`"),
        ("--set ppo.num_steps=1000000000000000000", "`ppo.num_steps`"),
        ("--set ppo.minibatches=1000000000000000000", "`ppo.minibatches`"),
        ("--set network.hidden=[1000000000000]", "`network.hidden`"),
        ("--set eval.episodes=1000000000000000000", "`eval.episodes`"),
        ("--set threads=1000000000000000000", "`threads`"),
    ] {
        let args: Vec<&str> = std::iter::once("CartPole-v1").chain(args.split_whitespace()).collect();
        refused(&args, &[part]);
    }
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    let largest = i64::MAX;
    train(&format!("CartPole-v1 --quiet --seed {largest} --total-steps {largest} --stop-after 256"), &run).ok();
    striatum("eval --episodes 99999999999", &[&run]).refused(&["--episodes"]);
    striatum("eval --episodes 0", &[&run]).refused(&["--episodes"]);
}

#[test]
fn a_trace_by_hand_checks_what_it_is_given() {
    let refused = |task: &str, state: &str, actions: &str, parts: &[&str]| {
        let args = ["trace", task, "--state", state, "--actions", actions];
        let outcome: Outcome = command().args(args).output().expect("the binary runs").into();
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
        outcome.refused(parts);
    };
    let still = "[0, 0, 0, 0]";
    refused("CartPole-v0", still, "[1]", &["did you mean `CartPole-v1`"]);
    for state in
        ["", "[0, 0", "{}", "[0, 0, \"a\", 0]", "[0, 0]", "[0, 0, 0, 0, 0]", "[0, 0, null, 0]", "[1e999, 0, 0, 0]"]
    {
        refused("CartPole-v1", state, "[1]", &["the state does not fit"]);
    }
    for actions in ["", "[1", "3", "[2]", "[-1]", "[0.5]", "[[1, 1]]", "[\"left\"]", "[[]]", "[1, null]"] {
        refused("CartPole-v1", still, actions, &["the action does not fit"]);
    }
    refused("CartPole-v1", still, "[0, 1, 7]", &["action 2", "0..=1"]);
    refused("Pendulum-v1", "[0, 0]", "[[1, 2]]", &["action 0 has 2 numbers; give 1"]);
    refused("Bandit-v0", "[7]", "[0]", &["step is 7; give a whole number from 0 to 1"]);
    refused("CliffGamble-v0", "[0, 4]", "[0]", &["nobody stands in row 0, column 4"]);
    let bandit = "trace Bandit-v0 --state [0] --actions [5] --set";
    striatum(&format!("{bandit} env.arm=6"), &[]).refused(&["did you mean `env.arms`"]);
    striatum(&format!("{bandit} ppo.clip=0.1"), &[]).refused(&["`--set ppo.clip=0.1`", "`env.NAME=VALUE`"]);
    striatum(&format!("{bandit} env.arms"), &[]).refused(&["KEY=VALUE"]);
    assert!(striatum(&format!("{bandit} env.arms=6"), &[]).ok().stdout.contains("\"terminated\":true"));
}

#[test]
fn plot_and_export_check_where_they_read_and_write() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let run = path("run");
    train("CartPole-v1 --quiet --device cpu --total-steps 512 --set eval.episodes=2 --set run.log_interval=0", &run)
        .ok();
    fs::write(path("file"), "").expect("a file");
    let picture = |runs: &[&Path], more: &str, output: &str| -> Outcome {
        let output = path(output);
        command()
            .arg("plot")
            .args(runs)
            .args(more.split_whitespace())
            .arg("-o")
            .arg(output)
            .output()
            .expect("it runs")
            .into()
    };
    picture(&[&run], "", "curve.gif").refused(&["curve.gif", ".svg", ".png"]);
    picture(&[&run], "", "file/curve.svg").refused(&["cannot be written"]);
    picture(&[&run], "--metric charts/episodic_retrun", "curve.svg").refused(&["charts/episodic_return"]);
    picture(&[&path("absent")], "", "curve.svg").refused(&["absent", "is not a run"]);
    picture(&[], "", "curve.svg").refused(&["<RUNS>"]);
    for format in ["onnx", "safetensors"] {
        let output = path("file/policy");
        striatum(&format!("export --format {format} -o"), &[&output, &run]).refused(&["cannot be written"]);
        striatum(&format!("export --format {format} -o"), &[&path("policy"), &path("absent")]).refused(&["absent"]);
    }
    striatum("export --format pickle -o", &[&path("policy"), &run]).refused(&["onnx"]);
    assert!(!path("curve.svg").exists() && !path("policy").exists());
}
