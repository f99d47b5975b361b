//! The command line: help, results on stdout and progress on stderr, signals, closed pipes, and each subcommand's output.

mod common;

use common::{Outcome, command, metrics, striatum, train};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::{TempDir, tempdir};

const SHORT: &str = "CartPole-v1 --device cpu --total-steps 512 --num-envs 4 --set ppo.num_steps=32 --set ppo.minibatches=4 \
    --set eval.episodes=2 --set run.log_interval=0";

/// A short finished run.
fn a_run() -> (TempDir, PathBuf) {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    train(&format!("{SHORT} --quiet"), &run).ok();
    (folder, run)
}

#[test]
fn every_help_has_an_example() {
    let top = striatum("--help", &[]).ok();
    let listed = |name: &str| top.stdout.lines().any(|line| line.trim_start().starts_with(&format!("{name} ")));
    for name in [
        "train",
        "eval",
        "play",
        "resume",
        "export",
        "plot",
        "envs",
        "devices",
        "config",
        "trace",
        "bench",
        "dopamine",
        "completions",
    ] {
        assert!(listed(name), "`{name}` is not in: {}", top.stdout);
        for flag in ["--help", "-h"] {
            let help = striatum(&format!("{name} {flag}"), &[]).ok();
            let example = help.stdout.split_once("Example").map_or("", |(_, example)| example);
            assert!(example.contains(&format!("\n  striatum {name}")), "{}", help.stdout);
            assert!(help.stdout.contains("Usage: striatum") && help.stderr.is_empty(), "{help:?}");
        }
    }
    assert!(top.stdout.contains("striatum train CartPole-v1"), "{}", top.stdout);
    assert!(striatum("--version", &[]).ok().stdout.starts_with("striatum "));
}

#[test]
fn a_run_leaves_its_folder_and_one_json_line() {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    let outcome = train(&format!("{SHORT} --seed 5 --json"), &run).ok();
    assert_eq!(outcome.stdout.lines().count(), 1, "{outcome:?}");
    let result = outcome.json();
    for (key, value) in [
        ("task", json!("CartPole-v1")),
        ("algo", json!("ppo")),
        ("engine", json!("fused")),
        ("device", json!("cpu")),
        ("seed", json!(5)),
        ("steps", json!(512)),
        ("solved_at_steps", Value::Null),
        ("solved_at_seconds", Value::Null),
        ("run", json!(run)),
    ] {
        assert_eq!(result.get(key), Some(&value), "{key}: {result}");
    }
    let number = |key: &str| result[key].as_f64().unwrap_or_else(|| panic!("{key}: {result}"));
    assert!(number("episodes") > 4.0 && number("steps_per_second") > 0.0 && number("wall_seconds") > 0.0, "{result}");
    assert!((8.0..100.0).contains(&number("episodic_return")), "{result}");

    for file in ["config.toml", "metrics.jsonl", "checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(run.join(file).metadata().is_ok_and(|file| file.len() > 0), "no {file}");
    }
    let names: Vec<_> = fs::read_dir(&run).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(
        names.iter().filter(|name| name.to_string_lossy().starts_with("events.out.tfevents.")).count(),
        1,
        "{names:?}"
    );
    assert_eq!(names.len(), 4, "{names:?}");

    let points = metrics(&run, "iteration");
    assert_eq!(points.iter().map(|p| p["step"].as_u64().expect("a step")).collect::<Vec<_>>(), [128, 256, 384, 512]);
    for tag in
        ["charts/SPS", "losses/policy_loss", "losses/approx_kl", "losses/explained_variance", "dopamine/phasic_mean"]
    {
        assert!(points[3][tag].is_f64(), "{tag}: {}", points[3]);
    }
    let config = fs::read_to_string(run.join("config.toml")).expect("a config");
    assert!(config.contains("seed = 5") && config.contains("total_steps = 512"), "{config}");
}

#[test]
fn without_out_a_run_gets_a_folder_of_its_own() {
    let folder = tempdir().expect("a folder");
    for name in ["ppo-seed3", "ppo-seed3-2"] {
        let mut command = command();
        command.current_dir(folder.path()).arg("train").args(SHORT.split_whitespace()).args(["--seed", "3", "--quiet"]);
        let outcome: Outcome = command.output().expect("the binary runs").into();
        outcome.ok();
        assert!(folder.path().join("runs/CartPole-v1").join(name).join("config.toml").is_file(), "no {name}");
    }
}

#[test]
fn data_goes_to_stdout_and_the_rest_to_stderr() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let loud = train(SHORT, &path("loud")).ok();
    assert!(loud.stdout.is_empty() && loud.stderr.contains("CartPole-v1: ppo on cpu"), "{loud:?}");
    assert!(loud.stderr.contains("finished after 512 steps"), "{loud:?}");
    let quiet = train(&format!("{SHORT} --quiet"), &path("quiet")).ok();
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");
    let json = train(&format!("{SHORT} --quiet --json --stop-after 256"), &path("json")).ok();
    assert!(json.stderr.is_empty() && json.stdout.lines().count() == 1, "{json:?}");
    assert_eq!(json.json()["finished"], false);
    let loud = train(&format!("{SHORT} --stop-after 256"), &path("stopped")).ok();
    assert!(loud.stderr.contains(&format!("striatum resume {}", path("stopped").display())), "{loud:?}");
}

#[test]
fn evaluation_gives_returns_and_lengths() {
    let (_folder, run) = a_run();
    let result = striatum("eval --episodes 7 --json", &[&run]).ok().json();
    assert_eq!((result["episodes"].as_u64(), result["task"].as_str()), (Some(7), Some("CartPole-v1")), "{result}");
    let number = |key: &str| result[key].as_f64().unwrap_or_else(|| panic!("{key}: {result}"));
    // CartPole gives 1 a step.
    for (a, b) in [("mean_return", "mean_length"), ("min_return", "min_length"), ("max_return", "max_length")] {
        assert_eq!(number(a), number(b), "{result}");
    }
    assert!(number("min_return") <= number("mean_return") && number("mean_return") <= number("max_return"), "{result}");
    assert!(number("std_return") >= 0.0, "{result}");

    let text = |args: &str| striatum(args, &[&run]).ok().stdout;
    assert!(text("eval --episodes 7").contains(&format!("{:.2}", number("mean_return"))));
    assert_eq!(text("eval --episodes 7 --stochastic --seed 4"), text("eval --episodes 7 --stochastic --seed 4"));
    assert_ne!(text("eval --episodes 7 --stochastic --seed 4"), text("eval --episodes 7 --stochastic --seed 5"));
    assert_ne!(text("eval --episodes 7 --stochastic --seed 0"), text("eval --episodes 7 --seed 0"));
    assert!(text("eval --episodes 2 --checkpoint latest --json").contains("latest.safetensors"));
}

#[test]
fn lists_and_settings() {
    let envs = striatum("envs", &[]).ok();
    let tasks: Value = serde_json::from_str(&striatum("envs --json", &[]).ok().stdout).expect("JSON");
    for name in striatum::envs::tasks().iter().map(|task| task.name) {
        assert!(envs.stdout.lines().any(|line| line.starts_with(name)), "{envs:?}");
        assert!(tasks.as_array().expect("a list").iter().any(|task| task["name"] == name), "{tasks}");
        for algo in ["ppo", "a2c"] {
            let config = striatum(&format!("config {name} --algo {algo}"), &[]).ok();
            let table: toml::Table = config.stdout.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((table["task"].as_str(), table["algo"].as_str()), (Some(name), Some(algo)));
        }
    }
    let bandit = striatum("envs Bandit-v0", &[]).ok().stdout;
    for part in ["one of 4 choices", "env.arms = 4  Number of arms. (a whole number from 2 to 64)", "env.reversal = 0"]
    {
        assert!(bandit.contains(part), "{bandit}");
    }
    assert!(striatum("envs Pendulum-continuing-v0", &[]).ok().stdout.contains("goes on for ever"));
    let one: Value = serde_json::from_str(&striatum("envs Bandit-v0 --json", &[]).ok().stdout).expect("JSON");
    assert_eq!((&one["name"], &one["params"][0]["default"]), (&"Bandit-v0".into(), &4.into()));
    let devices = striatum("devices", &[]).ok();
    assert!(devices.stdout.lines().any(|line| line.starts_with("cpu ")), "{devices:?}");
    assert!(serde_json::from_str::<Value>(&striatum("devices --json", &[]).ok().stdout).expect("JSON").is_array());
}

#[test]
fn what_config_prints_is_a_file_for_config_and_flags_win() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("settings.toml");
    let first = striatum(
        "config Pendulum-v1 --set ppo.clip=0.125 --num-envs 6 --set ppo.num_steps=100 --set ppo.minibatches=3",
        &[],
    )
    .ok();
    fs::write(&file, &first.stdout).expect("a file");
    assert_eq!(striatum("config Pendulum-v1 --config", &[&file]).ok().stdout, first.stdout);
    assert!(first.stdout.contains("clip = 0.125") && first.stdout.contains("num_envs = 6"), "{}", first.stdout);

    let over = striatum(
        "config Pendulum-v1 --num-envs 9 --set num_envs=3 --set ppo.clip=0.5 --set ppo.clip=0.75 --config",
        &[&file],
    );
    let over = over.ok().stdout;
    assert!(over.contains("num_envs = 9") && over.contains("\nclip = 0.75"), "{over}");
}

/// From rest, pushed right. With g = 9.8, masses 1 and 0.1, half length 0.5, force 10 and 0.02 s a step:
/// `temp = 10 / 1.1 = 9.0909`, `thetaacc = -temp / (0.5 (4/3 - 0.1/1.1)) = -14.6341`,
/// `xacc = temp - 0.05 thetaacc / 1.1 = 9.7561`; Euler moves the positions by the old velocities, so by nothing.
#[test]
fn a_cartpole_step_by_hand() {
    let step = |state: &str, actions: &str| -> Vec<Value> {
        let args = ["trace", "CartPole-v1", "--state", state, "--actions", actions];
        let outcome: Outcome = command().args(args).output().expect("the binary runs").into();
        outcome.ok().stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let close = |line: &Value, expected: [f64; 4]| {
        let found: Vec<f64> =
            line["observation"].as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
        assert_eq!(found.len(), 4, "{line}");
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{line} is not {expected:?}");
    };
    let lines = step("[0, 0, 0, 0]", "[1]");
    assert_eq!(lines.len(), 1);
    close(&lines[0], [0.0, 0.02 * 9.756_097_6, 0.0, 0.02 * -14.634_146_3]);
    assert_eq!(
        (&lines[0]["reward"], &lines[0]["terminated"], &lines[0]["truncated"]),
        (&json!(1.0), &json!(false), &json!(false))
    );

    // The second step moves by the first one's velocities; the push to the left mirrors the first step.
    let two = step("[0, 0, 0, 0]", "[1, 0]");
    let position = |index: usize| two[1]["observation"][index].as_f64().expect("a number");
    assert!(
        (position(0) - 0.02 * 0.195_121_95).abs() < 1e-6 && (position(2) + 0.02 * 0.292_682_93).abs() < 1e-6,
        "{two:?}"
    );
    close(&step("[0, 0, 0, 0]", "[0]")[0], [0.0, -0.195_121_95, 0.0, 0.292_682_93]);
    // 2.39 + 0.02 * 5 lies beyond 2.4, and 0.2 rad + 0.02 * 1 beyond 12 degrees.
    for state in ["[2.39, 5, 0, 0]", "[0, 0, 0.2, 1]"] {
        assert_eq!(step(state, "[1]")[0]["terminated"], json!(true), "{state}");
    }
    assert!(step("[0, 0, 0, 0]", "[]").is_empty());
}

#[test]
fn completions_know_every_subcommand() {
    for (shell, mark) in
        [("bash", "complete -F _striatum"), ("zsh", "#compdef striatum"), ("fish", "complete -c striatum")]
    {
        let script = striatum(&format!("completions {shell}"), &[]).ok();
        for part in [mark, "train", "resume", "total-steps"] {
            assert!(script.stdout.contains(part), "{shell}: no `{part}`");
        }
    }
}

#[test]
fn curves_and_exports_are_files_of_their_kind() {
    let (folder, run) = a_run();
    let path = |name: &str| folder.path().join(name);
    let head = |name: &str| fs::read(path(name)).expect("a file");
    let other = path("other");
    train(&format!("{SHORT} --quiet --seed 1"), &other).ok();
    for name in ["curve.svg", "curve.png"] {
        let outcome = striatum("plot -o", &[&path(name), &run, &other]).ok();
        assert!(outcome.stdout.is_empty() && outcome.stderr.contains(name), "{outcome:?}");
    }
    let svg = String::from_utf8(head("curve.svg")).expect("UTF-8");
    assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("CartPole-v1"), "{svg}");
    assert!(head("curve.png").starts_with(b"\x89PNG\r\n\x1a\n"));
    striatum("plot --metric losses/entropy -o", &[&path("entropy.svg"), &run]).ok();

    for format in ["onnx", "safetensors"] {
        striatum(&format!("export --format {format} -o"), &[&path(format), &run]).ok();
    }
    let bytes = head("safetensors");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    assert!(!file.names().is_empty());
    let onnx = head("onnx");
    let holds = |text: &str| onnx.windows(text.len()).any(|part| part == text.as_bytes());
    // The first field of a model is its IR version, a varint.
    assert!(onnx[0] == 0x08 && holds("observations") && holds("actions") && holds("logits"), "{} bytes", onnx.len());
}

/// A pipe that no one reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn a_closed_pipe_is_success() {
    let (folder, run) = a_run();
    let out = folder.path().join("piped");
    let words = |text: &str, path: Option<&Path>| -> Vec<std::ffi::OsString> {
        text.split_whitespace().map(Into::into).chain(path.map(Into::into)).collect()
    };
    for args in [
        words("config CartPole-v1", None),
        words("envs", None),
        words("envs --json", None),
        words("devices", None),
        words("--help", None),
        words("completions zsh", None),
        words("trace CartPole-v1 --state [0,0,0,0] --actions [1]", None),
        words("eval --episodes 2", Some(&run)),
        words("eval --episodes 2 --json", Some(&run)),
        words(&format!("train {SHORT} --json --out"), Some(&out)),
    ] {
        let child =
            command().args(&args).stdout(closed_pipe()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let outcome: Outcome = child.wait_with_output().expect("it ends").into();
        // Graphics drivers have words of their own, so only ours count.
        let ours = ["panicked", "roken pipe", "os error"].iter().any(|part| outcome.stderr.contains(part));
        assert!(outcome.code == Some(0) && !ours, "{args:?}: {outcome:?}");
    }
    // Nor does training end because no one follows its progress.
    let unwatched = folder.path().join("unwatched");
    for args in [
        words(&format!("train {SHORT} --json --stop-after 256 --out"), Some(&unwatched)),
        words("resume --json", Some(&unwatched)),
        words("resume --json", Some(&unwatched)),
    ] {
        let child =
            command().args(&args).stderr(closed_pipe()).stdout(Stdio::piped()).spawn().expect("the binary runs");
        let outcome: Outcome = child.wait_with_output().expect("it ends").into();
        assert!(outcome.ok().json()["steps"].is_u64(), "{args:?}");
    }
}

#[test]
fn the_first_lines_of_a_run_fit_a_terminal_and_one_episode_is_singular() {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    // Just below the two million parameters from which a GPU is looked for.
    let args = "CartPole-v1 --total-steps 1 --set eval.episodes=1 --set network.hidden=[990,990]";
    let loud = train(args, &run).ok();
    assert!(loud.stderr.contains("parameters train faster on the CPU"), "{loud:?}");
    assert!(loud.stderr.lines().take(2).all(|line| line.chars().count() < 80), "{loud:?}");
    assert!(loud.stderr.contains("over 1 episode\n"), "{loud:?}");
    let one = striatum("eval --episodes 1", &[&run]).ok();
    assert!(one.stdout.contains(" 1 episode ("), "{one:?}");
    striatum("train CartPole-v1 --threads -1", &[]).refused(&["--threads", "-1"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    use std::time::{Duration, Instant};

    let folder = tempdir().expect("a folder");
    for signal in ["INT", "TERM"] {
        let run = folder.path().join(signal);
        let mut command = command();
        command.arg("train").args("CartPole-v1 --device cpu --json --total-steps 1000000000 --out".split_whitespace());
        let child = command.arg(&run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let started = Instant::now();
        let under_way =
            || fs::read_to_string(run.join("metrics.jsonl")).is_ok_and(|text| text.contains("\"iteration\""));
        while !under_way() {
            assert!(started.elapsed() < Duration::from_secs(20), "training does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        let kill = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let outcome = Outcome::from(child.wait_with_output().expect("it ends")).ok();
        assert!(outcome.stderr.contains(&format!("striatum resume {}", run.display())), "{outcome:?}");
        let result = outcome.json();
        let steps = result["steps"].as_u64().expect("steps");
        assert_eq!((result["finished"].as_bool(), common::checkpoint(&run).counters["steps"]), (Some(false), steps));
        let next = steps + 1;
        assert!(
            striatum(&format!("resume --json --stop-after {next}"), &[&run]).ok().json()["steps"].as_u64()
                >= Some(next)
        );
    }
}
