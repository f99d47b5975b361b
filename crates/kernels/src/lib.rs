//! Every compute operation of an actor-critic twice: a WGSL shader run through wgpu, and a CPU mirror of the same name.

mod actor_critic_loss;
mod advantage_moments;
mod backend;
mod cpu;
mod distribution;
mod error;
mod gae;
mod gather;
mod gpu;
mod lanes;
mod mlp;
mod optimizer;
mod policy;
mod policy_head;
mod running;
mod td_error;

pub use backend::*;
pub use cpu::Cpu;
pub use error::KernelError;
pub use gpu::{
    AdapterInfo, AdapterKind, Bind, GRID_WGSL, GaeForm, Gpu, GpuBuffer, GpuIndices, MlpGpu, MlpTiles, PHILOX_WGSL,
    Shader, WORKGROUP, adapters,
};
pub use mlp::{Activation, LossRows, MlpCpu, MlpSpec, ParamSpec, SimdLevel, mlp_activate};
pub use policy::{HeadLayout, LOG_STD_RANGE, PATHWAY_SCALE, Policy};
pub use policy_head::{Noise, environment_action, net_logits, policy_head, probabilities};
pub use running::{ReturnScaler, RunningMoments};
