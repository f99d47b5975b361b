//! Two neutral pathways (kappa = rho = 0) are one: with `W_g = W/sqrt(2)`, `W_n = -W/sqrt(2)`, and the heads' step size and
//! epsilon divided by sqrt(2), the policies stay the same through every optimiser step.

use crate::common::{Rows, loss_params, normals, outputs_on, spec};
use striatum_agent::Network;
use striatum_kernels::{
    Activation, Backend, Cpu, MlpSpec, OptimizerArgs, OptimizerParams, PATHWAY_SCALE, Policy, net_logits,
};

const ROWS: usize = 64;
const MAX_GRAD_NORM: f32 = 0.1;

struct Agent<'a, B> {
    backend: &'a B,
    spec: MlpSpec,
    network: Box<dyn Network<B>>,
    weights: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
}

impl<'a, B: Backend> Agent<'a, B> {
    fn new(backend: &'a B, spec: MlpSpec, weights: Vec<f32>, network: Box<dyn Network<B>>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { backend, spec, network, weights, first_moment: zeros.clone(), second_moment: zeros }
    }

    /// Net logits of the batch, after which one PPO step is taken on it.
    fn step(&mut self, step: usize) -> Vec<f32> {
        let head = self.spec.head.clone();
        let observations = normals(20, ROWS * self.spec.inputs, 1.0);
        let mut rows = Rows::new(&head, ROWS);
        rows.actions = (0..ROWS).map(|i| (i % 3) as f32).collect();
        rows.log_probs.fill(-(3.0_f32.ln()));
        let network = &mut *self.network;
        let (backend, weights) = (self.backend, &self.weights);
        let (mut gradients, _) =
            rows.differentiate_on(backend, network, &self.spec, loss_params(), weights, &observations);
        let outputs = outputs_on(backend, network, &observations, ROWS);
        clip(&mut gradients);
        for param in self.spec.params() {
            let is_pathway = param.name.starts_with("direct") || param.name.starts_with("indirect");
            let scale = if head.dual && is_pathway { PATHWAY_SCALE } else { 1.0 };
            self.adam(&gradients, param.offset..param.offset + param.len(), scale, step);
        }
        let mut net = vec![0.0; ROWS * head.policy.logits()];
        net_logits(&head, ROWS, &outputs, &[0.0; ROWS], &[1.0; ROWS], &mut net);
        net
    }

    fn adam(&mut self, gradients: &[f32], part: std::ops::Range<usize>, scale: f32, step: usize) {
        let t = step as i32 + 1;
        let mut parts = [&self.weights, &self.first_moment, &self.second_moment].map(|all| all[part.clone()].to_vec());
        let [weights, first_moment, second_moment] = &mut parts;
        Cpu::with_threads(1).optimizer_step(OptimizerArgs {
            agents: 1,
            params: &[OptimizerParams {
                kind: 0,
                learning_rate: 1e-2 * scale,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-5 * scale,
                correction1: 1.0 - 0.9_f32.powi(t),
                correction2: 1.0 - 0.999_f32.powi(t),
                max_grad_norm: f32::INFINITY,
            }],
            gradients: &gradients[part.clone()].to_vec(),
            weights,
            first_moment,
            second_moment,
            grad_norm: &mut vec![0.0],
            grad_norm_at: 0,
        });
        self.weights[part.clone()].copy_from_slice(&parts[0]);
        self.first_moment[part.clone()].copy_from_slice(&parts[1]);
        self.second_moment[part].copy_from_slice(&parts[2]);
    }
}

fn clip(gradients: &mut [f32]) {
    let norm = gradients.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt() as f32;
    assert!(norm > MAX_GRAD_NORM, "the test means to clip");
    gradients.iter_mut().for_each(|g| *g *= MAX_GRAD_NORM / norm);
}

/// The same weights with the policy head split into two pathways.
fn split_head(single: &MlpSpec, weights: &[f32], dual: &MlpSpec) -> Vec<f32> {
    let mut split = vec![0.0; dual.param_count()];
    for param in dual.params() {
        let (name, scale) = match param.name.split_once('.') {
            Some(("direct", part)) => (format!("direct.{part}"), PATHWAY_SCALE),
            Some(("indirect", part)) => (format!("direct.{part}"), -PATHWAY_SCALE),
            _ => (param.name.clone(), 1.0),
        };
        let source = single.params().into_iter().find(|p| p.name == name).unwrap();
        for i in 0..param.len() {
            split[param.offset + i] = scale * weights[source.offset + i];
        }
    }
    split
}

fn specs() -> (MlpSpec, MlpSpec) {
    let of = |dual| spec(Policy::Categorical { nvec: vec![3] }, dual, &[16, 16], true, Activation::Tanh);
    (of(false), of(true))
}

/// How far the net logits of a single and of a dual policy are apart, at most, within some steps that change them by more than
/// `learned`.
pub fn largest_difference<B: Backend>(
    backend: &B,
    steps: usize,
    learned: f32,
    make: impl Fn(&MlpSpec) -> Box<dyn Network<B>>,
) -> f32 {
    let (single_spec, dual_spec) = specs();
    let weights = normals(23, single_spec.param_count(), 0.3);
    let split = split_head(&single_spec, &weights, &dual_spec);
    let mut single = Agent::new(backend, single_spec.clone(), weights, make(&single_spec));
    let mut dual = Agent::new(backend, dual_spec.clone(), split, make(&dual_spec));
    let mut largest = 0.0_f32;
    let mut first = Vec::new();
    for step in 0..steps {
        let (a, b) = (single.step(step), dual.step(step));
        if step == 0 {
            first.clone_from(&a);
        } else if step == steps - 1 {
            assert!(a.iter().zip(&first).any(|(x, y)| (x - y).abs() > learned), "nothing was learned");
        }
        largest = a.iter().zip(&b).fold(largest, |m, (x, y)| m.max((x - y).abs()));
    }
    largest
}
