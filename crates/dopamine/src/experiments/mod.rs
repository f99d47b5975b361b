//! The classical experiments.

mod compound;
mod distribution;
mod extinction;
mod horizons;
mod opal;
mod panels;
mod reversal;
mod risk;
mod schultz;
mod second_order;
mod shift;
mod vigour;

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
    distribution::DISTRIBUTION,
    horizons::HORIZONS,
    vigour::VIGOUR,
];
