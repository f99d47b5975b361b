//! What the integration tests share: running the binary, reading what it left, and building configurations.
#![allow(dead_code, reason = "each test binary uses a part of this")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use striatum::train::checkpoint::Checkpoint;
use striatum::train::config::{Config, Request};

/// What a command left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Fails unless the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Fails unless the command ended with exit code 2, and one clear message that holds every one of `parts`.
    #[track_caller]
    pub fn refused(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert!(self.stderr.contains("error: "), "no error message: {self:?}");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in: {}", self.stderr);
        }
        self
    }

    /// The last line of stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_else(|| panic!("stdout is empty: {self:?}"));
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The binary, with nothing to read.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_striatum"));
    command.stdin(Stdio::null());
    command
}

/// Runs the binary with these arguments, which blanks separate, and then `paths`.
pub fn striatum(args: &str, paths: &[&Path]) -> Outcome {
    command().args(args.split_whitespace()).args(paths).output().expect("the binary runs").into()
}

/// `striatum train` into `out` with these arguments.
pub fn train(args: &str, out: &Path) -> Outcome {
    command().arg("train").args(args.split_whitespace()).arg("--out").arg(out).output().expect("the binary runs").into()
}

/// A run's latest checkpoint file.
pub fn latest(run: &Path) -> PathBuf {
    run.join("checkpoints").join("latest.safetensors")
}

/// A run's latest checkpoint.
#[track_caller]
pub fn checkpoint(run: &Path) -> Checkpoint {
    Checkpoint::load(&latest(run)).unwrap_or_else(|error| panic!("{error}"))
}

/// The lines of `metrics.jsonl` that are of this event.
#[track_caller]
pub fn metrics(run: &Path, event: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("there is a metrics.jsonl");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    lines.filter(|line| line["event"] == event).collect()
}

/// A configuration as the command line resolves it.
pub fn config(task: &str, sets: &[&str]) -> Config {
    let sets = sets.iter().map(|&set| set.to_owned()).collect();
    Config::resolve(&Request { task: task.to_owned(), sets, ..Request::default() }).unwrap_or_else(|e| panic!("{e}"))
}
