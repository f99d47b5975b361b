//! What can go wrong in training.

use crate::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::export::ExportError;
use crate::fleet::FleetError;
use crate::recording::RecordingError;
use crate::sinks::SinkError;
use crate::spec::SpecError;
use std::path::PathBuf;
use striatum_agent::NotFinite;
use striatum_envs::EnvError;
use striatum_kernels::KernelError;

/// A run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Settings and task do not fit.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// An environment failed.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The device failed.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// An update failed.
    #[error(transparent)]
    Update(#[from] NotFinite),
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of the run folder could not be opened.
    #[error("{0}; give another `--out`")]
    Sink(#[from] SinkError),
    /// A policy could not be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Episodes could not be recorded.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The engine asked for is not to be had.
    #[error("{0}")]
    Engine(String),
    /// Dopamine tone was set where it does not act.
    #[error(
        "the agent of `{}` has a single pathway, on which tone does not act; train one with `--set network.pathways=dual`, or leave \
         `--tone` out",
        path.display()
    )]
    SinglePathway {
        /// The checkpoint.
        path: PathBuf,
    },
    /// Several agents could not be launched.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The run folder cannot be used.
    #[error("the run folder `{}` {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and the fix.
        reason: String,
    },
}
