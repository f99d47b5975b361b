//! The actor-critic: networks, their initial weights, and the PPO and A2C learners over the kernels.
//!
//! The algorithm exists once, in [`Learner`], [`update_ppo`] and [`update_a2c`]; a [`Network`] is what engines differ in.

mod a2c;
#[cfg(feature = "burn")]
pub mod burn_engine;
mod encoder;
mod fused;
mod init;
mod learner;
mod network;
mod ppo;
mod rollout;
mod sequences;
mod settings;
mod spec;
mod update;
mod values;

pub use a2c::update_a2c;
pub use encoder::Encoder;
pub use fused::{FusedGpuNetwork, FusedNetwork};
pub use init::initial_weights;
pub use learner::{Learner, LearnerState};
pub use network::{HostNetwork, Network, OwnNetwork, Pass, Step, WithOutputs};
pub use ppo::update_ppo;
pub use rollout::{Rollout, Transitions};
pub use settings::*;
pub use spec::{MemoryKind, NetworkSpec, Observation};
pub use update::{AgentUpdate, NotFinite, Outcome, UpdateMetrics};
