//! `striatum train`, its settings, and `striatum resume`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;
use striatum_agent::Algorithm;
use striatum_train::config::{DeviceChoice, EngineChoice, MAX_COUNT};

/// Settings that `train` and `config` share; each wins over files.
#[derive(Debug, Args)]
pub struct SettingArgs {
    /// The task; `striatum envs` lists them, and gym:ID is one of Gymnasium's
    pub task: String,
    /// The algorithm
    #[arg(long, value_enum)]
    pub algo: Option<AlgoArg>,
    /// Where to train: auto, cpu, gpu or gpu:N
    #[arg(long)]
    pub device: Option<DeviceChoice>,
    /// What computes the networks: auto, fused or burn
    #[arg(long)]
    pub engine: Option<EngineChoice>,
    /// A TOML file of settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, such as ppo.clip=0.1; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Seed of everything random; A..B trains an agent with each seed from A to B
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<SeedArg>,
    /// Environment steps of the run, all environments together
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub total_steps: Option<u64>,
    /// Environments that are stepped together
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub num_envs: Option<u64>,
    /// Threads of the CPU engine; 0 is one a core. Results do not depend on it
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub threads: Option<u64>,
    /// End the run once the task counts as solved
    #[arg(long)]
    pub stop_at_threshold: bool,
    #[command(flatten)]
    pub gym: GymArgs,
}

/// How a task of Python's is made, for tasks named gym:ID.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tasks of Python (gym:ID)")]
pub struct GymArgs {
    /// The Python that has Gymnasium [default: that of the active virtual environment, else python3]
    #[arg(long, value_name = "PATH")]
    pub python: Option<String>,
    /// Python processes that step the environments; 0 is one a core. Results do not depend on it
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub workers: Option<u64>,
    /// An argument of the task's constructor, its value JSON or a text; may be repeated
    #[arg(long = "env-arg", value_name = "KEY=VALUE")]
    pub env_args: Vec<String>,
    /// A Python module to import first; may be repeated
    #[arg(long = "import", value_name = "MODULE")]
    pub imports: Vec<String>,
    /// A Python wrapper by import path, the innermost first; may be repeated
    #[arg(long = "wrapper", value_name = "PATH.TO.CLASS")]
    pub wrappers: Vec<String>,
    /// What a failed worker means: the end of the run, or a new worker and episodes that count as cut
    #[arg(long, value_enum)]
    pub on_env_failure: Option<FailureArg>,
}

/// What a failed worker means.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FailureArg {
    /// The run ends
    Stop,
    /// The worker is started anew
    Restart,
}

impl FailureArg {
    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// One seed, or all from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedArg {
    /// The first.
    pub first: u64,
    /// The last of a range.
    pub last: Option<u64>,
}

impl FromStr for SeedArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse().ok().filter(|&seed| seed <= MAX_COUNT);
        let seeds = match text.split_once("..") {
            Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| (first, Some(last))),
            None => number(text).map(|first| (first, None)),
        };
        match seeds {
            Some((first, Some(last))) if last < first => Err(format!("the range is empty; try {last}..{first}")),
            Some((first, last)) => Ok(Self { first, last }),
            None => Err(format!("give a whole number up to {MAX_COUNT}, or a range of them such as 1..10")),
        }
    }
}

/// An algorithm's name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AlgoArg {
    /// Proximal policy optimisation
    Ppo,
    /// Advantage actor-critic
    A2c,
}

impl From<AlgoArg> for Algorithm {
    fn from(algo: AlgoArg) -> Self {
        match algo {
            AlgoArg::Ppo => Self::Ppo,
            AlgoArg::A2c => Self::A2c,
        }
    }
}

/// How a run reports.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// End the run, saved, at this many steps; `resume` continues it
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub stop_after: Option<u64>,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// `striatum train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Train this many agents at once, with the seeds from --seed on
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seeds: Option<u64>,
    /// Train an agent with each of these values of a setting, such as ppo.clip=0.1,0.2; may be repeated
    #[arg(long, value_name = "KEY=V1,V2")]
    pub vary: Vec<String>,
    /// The run folder [default: runs/TASK/ALGO-seedN]; of several agents, the folder of their run folders [default:
    /// runs/TASK/ALGO-seedsA-B]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub report: ReportArgs,
}

/// `striatum resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run folder, or the folder of several agents
    pub run: PathBuf,
    /// A new total of environment steps, to extend the run; what is annealed then follows the new total
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    pub total_steps: Option<u64>,
    /// Where to train: auto, cpu, gpu or gpu:N [default: as before]
    #[arg(long)]
    pub device: Option<DeviceChoice>,
    /// What computes the networks: auto, fused or burn [default: as before]
    #[arg(long)]
    pub engine: Option<EngineChoice>,
    #[command(flatten)]
    pub report: ReportArgs,
}
