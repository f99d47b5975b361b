//! Every compute operation of an actor-critic twice: a WGSL shader run through wgpu, and a CPU mirror of the same name.

mod actor_critic;
mod actor_critic_loss;
mod advantage_moments;
mod backend;
mod column_moments;
mod convolution;
mod cpu;
mod discounted_returns;
mod distribution;
mod elementary;
mod episode_window;
mod error;
mod gae;
mod gather;
mod gpu;
mod lanes;
mod mean_heads;
mod minibatch;
mod mlp;
mod moments;
mod optimizer;
mod policy;
mod policy_head;
mod pool;
mod records;
mod rollout_stats;
mod running;
mod scale_rewards;
mod shuffle;
mod sr_lambda;
mod take_columns;
mod td_error;
mod unpack_bytes;

pub use actor_critic::ActorCriticCpu;
pub use actor_critic_loss::{LOSS_METRICS, LogStd, LossArgs, LossMetrics, LossParams, Objective, PassArgs, StepArgs};
pub use backend::Backend;
pub use column_moments::column_moments;
pub use convolution::{Convolution, ConvolutionCpu, ConvolutionSpec, ConvolutionStep};
pub use cpu::Cpu;
pub use discounted_returns::{DiscountedReturnsArgs, discounted_returns};
pub use episode_window::{EPISODE_NUMBERS, EPISODE_WINDOW, EpisodeWindowArgs, episode_window};
pub use error::KernelError;
pub use gae::GaeArgs;
pub use gpu::{
    ActorCriticGpu, AdapterInfo, AdapterKind, Bind, EnvStates, GRID_WGSL, GaeForm, Gpu, GpuBuffer, GpuIndices,
    GpuReading, GpuTask, MlpGpu, MlpTiles, PHILOX_WGSL, ResidentEnvs, RolloutArgs, Shader, WORKGROUP, adapters,
};
pub use mean_heads::MeanHeadsArgs;
pub use minibatch::{Minibatch, RolloutShape, Selection};
pub use mlp::{Activation, Heads, MlpCpu, MlpSpec, ParamList, ParamSpec, SimdLevel, TilePass, mlp_activate};
pub use optimizer::{OptimizerArgs, OptimizerParams};
pub use policy::{CriticKind, HeadLayout, LOG_STD_RANGE, MAX_QUANTILES, PATHWAY_SCALE, Policy};
pub use policy_head::{Noise, PolicyHead, environment_action, net_logits, probabilities};
pub use rollout_stats::{ROLLOUT_STATS, RolloutStatsArgs, rollout_stats};
pub use running::{ReturnScaler, RunningMoments, Standardizer};
pub use scale_rewards::scale_rewards;
pub use shuffle::{Permutation, shuffle};
pub use sr_lambda::SrLambdaArgs;
pub use take_columns::TakeColumnsArgs;
pub use td_error::TdErrorArgs;
pub use unpack_bytes::UnpackBytesArgs;
