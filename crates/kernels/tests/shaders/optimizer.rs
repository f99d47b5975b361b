use crate::Test;
use crate::optimizer_state::{State, adam, rests, rms_prop, worst};
use striatum_kernels::Gpu;

pub const TESTS: &[Test] = &[
    ("optimizer_follows_float64", many_steps),
    ("optimizer_refuses_what_is_not_finite", not_finite),
    ("optimizer_leaves_an_agent_that_rests", resting),
];

fn resting(gpu: &Gpu) -> Result<(), String> {
    [1, 255, 1025].into_iter().try_for_each(|parameters| rests(gpu, parameters))
}

fn many_steps(gpu: &Gpu) -> Result<(), String> {
    for (agents, parameters) in [(1, 1), (3, 255), (2, 1025), (1, 200_001)] {
        for kind in [0, 1] {
            let error = worst(gpu, kind, agents, parameters, 5);
            if error > 1e-5 {
                return Err(format!("kind {kind}, {agents} x {parameters} parameters: {error}"));
            }
        }
    }
    Ok(())
}

fn not_finite(gpu: &Gpu) -> Result<(), String> {
    for bad in [f32::NAN, f32::INFINITY, 1e30] {
        for params in [adam(1), rms_prop()] {
            let mut state = State::random(2, 700, 3);
            let mut gradients = vec![0.5; 1400];
            gradients[600] = bad;
            let before = state.clone();
            state.step(gpu, &[params; 2], &gradients);
            let unchanged = state.weights[..700] == before.weights[..700]
                && state.first_moment[..700] == before.first_moment[..700]
                && state.second_moment[..700] == before.second_moment[..700];
            let other_moved = state.weights[700..] != before.weights[700..];
            if !unchanged || !other_moved || state.grad_norm[0].is_finite() || !state.grad_norm[1].is_finite() {
                return Err(format!("{bad}: norms {:?}", state.grad_norm));
            }
        }
    }
    Ok(())
}
