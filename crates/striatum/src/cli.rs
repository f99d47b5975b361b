//! The command line.

mod dopamine;
mod show;

pub use dopamine::{DopamineArgs, DopamineCommand, ProbeArgs, ToneArgs};
pub use show::{PlayArgs, RecordArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;
use std::str::FromStr;
use striatum_agent::Algorithm;
use striatum_train::config::{DeviceChoice, EngineChoice, MAX_COUNT};

/// Trains actor-critic agents, on the CPU or on any GPU.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Example:\n  striatum train CartPole-v1\n  tensorboard --logdir runs")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train an agent on a task
    #[command(after_help = "Examples:\n  striatum train CartPole-v1\n  \
        striatum train Pendulum-v1 --seed 3 --out runs/pendulum --set ppo.learning_rate=1e-3\n  \
        striatum train CartPole-v1 --seeds 10 --vary ppo.learning_rate=1e-4,3e-4,1e-3\n  \
        striatum train gym:LunarLander-v3 --python ~/venv/bin/python\n\n\
        Ctrl-C ends the run in order, after the current iteration: it is saved, `striatum resume` continues it, and the exit \
        code is 0.")]
    Train(TrainArgs),
    /// Play episodes with a trained agent
    #[command(after_help = "Examples:\n  striatum eval runs/CartPole-v1/ppo-seed0 --episodes 100\n  \
        striatum eval runs/CartPole-v1/ppo-seed0 --tone -0.5\n  \
        striatum eval runs/CartPole-v1/ppo-seed0 --record cartpole.gif --overlay")]
    Eval(EvalArgs),
    /// Watch a trained agent in the terminal
    #[command(after_help = "Examples:\n  striatum play runs/CartPole-v1/ppo-seed0\n  \
        striatum play runs/CartPole-v1/ppo-seed0 --episodes 3 --speed 2\n\n\
        q or Ctrl-C ends it. Where the output is no terminal, every step is a line.")]
    Play(PlayArgs),
    /// Continue a run, or all agents of a launch, from where they stopped, bit for bit
    #[command(after_help = "Examples:\n  striatum resume runs/CartPole-v1/ppo-seed0\n  \
        striatum resume runs/CartPole-v1/ppo-seed0 --total-steps 500000")]
    Resume(ResumeArgs),
    /// Write a trained policy alone, with its normaliser, for use elsewhere
    #[command(after_help = "Example:\n  striatum export runs/CartPole-v1/ppo-seed0 --format onnx -o cartpole.onnx")]
    Export(ExportArgs),
    /// Draw learning curves of one or more runs
    #[command(after_help = "Example:\n  striatum plot runs/CartPole-v1/* -o curves.svg")]
    Plot(PlotArgs),
    /// List the built-in tasks, or all that one of them may be asked for
    #[command(after_help = "Examples:\n  striatum envs\n  striatum envs Bandit-v0\n  striatum envs gym:LunarLander-v3")]
    Envs(EnvsArgs),
    /// List the GPU adapters of this machine
    #[command(after_help = "Example:\n  striatum devices")]
    Devices(ListArgs),
    /// Print every setting of a task, documented, as TOML
    #[command(after_help = "Example:\n  striatum config Pendulum-v1 > pendulum.toml")]
    Config(ConfigArgs),
    /// Step one environment by hand from a given internal state
    #[command(after_help = "Example:\n  striatum trace CartPole-v1 --state '[0, 0, 0.05, 0]' --actions '[1, 0, 1]'")]
    Trace(TraceArgs),
    /// Verify every kernel, then time it beside what this machine does at most
    #[command(after_help = "Examples:\n  striatum bench\n  striatum bench --device gpu gae\n  \
        striatum bench --quick --json > bench.json\n\n\
        GB/s count the bytes that a kernel must move at least, GFLOP/s the arithmetic of its algorithm; PEAK and COPY are their \
        shares of fused multiply-adds in registers and of copying memory, measured in the same run; small shapes can exceed COPY, \
        because they stay in caches. `td_error + gae` counts both launches as they are, 5 and 6 arrays. An iteration's name is its \
        environments x steps, minibatches x epochs and hidden layers, its GFLOP/s are its update's, and its launches those of the \
        minibatches + the others. On a GPU, which is not waited for between stages, iterations of one epoch tell the update from the \
        rest, which then stands under ROLLOUT.\n\n\
        The exit code is 1 if a kernel is wrong.")]
    Bench(BenchArgs),
    /// Run the classical experiments of dopamine beside what was published, or look into a trained agent
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  striatum dopamine\n  striatum dopamine schultz shift\n  striatum dopamine all --out figures\n  \
            striatum dopamine probe runs/CartPole-v1/ppo-seed0\n\n\
            Each experiment prints its numbers beside the published ones and writes NAME.svg, NAME.png and CSV files. The exit code \
            is 1 if a published value is missed."
    )]
    Dopamine(DopamineArgs),
    /// Print shell completions
    #[command(
        after_help = "Example:\n  striatum completions bash > ~/.local/share/bash-completion/completions/striatum"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

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

/// A run and which of its checkpoints.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The run folder, or a checkpoint file
    pub run: PathBuf,
    /// The checkpoint to take
    #[arg(long, value_enum, default_value = "best")]
    pub checkpoint: WhichArg,
}

/// Which checkpoint of a run.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum WhichArg {
    /// That of the best evaluation
    Best,
    /// The last one
    Latest,
}

/// `striatum eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Episodes to play
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub episodes: u32,
    /// Sample actions instead of taking the most probable
    #[arg(long)]
    pub stochastic: bool,
    /// Seed of the episodes
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    #[command(flatten)]
    pub tone: ToneArgs,
    /// Where to evaluate the network: auto, cpu, gpu or gpu:N
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
    /// What computes the network: auto, fused or burn
    #[arg(long, default_value = "auto")]
    pub engine: EngineChoice,
    #[command(flatten)]
    pub recording: RecordArgs,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `striatum export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// The file format
    #[arg(long, value_enum)]
    pub format: FormatArg,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Also write 1000 random observations with what the policy makes of them, as JSON, to check the export elsewhere
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,
}

/// An export format.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatArg {
    /// Named tensors
    Safetensors,
    /// A graph that takes raw observations and gives actions
    Onnx,
}

/// `striatum plot`.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Run folders, or folders of several agents; runs of the same task and algorithm become one curve with a band
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// The metric to draw
    #[arg(long, default_value = "charts/episodic_return")]
    pub metric: String,
    /// The picture to write, .svg or .png
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `striatum envs`.
#[derive(Debug, Args)]
pub struct EnvsArgs {
    /// A task, to see its spaces and its parameters, which `--set env.NAME=VALUE` changes; gym:ID is one of Gymnasium's
    pub task: Option<String>,
    #[command(flatten)]
    pub gym: GymArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `striatum devices`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `striatum config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// `striatum trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// The task
    pub task: String,
    /// The internal state, in the layout of Gymnasium's `env.unwrapped.state`, as a JSON array
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub state: String,
    /// The actions, as a JSON array
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub actions: String,
    /// One of the task's parameters, such as env.arms=6; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

/// `striatum bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Only kernels with one of these in their name; `iteration` is the PPO iterations
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// What to time: auto (a GPU if there is one), cpu, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
    /// Threads of the CPU's kernels; 0 is one a core. Environments choose their own
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=1024))]
    pub threads: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Small shapes and short iterations only, in a few seconds
    #[arg(long)]
    pub quick: bool,
}
