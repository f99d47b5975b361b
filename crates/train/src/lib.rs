//! Training: configuration, the loop, events and their sinks, checkpoints, evaluation and export.
//!
//! [`run::train`] and [`run::resume`] are the entrances; [`run`] holds the loop from the first iteration to the summary, and
//! [`trainer`] one iteration of it. [`fleet`] trains several agents in one launch.

pub mod actor;
mod appraisal;
pub mod checkpoint;
mod chunk;
pub mod collector;
pub mod config;
pub mod dopamine;
pub mod engine;
pub mod episodes;
mod error;
pub mod evaluate;
pub mod event;
pub mod export;
pub mod fleet;
pub mod folder;
mod format;
pub mod own;
pub mod picture;
mod player;
pub mod plot;
pub mod probe;
pub mod recording;
pub mod resident;
mod rows;
pub mod run;
pub mod saved;
mod scalars;
mod schedule;
pub mod session;
pub mod show;
pub mod sinks;
pub mod source;
pub mod spec;
mod state;
pub mod statistics;
mod summary;
pub mod tasks;
mod tonic;
pub mod trainer;

pub use error::TrainError;
