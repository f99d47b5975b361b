//! The fused network against burn's autodiff: the same outputs, the same gradients.
#![cfg(feature = "burn")]

mod common;

use common::{normals, policies, relative_error, spec};
use proptest::prelude::*;
use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, cpu_device};
use striatum_agent::{FusedNetwork, Network};
use striatum_kernels::{Activation, Backend, Cpu, MlpSpec};

/// Outputs and gradients of one pass.
fn pass(network: &mut dyn Network<Cpu>, spec: &MlpSpec, rows: usize, asymmetric: bool) -> (Vec<f32>, Vec<f32>) {
    let backend = Cpu::with_threads(1);
    let width = spec.head.width();
    let mut weights = normals(1, spec.param_count(), 0.5);
    weights[spec.param_count() - spec.head.policy.log_std_len()..].fill(0.0);
    let observations = normals(2, rows * spec.inputs, 1.0);
    let mut d_outputs = normals(3, rows * width, 1.0);
    let mut d_trunk = normals(4, rows * width, 1.0);
    for d in [&mut d_outputs, &mut d_trunk] {
        d.chunks_exact_mut(width).for_each(|row| row[spec.head.features_at()..].fill(0.0));
    }
    let (mut outputs, mut gradients) = (backend.zeros(rows * width), backend.zeros(spec.param_count()));
    network.load(&backend, &weights).unwrap();
    network.forward_train(&backend, &observations, rows, asymmetric, &mut outputs).unwrap();
    network.backward(&backend, &d_outputs, asymmetric.then_some(&d_trunk), &mut gradients).unwrap();
    let mut inferred = backend.zeros(rows * width);
    network.forward(&backend, &observations, rows, &mut inferred).unwrap();
    assert!(relative_error(&inferred, &outputs) < 1e-6, "inference differs from training");
    (outputs, gradients)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn fused_and_burn_give_the_same_outputs_and_gradients(
        policy in prop::sample::select(policies()),
        dual: bool,
        shared: bool,
        asymmetric: bool,
        hidden in prop::collection::vec(1_usize..40, 0..4),
        activation in prop::sample::select(vec![Activation::Tanh, Activation::Relu, Activation::Silu]),
        rows in 1_usize..200,
    ) {
        let spec = spec(policy, dual, &hidden, shared, activation);
        let mut fused = FusedNetwork::new(&spec, 2);
        let mut burn = BurnNetwork::new(spec.inputs, &cpu_device(), |device| ActorCritic::new(&spec, device));
        let (outputs, gradients) = pass(&mut fused, &spec, rows, asymmetric);
        let (expected_outputs, expected_gradients) = pass(&mut burn, &spec, rows, asymmetric);
        prop_assert!(relative_error(&outputs, &expected_outputs) < 1e-5);
        // Relative to the whole gradient: a single bias can be a sum that cancels.
        let end = spec.param_count() - spec.head.policy.log_std_len();
        let error = relative_error(&gradients[..end], &expected_gradients[..end]);
        prop_assert!(error < 1e-5, "gradients differ by {error}");
    }
}
