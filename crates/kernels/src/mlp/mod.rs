//! The multilayer actor-critic on the CPU: its shape ([`MlpSpec`]), and its forward and backward pass ([`MlpCpu`]).
//!
//! A tile of samples goes through a whole network while its activations stay in the first two caches. Tiles are
//! sample-major, `[sample][feature]`, features padded to whole vectors: weights, observations, outputs and gradients
//! then all lie as they lie outside, every product (forward, backward and weight gradient) is one register-blocked
//! kernel, and nothing is transposed but the weights, once a step.

mod activation;
mod buffer;
mod cpu;
mod pack;
mod plan;
mod product;
mod simd;
mod sparse;
mod spec;
mod tile;
mod training;

pub use activation::mlp_activate;
pub(crate) use buffer::Buffer;
pub use cpu::{Heads, MlpCpu, TilePass};
pub(crate) use pack::{copy, packed_at};
pub use simd::SimdLevel;
pub(crate) use simd::{Job, Simd};
pub use spec::{Activation, MlpSpec, ParamList, ParamSpec};
