//! Environments for reinforcement learning: what one is, batches of them, and the built-in tasks.
//!
//! Depends on nothing but the random numbers: no GPU, no network.
//!
//! ```
//! use striatum_envs::{StepBuffers, VecEnv, make};
//! # fn main() -> Result<(), striatum_envs::EnvError> {
//! let mut batch = make("CartPole-v1", 2)?;
//! let (mut observations, mut final_observations) = ([0.0; 8], [0.0; 8]);
//! let (mut rewards, mut terminated, mut truncated) = ([0.0; 2], [0.0; 2], [0.0; 2]);
//! batch.reset(7, 0, &mut observations)?;
//! let out = StepBuffers {
//!     observations: &mut observations,
//!     rewards: &mut rewards,
//!     terminated: &mut terminated,
//!     truncated: &mut truncated,
//!     final_observations: &mut final_observations,
//! };
//! batch.step(&[0.0, 1.0], out)?;
//! assert_eq!(rewards, [1.0, 1.0]);
//! # Ok(())
//! # }
//! ```

mod batch;
mod chance;
pub mod classic;
pub mod dopamine;
mod env;
mod error;
pub mod memory;
mod minatar;
mod params;
mod registry;
pub mod scene;
mod space;
mod split;
mod toy_text;
mod trace;
mod vec_env;
pub mod wrappers;

pub use batch::Batch;
pub use env::{Env, FRAME_RATE, Step};
pub use error::EnvError;
pub use params::{Param, ParamDefault, ParamKind, Params};
pub use registry::{TaskInfo, check_params, make, make_one, make_one_with, make_with, task, tasks};
pub use scene::{Frame, LastStep, Moment, Picture, Scene};
pub use space::{Pixel, Space};
pub use striatum_rng::{Purpose, Stream};
pub use trace::{TraceStep, parse_actions, parse_state, trace, trace_env};
pub use vec_env::{Account, Repeat, Snapshot, StepBuffers, VecEnv};
