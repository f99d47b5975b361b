//! The bridge beside Gymnasium itself, and beside what can go wrong.
//!
//! Without a Python that has Gymnasium the tests are shown as ignored. libtest decides that when it compiles, hence a harness of our own.

mod common;

#[path = "bridge/atari.rs"]
mod atari;
#[path = "bridge/faults.rs"]
mod faults;
#[path = "bridge/spaces.rs"]
mod spaces;
#[path = "bridge/steps.rs"]
mod steps;

#[path = "bridge/vectors.rs"]
mod vectors;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

/// A test's name and body, which panics where it fails.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let ignored = !common::has_gymnasium();
    let atari = if atari::is_there() { atari::TESTS } else { &[] };
    let tests = [steps::TESTS, spaces::TESTS, vectors::TESTS, faults::TESTS, atari].concat();
    let trial = |(name, body): Test| {
        let run = move || {
            body();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit_code()
}
