//! The fused network against burn's autodiff: the same outputs, the same gradients.
#![cfg(feature = "burn")]

mod common;

use common::{Rows, burn_network, loss_params, normals, outputs, policies, relative_error, spec};
use proptest::prelude::*;
use striatum_agent::burn_engine::cpu_device;
use striatum_agent::{FusedNetwork, Network};
use striatum_kernels::{Activation, Cpu, CriticKind, LossParams, MlpSpec, Policy};

/// Outputs, gradients and metrics of one pass over `rows` rows, scattered among others, of which every fifth is masked.
fn pass(network: &mut dyn Network<Cpu>, spec: &MlpSpec, rows: usize, kappa: f32, critic: CriticKind) -> [Vec<f32>; 3] {
    let sources = rows + 3;
    let mut data = Rows::new(&spec.head, sources);
    data.order = (0..rows as u32).map(|i| (i * 7 + 2) % sources as u32).collect();
    data.mask.iter_mut().step_by(5).for_each(|mask| *mask = 0.0);
    data.tone.fill(0.3);
    data.inverse_temperature.fill(1.4);
    let weights = normals(1, spec.param_count(), 0.5);
    let mut observations = normals(2, sources * spec.inputs, 1.0);
    if let (true, Policy::Categorical { nvec }) = (spec.head.masked, &spec.head.policy) {
        // The first option of each choice is taken.
        let firsts: Vec<bool> = nvec.iter().flat_map(|&n| (0..n).map(|option| option == 0)).collect();
        for row in observations.chunks_exact_mut(spec.inputs) {
            let marks = row[spec.observed()..].iter_mut().zip(&firsts);
            marks.for_each(|(mark, &first)| *mark = f32::from(u8::from(first || *mark > 0.0)));
        }
    }
    let params = LossParams { kappa, sum_decay: 0.01, value_clip: 0.3, critic: critic as u32, ..loss_params() };
    let (gradients, metrics) = data.differentiate(network, spec, params, &weights, &observations);
    [outputs(network, &observations, sources), gradients, metrics]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn fused_and_burn_give_the_same_outputs_and_gradients(
        policy in prop::sample::select(policies()),
        dual: bool,
        shared: bool,
        asymmetric: bool,
        masked: bool,
        hidden in prop::collection::vec(1_usize..40, 0..5),
        activation in prop::sample::select(vec![Activation::Tanh, Activation::Relu, Activation::Silu]),
        rows in 1_usize..200,
        value_heads in 1_usize..6,
        critic in prop::sample::select(vec![CriticKind::Scalar, CriticKind::Quantile, CriticKind::Expectile]),
    ) {
        let mut spec = spec(policy, dual, &hidden, shared, activation);
        spec.head.value_heads = value_heads;
        if masked && !spec.head.policy.is_continuous() {
            spec.head.masked = true;
            spec.inputs += spec.head.mask_width();
        }
        let kappa = if asymmetric { 0.6 } else { 0.0 };
        let mut fused = FusedNetwork::new(&spec, 1, &Cpu::with_threads(2));
        let mut burn = burn_network(&spec, &cpu_device());
        let [outputs, gradients, metrics] = pass(&mut fused, &spec, rows, kappa, critic);
        let [expected_outputs, expected_gradients, expected_metrics] = pass(&mut burn, &spec, rows, kappa, critic);
        prop_assert!(relative_error(&outputs, &expected_outputs) < 1e-5);
        // Relative to the whole gradient: a single bias can be a sum that cancels.
        let error = relative_error(&gradients, &expected_gradients);
        prop_assert!(error < 1e-5, "gradients differ by {error}");
        prop_assert!(relative_error(&metrics, &expected_metrics) < 1e-4);
    }
}
