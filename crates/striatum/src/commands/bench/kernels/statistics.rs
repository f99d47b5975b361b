//! What is summed over rows: the moments of a minibatch's advantages, and what is reported of a rollout.

use super::super::data::{numbers, wide};
use super::batch::{Rows, Size, Stored};
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{Backend, Cpu, ROLLOUT_STATS, RolloutShape, RolloutStatsArgs};

pub fn moments<D: Device + 'static>() -> Entry<D> {
    let at = |agents, rows| make(move |device: &D| Moments::new(device, Size { agents, rows }));
    Entry {
        name: "advantage_moments",
        tolerance: 2e-6,
        checks: vec![at(3, 1111)],
        small: vec![at(1, 512)],
        large: vec![at(1, 1 << 20)],
    }
}

pub fn rollout_stats<D: Device + 'static>() -> Entry<D> {
    let at = |agents, steps, envs| {
        make(move |device: &D| Stats::new(device, RolloutShape { agents, heads: 1, steps, envs }))
    };
    Entry {
        name: "rollout_stats",
        tolerance: 5e-6,
        checks: vec![at(2, 129, 37)],
        small: vec![at(1, 32, 128)],
        large: vec![at(1, 128, 65_536)],
    }
}

/// What a minibatch's policy chooses from; the moments do not look.
const NVEC: [usize; 1] = [2];

struct Moments<D: Backend> {
    size: Size,
    rows: Rows<D>,
    out: D::Buffer,
}

impl<D: Device> Moments<D> {
    fn new(device: &D, size: Size) -> Self {
        Self { size, rows: Rows::new(device, &NVEC, size), out: device.zeros(4 * size.agents) }
    }
}

impl<D: Device> Kernel<D> for Moments<D> {
    fn shape(&self) -> String {
        format!("{} of {} rows", self.size.rows, self.size.source_rows())
    }

    fn cost(&self) -> Cost {
        let items = (self.size.agents * self.size.rows) as f64;
        // The mean's sum; then difference, square and sum. Advantage, mask and the row's number are read.
        Cost { items, flops: Some(4.0 * items), bytes: Some(12.0 * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.advantage_moments(self.rows.minibatch(), true, &mut self.out);
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        // Counts are thousands of times the rest, and would hide its error.
        Ok(columns(&device.download(&self.out)?, 4, ["count", "mean", "scale"]))
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Moments::new(&Cpu::new(), self.size));
        }
        let moments = Stored::new(&NVEC, self.size).moments(self.size);
        Ok((0..3).map(|column| moments.iter().map(|row| row[column]).collect()).collect())
    }
}

/// The first columns of rows, by name.
fn columns<const N: usize>(rows: &[f32], width: usize, names: [&'static str; N]) -> Outputs {
    let column = |at: usize| rows.iter().skip(at).step_by(width).copied().collect();
    names.into_iter().enumerate().map(|(at, name)| (name, column(at))).collect()
}

struct Stats<D: Backend> {
    shape: RolloutShape,
    deltas: D::Buffer,
    advantages: D::Buffer,
    returns: D::Buffer,
    rewards: D::Buffer,
    stats: D::Buffer,
}

/// TD errors, advantages, returns and rewards.
fn inputs(shape: RolloutShape) -> [Vec<f32>; 4] {
    let rows = shape.agents * shape.steps * shape.envs;
    [(1, 2.0, 0.1), (2, 6.0, -0.2), (3, 20.0, 5.0), (4, 1.0, 1.0)].map(|(salt, scale, mean)| {
        let mut array = numbers(rows, salt, scale);
        array.iter_mut().for_each(|x| *x += mean);
        array
    })
}

impl<D: Device> Stats<D> {
    fn new(device: &D, shape: RolloutShape) -> Self {
        let [deltas, advantages, returns, rewards] = inputs(shape).map(|array| device.upload(&array));
        Self { shape, deltas, advantages, returns, rewards, stats: device.zeros(shape.agents * ROLLOUT_STATS) }
    }
}

impl<D: Device> Kernel<D> for Stats<D> {
    fn shape(&self) -> String {
        format!("[{}, {}]", self.shape.steps, self.shape.envs)
    }

    fn cost(&self) -> Cost {
        let items = (self.shape.agents * self.shape.steps * self.shape.envs) as f64;
        // Three means and variances at 4, a mean and a count.
        Cost { items, flops: Some(14.0 * items), bytes: Some(16.0 * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.rollout_stats(RolloutStatsArgs {
            shape: self.shape,
            deltas: &self.deltas,
            advantages: &self.advantages,
            returns: &self.returns,
            rewards: &self.rewards,
            stats: &mut self.stats,
        });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        const NAMES: [&str; 6] = ["TD error", "its variance", "positive", "advantages", "returns", "reward"];
        Ok(columns(&device.download(&self.stats)?, ROLLOUT_STATS, NAMES))
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Stats::new(&Cpu::new(), self.shape));
        }
        let rows = self.shape.steps * self.shape.envs;
        let mean = |x: &[f64]| x.iter().sum::<f64>() / rows as f64;
        let variance = |x: &[f64]| mean(&x.iter().map(|number| (number - mean(x)).powi(2)).collect::<Vec<f64>>());
        let positive = |x: &[f64]| x.iter().filter(|&&number| number > 0.0).count() as f64 / rows as f64;
        let [deltas, advantages, returns, rewards] = inputs(self.shape).map(|array| wide(&array));
        let each = |array: &[f64], of: &dyn Fn(&[f64]) -> f64| array.chunks(rows).map(of).collect::<Vec<f64>>();
        Ok(vec![
            each(&deltas, &mean),
            each(&deltas, &variance),
            each(&deltas, &positive),
            each(&advantages, &variance),
            each(&returns, &variance),
            each(&rewards, &mean),
        ])
    }
}
