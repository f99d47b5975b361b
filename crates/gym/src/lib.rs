//! Environments of the user's own Python: [`make()`] gives a [`VecEnv`](striatum_envs::VecEnv) whose environments step in worker
//! processes that run a small script, which this crate holds.
//!
//! Observations, actions, rewards and flags lie in a file that trainer and worker have mapped (`layout.rs`); a step is one byte to each
//! worker and one back. libpython is not linked, and what a task needs to be installed is the user's Python's affair.
//!
//! Workers need Unix: they are spoken to through socket pairs.

mod settings;

#[cfg(unix)]
mod envs;
#[cfg(unix)]
mod layout;
#[cfg(unix)]
mod open;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod worker;

#[cfg(not(unix))]
mod elsewhere;
#[cfg(not(unix))]
pub use elsewhere::{describe, make};

#[cfg(unix)]
pub use envs::GymEnvs;
#[cfg(unix)]
pub use open::{describe, make};
pub use settings::{Autoreset, GymSettings, OnFailure, Task, TaskDescription, Vectorization};
