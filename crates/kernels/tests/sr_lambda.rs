//! Samples of the return on the CPU.

mod common;
#[path = "common/distribution.rs"]
mod distribution;

use common::{Ends, Rollout, close, ends, shape};
use distribution::{sr_lambda, sr_lambda_oracle};
use proptest::prelude::*;
use striatum_kernels::Cpu;

/// Two heads, three steps of one environment with the rewards 1, 2 and 4 and gamma 1/2; theta is (10, 20, 30, 40) for the first head and
/// (-10, -20, -30, -40) for the second, and 100 and -100 at final observations.
fn three_steps(lambda: f32, terminated: [f32; 3], truncated: [f32; 3]) -> Vec<f32> {
    let mut rollout = Rollout::random(shape(1, 2, 3, 1), Ends::Never, 1);
    (rollout.gamma, rollout.lambda) = (vec![0.5, 7.0], vec![lambda, 7.0]);
    rollout.rewards = vec![1.0, 2.0, 4.0];
    (rollout.terminated, rollout.truncated) = (terminated.to_vec(), truncated.to_vec());
    rollout.values = vec![10.0, 20.0, 30.0, 40.0, -10.0, -20.0, -30.0, -40.0];
    rollout.final_values = vec![100.0, 100.0, 100.0, -100.0, -100.0, -100.0];
    sr_lambda(&Cpu::new(), &rollout, 0)
}

#[test]
fn worked_by_hand() {
    const NONE: [f32; 3] = [0.0; 3];
    // lambda 0, one step: 1 + 20/2, 2 + 30/2, 4 + 40/2.
    assert_eq!(three_steps(0.0, NONE, NONE), [11.0, 17.0, 24.0, -9.0, -13.0, -16.0]);
    // lambda 1, to the rollout's end: 24 and -16, then 2 + 24/2 and 2 - 16/2, then 1 + 14/2 and 1 - 6/2.
    assert_eq!(three_steps(1.0, NONE, NONE), [8.0, 14.0, 24.0, -2.0, -6.0, -16.0]);
    // The second step terminates: Z_1 = 2. Cut, it is 2 + 100/2 and 2 - 100/2.
    assert_eq!(three_steps(1.0, [0.0, 1.0, 0.0], NONE), [2.0, 2.0, 24.0, 2.0, 2.0, -16.0]);
    assert_eq!(three_steps(1.0, NONE, [0.0, 1.0, 0.0]), [27.0, 52.0, 24.0, -23.0, -48.0, -16.0]);
    assert_eq!(three_steps(0.0, NONE, [0.0, 1.0, 0.0]), [11.0, 52.0, 24.0, -9.0, -48.0, -16.0]);
}

#[test]
fn lambda_is_the_share_of_samples_that_go_on() {
    // Values are 0 and every step is worth 1 without a discount: a sample is the number of its steps, 1 / (1 - lambda) in the mean.
    let mut rollout = Rollout::random(shape(1, 8, 40, 500), Ends::Never, 2);
    rollout.gamma.fill(1.0);
    rollout.lambda.fill(0.75);
    rollout.rewards.fill(1.0);
    rollout.values.fill(0.0);
    let targets = sr_lambda(&Cpu::new(), &rollout, 7);
    let first: Vec<f32> = targets.chunks(40 * 500).flat_map(|head| head[..500].to_vec()).collect();
    let mean = first.iter().sum::<f32>() / first.len() as f32;
    let once = first.iter().filter(|&&steps| steps == 1.0).count() as f32 / first.len() as f32;
    // 4000 samples: standard errors of 0.055 and 0.007.
    assert!((mean - 4.0).abs() < 0.2 && (once - 0.25).abs() < 0.025, "{mean} steps, {once} of one");
    // What is drawn at a step does not depend on where a rollout begins.
    let mut later = Rollout { shape: shape(1, 8, 39, 500), ..rollout.clone() };
    later.values.truncate(8 * 40 * 500);
    let later = sr_lambda(&Cpu::new(), &later, 8);
    let rest: Vec<f32> = targets.chunks(40 * 500).flat_map(|head| head[500..].to_vec()).collect();
    assert_eq!(later[..rest.len()], rest);
    assert_ne!(targets, sr_lambda(&Cpu::new(), &rollout, 8));
}

proptest! {
    #[test]
    fn agree_with_float64(
        (agents, heads, steps, envs) in prop_oneof![
            (1..4usize, 1..11usize, 1..20usize, 1..40usize), (1..3usize, 1..6usize, 1..4usize, 200..700usize)
        ],
        ends in ends(), seed: u64, first_step: u32,
    ) {
        let rollout = Rollout::random(shape(agents, heads, steps, envs), ends, seed);
        let expected = sr_lambda_oracle(&rollout, first_step);
        for threads in [1, 3] {
            close("targets", &sr_lambda(&Cpu::with_threads(threads), &rollout, first_step), &expected, 1e-5).unwrap();
        }
    }
}
