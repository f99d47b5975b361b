//! Generalised advantage estimation on the CPU: numbers worked by hand, then a float64 oracle over random rollouts.

mod common;

use common::{Ends, Rollout, close, ends, shape, shapes};
use proptest::prelude::*;
use striatum_kernels::Cpu;

/// Five steps of one environment: step 1 terminates, step 3 is truncated; gamma lambda = 0.5 * 0.5 = 0.25.
fn by_hand() -> Rollout {
    Rollout {
        shape: shape(1, 1, 5, 1),
        gamma: vec![0.5],
        average_reward: vec![0.0],
        lambda: vec![0.5],
        rewards: vec![0.0; 5],
        terminated: vec![0.0, 1.0, 0.0, 0.0, 0.0],
        truncated: vec![0.0, 0.0, 0.0, 1.0, 0.0],
        values: vec![10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        final_values: vec![f32::NAN; 5],
    }
}

#[test]
fn numbers_worked_by_hand() {
    // A_4 = delta_4                 = 16            the rollout ends
    // A_3 = delta_3                 = 8             truncated: nothing of A_4
    // A_2 = delta_2 + 0.25 * A_3    = 4 + 2 = 6
    // A_1 = delta_1                 = 2             terminated: nothing of A_2
    // A_0 = delta_0 + 0.25 * A_1    = 1 + 0.5 = 1.5
    // R_t = A_t + V(s_t)
    let (advantages, returns) = by_hand().gae(&Cpu::new(), &[1.0, 2.0, 4.0, 8.0, 16.0]);
    assert_eq!(advantages, [1.5, 2.0, 6.0, 8.0, 16.0]);
    assert_eq!(returns, [11.5, 22.0, 36.0, 48.0, 66.0]);
}

#[test]
fn td_errors_and_advantages_worked_by_hand_together() {
    // Three steps, gamma 0.5, lambda 1; the second is truncated with V(final) = 8. Values 2, 4, 6 and then 12.
    //   delta_0 = 1 + 0.5 * 4 - 2 = 1     A_0 = 1 + 0.5 * A_1 = 1 + 0.5 * 1 = 1.5   R_0 = 3.5
    //   delta_1 = 1 + 0.5 * 8 - 4 = 1     A_1 = 1                                   R_1 = 5 = 1 + 0.5 * 8
    //   delta_2 = 1 + 0.5 * 12 - 6 = 1    A_2 = 1                                   R_2 = 7 = 1 + 0.5 * 12
    let rollout = Rollout {
        shape: shape(1, 1, 3, 1),
        gamma: vec![0.5],
        average_reward: vec![0.0],
        lambda: vec![1.0],
        rewards: vec![1.0; 3],
        terminated: vec![0.0; 3],
        truncated: vec![0.0, 1.0, 0.0],
        values: vec![2.0, 4.0, 6.0, 12.0],
        final_values: vec![f32::NAN, 8.0, f32::NAN],
    };
    let deltas = rollout.td_error(&Cpu::new());
    assert_eq!(deltas, [1.0; 3]);
    let (advantages, returns) = rollout.gae(&Cpu::new(), &deltas);
    assert_eq!(advantages, [1.5, 1.0, 1.0]);
    assert_eq!(returns, [3.5, 5.0, 7.0]);
}

#[test]
fn what_follows_an_end_does_not_leak_even_if_it_is_not_a_number() {
    let (advantages, _) = by_hand().gae(&Cpu::new(), &[1.0, 2.0, f32::NAN, f32::INFINITY, f32::NAN]);
    assert_eq!(advantages[..2], [1.5, 2.0]);
    assert!(advantages[2].is_nan() && advantages[3] == f32::INFINITY && advantages[4].is_nan());
}

#[test]
fn with_every_step_terminal_advantages_are_td_errors() {
    let rollout = Rollout::random(shape(2, 1, 33, 65), Ends::AllTerminated, 3);
    let deltas = rollout.td_error(&Cpu::new());
    assert_eq!(rollout.gae(&Cpu::new(), &deltas).0, deltas);
}

#[test]
fn threads_do_not_change_a_bit() {
    for shape in [shape(1, 1, 90, 40_001), shape(3, 2, 500, 1001)] {
        let rollout = Rollout::random(shape, Ends::Mixed, 6);
        let deltas = rollout.td_error(&Cpu::new());
        let (advantages, returns) = rollout.gae(&Cpu::with_threads(1), &deltas);
        for threads in [2, 3, 7] {
            assert_eq!(rollout.gae(&Cpu::with_threads(threads), &deltas), (advantages.clone(), returns.clone()));
        }
        close("advantages", &advantages, &rollout.gae_oracle(&deltas).0, 1e-5).unwrap();
    }
}

#[test]
fn nothing_to_do_is_done() {
    for shape in [shape(0, 1, 3, 2), shape(1, 0, 3, 2), shape(1, 1, 0, 2), shape(1, 1, 3, 0)] {
        let (advantages, returns) = Rollout::random(shape, Ends::Never, 0).gae(&Cpu::new(), &[]);
        assert!(advantages.is_empty() && returns.is_empty());
    }
}

proptest! {
    #[test]
    fn it_agrees_with_float64(shape in shapes(), ends in ends(), seed: u64) {
        let rollout = Rollout::random(shape, ends, seed);
        let deltas = rollout.td_error(&Cpu::new());
        let (advantages, returns) = rollout.gae(&Cpu::new(), &deltas);
        let (expected_advantages, expected_returns) = rollout.gae_oracle(&deltas);
        close("advantages", &advantages, &expected_advantages, 1e-5).map_err(TestCaseError::fail)?;
        close("returns", &returns, &expected_returns, 1e-5).map_err(TestCaseError::fail)?;
    }
}
