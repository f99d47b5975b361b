//! TD errors on the CPU: numbers worked by hand, then a float64 oracle over random rollouts.

mod common;

use common::{Ends, Rollout, close, ends, shape, shapes};
use proptest::prelude::*;
use striatum_kernels::Cpu;

#[test]
fn numbers_worked_by_hand() {
    // One environment, four steps, gamma 0.5: an ordinary step, a terminal one, a truncated one, and the last of the rollout.
    //   t = 0: 1 + 0.5 * V(s_1) - V(s_0)    = 1 + 0.5 * 2 - 4   = -2
    //   t = 1: 2 + 0 - V(s_1)               = 2 - 2             =  0      (V of the terminal state does not count)
    //   t = 2: 3 + 0.5 * V(final) - V(s_2)  = 3 + 0.5 * 10 - 6  =  2      (V(s_3) is of the next episode)
    //   t = 3: 4 + 0.5 * V(s_4) - V(s_3)    = 4 + 0.5 * 1 - 8   = -3.5
    let rollout = Rollout {
        shape: shape(1, 1, 4, 1),
        gamma: vec![0.5],
        average_reward: vec![0.0],
        lambda: vec![1.0],
        rewards: vec![1.0, 2.0, 3.0, 4.0],
        terminated: vec![0.0, 1.0, 0.0, 0.0],
        truncated: vec![0.0, 0.0, 1.0, 0.0],
        values: vec![4.0, 2.0, 6.0, 8.0, 1.0],
        final_values: vec![f32::NAN, f32::INFINITY, 10.0, f32::NAN],
    };
    assert_eq!(rollout.td_error(&Cpu::new()), [-2.0, 0.0, 2.0, -3.5]);
}

#[test]
fn a_step_that_terminates_and_is_truncated_is_terminal() {
    // 1 + 0 - 3 = -2: neither the final value nor the next one counts.
    let rollout = Rollout {
        shape: shape(1, 1, 1, 1),
        gamma: vec![0.9],
        average_reward: vec![0.0],
        lambda: vec![1.0],
        rewards: vec![1.0],
        terminated: vec![1.0],
        truncated: vec![1.0],
        values: vec![3.0, f32::INFINITY],
        final_values: vec![f32::NAN],
    };
    assert_eq!(rollout.td_error(&Cpu::new()), [-2.0]);
}

#[test]
fn an_average_reward_is_subtracted_from_every_reward() {
    // [A, K] = [2, 2], two steps of one environment, gamma 0.5 and 0: delta = r - rbar_a + gamma V' - V. Agent 0 has rbar 3, agent 1
    // rbar -1, for both heads; a terminal step is centred as every other one.
    //   a 0, k 0: 1 - 3 + 0.5 * 4 - 2 = -2;  2 - 3 + 0 - 4 = -5 (terminal)
    //   a 0, k 1: 1 - 3 + 0 - 1 = -3;        2 - 3 + 0 - 1 = -2
    //   a 1, k 0: 1 + 1 + 0.5 * 4 - 2 = 2;   2 + 1 + 0.5 * 10 - 4 = 4 (truncated)
    //   a 1, k 1: 1 + 1 + 0 - 1 = 1;         2 + 1 + 0 - 1 = 2
    let rollout = Rollout {
        shape: shape(2, 2, 2, 1),
        gamma: vec![0.5, 0.0, 0.5, 0.0],
        average_reward: vec![3.0, -1.0],
        lambda: vec![1.0; 4],
        rewards: vec![1.0, 2.0, 1.0, 2.0],
        terminated: vec![0.0, 1.0, 0.0, 0.0],
        truncated: vec![0.0, 0.0, 0.0, 1.0],
        values: vec![2.0, 4.0, 8.0, 1.0, 1.0, 8.0, 2.0, 4.0, 8.0, 1.0, 1.0, 8.0],
        final_values: vec![7.0, 7.0, 7.0, 7.0, 7.0, 10.0, 7.0, 10.0],
    };
    assert_eq!(rollout.td_error(&Cpu::new()), [-2.0, -5.0, -3.0, -2.0, 2.0, 4.0, 1.0, 2.0]);
}

#[test]
fn an_offset_of_rewards_goes_with_their_average() {
    // Sums of few bits are exact.
    let mut rollout = Rollout::random(shape(2, 2, 9, 5), Ends::Mixed, 3);
    rollout.rewards.iter_mut().for_each(|reward| *reward = (*reward * 8.0).round() / 8.0);
    rollout.average_reward = vec![0.25, -0.5];
    let deltas = rollout.td_error(&Cpu::new());
    for (agent, rewards) in rollout.rewards.chunks_exact_mut(45).enumerate() {
        let offset = [10.0, -10.0][agent];
        rewards.iter_mut().for_each(|reward| *reward += offset);
        rollout.average_reward[agent] += offset;
    }
    assert_eq!(rollout.td_error(&Cpu::new()), deltas);
}

#[test]
fn agents_and_heads_have_their_own_numbers() {
    // [A, K] = [2, 2], one step, one environment. delta = r_a + gamma_ak * V'_ak - V_ak:
    //   a 0, k 0: 1 + 0.5 * 2 - 1 = 1      a 0, k 1: 1 + 1.0 * 4 - 3 = 2
    //   a 1, k 0: 10 + 0 - 5 = 5           a 1, k 1: 10 + 0 - 7 = 3        (agent 1 terminates)
    let rollout = Rollout {
        shape: shape(2, 2, 1, 1),
        gamma: vec![0.5, 1.0, 0.25, 0.75],
        average_reward: vec![0.0; 2],
        lambda: vec![1.0; 4],
        rewards: vec![1.0, 10.0],
        terminated: vec![0.0, 1.0],
        truncated: vec![0.0, 0.0],
        values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        final_values: vec![f32::NAN; 4],
    };
    assert_eq!(rollout.td_error(&Cpu::new()), [1.0, 2.0, 5.0, 3.0]);
}

#[test]
fn threads_do_not_change_a_bit() {
    let rollout = Rollout::random(shape(1, 2, 1029, 7001), Ends::Mixed, 5);
    let alone = rollout.td_error(&Cpu::with_threads(1));
    for threads in [2, 3, 7] {
        assert_eq!(rollout.td_error(&Cpu::with_threads(threads)), alone, "{threads} threads");
    }
    close("deltas", &alone, &rollout.td_error_oracle(), 1e-6).unwrap();
}

#[test]
fn nothing_to_do_is_done() {
    for shape in [shape(0, 1, 3, 2), shape(1, 0, 3, 2), shape(1, 1, 0, 2), shape(1, 1, 3, 0)] {
        assert!(Rollout::random(shape, Ends::Never, 0).td_error(&Cpu::new()).is_empty());
    }
}

proptest! {
    #[test]
    fn it_agrees_with_float64(shape in shapes(), ends in ends(), seed: u64) {
        let rollout = Rollout::random(shape, ends, seed);
        close("deltas", &rollout.td_error(&Cpu::new()), &rollout.td_error_oracle(), 1e-6).map_err(TestCaseError::fail)?;
    }
}
