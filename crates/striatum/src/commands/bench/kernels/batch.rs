//! A minibatch of a rollout: what the moments of advantages, the loss and the whole fused pass are given.

use super::super::data::{flags, number, numbers, word};
use crate::commands::bench::device::Device;
use striatum_kernels::{Backend, HeadLayout, Minibatch, Policy, Selection};

/// A, and R of each.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// A.
    pub agents: usize,
    /// R.
    pub rows: usize,
}

/// The rows that a minibatch is chosen from are so many times its own.
const SOURCES: usize = 4;

impl Size {
    /// S.
    pub fn source_rows(self) -> usize {
        SOURCES * self.rows
    }

    /// Where the minibatch begins in an agent's order of all rows.
    pub fn first(self) -> usize {
        self.source_rows() - self.rows
    }

    /// Every row of the minibatch, as its number among all agents' `[A, S]`.
    pub fn sources(self) -> impl Iterator<Item = usize> {
        let (all, order) = (self.source_rows(), order(self));
        let at = move |i: usize| i / self.rows * all + self.first() + i % self.rows;
        (0..self.agents * self.rows).map(move |i| i / self.rows * all + order[at(i)] as usize)
    }
}

/// Row numbers in no order, `[A, S]`.
fn order(size: Size) -> Vec<u32> {
    let all = size.source_rows();
    (0..size.agents * all).map(|i| word(i, 10) % all as u32).collect()
}

/// An output row of one value head; categorical.
pub fn layout(nvec: &[usize], dual: bool) -> HeadLayout {
    HeadLayout::new(Policy::Categorical { nvec: nvec.to_vec() }, dual, 1)
}

/// What is stored of a rollout, on the host: `[A, S]` each, and actions `[A, S, choices]`.
pub struct Stored {
    pub actions: Vec<f32>,
    pub log_probs: Vec<f32>,
    pub advantages: Vec<f32>,
    pub returns: Vec<f32>,
    pub values: Vec<f32>,
    pub mask: Vec<f32>,
    pub tone: Vec<f32>,
    pub inverse_temperature: Vec<f32>,
}

impl Stored {
    pub fn new(nvec: &[usize], size: Size) -> Self {
        let rows = size.agents * size.source_rows();
        // About the policy's entropy, so that ratios lie on both sides of the clip range.
        let likely = -nvec.iter().map(|&n| (n as f32).ln()).sum::<f32>();
        Self {
            actions: (0..rows * nvec.len()).map(|i| (word(i, 2) as usize % nvec[i % nvec.len()]) as f32).collect(),
            log_probs: (0..rows).map(|i| likely + 0.6 * number(i, 3)).collect(),
            advantages: (0..rows).map(|i| 4.0 * number(i, 4) + 0.7).collect(),
            returns: numbers(rows, 5, 2.0),
            values: numbers(rows, 6, 2.0),
            mask: flags(rows, 7, 10).iter().map(|flag| 1.0 - flag).collect(),
            tone: numbers(rows, 8, 0.5),
            inverse_temperature: (0..rows).map(|i| 1.0 + 0.5 * number(i, 9)).collect(),
        }
    }

    /// Count, mean and scale of the advantages of each agent's minibatch, in double precision: `[A, 3]`.
    pub fn moments(&self, size: Size) -> Vec<[f64; 3]> {
        let sources: Vec<usize> = size.sources().collect();
        let moments = |rows: &[usize]| {
            let counted = rows.iter().filter(|&&row| self.mask[row] != 0.0);
            let counted: Vec<f64> = counted.map(|&row| f64::from(self.advantages[row])).collect();
            let count = counted.len() as f64;
            let mean = counted.iter().sum::<f64>() / count;
            let variance = counted.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (count - 1.0);
            [count, mean, 1.0 / (variance.sqrt() + 1e-8)]
        };
        sources.chunks(size.rows).map(moments).collect()
    }
}

/// The same on a device.
pub struct Rows<D: Backend> {
    size: Size,
    order: D::Indices,
    actions: D::Buffer,
    log_probs: D::Buffer,
    advantages: D::Buffer,
    returns: D::Buffer,
    values: D::Buffer,
    mask: D::Buffer,
    tone: D::Buffer,
    inverse_temperature: D::Buffer,
    /// `[A, 4]`, as [`Backend::advantage_moments`] gives them.
    pub moments: D::Buffer,
}

impl<D: Device> Rows<D> {
    pub fn new(device: &D, nvec: &[usize], size: Size) -> Self {
        let stored = Stored::new(nvec, size);
        let moments = stored.moments(size).into_iter().flat_map(|[count, mean, scale]| [count, mean, scale, 0.0]);
        let moments: Vec<f32> = moments.map(|x| x as f32).collect();
        Self {
            size,
            order: device.upload_indices(&order(size)),
            actions: device.upload(&stored.actions),
            log_probs: device.upload(&stored.log_probs),
            advantages: device.upload(&stored.advantages),
            returns: device.upload(&stored.returns),
            values: device.upload(&stored.values),
            mask: device.upload(&stored.mask),
            tone: device.upload(&stored.tone),
            inverse_temperature: device.upload(&stored.inverse_temperature),
            moments: device.upload(&moments),
        }
    }

    pub fn minibatch(&self) -> Minibatch<'_, D::Buffer, D::Indices> {
        let all = self.size.source_rows();
        Minibatch {
            agents: self.size.agents,
            rows: self.size.rows,
            source_rows: all,
            heads: 1,
            advantage_heads: 1,
            selection: Selection { rows: &self.order, stride: all, first: self.size.first() },
            actions: &self.actions,
            log_probs: &self.log_probs,
            advantages: &self.advantages,
            returns: &self.returns,
            values: &self.values,
            value_rows: all,
            mask: &self.mask,
            tone: &self.tone,
            inverse_temperature: &self.inverse_temperature,
        }
    }
}
