//! What a distributional critic's heads become: their means, and samples of the return.

use super::super::data::{flags, number, numbers, wide};
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored};
use crate::commands::bench::device::Device;
use anyhow::Result;
use std::ops::Range;
use striatum_envs::{Purpose, Stream};
use striatum_kernels::{Backend, Cpu, MeanHeadsArgs, RolloutShape, SrLambdaArgs};

const GAMMA: f32 = 0.99;
const LAMBDA: f32 = 0.95;
const FIRST_STEP: u32 = 7;

/// One in so many steps ends an episode in either way.
const EPISODE: u32 = 200;

const CHECK: RolloutShape = RolloutShape { agents: 2, heads: 7, steps: 300, envs: 37 };
const SMALL: RolloutShape = RolloutShape { agents: 1, heads: 32, steps: 32, envs: 128 };
const LARGE: RolloutShape = RolloutShape { agents: 1, heads: 32, steps: 128, envs: 4096 };

pub fn mean_heads<D: Device + 'static>() -> Entry<D> {
    let at = |shape| make(move |device: &D| MeanHeads::new(device, shape));
    Entry {
        name: "mean_heads",
        tolerance: 2e-6,
        checks: vec![at(CHECK)],
        small: vec![at(SMALL)],
        large: vec![at(LARGE)],
    }
}

pub fn sr_lambda<D: Device + 'static>() -> Entry<D> {
    let at = |shape| make(move |device: &D| SrLambda::new(device, shape));
    Entry {
        name: "sr_lambda",
        tolerance: 2e-6,
        checks: vec![at(CHECK)],
        small: vec![at(SMALL)],
        large: vec![at(LARGE)],
    }
}

fn shape_name(shape: RolloutShape) -> String {
    format!("{} heads, [{}, {}]", shape.heads, shape.steps, shape.envs)
}

/// The mean of all heads of a rollout's values.
struct MeanHeads<D: Backend> {
    shape: RolloutShape,
    group: Range<usize>,
    values: D::Buffer,
    means: D::Buffer,
}

/// Numbers of a head.
fn columns(shape: RolloutShape) -> usize {
    (shape.steps + 1) * shape.envs
}

impl<D: Device> MeanHeads<D> {
    fn new(device: &D, shape: RolloutShape) -> Self {
        let len = shape.agents * columns(shape);
        Self {
            shape,
            group: 0..shape.heads,
            values: device.upload(&numbers(len * shape.heads, 1, 20.0)),
            means: device.zeros(len),
        }
    }
}

impl<D: Device> Kernel<D> for MeanHeads<D> {
    fn shape(&self) -> String {
        shape_name(self.shape)
    }

    fn cost(&self) -> Cost {
        let items = (self.shape.agents * columns(self.shape)) as f64;
        let heads = self.shape.heads as f64;
        Cost { items, flops: Some(heads * items), bytes: Some(4.0 * (heads + 1.0) * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.mean_heads(MeanHeadsArgs {
            agents: self.shape.agents,
            heads: self.shape.heads,
            columns: columns(self.shape),
            groups: std::slice::from_ref(&self.group),
            values: &self.values,
            means: &mut self.means,
        });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("means", device.download(&self.means)?)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        let (heads, columns) = (self.shape.heads, columns(self.shape));
        let mean = |i: usize| {
            let head = |k: usize| f64::from(20.0 * number((i / columns * heads + k) * columns + i % columns, 1));
            (0..heads).map(head).sum::<f64>() / heads as f64
        };
        Ok(vec![(0..self.shape.agents * columns).map(mean).collect()])
    }
}

/// What the samples are drawn from, on the host.
struct Inputs {
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
    values: Vec<f32>,
    final_values: Vec<f32>,
}

impl Inputs {
    fn new(shape: RolloutShape) -> Self {
        let rows = shape.agents * shape.steps * shape.envs;
        Self {
            rewards: numbers(rows, 1, 2.0),
            terminated: flags(rows, 2, EPISODE),
            truncated: flags(rows, 3, EPISODE),
            values: numbers(shape.agents * shape.heads * columns(shape), 4, 20.0),
            final_values: numbers(rows * shape.heads, 5, 20.0),
        }
    }
}

/// Samples of the return.
struct SrLambda<D: Backend> {
    shape: RolloutShape,
    factors: [Vec<f32>; 2],
    seeds: Vec<u64>,
    rewards: D::Buffer,
    terminated: D::Buffer,
    truncated: D::Buffer,
    values: D::Buffer,
    final_values: D::Buffer,
    targets: D::Buffer,
}

impl<D: Device> SrLambda<D> {
    fn new(device: &D, shape: RolloutShape) -> Self {
        let inputs = Inputs::new(shape);
        Self {
            shape,
            factors: [vec![GAMMA; shape.agents], vec![LAMBDA; shape.agents]],
            seeds: (0..shape.agents as u64).collect(),
            rewards: device.upload(&inputs.rewards),
            terminated: device.upload(&inputs.terminated),
            truncated: device.upload(&inputs.truncated),
            values: device.upload(&inputs.values),
            final_values: device.upload(&inputs.final_values),
            targets: device.zeros(inputs.final_values.len()),
        }
    }
}

impl<D: Device> Kernel<D> for SrLambda<D> {
    fn shape(&self) -> String {
        shape_name(self.shape)
    }

    fn cost(&self) -> Cost {
        let RolloutShape { agents, heads, steps, envs } = self.shape;
        let rows = (agents * steps * envs) as f64;
        let items = rows * heads as f64;
        // Rewards, both flags and values are read, samples written. A quarter of a block of random words a sample is not counted.
        Cost { items, flops: None, bytes: Some(4.0 * (3.0 * rows + 2.0 * items)) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.sr_lambda(SrLambdaArgs {
            shape: self.shape,
            gamma: &self.factors[0],
            lambda: &self.factors[1],
            seeds: &self.seeds,
            first_step: FIRST_STEP,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values: &self.values,
            final_values: &self.final_values,
            targets: &mut self.targets,
        });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("targets", device.download(&self.targets)?)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(SrLambda::new(&Cpu::new(), self.shape));
        }
        Ok(vec![reference(self.shape)])
    }
}

/// In double precision, one agent, head and environment after the other.
fn reference(shape: RolloutShape) -> Vec<f64> {
    let inputs = Inputs::new(shape);
    let RolloutShape { agents, heads, steps, envs } = shape;
    let mut targets = wide(&inputs.final_values);
    for (head, env) in (0..agents * heads).flat_map(|head| (0..envs).map(move |env| (head, env))) {
        let (agent, mut later) = (head / heads, 0.0);
        for t in (0..steps).rev() {
            let (row, at) = ((agent * steps + t) * envs + env, (head * steps + t) * envs + env);
            let mut words = Stream::new(agent as u64, Purpose::Replacement, env as u32, FIRST_STEP + t as u32);
            let drawn = (0..=head % heads).map(|_| words.uniform()).last().unwrap_or(1.0);
            let sample = match (inputs.terminated[row] != 0.0, inputs.truncated[row] != 0.0) {
                (true, _) => 0.0,
                (_, true) => f64::from(inputs.final_values[at]),
                _ if t + 1 < steps && drawn < LAMBDA => later,
                _ => f64::from(inputs.values[(head * (steps + 1) + t + 1) * envs + env]),
            };
            later = f64::from(inputs.rewards[row]) + f64::from(GAMMA) * sample;
            targets[at] = later;
        }
    }
    targets
}
