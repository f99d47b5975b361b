//! `striatum dopamine`, and the tone that `striatum eval` takes as well.

use super::RunArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use striatum_train::config::MAX_COUNT;

/// `striatum dopamine`.
#[derive(Debug, Args)]
pub struct DopamineArgs {
    /// What else than an experiment
    #[command(subcommand)]
    pub command: Option<DopamineCommand>,
    /// Experiments to run, or `all`; without any they are listed
    #[arg(value_name = "EXPERIMENT")]
    pub experiments: Vec<String>,
    /// Average this many runs where anything is random [default: as many as the published values are checked at]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub seeds: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=MAX_COUNT))]
    pub seed: u64,
    /// Threads; 0 is one a core. Results do not depend on it
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=1024))]
    pub threads: u64,
    /// The folder of figures and tables
    #[arg(long, value_name = "DIR", default_value = "dopamine")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `striatum dopamine` does beside experiments.
#[derive(Debug, Subcommand)]
pub enum DopamineCommand {
    /// Replay episodes of a trained agent and draw what surprised it
    #[command(after_help = "Example:\n  striatum dopamine probe runs/CartPole-v1/ppo-seed0 --episodes 2\n\n\
        Draws reward, value, TD error, pathways and action probabilities (or mean and standard deviation) along time, of \
        episodes that start as those of `striatum eval`, and writes probe.svg, probe.png and probe.csv, one row a step.")]
    Probe(ProbeArgs),
}

/// `striatum dopamine probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Episodes to replay
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub episodes: u32,
    /// Seed of the episodes
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true)]
    pub seed: u64,
    #[command(flatten)]
    pub tone: ToneArgs,
    /// The folder of figure and table
    #[arg(long, value_name = "DIR", default_value = "dopamine")]
    pub out: PathBuf,
}

/// Dopamine tone at run time.
#[derive(Debug, Args)]
pub struct ToneArgs {
    /// Dopamine tone, -1 (avoids risk) to 1 (seeks it), of an agent with two pathways [default: as trained]
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = tone)]
    pub tone: Option<f32>,
}

/// A dopamine tone.
fn tone(text: &str) -> Result<f32, String> {
    let tone = text.trim().parse().ok().filter(|tone| (-1.0..=1.0).contains(tone));
    tone.ok_or_else(|| "give a number from -1 to 1".to_owned())
}
