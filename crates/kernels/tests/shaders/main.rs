//! Every shader against its mirror, on the best adapter of the machine.
//!
//! Without any adapter the tests are shown as ignored. libtest decides that when it compiles, hence a harness of our own.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/distribution.rs"]
mod distribution;
#[path = "../common/given.rs"]
mod given;
#[path = "../common/iteration.rs"]
mod iteration;
#[path = "../common/loss/mod.rs"]
mod loss;
#[path = "../common/optimizer.rs"]
mod optimizer_state;
#[path = "../common/pass.rs"]
mod pass;

mod actor_critic;
mod actor_critic_loss;
mod advantage_moments;
mod column_moments;
mod discounted_returns;
mod elementary;
mod episode_window;
mod gae;
mod gather;
mod gpu;
mod mean_heads;
mod mlp;
mod optimizer;
mod philox;
mod rollout;
mod rollout_stats;
mod shuffle;
mod sr_lambda;
mod td_error;

use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use striatum_kernels::{Gpu, KernelError};

/// A test's name and body.
pub type Test = (&'static str, fn(&Gpu) -> Result<(), String>);

/// The tests of each module.
const TESTS: &[&[Test]] = &[
    gpu::TESTS,
    td_error::TESTS,
    gae::TESTS,
    mean_heads::TESTS,
    sr_lambda::TESTS,
    gather::TESTS,
    philox::TESTS,
    advantage_moments::TESTS,
    actor_critic_loss::TESTS,
    actor_critic::TESTS,
    optimizer::TESTS,
    shuffle::TESTS,
    column_moments::TESTS,
    discounted_returns::TESTS,
    episode_window::TESTS,
    rollout_stats::TESTS,
    elementary::TESTS,
    rollout::TESTS,
    mlp::TESTS,
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let gpu = Gpu::open(None).map(Arc::new).map_err(Arc::new);
    let ignored = matches!(gpu.as_ref().map_err(AsRef::as_ref), Err(KernelError::NoAdapter(_)));
    match &gpu {
        Ok(gpu) => eprintln!("adapter: {} ({}, {})", gpu.info().name, gpu.info().backend, gpu.info().driver),
        Err(error) => eprintln!("{error}"),
    }
    let trial = |&(name, body): &Test| {
        let gpu = gpu.clone();
        let run = move || match gpu {
            Ok(gpu) => body(&gpu).map_err(Failed::from),
            Err(error) => Err(Failed::from(error.to_string())),
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    };
    libtest_mimic::run(&arguments, TESTS.iter().copied().flatten().map(trial).collect()).exit_code()
}

/// Runs a property; the smallest counterexample as an error.
pub fn check<S: proptest::strategy::Strategy>(
    strategy: S,
    test: impl Fn(S::Value) -> Result<(), String>,
) -> Result<(), String> {
    use proptest::test_runner::{Config, TestCaseError, TestRunner};
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&strategy, |value| test(value).map_err(TestCaseError::fail))
        .map_err(|error| error.to_string())
}
