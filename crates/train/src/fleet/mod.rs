//! Many agents in one launch: the same task with several seeds and variations of settings.
//!
//! [`plan()`] makes the agents of a launch, [`train`] and [`resume`] train them. Every agent is the same, bit for bit, as its run alone, and
//! has an ordinary run folder. On the CPU agents are shared out over the threads, which each train one at a time; on a GPU the fused engine
//! trains all of one shape together, a launch of a kernel being one for all of them; with the burn engine they follow one after the other.

mod board;
mod error;
mod folder;
mod launch;
mod plan;
mod summary;
mod together;

pub use error::FleetError;
pub use folder::{Entry, FLEET_FILE, List, is_fleet, list, runs_of};
pub use launch::{MakeEnvs, resume, train};
pub use plan::plan;
pub use summary::{AgentSummary, Failure, FleetSummary, MetricAggregate};

use crate::config::Config;

/// The most agents of a launch.
pub const MAX_AGENTS: u64 = 1024;

/// One agent of a launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// The name of its folder: `seed3`, or `learning_rate=1e-3,seed3`.
    pub name: String,
    /// What is varied, as `KEY=VALUE` joined by commas; empty if nothing is. Agents that share it differ by their seed only.
    pub variation: String,
    /// Its settings.
    pub config: Config,
}
