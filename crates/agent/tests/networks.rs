//! Networks that are more than multilayer perceptrons: where their parameters lie, and what they start with.
#![cfg(feature = "burn")]

mod common;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use striatum_agent::burn_engine::{ActorCritic, cpu_device};
use striatum_agent::{Encoder, MemoryKind, NetworkSettings, NetworkSpec, Observation, initial_weights};
use striatum_kernels::{HeadLayout, Policy};

/// Every encoder, with and without normalisation, two pathways and shared layers.
fn specs() -> Vec<NetworkSpec> {
    let mut specs = Vec::new();
    for encoder in [Encoder::Mlp, Encoder::NatureCnn, Encoder::ImpalaCnn, Encoder::MinatarCnn] {
        for (layer_norm, dual, shared_trunk) in [(false, false, true), (true, true, false)] {
            for hidden in [vec![], vec![7, 5]] {
                let side = encoder.smallest().max(5);
                let observation = Observation::Image { channels: 2, height: side, width: side + 1, bytes: dual };
                let policy = Policy::Categorical { nvec: vec![3] };
                let head = HeadLayout::new(policy, dual, 2);
                let memory = [MemoryKind::None, MemoryKind::Gru, MemoryKind::Lstm, MemoryKind::MinGru][specs.len() % 4];
                let settings = NetworkSettings {
                    encoder,
                    layer_norm,
                    memory,
                    memory_width: 6,
                    shared_trunk,
                    hidden,
                    ..Default::default()
                };
                specs.push(NetworkSpec::new(&settings, observation, head));
            }
        }
    }
    specs
}

struct Shapes(Vec<Vec<usize>>);

impl ModuleVisitor for Shapes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().dims().to_vec());
    }
}

#[test]
fn parameters_lie_as_the_module_visits_them() {
    for spec in specs() {
        let mut visited = Shapes(Vec::new());
        ActorCritic::new(&spec, &cpu_device()).visit(&mut visited);
        let listed: Vec<_> = spec.params().into_iter().map(|param| param.shape).collect();
        assert_eq!(visited.0, listed, "{spec:?}");
        let (mut end, names) = (0, spec.params());
        for param in &names {
            assert_eq!(param.offset, end, "{}", param.name);
            end += param.len();
            assert_eq!(names.iter().filter(|other| other.name == param.name).count(), 1, "{}", param.name);
        }
        assert_eq!(end, spec.param_count());
    }
}

#[test]
fn convolutions_start_orthogonal_and_normalisations_as_ones() {
    for spec in specs() {
        let weights = initial_weights(&spec, &NetworkSettings::default(), 5);
        for param in spec.params() {
            let values = &weights[param.offset..param.offset + param.len()];
            if param.name.ends_with("bias") {
                assert!(values.iter().all(|&bias| bias == 0.0), "{}", param.name);
                continue;
            }
            let [outputs, rest @ ..] = &param.shape[..] else { panic!("{} has no dimensions", param.name) };
            if rest.is_empty() {
                assert!(values.iter().all(|&weight| weight == 1.0), "{}", param.name);
            } else if rest.len() == 3 {
                // Rows are the kernels of the output channels: those of fewer outputs than inputs are orthogonal and of norm sqrt(2).
                let inputs = rest.iter().product::<usize>();
                let product = |i: usize, j: usize| {
                    let rows = values[i * inputs..].iter().zip(&values[j * inputs..]).take(inputs);
                    rows.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
                };
                if *outputs <= inputs {
                    assert!((product(0, 0) - 2.0).abs() < 1e-5, "{}: {}", param.name, product(0, 0));
                    assert!(product(0, outputs - 1).abs() < 1e-5, "{}", param.name);
                }
            }
        }
        let uniform = NetworkSettings { orthogonal_init: false, ..Default::default() };
        let weights = initial_weights(&spec, &uniform, 5);
        for param in spec.params().iter().filter(|param| param.shape.len() == 4) {
            let bound = 1.0 / (param.shape[1..].iter().product::<usize>() as f32).sqrt();
            let values = &weights[param.offset..param.offset + param.len()];
            let largest = values.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
            assert!(largest <= bound && largest > 0.8 * bound, "{}: {largest} of {bound}", param.name);
        }
    }
}
