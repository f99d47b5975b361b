//! Statistics of a rollout on the CPU.

mod common;
#[path = "common/iteration.rs"]
mod iteration;

use common::{Ends, close, ends, shape, shapes};
use iteration::{Iteration, On};
use proptest::prelude::*;

#[test]
fn worked_by_hand() {
    // Two heads of which the second does not count; one step of four environments.
    //   deltas 1, -1, 3, 1: mean 1, variance (0 + 4 + 4 + 0) / 4 = 2, three of four above 0
    //   advantages 0, 0, 2, 2: variance 1; returns 5, 1, 5, 1: variance 4; rewards 1, 2, 3, 0: mean 1.5
    let mut iteration = Iteration::random(shape(1, 2, 1, 4), Ends::Never, 0.0, 0);
    iteration.deltas[..4].copy_from_slice(&[1.0, -1.0, 3.0, 1.0]);
    iteration.advantages[..4].copy_from_slice(&[0.0, 0.0, 2.0, 2.0]);
    iteration.returns[..4].copy_from_slice(&[5.0, 1.0, 5.0, 1.0]);
    iteration.rewards = vec![1.0, 2.0, 3.0, 0.0];
    assert_eq!(iteration.rollout_stats(On::Mirror), [1.0, 2.0, 0.75, 1.0, 4.0, 1.5, 0.0, 0.0]);
}

#[test]
fn an_empty_rollout_has_none() {
    let iteration = Iteration::random(shape(2, 1, 0, 3), Ends::Never, 0.0, 0);
    assert_eq!(iteration.rollout_stats(On::Mirror), [0.0; 16]);
}

proptest! {
    #[test]
    fn they_agree_with_float64(shape in shapes(), ends in ends(), offset in prop_oneof![Just(0.0_f32), Just(1e3)], seed: u64) {
        let iteration = Iteration::random(shape, ends, offset, seed);
        close("stats", &iteration.rollout_stats(On::Mirror), &iteration.rollout_stats_oracle(), 1e-7)
            .map_err(TestCaseError::fail)?;
    }
}
