//! Clipping by the global norm and Adam.

use super::super::data::{numbers, wide};
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{Backend, Cpu, OptimizerArgs, OptimizerParams};

/// The step: the third one, clipped.
const PARAMS: OptimizerParams = OptimizerParams {
    kind: 0,
    learning_rate: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-5,
    correction1: 0.271,
    correction2: 0.002_997,
    max_grad_norm: 0.5,
};

pub fn entry<D: Device + 'static>() -> Entry<D> {
    let at = |agents, parameters| make(move |device: &D| Optimizer::new(device, agents, parameters));
    Entry {
        name: "optimizer_step",
        tolerance: 2e-6,
        checks: vec![at(3, 1237)],
        // Two 64-64 networks for CartPole-v1; and what no cache holds.
        small: vec![at(1, 9155)],
        large: vec![at(1, 1 << 23)],
    }
}

struct Optimizer<D: Backend> {
    agents: usize,
    parameters: usize,
    params: Vec<OptimizerParams>,
    gradients: D::Buffer,
    weights: D::Buffer,
    first_moment: D::Buffer,
    second_moment: D::Buffer,
    grad_norm: D::Buffer,
}

/// Gradients, weights, first and second moments.
fn state(len: usize) -> [Vec<f32>; 4] {
    let second = numbers(len, 4, 0.1).iter().map(|x| x * x).collect();
    [numbers(len, 1, 1.0), numbers(len, 2, 1.0), numbers(len, 3, 0.1), second]
}

impl<D: Device> Optimizer<D> {
    fn new(device: &D, agents: usize, parameters: usize) -> Self {
        let [gradients, weights, first_moment, second_moment] =
            state(agents * parameters).map(|array| device.upload(&array));
        let grad_norm = device.zeros(agents);
        let params = vec![PARAMS; agents];
        Self { agents, parameters, params, gradients, weights, first_moment, second_moment, grad_norm }
    }
}

impl<D: Device> Kernel<D> for Optimizer<D> {
    fn shape(&self) -> String {
        format!("{} parameters", self.parameters)
    }

    fn cost(&self) -> Cost {
        let items = (self.agents * self.parameters) as f64;
        // The norm 2, clipping 1, moments 3 and 4, the step 6; four arrays are read and three written.
        Cost { items, flops: Some(16.0 * items), bytes: Some(28.0 * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.optimizer_step(OptimizerArgs {
            agents: self.agents,
            params: &self.params,
            gradients: &self.gradients,
            weights: &mut self.weights,
            first_moment: &mut self.first_moment,
            second_moment: &mut self.second_moment,
            grad_norm: &mut self.grad_norm,
            grad_norm_at: 0,
        });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![
            ("weights", device.download(&self.weights)?),
            ("first moment", device.download(&self.first_moment)?),
            ("second moment", device.download(&self.second_moment)?),
            ("norm", device.download(&self.grad_norm)?),
        ])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Optimizer::new(&Cpu::new(), self.agents, self.parameters));
        }
        let [gradients, mut weights, mut m, mut v] = state(self.agents * self.parameters).map(|array| wide(&array));
        let p = PARAMS;
        let [rate, beta1, beta2, epsilon, c1, c2, max] =
            [p.learning_rate, p.beta1, p.beta2, p.epsilon, p.correction1, p.correction2, p.max_grad_norm]
                .map(f64::from);
        let mut norms = Vec::new();
        for agent in 0..self.agents {
            let range = agent * self.parameters..(agent + 1) * self.parameters;
            let norm = gradients[range.clone()].iter().map(|g| g * g).sum::<f64>().sqrt();
            let clip = (max / (norm + 1e-6)).min(1.0);
            for i in range {
                let g = clip * gradients[i];
                m[i] = beta1 * m[i] + (1.0 - beta1) * g;
                v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
                weights[i] -= rate * (m[i] / c1) / ((v[i] / c2).sqrt() + epsilon);
            }
            norms.push(norm);
        }
        Ok(vec![weights, m, v, norms])
    }
}
