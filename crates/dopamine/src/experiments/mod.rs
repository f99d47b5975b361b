//! The experiments.

use crate::Experiment;

/// All experiments, in the order in which they are told of.
pub const EXPERIMENTS: &[Experiment] = &[];
