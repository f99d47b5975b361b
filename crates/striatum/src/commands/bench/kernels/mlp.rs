//! The network alone: inference, and forward and backward pass with a given gradient of the outputs.

use super::super::data::numbers;
use super::networks::Given;
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored, mlp_reference};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{Activation, Cpu, HeadLayout, MlpSpec, Policy};

/// Which passes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Forward,
    Train,
}

pub fn entries<D: Device + 'static>() -> Vec<Entry<D>> {
    let entry = |(name, pass)| {
        let at = |hidden: &'static [usize], rows| {
            let policy = Policy::Categorical { nvec: vec![2] };
            make(move |device: &D| Mlp::new(device, pass, spec(hidden, policy.clone()), rows))
        };
        // The policy's own parameters have no part in the passes.
        let normal = Policy::Gaussian { dims: 2, squash: false };
        let with_log_std = make(move |device: &D| Mlp::new(device, pass, spec(&[33, 17, 9], normal.clone()), 130));
        let mut large = vec![at(&[64, 64], 8192), at(&[256, 256], 8192)];
        if D::IS_GPU {
            // A minibatch of 4096 x 128 steps in four.
            large.extend([at(&[64, 64], 1 << 17), at(&[256, 256], 1 << 17)]);
        }
        let masked = make(move |device: &D| {
            let plain = spec(&[20], Policy::Categorical { nvec: vec![2, 3] });
            let head = HeadLayout { masked: true, ..plain.head };
            Mlp::new(device, pass, MlpSpec { inputs: plain.inputs + head.mask_width(), head, ..plain }, 70)
        });
        let checks = vec![at(&[64, 64], 517), with_log_std, masked];
        Entry { name, tolerance: 5e-6, checks, small: vec![at(&[64, 64], 512)], large }
    };
    vec![entry(("mlp_forward", Pass::Forward)), entry(("mlp_train_pass", Pass::Train))]
}

/// Actor and critic upon CartPole-v1's observations, separate, tanh.
pub fn spec(hidden: &[usize], policy: Policy) -> MlpSpec {
    let head = HeadLayout::new(policy, false, 1);
    MlpSpec { inputs: 4, hidden: hidden.to_vec(), activation: Activation::Tanh, shared_trunk: false, head }
}

/// Two networks and their hidden layers, for people.
pub fn name(spec: &MlpSpec) -> String {
    let hidden: Vec<String> = spec.hidden.iter().map(usize::to_string).collect();
    format!("2 x {}", hidden.join("-"))
}

/// Operations of `rows` rows' forward pass, and of the backward pass, which needs no gradient of the observations.
pub fn flops(spec: &MlpSpec, rows: f64) -> [f64; 2] {
    let weights: usize = spec.params().iter().filter(|p| p.shape.len() == 2).map(|p| p.len()).sum();
    let trunks = if spec.shared_trunk { 1 } else { 2 };
    let first = trunks * spec.inputs * spec.hidden.first().copied().unwrap_or(0);
    let forward = 2.0 * rows * weights as f64;
    [forward, 2.0 * forward - 2.0 * rows * first as f64]
}

/// Weights that keep activations of ordinary size.
pub fn weights(spec: &MlpSpec) -> Vec<f32> {
    numbers(spec.param_count(), 1, 0.5)
}

/// What stands at the place of `log_std` before the passes.
const UNTOUCHED: f32 = 0.75;

struct Mlp<D: Device> {
    pass: Pass,
    spec: MlpSpec,
    rows: usize,
    network: D::Mlp,
    weights: D::Buffer,
    observations: D::Buffer,
    d_outputs: D::Buffer,
    outputs: D::Buffer,
    gradients: D::Buffer,
}

/// Observations, and the gradient of the outputs.
fn batch(spec: &MlpSpec, rows: usize) -> [Vec<f32>; 2] {
    [numbers(rows * spec.inputs, 2, 2.0), numbers(rows * spec.head.width(), 3, 1.0 / rows as f32)]
}

impl<D: Device> Mlp<D> {
    fn new(device: &D, pass: Pass, spec: MlpSpec, rows: usize) -> Self {
        let weights = weights(&spec);
        let [observations, d_outputs] = batch(&spec, rows).map(|array| device.upload(&array));
        Self {
            pass,
            rows,
            network: device.mlp(&spec, &weights),
            observations,
            d_outputs,
            outputs: device.zeros(rows * spec.head.width()),
            gradients: device.upload(&vec![UNTOUCHED; weights.len()]),
            weights: device.upload(&weights),
            spec,
        }
    }
}

impl<D: Device> Kernel<D> for Mlp<D> {
    fn shape(&self) -> String {
        format!("{} rows, {}", self.rows, name(&self.spec))
    }

    fn cost(&self) -> Cost {
        let rows = self.rows as f64;
        let [forward, backward] = flops(&self.spec, rows);
        let (inputs, outputs) = (self.spec.inputs as f64 * rows, self.spec.head.width() as f64 * rows);
        let params = self.spec.param_count() as f64;
        let (flops, numbers) = match self.pass {
            Pass::Forward => (forward, params + inputs + outputs),
            // The outputs need not leave the tile that they are computed in.
            Pass::Train => (forward + backward, 2.0 * params + inputs + outputs),
        };
        Cost { items: rows, flops: Some(flops), bytes: Some(4.0 * numbers) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        let Self { pass, rows, network, weights, observations, d_outputs, outputs, gradients, .. } = self;
        let given = Given { rows: *rows, observations: &*observations, d_outputs: &*d_outputs };
        match pass {
            Pass::Forward => device.forward(network, weights, given, outputs),
            Pass::Train => device.train_pass(network, weights, given, outputs, gradients),
        }
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        if self.pass == Pass::Forward {
            return Ok(vec![("outputs", device.download(&self.outputs)?)]);
        }
        let mut gradients = device.download(&self.gradients)?;
        let log_std = gradients.split_off(gradients.len() - self.spec.head.policy.log_std_len());
        Ok(vec![("gradients", gradients), ("log_std", log_std)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Mlp::new(&Cpu::new(), self.pass, self.spec.clone(), self.rows));
        }
        let (width, [observations, d_outputs]) = (self.spec.head.width(), batch(&self.spec, self.rows));
        let d_outputs = |row: usize, _: &[f64]| super::super::data::wide(&d_outputs[row * width..(row + 1) * width]);
        let observations = observations.chunks(self.spec.inputs);
        let (outputs, gradients) = mlp_reference::passes(&self.spec, &weights(&self.spec), observations, d_outputs);
        Ok(match self.pass {
            Pass::Forward => vec![outputs],
            Pass::Train => vec![gradients, vec![f64::from(UNTOUCHED); self.spec.head.policy.log_std_len()]],
        })
    }
}
