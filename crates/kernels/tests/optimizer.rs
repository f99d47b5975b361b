//! The optimisers on the CPU: numbers worked by hand, and PyTorch's recurrences in float64.

#[path = "common/optimizer.rs"]
mod optimizer;

use optimizer::{State, adam, rests, rms_prop, worst};
use striatum_kernels::{Cpu, OptimizerParams};

#[test]
fn adam_worked_by_hand() {
    // lr 0.1, betas 0.5 and 0.75, eps 0, w = 1, gradients 2 and then -1.
    //   step 1: m = 0.5 * 2 = 1, v = 0.25 * 4 = 1; c1 = 0.5, c2 = 0.25: w = 1 - 0.1 * (1 / 0.5) / sqrt(1 / 0.25) = 1 - 0.1 * 2 / 2 = 0.9
    //   step 2: m = 0.5 * 1 + 0.5 * -1 = 0, v = 0.75 * 1 + 0.25 * 1 = 1: w = 0.9
    // The third gradient is 3, at which c1 = 1 - 1/8 = 7/8 and c2 = 1 - 27/64 = 37/64:
    //   m = 1.5, v = 0.75 + 0.25 * 9 = 3: w = 0.9 - 0.1 * (1.5 * 8/7) / sqrt(3 * 64/37) = 0.9 - 0.1714286 / 2.2779876 = 0.8247453
    let mut state = State::new(1, vec![1.0]);
    let mut after = |gradient: f32, step: i32| {
        let params = OptimizerParams {
            learning_rate: 0.1,
            beta1: 0.5,
            beta2: 0.75,
            epsilon: 0.0,
            max_grad_norm: f32::INFINITY,
            correction1: 1.0 - 0.5_f32.powi(step),
            correction2: 1.0 - 0.75_f32.powi(step),
            ..adam(step)
        };
        state.step(&Cpu::new(), &[params], &[gradient]);
        state.weights[0]
    };
    for (gradient, step, expected) in [(2.0, 1, 0.9), (-1.0, 2, 0.9), (3.0, 3, 0.824_745_3)] {
        let weight: f32 = after(gradient, step);
        assert!((weight - expected).abs() < 1e-6, "step {step}: {weight}, not {expected}");
    }
}

#[test]
fn rms_prop_worked_by_hand() {
    // lr 0.1, alpha 0.75, eps 1, w = 1, gradients 2 and then 2.
    //   step 1: v = 0.25 * 4 = 1:            w = 1 - 0.1 * 2 / (1 + 1) = 0.9
    //   step 2: v = 0.75 * 1 + 0.25 * 4 = 1.75: w = 0.9 - 0.1 * 2 / (1.3228757 + 1) = 0.8138998
    let mut state = State::new(1, vec![1.0]);
    let params =
        OptimizerParams { learning_rate: 0.1, beta2: 0.75, epsilon: 1.0, max_grad_norm: f32::INFINITY, ..rms_prop() };
    for expected in [0.9, 0.813_899_8] {
        state.step(&Cpu::new(), &[params], &[2.0]);
        assert!((state.weights[0] - expected).abs() < 1e-6, "{} is not {expected}", state.weights[0]);
    }
    assert_eq!(state.first_moment, [0.0], "RMSProp has no first moment");
}

#[test]
fn the_gradient_is_clipped_by_its_global_norm() {
    // Norm of (3, 4) is 5; clipped to 1 it is (0.6, 0.8), and with v = g^2 (alpha 0) every weight moves by lr * g / (|g| + 1).
    let mut state = State::new(1, vec![0.0, 0.0]);
    let params = OptimizerParams { learning_rate: 1.0, beta2: 0.0, epsilon: 1.0, max_grad_norm: 1.0, ..rms_prop() };
    state.step(&Cpu::new(), &[params], &[3.0, 4.0]);
    assert_eq!(state.grad_norm, [5.0]);
    let expected = [-0.6 / 1.6, -0.8 / 1.8];
    assert!(state.weights.iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-6), "{:?}", state.weights);
    // Without a limit, (3, 4) itself.
    let mut state = State::new(1, vec![0.0, 0.0]);
    state.step(&Cpu::new(), &[OptimizerParams { max_grad_norm: f32::INFINITY, ..params }], &[3.0, 4.0]);
    assert!((state.weights[1] + 4.0 / 5.0).abs() < 1e-6, "{:?}", state.weights);
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for params in [adam(1), rms_prop()] {
            let mut state = State::random(1, 40, 3);
            state.step(&Cpu::new(), &[params], &[0.5; 40]);
            let mut gradients = [0.5; 40];
            gradients[37] = bad;
            let before = state.clone();
            state.step(&Cpu::new(), &[params], &gradients);
            assert!(!state.grad_norm[0].is_finite());
            assert_eq!(State { grad_norm: before.grad_norm.clone(), ..state }, before);
        }
    }
}

#[test]
fn many_steps_follow_float64() {
    for parameters in [1, 15, 16, 17, 4096, 10_001] {
        for kind in [0, 1] {
            let error = worst(&Cpu::new(), kind, 3, parameters, 20);
            assert!(error < 1e-5, "kind {kind}, {parameters} parameters: {error}");
        }
    }
}

#[test]
fn an_agent_that_rests_stays_as_it_is() {
    for parameters in [1, 17, 10_001] {
        rests(&Cpu::new(), parameters).unwrap_or_else(|error| panic!("{parameters} parameters: {error}"));
    }
}
