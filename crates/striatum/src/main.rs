//! The `striatum` command: parse, run, print one error.

mod cli;
mod commands;

use clap::Parser;
use std::io;
use std::process::ExitCode;
use striatum_envs::EnvError;
use striatum_kernels::KernelError;
use striatum_train::TrainError;
use striatum_train::fleet::FleetError;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            commands::note(format_args!("error: {}", message(&error)));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// The error and its causes, but for those that it quotes itself.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text {
        text if text.is_empty() => cause,
        text if text.contains(&cause) => text,
        text => format!("{text}: {cause}"),
    })
}

/// 2 is for what the user can mend, 1 for a device, a task outside this program, an update, a kernel, an agent of several that failed, or a number that was missed.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<commands::Wrong>() || error.is::<commands::Missed>() {
        return 1;
    }
    match error.downcast_ref::<TrainError>() {
        Some(
            TrainError::Update(_)
            | TrainError::Kernel(KernelError::Device(_))
            | TrainError::Env(EnvError::Failed(_))
            | TrainError::Fleet(FleetError::Failed { .. }),
        ) => 1,
        _ => 2,
    }
}

/// Whoever read our output has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}
