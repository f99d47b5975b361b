//! An optimiser's state on a backend, and PyTorch's recurrences in float64.
#![allow(dead_code, reason = "every test target uses a part")]

use striatum_kernels::{Backend, OptimizerArgs, OptimizerParams};
use striatum_rng::{Purpose, Stream};

pub fn adam(step: i32) -> OptimizerParams {
    OptimizerParams {
        kind: 0,
        learning_rate: 3e-3,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-5,
        correction1: 1.0 - 0.9_f32.powi(step),
        correction2: (1.0 - 0.999_f64.powi(step)) as f32,
        max_grad_norm: 0.5,
    }
}

pub fn rms_prop() -> OptimizerParams {
    OptimizerParams {
        kind: 1,
        learning_rate: 7e-4,
        beta1: 0.0,
        beta2: 0.99,
        epsilon: 1e-5,
        correction1: 1.0,
        correction2: 1.0,
        max_grad_norm: 0.5,
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub weights: Vec<f32>,
    pub first_moment: Vec<f32>,
    pub second_moment: Vec<f32>,
    pub grad_norm: Vec<f32>,
}

pub fn numbers(stream: &mut Stream, len: usize) -> Vec<f32> {
    (0..len).map(|_| stream.range(-1.0, 1.0) as f32).collect()
}

impl State {
    pub fn new(agents: usize, weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { weights, first_moment: zeros.clone(), second_moment: zeros, grad_norm: vec![0.0; agents] }
    }

    pub fn random(agents: usize, parameters: usize, seed: u64) -> Self {
        Self::new(agents, numbers(&mut Stream::new(seed, Purpose::User, 0, 0), agents * parameters))
    }

    pub fn step<B: Backend>(&mut self, backend: &B, params: &[OptimizerParams], gradients: &[f32]) {
        let mut weights = backend.upload(&self.weights);
        let mut first_moment = backend.upload(&self.first_moment);
        let mut second_moment = backend.upload(&self.second_moment);
        let mut grad_norm = backend.upload(&self.grad_norm);
        backend.optimizer_step(OptimizerArgs {
            agents: params.len(),
            params,
            gradients: &backend.upload(gradients),
            weights: &mut weights,
            first_moment: &mut first_moment,
            second_moment: &mut second_moment,
            grad_norm: &mut grad_norm,
            grad_norm_at: 0,
        });
        let read = |buffer: &B::Buffer| backend.download(buffer).expect("the device works");
        self.weights = read(&weights);
        self.first_moment = read(&first_moment);
        self.second_moment = read(&second_moment);
        self.grad_norm = read(&grad_norm);
    }
}

/// Whether an agent that rests between two others stays as it is, while they move as without it.
pub fn rests<B: Backend>(backend: &B, parameters: usize) -> Result<(), String> {
    for moving in [adam(1), rms_prop()] {
        let resting = OptimizerParams { kind: OptimizerParams::REST, ..moving };
        let gradients = numbers(&mut Stream::new(9, Purpose::User, 0, 0), 3 * parameters);
        let mut before = State::random(3, parameters, 2);
        before.step(backend, &[moving; 3], &gradients);
        let (mut without, mut with) = (before.clone(), before.clone());
        without.step(backend, &[moving; 3], &gradients);
        with.step(backend, &[moving, resting, moving], &gradients);
        for (what, before, without, with) in [
            ("weights", &before.weights, &without.weights, &with.weights),
            ("first moments", &before.first_moment, &without.first_moment, &with.first_moment),
            ("second moments", &before.second_moment, &without.second_moment, &with.second_moment),
        ] {
            let own = parameters..2 * parameters;
            if with[own.clone()] != before[own.clone()] {
                return Err(format!("kind {}: {what} of an agent that rests have changed", moving.kind));
            }
            if with[..own.start] != without[..own.start] || with[own.end..] != without[own.end..] {
                return Err(format!("kind {}: {what} of the others differ", moving.kind));
            }
        }
        if without.weights[parameters..2 * parameters] == before.weights[parameters..2 * parameters] {
            return Err(format!("kind {}: nobody moved", moving.kind));
        }
        if with.grad_norm != without.grad_norm {
            return Err(format!("norms are {:?}, not {:?}", with.grad_norm, without.grad_norm));
        }
    }
    Ok(())
}

/// One step of one agent in float64; the norm.
fn reference(p: &OptimizerParams, gradients: &[f32], state: &mut [[f64; 3]]) -> f64 {
    let norm = gradients.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    let clip = f64::min(1.0, f64::from(p.max_grad_norm) / (norm + 1e-6));
    let [lr, b1, b2, eps] = [p.learning_rate, p.beta1, p.beta2, p.epsilon].map(f64::from);
    for (&g, [w, m, v]) in gradients.iter().zip(state) {
        let g = clip * f64::from(g);
        *v = b2 * *v + (1.0 - b2) * g * g;
        if p.kind == 0 {
            *m = b1 * *m + (1.0 - b1) * g;
            *w -= lr * (*m / f64::from(p.correction1)) / ((*v / f64::from(p.correction2)).sqrt() + eps);
        } else {
            *w -= lr * g / (v.sqrt() + eps);
        }
    }
    norm
}

/// The largest error of a weight or of the norm, relative to 1 plus its size, over some steps of random gradients, of which
/// some are clipped and some are not.
pub fn worst<B: Backend>(backend: &B, kind: u32, agents: usize, parameters: usize, steps: i32) -> f64 {
    let mut stream = Stream::new(7, Purpose::User, kind, 0);
    let mut state = State::random(agents, parameters, 1);
    let mut exact: Vec<[f64; 3]> = state.weights.iter().map(|&w| [f64::from(w), 0.0, 0.0]).collect();
    let mut worst = 0.0_f64;
    let mut note = |actual: f32, exact: f64| worst = worst.max((f64::from(actual) - exact).abs() / (1.0 + exact.abs()));
    for step in 1..=steps {
        let scale = if step % 2 == 0 { 1.0 } else { 1e-3 };
        let gradients: Vec<f32> = numbers(&mut stream, agents * parameters).into_iter().map(|g| g * scale).collect();
        let base = if kind == 0 { adam(step) } else { rms_prop() };
        let rate = |agent: usize| base.learning_rate * (1.0 + agent as f32);
        let params: Vec<_> = (0..agents).map(|agent| OptimizerParams { learning_rate: rate(agent), ..base }).collect();
        state.step(backend, &params, &gradients);
        for (agent, p) in params.iter().enumerate() {
            let own = agent * parameters..(agent + 1) * parameters;
            let norm = reference(p, &gradients[own.clone()], &mut exact[own]);
            note(state.grad_norm[agent], norm);
        }
    }
    state.weights.iter().zip(&exact).for_each(|(&w, exact)| note(w, exact[0]));
    worst
}
