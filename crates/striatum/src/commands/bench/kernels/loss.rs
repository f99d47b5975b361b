//! The loss and its gradient. This module is the only one that calls [`Backend::actor_critic_loss`].

use super::super::data::{flags, number, numbers, wide, word};
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{
    Backend, Cpu, HeadLayout, LOSS_METRICS, LossArgs, LossParams, Objective, PATHWAY_SCALE, Policy,
};

const PARAMS: LossParams = LossParams {
    objective: Objective::Clipped as u32,
    clip: 0.2,
    value_clip: 0.3,
    value_coef: 0.5,
    entropy_coef: 0.01,
    // Asymmetric pathways learn from the gradient of no function, which differences could not check.
    kappa: 0.0,
    sum_decay: 0.05,
    padding: 0.0,
};

/// Mean and scale of the advantages, which are given here.
const MOMENTS: [f32; 2] = [0.1, 0.8];

pub fn entry<D: Device + 'static>() -> Entry<D> {
    let at = |nvec: &'static [usize], dual, rows| make(move |device: &D| Loss::new(device, nvec, dual, rows));
    Entry {
        name: "actor_critic_loss",
        tolerance: 1e-5,
        checks: vec![at(&[2], false, 517), at(&[3, 2], true, 517)],
        small: vec![at(&[2], false, 512)],
        large: vec![at(&[2], false, 1 << 17)],
    }
}

fn layout(nvec: &[usize], dual: bool) -> HeadLayout {
    HeadLayout { policy: Policy::Categorical { nvec: nvec.to_vec() }, dual, value_heads: 1 }
}

/// What the loss reads, on the host: R rows of one agent.
struct Inputs {
    outputs: Vec<f32>,
    actions: Vec<f32>,
    log_probs: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
    values: Vec<f32>,
    mask: Vec<f32>,
    tone: Vec<f32>,
    inverse_temperature: Vec<f32>,
    moments: [f32; 4],
}

impl Inputs {
    fn new(layout: &HeadLayout, nvec: &[usize], rows: usize) -> Self {
        let mask: Vec<f32> = flags(rows, 7, 10).iter().map(|flag| 1.0 - flag).collect();
        // About the policy's entropy, so that ratios lie on both sides of the clip range.
        let likely = -nvec.iter().map(|&n| (n as f32).ln()).sum::<f32>();
        Self {
            outputs: numbers(rows * layout.width(), 1, 2.0),
            actions: (0..rows * nvec.len()).map(|i| (word(i, 2) as usize % nvec[i % nvec.len()]) as f32).collect(),
            log_probs: (0..rows).map(|i| likely + 0.6 * number(i, 3)).collect(),
            advantages: numbers(rows, 4, 4.0),
            returns: numbers(rows, 5, 2.0),
            values: numbers(rows, 6, 2.0),
            tone: numbers(rows, 8, 0.5),
            inverse_temperature: (0..rows).map(|i| 1.0 + 0.5 * number(i, 9)).collect(),
            moments: [mask.iter().sum(), MOMENTS[0], MOMENTS[1], 0.0],
            mask,
        }
    }
}

struct Loss<D: Backend> {
    nvec: &'static [usize],
    layout: HeadLayout,
    rows: usize,
    outputs: D::Buffer,
    log_std: D::Buffer,
    actions: D::Buffer,
    log_probs: D::Buffer,
    advantages: D::Buffer,
    returns: D::Buffer,
    values: D::Buffer,
    mask: D::Buffer,
    tone: D::Buffer,
    inverse_temperature: D::Buffer,
    moments: D::Buffer,
    d_outputs: D::Buffer,
    d_log_std: D::Buffer,
    metrics: D::Buffer,
}

impl<D: Device> Loss<D> {
    fn new(device: &D, nvec: &'static [usize], dual: bool, rows: usize) -> Self {
        let layout = layout(nvec, dual);
        let inputs = Inputs::new(&layout, nvec, rows);
        Self {
            nvec,
            rows,
            outputs: device.upload(&inputs.outputs),
            log_std: device.zeros(0),
            actions: device.upload(&inputs.actions),
            log_probs: device.upload(&inputs.log_probs),
            advantages: device.upload(&inputs.advantages),
            returns: device.upload(&inputs.returns),
            values: device.upload(&inputs.values),
            mask: device.upload(&inputs.mask),
            tone: device.upload(&inputs.tone),
            inverse_temperature: device.upload(&inputs.inverse_temperature),
            moments: device.upload(&inputs.moments),
            d_outputs: device.zeros(rows * layout.width()),
            d_log_std: device.zeros(0),
            metrics: device.zeros(LOSS_METRICS),
            layout,
        }
    }
}

impl<D: Device> Kernel<D> for Loss<D> {
    fn shape(&self) -> String {
        format!("{} rows, {:?} actions", self.rows, self.nvec)
    }

    fn cost(&self) -> Cost {
        let items = self.rows as f64;
        // Outputs and their gradient; actions; and seven numbers a row.
        let numbers = 2 * self.layout.width() + self.nvec.len() + 7;
        Cost { items, flops: None, bytes: Some(4.0 * items * numbers as f64) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.actor_critic_loss(LossArgs {
            layout: &self.layout,
            agents: 1,
            rows: self.rows,
            params: &[PARAMS],
            outputs: &self.outputs,
            log_std: &self.log_std,
            actions: &self.actions,
            log_probs: &self.log_probs,
            advantages: &self.advantages,
            returns: &self.returns,
            values: &self.values,
            mask: &self.mask,
            tone: &self.tone,
            inverse_temperature: &self.inverse_temperature,
            moments: &self.moments,
            d_outputs: &mut self.d_outputs,
            d_trunk: None,
            d_log_std: &mut self.d_log_std,
            metrics: &mut self.metrics,
        });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("gradient", device.download(&self.d_outputs)?), ("metrics", device.download(&self.metrics)?)])
    }

    fn expected(&self) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Loss::new(&Cpu::new(), self.nvec, self.layout.dual, self.rows));
        }
        Ok(reference(&self.layout, self.nvec, self.rows))
    }
}

/// The loss in double precision, and its gradient by central differences.
fn reference(layout: &HeadLayout, nvec: &[usize], rows: usize) -> Expected {
    const STEP: f64 = 1e-5;
    let (inputs, width) = (Inputs::new(layout, nvec, rows), layout.width());
    let outputs = wide(&inputs.outputs);
    let count = f64::from(inputs.moments[0]);
    let mut gradient = vec![0.0; rows * width];
    let mut metrics = [0.0; LOSS_METRICS];
    for row in (0..rows).filter(|&row| inputs.mask[row] != 0.0) {
        let mut output = outputs[row * width..(row + 1) * width].to_vec();
        let (_, own) = row_loss(layout, nvec, &inputs, row, &output);
        metrics.iter_mut().zip(own).for_each(|(sum, metric)| *sum += metric / count);
        for column in 0..width {
            let at = output[column];
            let mut loss = |x: f64| {
                output[column] = x;
                row_loss(layout, nvec, &inputs, row, &output).0
            };
            gradient[row * width + column] = (loss(at + STEP) - loss(at - STEP)) / (2.0 * STEP * count);
            output[column] = at;
        }
    }
    vec![gradient, metrics.to_vec()]
}

/// The loss of one row, and its metrics in the order of [`LossMetrics`](striatum_kernels::LossMetrics).
fn row_loss(
    layout: &HeadLayout,
    nvec: &[usize],
    inputs: &Inputs,
    row: usize,
    output: &[f64],
) -> (f64, [f64; LOSS_METRICS]) {
    let logits: usize = nvec.iter().sum();
    let g = &output[..logits];
    let n: Vec<f64> = if layout.dual { output[logits..2 * logits].to_vec() } else { vec![0.0; logits] };
    let [tone, beta] = [inputs.tone[row], inputs.inverse_temperature[row]].map(f64::from);
    let scale = f64::from(PATHWAY_SCALE);
    let net = |i: usize| match layout.dual {
        true => scale * beta * ((1.0 + tone) * g[i] - (1.0 - tone) * n[i]),
        false => beta * g[i],
    };
    let (mut first, mut log_prob, mut entropy) = (0, 0.0, 0.0);
    for (choice, &options) in nvec.iter().enumerate() {
        let log_sum = (first..first + options).map(|i| net(i).exp()).sum::<f64>().ln();
        let log_probs: Vec<f64> = (first..first + options).map(|i| net(i) - log_sum).collect();
        log_prob += log_probs[inputs.actions[row * nvec.len() + choice] as usize];
        entropy -= log_probs.iter().map(|l| l.exp() * l).sum::<f64>();
        first += options;
    }
    let [clip, value_clip] = [PARAMS.clip, PARAMS.value_clip].map(f64::from);
    let raw = f64::from(inputs.advantages[row]);
    let advantage = (raw - f64::from(inputs.moments[1])) * f64::from(inputs.moments[2]);
    let log_ratio = log_prob - f64::from(inputs.log_probs[row]);
    let ratio = log_ratio.exp();
    let policy_loss = -(ratio * advantage).min(ratio.clamp(1.0 - clip, 1.0 + clip) * advantage);

    let value = output[layout.values_at()];
    let [old, target] = [inputs.values[row], inputs.returns[row]].map(f64::from);
    let clipped = old + (value - old).clamp(-value_clip, value_clip);
    let value_loss = 0.5 * (value - target).powi(2).max((clipped - target).powi(2));

    let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>() / logits as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / logits as f64;
    let both = if layout.dual { g.iter().zip(&n).map(|(g, n)| (g + n).powi(2)).sum() } else { 0.0 };
    let [value_coef, entropy_coef, decay] = [PARAMS.value_coef, PARAMS.entropy_coef, PARAMS.sum_decay].map(f64::from);
    let loss = policy_loss + value_coef * value_loss - entropy_coef * entropy + 0.5 * decay * both;
    let moved = (ratio - 1.0).abs();
    let flag = |is: bool| f64::from(u8::from(is));
    let metrics = [
        policy_loss,
        value_loss,
        entropy,
        ratio - 1.0 - log_ratio,
        flag(moved > clip),
        flag(raw > 0.0),
        mean(g),
        square(g),
        mean(&n),
        square(&n),
        both,
        moved,
    ];
    (loss, metrics)
}
