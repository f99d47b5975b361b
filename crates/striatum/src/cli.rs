//! The command line.

mod dopamine;
mod show;
mod train;

pub use dopamine::{DopamineArgs, DopamineCommand, ProbeArgs, ToneArgs};
pub use show::{PlayArgs, RecordArgs};
pub use train::{GymArgs, ReportArgs, ResumeArgs, SettingArgs, TrainArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;
use striatum_train::config::{DeviceChoice, EngineChoice};

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
