//! The classical experiments.

mod compound;
mod extinction;
mod opal;
mod panels;
mod reversal;
mod risk;
mod schultz;
mod second_order;
mod shift;

use crate::Experiment;

/// All experiments, in the order in which they are listed.
pub const EXPERIMENTS: &[Experiment] = &[
    schultz::SCHULTZ,
    shift::SHIFT,
    compound::BLOCKING,
    compound::OVERSHADOWING,
    extinction::EXTINCTION,
    second_order::SECOND_ORDER,
    opal::OPAL,
    risk::RISK,
    reversal::REVERSAL,
];
