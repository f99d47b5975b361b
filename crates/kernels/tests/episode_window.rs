//! The last episodes of a rollout on the CPU.

mod common;
#[path = "common/iteration.rs"]
mod iteration;

use common::{Ends, ends, shape, shapes};
use iteration::{Iteration, On};
use proptest::prelude::*;
use striatum_kernels::EPISODE_WINDOW;

#[test]
fn worked_by_hand() {
    // Two environments, three steps. Rows 1 and 4 end, by termination and by truncation.
    let mut iteration = Iteration::random(shape(1, 1, 3, 2), Ends::Never, 0.0, 0);
    iteration.terminated[1] = 1.0;
    iteration.truncated[4] = 1.0;
    (iteration.episode_returns[1], iteration.episode_lengths[1]) = (-7.0, 30.0);
    (iteration.episode_returns[4], iteration.episode_lengths[4]) = (2.5, 40.0);
    let out = iteration.episode_window(On::Mirror);
    assert_eq!(out[..4], [2.0, -7.0, 2.5, 0.0]);
    assert_eq!(out[1 + EPISODE_WINDOW..][..3], [30.0, 40.0, 0.0]);
}

#[test]
fn the_last_hundred_are_kept() {
    let iteration = Iteration::random(shape(1, 1, 50, 3), Ends::AllTerminated, 0.0, 0);
    let out = iteration.episode_window(On::Mirror);
    assert_eq!(out[0], 150.0);
    assert_eq!(out[1..=EPISODE_WINDOW], iteration.episode_returns[50..]);
    assert_eq!(out[1 + EPISODE_WINDOW..], iteration.episode_lengths[50..]);
}

#[test]
fn an_empty_rollout_has_no_episodes() {
    for shape in [shape(2, 1, 0, 3), shape(2, 1, 3, 0)] {
        let out = Iteration::random(shape, Ends::Never, 0.0, 0).episode_window(On::Mirror);
        assert!(out.iter().all(|&number| number == 0.0));
    }
}

proptest! {
    #[test]
    fn it_lists_the_last_episodes(shape in shapes(), ends in ends(), seed: u64) {
        let iteration = Iteration::random(shape, ends, 0.0, seed);
        prop_assert_eq!(iteration.episode_window(On::Mirror), iteration.episode_window_oracle());
    }
}
