//! Networks that are more than multilayer perceptrons: where their parameters lie, what they start with, and their gradients.
#![cfg(feature = "burn")]

mod common;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData, activation};
use common::{Rows, loss_params, normals, outputs, relative_error};
use striatum_agent::burn_engine::{ActorCritic, BurnModel, BurnNetwork, cpu_device};
use striatum_agent::{Encoder, MemoryKind, Network, NetworkSettings, NetworkSpec, Observation, initial_weights};
use striatum_kernels::{Cpu, HeadLayout, LossParams, Objective, Policy};
use striatum_rng::{Purpose, Stream};

/// Every encoder, with and without normalisation, two pathways and shared layers, and with every memory.
fn specs() -> Vec<NetworkSpec> {
    specs_with([MemoryKind::None, MemoryKind::Gru, MemoryKind::Lstm, MemoryKind::MinGru])
}

fn specs_with(memories: [MemoryKind; 4]) -> Vec<NetworkSpec> {
    let mut specs = Vec::new();
    for encoder in [Encoder::Mlp, Encoder::NatureCnn, Encoder::ImpalaCnn, Encoder::MinatarCnn] {
        for (layer_norm, dual, shared_trunk) in [(false, false, true), (true, true, false)] {
            for hidden in [vec![], vec![7, 5]] {
                let side = encoder.smallest().max(5);
                let observation = Observation::Image { channels: 2, height: side, width: side + 1, bytes: dual };
                let policy = Policy::Categorical { nvec: vec![3] };
                let head = HeadLayout::new(policy, dual, 2);
                let memory = memories[specs.len() % 4];
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

const ROWS: usize = 7;

/// Rows of pictures, with bytes packed, and the same as numbers.
fn pictures(spec: &NetworkSpec) -> (Vec<f32>, Vec<f32>) {
    let (count, mut stream) = (spec.observation.len(), Stream::new(8, Purpose::User, 0, 0));
    if !spec.observation.is_packed() {
        let numbers = normals(9, ROWS * count, 1.0);
        return (numbers.clone(), numbers);
    }
    let (mut rows, mut numbers) = (Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let mut bytes: Vec<u8> = (0..count).map(|_| stream.below(256) as u8).collect();
        numbers.extend(bytes.iter().map(|&byte| f32::from(byte) / 255.0));
        bytes.resize(count.next_multiple_of(4), 0);
        rows.extend(bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_ne_bytes(four)));
    }
    (rows, numbers)
}

/// Puts parameters into a module.
struct Filler<'a>(&'a [f32]);

impl ModuleMapper for Filler<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|old| {
            let (own, rest) = self.0.split_at(old.dims().iter().product());
            self.0 = rest;
            Tensor::from_data(TensorData::new(own.to_vec(), old.dims()), &old.device()).require_grad()
        })
    }
}

struct Slopes<'a>(&'a Gradients, Vec<f32>);

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let slope = param.val().grad(self.0).expect("every parameter takes part");
        self.1.extend(slope.into_data().try_to_vec::<f32>().unwrap());
    }
}

/// The gradient of the policy-gradient loss as papers write it, by burn's autodiff through burn's own layers.
fn textbook(spec: &NetworkSpec, weights: &[f32], numbers: &[f32], data: &Rows, params: &LossParams) -> Vec<f32> {
    let device = cpu_device().autodiff();
    let model = ActorCritic::new(spec, &device).map(&mut Filler(weights));
    let tensor = |numbers: &[f32]| {
        Tensor::<2>::from_data(TensorData::new(numbers.to_vec(), [ROWS, numbers.len() / ROWS]), &device)
    };
    let outputs = model.heads(model.trunk(tensor(numbers)));
    let logits = spec.head.policy.logits();
    let columns = |at: usize, width: usize| outputs.clone().slice([0..ROWS, at..at + width]);
    let net = match spec.head.dual {
        false => columns(0, logits),
        true => (columns(0, logits) - columns(logits, logits)) * std::f32::consts::FRAC_1_SQRT_2,
    };
    let log = activation::log_softmax(net, 1);
    let entropy = -(log.clone() * log.clone().exp()).sum_dim(1).mean();
    let chosen = log.gather(1, tensor(&data.actions).int());
    let square = |k: usize| {
        let error = columns(spec.head.values_at() + k, 1) - tensor(&data.returns[k * ROWS..][..ROWS]);
        error.powf_scalar(2.0).mean() * 0.5
    };
    let loss = -(tensor(&data.advantages[..ROWS]) * chosen).mean() - entropy * params.entropy_coef
        + square(0) * params.value_coef
        + square(1) * params.auxiliary_coef;
    let gradients = loss.backward();
    let mut slopes = Slopes(&gradients, Vec::new());
    model.visit(&mut slopes);
    slopes.1
}

/// A network's gradients and outputs.
fn pass(
    network: &mut dyn Network<Cpu>,
    spec: &NetworkSpec,
    data: &Rows,
    params: LossParams,
    (weights, rows): (&[f32], &[f32]),
) -> (Vec<f32>, Vec<f32>) {
    let gradients = data.differentiate(network, spec, params, weights, rows).0;
    (gradients, outputs(network, rows, ROWS))
}

fn weights_of(spec: &NetworkSpec) -> Vec<f32> {
    let settings = NetworkSettings { orthogonal_init: false, ..Default::default() };
    let mut weights = initial_weights(spec, &settings, 3);
    // Normalisations that do something.
    weights.iter_mut().zip(normals(4, spec.param_count(), 0.02)).for_each(|(weight, z)| *weight += z);
    weights
}

#[test]
fn gradients_are_those_of_the_textbook_loss() {
    for spec in specs_with([MemoryKind::None; 4]) {
        let (rows, numbers) = pictures(&spec);
        let data = Rows { actions: vec![0.0, 1.0, 2.0, 1.0, 0.0, 2.0, 2.0], ..Rows::new(&spec.head, ROWS) };
        let params = LossParams { objective: Objective::PolicyGradient as u32, ..loss_params() };
        let weights = weights_of(&spec);
        let expected = textbook(&spec, &weights, &numbers, &data, &params);
        let mut network = BurnNetwork::on_cpu(&spec, &Cpu::with_threads(2));
        let (gradients, _) = pass(&mut network, &spec, &data, params, (&weights, &rows));
        assert!(expected.iter().any(|&g| g.abs() > 1e-3));
        let error = relative_error(&gradients, &expected);
        assert!(error < 2e-5, "{spec:?}: {error}");
    }
}

/// Heads that learn from another gradient than what is below them.
#[test]
fn asymmetric_pathways_over_convolutions_are_those_of_burn_alone() {
    for spec in specs_with([MemoryKind::None; 4]).into_iter().filter(|spec| spec.head.dual) {
        let (rows, _) = pictures(&spec);
        let data = Rows { tone: vec![0.3; ROWS], ..Rows::new(&spec.head, ROWS) };
        let params = LossParams { kappa: 0.6, sum_decay: 0.01, ..loss_params() };
        let weights = weights_of(&spec);
        let mut own = BurnNetwork::on_cpu(&spec, &Cpu::with_threads(2));
        let mut burn = BurnNetwork::new(&spec, &cpu_device(), |device| ActorCritic::new(&spec, device));
        let (gradients, outputs) = pass(&mut own, &spec, &data, params, (&weights, &rows));
        let (expected, expected_outputs) = pass(&mut burn, &spec, &data, params, (&weights, &rows));
        assert!(relative_error(&outputs, &expected_outputs) < 1e-5, "{spec:?}");
        let error = relative_error(&gradients, &expected);
        assert!(error < 2e-5, "{spec:?}: {error}");
        let symmetric = LossParams { kappa: 0.0, ..params };
        let (symmetric, _) = pass(&mut own, &spec, &data, symmetric, (&weights, &rows));
        assert!(relative_error(&gradients, &symmetric) > 1e-3, "kappa changes nothing");
        // Below the heads it does change nothing: trunks learn from the symmetric gradient.
        let trunk = spec.params().into_iter().filter(|param| param.name.starts_with("actor."));
        let trunk = trunk.map(|param| param.offset..param.offset + param.len());
        for part in trunk {
            assert!(relative_error(&gradients[part.clone()], &symmetric[part]) < 1e-4);
        }
    }
}
