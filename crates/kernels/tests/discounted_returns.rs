//! Discounted returns and scaled rewards on the CPU.

mod common;
#[path = "common/iteration.rs"]
mod iteration;

use common::{Ends, close, ends, shape, shapes};
use iteration::{Iteration, On};
use proptest::prelude::*;
use striatum_kernels::{ReturnScaler, RunningMoments, scale_rewards};

#[test]
fn worked_by_hand() {
    // gamma 0.5, two environments, R = 2 and 0 before.
    //   step 1: rewards 1, 2: R = 2, 2
    //   step 2: rewards 1, 0: R = 2, 1; then the first ends
    //   step 3: rewards 4, 1: R = 4, 1.5; then the second is cut off
    // Mean 12.5 / 6, squares 4 + 4 + 4 + 1 + 16 + 2.25 = 31.25, deviations 31.25 - 12.5^2 / 6.
    let mut iteration = Iteration::random(shape(1, 1, 3, 2), Ends::Never, 0.0, 0);
    iteration.gamma = vec![0.5];
    iteration.running = vec![2.0, 0.0];
    iteration.rewards = vec![1.0, 2.0, 1.0, 0.0, 4.0, 1.0];
    iteration.terminated[2] = 1.0;
    iteration.truncated[5] = 1.0;
    let [running, moments] = iteration.discounted_returns(On::Mirror);
    assert_eq!(running, [4.0, 0.0]);
    close("moments", &moments, &[6.0, 12.5 / 6.0, 31.25 - 156.25 / 6.0], 1e-7).unwrap();
}

#[test]
fn nothing_has_no_moments() {
    for shape in [shape(2, 1, 0, 3), shape(2, 1, 3, 0)] {
        let iteration = Iteration::random(shape, Ends::Never, 0.0, 0);
        assert_eq!(iteration.discounted_returns(On::Mirror), [iteration.running.clone(), vec![0.0; 6]]);
    }
}

#[test]
fn scaled_rewards_are_clipped() {
    let mut rewards = [1.0, -3.0, 100.0, 1.0, -3.0, -100.0];
    scale_rewards(2, &[0.5, 2.0], 5.0, &mut rewards);
    assert_eq!(rewards, [0.5, -1.5, 5.0, 2.0, -5.0, -5.0]);
    scale_rewards(0, &[], 5.0, &mut []);
}

proptest! {
    #[test]
    fn they_agree_with_float64_and_the_scaler(shape in shapes(), ends in ends(), offset in prop_oneof![Just(0.0_f32), Just(1e3)], seed: u64) {
        let iteration = Iteration::random(shape, ends, offset, seed);
        let [running, moments] = iteration.discounted_returns(On::Mirror);
        let [expected_running, expected_moments] = iteration.discounted_returns_oracle();
        close("running", &running, &expected_running, 1e-7).map_err(TestCaseError::fail)?;
        close("moments", &moments, &expected_moments, 1e-7).map_err(TestCaseError::fail)?;

        let (steps, envs) = (shape.steps, shape.envs);
        let gamma = f64::from(iteration.gamma[0]);
        let before = iteration.running[..envs].iter().map(|&sum| f64::from(sum)).collect();
        let mut by_steps = ReturnScaler::from_parts(gamma, before, RunningMoments::new(1));
        for step in 0..steps {
            let at = step * envs..(step + 1) * envs;
            let ends = iteration.terminated[at.clone()].iter().zip(&iteration.truncated[at.clone()]);
            let dones: Vec<f32> = ends.map(|(a, b)| a + b).collect();
            by_steps.update(&iteration.rewards[at], &dones);
        }
        let mut at_once = ReturnScaler::new(gamma, envs);
        at_once.merge_batch(&running[..envs], [moments[0], moments[1], moments[2]]);
        close("running", &running[..envs], by_steps.returns(), 1e-7).map_err(TestCaseError::fail)?;
        prop_assert_eq!(at_once.moments().count(), by_steps.moments().count());
        close("scale", &[at_once.scale()], &[by_steps.scale()], 1e-5).map_err(TestCaseError::fail)?;
    }
}
