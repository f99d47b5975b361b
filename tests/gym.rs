//! Tasks of Python's in the product: trained, resumed, evaluated, and failing.
//!
//! Without a Python that has Gymnasium the tests are shown as ignored. libtest decides that when it compiles, hence a harness of our own.

mod common;

#[path = "gym/faults.rs"]
mod faults;
#[path = "gym/runs.rs"]
mod runs;

use common::{Outcome, command};
use libtest_mimic::{Arguments, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A test's name and body, which panics where it fails.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let found = Command::new(python()).args(["-c", "import gymnasium"]).output();
    let ignored = !found.is_ok_and(|output| output.status.success());
    let tests = [runs::TESTS, faults::TESTS].concat();
    let trial = |(name, body): Test| {
        let run = move || {
            body();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit_code()
}

/// The Python of the tests.
fn python() -> PathBuf {
    std::env::var_os("STRIATUM_PYTHON").unwrap_or_else(|| "python3".into()).into()
}

/// A command where the test tasks of `crates/gym` can be imported.
fn bridged(args: &str) -> Command {
    let mut command = command();
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../gym")).args(args.split_whitespace());
    command
}

/// `striatum train` into `out`.
fn train(args: &str, out: &Path) -> Command {
    let mut command = bridged(&format!("train {args} --quiet --device cpu --import tests.python.tasks"));
    command.arg("--python").arg(python()).arg("--out").arg(out);
    command
}

fn outcome(command: &mut Command) -> Outcome {
    command.output().expect("the binary runs").into()
}
