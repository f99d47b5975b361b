//! The experiments.

mod opal;

use crate::Experiment;

/// Every experiment, in the order that they are listed.
pub const EXPERIMENTS: &[Experiment] = &[opal::OPAL];
