//! One module a subcommand; each gets parsed arguments and gives an error to print.

mod bench;
mod config;
mod dopamine;
mod eval;
mod export;
mod fleet;
mod interrupt;
mod list;
mod play;
mod plot;
mod record;
mod settings;
mod terminal;
mod trace;
mod train;

pub use bench::Wrong;
pub use dopamine::Missed;

use crate::cli::{Cli, Command};
use anyhow::Result;
use clap::CommandFactory;
use std::io::{self, Write};
use striatum_envs::VecEnv;
use striatum_train::config::Config;
use striatum_train::{TrainError, tasks};

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Train(args) => train::train(&args),
        Command::Resume(args) => train::resume(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Play(args) => play::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Envs(args) => list::envs(&args),
        Command::Devices(args) => list::devices(&args),
        Command::Config(args) => config::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Dopamine(args) => dopamine::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "striatum", &mut script);
            Ok(io::stdout().write_all(&script)?)
        }
    }
}

/// Makes batches of the task that a configuration names, with its parameters and wrappers.
fn environments(config: &Config) -> impl Fn(usize) -> Result<Box<dyn VecEnv>, TrainError> {
    move |count| tasks::make(config, count)
}

/// Writes a line to stderr, as far as anyone reads it.
pub fn note(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes a line to stdout; a closed pipe is an error that `main` takes for success.
fn say(line: impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
