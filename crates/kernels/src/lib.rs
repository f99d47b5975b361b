//! Every compute operation of an actor-critic twice: a WGSL shader run through wgpu, and a CPU mirror of the same name.

mod actor_critic;
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
mod pool;
mod running;
mod take_columns;
mod td_error;

pub use actor_critic::ActorCriticCpu;
pub use backend::*;
pub use cpu::Cpu;
pub use error::KernelError;
pub use gpu::{
    AdapterInfo, AdapterKind, Bind, GRID_WGSL, GaeForm, Gpu, GpuBuffer, GpuIndices, PHILOX_WGSL, Shader, WORKGROUP,
    adapters,
};
pub use mlp::{Activation, MlpCpu, MlpSpec, ParamSpec, SimdLevel, TilePass, mlp_activate};
pub use policy::{HeadLayout, LOG_STD_RANGE, PATHWAY_SCALE, Policy};
pub use policy_head::{Noise, PolicyHead, environment_action, net_logits, probabilities};
pub use running::{ReturnScaler, RunningMoments};
