//! Experiments with trained agents, for the `striatum dopamine` command: each trains through the library, on the fused CPU engine, and
//! leaves no run behind. The tabular ones are in the `striatum-dopamine` crate.

mod agents;
mod centering;
mod frontier;
mod play;
mod reversal;

pub use centering::centering;
pub use frontier::frontier;
pub use reversal::deep_reversal;
