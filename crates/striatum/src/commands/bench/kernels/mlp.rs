//! The network on the CPU. This module is the only one that calls [`MlpCpu`].

use super::super::data::numbers;
use super::{Cost, Entry, Expected, Kernel, Outputs, mlp_reference};
use anyhow::Result;
use striatum_kernels::{Activation, Cpu, HeadLayout, LossRows, MlpCpu, MlpSpec, Policy};

/// Which pass.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Forward,
    Backward,
    /// Both, tile by tile.
    Train,
}

pub fn entries() -> Vec<Entry<Cpu>> {
    let passes = [("mlp_forward", Pass::Forward), ("mlp_backward", Pass::Backward), ("mlp_train_pass", Pass::Train)];
    let entry = |(name, pass)| {
        let at = |hidden: &'static [usize], rows| -> super::Make<Cpu> {
            Box::new(move |cpu: &Cpu| Ok(Box::new(Mlp::new(cpu, pass, hidden, rows))))
        };
        Entry {
            name,
            tolerance: 5e-6,
            checks: vec![at(&[64, 64], 517), at(&[33, 17, 9], 130)],
            small: vec![at(&[64, 64], 512)],
            large: vec![at(&[64, 64], 8192), at(&[256, 256], 8192)],
        }
    };
    passes.into_iter().map(entry).collect()
}

/// Actor and critic of CartPole-v1, separate, tanh.
fn spec(hidden: &[usize]) -> MlpSpec {
    let head = HeadLayout { policy: Policy::Categorical { nvec: vec![2] }, dual: false, value_heads: 1 };
    MlpSpec { inputs: 4, hidden: hidden.to_vec(), activation: Activation::Tanh, shared_trunk: false, head }
}

/// Operations of `rows` rows' forward pass, and of the backward pass, which needs no gradient of the observations.
pub fn flops(spec: &MlpSpec, rows: f64) -> [f64; 2] {
    let weights: usize = spec.params().iter().filter(|p| p.shape.len() == 2).map(|p| p.len()).sum();
    let trunks = if spec.shared_trunk { 1 } else { 2 };
    let first = trunks * spec.inputs * spec.hidden.first().copied().unwrap_or(0);
    let forward = 2.0 * rows * weights as f64;
    [forward, 2.0 * forward - 2.0 * rows * first as f64]
}

struct Mlp {
    pass: Pass,
    hidden: &'static [usize],
    rows: usize,
    spec: MlpSpec,
    network: MlpCpu,
    params: Vec<f32>,
    observations: Vec<f32>,
    d_outputs: Vec<f32>,
    outputs: Vec<f32>,
    gradients: Vec<f32>,
}

impl Mlp {
    fn new(cpu: &Cpu, pass: Pass, hidden: &'static [usize], rows: usize) -> Self {
        let spec = spec(hidden);
        let mut network = MlpCpu::new(&spec, rows, cpu.threads());
        let params = numbers(spec.param_count(), 1, 0.5);
        let observations = numbers(rows * spec.inputs, 2, 2.0);
        let mut outputs = vec![0.0; rows * spec.head.width()];
        // A backward pass is that of the activations kept here.
        network.forward_train(&params, &observations, rows, &mut outputs);
        Self {
            pass,
            hidden,
            rows,
            network,
            observations,
            d_outputs: numbers(outputs.len(), 3, 1.0 / rows as f32),
            outputs,
            gradients: vec![0.0; params.len()],
            params,
            spec,
        }
    }
}

impl Kernel<Cpu> for Mlp {
    fn shape(&self) -> String {
        let hidden: Vec<String> = self.hidden.iter().map(usize::to_string).collect();
        format!("{} rows, 2 x {}", self.rows, hidden.join("-"))
    }

    fn cost(&self) -> Cost {
        let rows = self.rows as f64;
        let [forward, backward] = flops(&self.spec, rows);
        let (inputs, outputs) = (self.observations.len() as f64, self.outputs.len() as f64);
        let params = self.params.len() as f64;
        let (flops, numbers) = match self.pass {
            Pass::Forward => (forward, params + inputs + outputs),
            Pass::Backward => (backward, 2.0 * params + inputs + outputs),
            Pass::Train => (forward + backward, 2.0 * params + inputs + 2.0 * outputs),
        };
        Cost { items: rows, flops: Some(flops), bytes: Some(4.0 * numbers) }
    }

    fn launch(&mut self, _: &Cpu) -> Result<()> {
        let Self { network, params, observations, d_outputs, outputs, gradients, rows, .. } = self;
        match self.pass {
            Pass::Forward => network.forward(params, observations, *rows, outputs),
            Pass::Backward => network.backward(params, observations, d_outputs, None, gradients),
            Pass::Train => {
                let batch = LossRows { rows: 0..*rows, outputs, d_outputs, d_trunk: None };
                network.train_pass(params, observations, batch, &|_| (), gradients);
            }
        }
        Ok(())
    }

    fn outputs(&self, _: &Cpu) -> Result<Outputs> {
        Ok(match self.pass {
            Pass::Forward => vec![("outputs", self.outputs.clone())],
            Pass::Backward => vec![("gradients", self.gradients.clone())],
            Pass::Train => vec![("outputs", self.outputs.clone()), ("gradients", self.gradients.clone())],
        })
    }

    fn expected(&self) -> Result<Expected> {
        let (outputs, gradients) =
            mlp_reference::passes(&self.spec, &self.params, &self.observations, &self.d_outputs, self.rows);
        Ok(match self.pass {
            Pass::Forward => vec![outputs],
            Pass::Backward => vec![gradients],
            Pass::Train => vec![outputs, gradients],
        })
    }
}
