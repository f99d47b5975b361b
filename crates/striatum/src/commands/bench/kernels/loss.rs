//! The loss and its gradient with respect to the network's outputs.

use super::super::data::{numbers, wide};
use super::batch::{Rows, Size, Stored, layout};
use super::loss_reference::{PARAMS, RowLoss};
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{Backend, Cpu, HeadLayout, LOSS_METRICS, LogStd, LossArgs};

pub fn entry<D: Device + 'static>() -> Entry<D> {
    let at = |nvec: &'static [usize], dual, agents, rows| {
        make(move |device: &D| Loss::new(device, nvec, dual, Size { agents, rows }))
    };
    Entry {
        name: "actor_critic_loss",
        tolerance: 1e-5,
        checks: vec![at(&[2], false, 1, 517), at(&[3, 2], true, 2, 261)],
        small: vec![at(&[2], false, 1, 512)],
        large: vec![at(&[2], false, 1, 1 << 17)],
    }
}

/// A categorical policy has no `log_std`, and its loss reads no weights.
const NO_LOG_STD: LogStd = LogStd { stride: 0, at: 0 };

struct Loss<D: Backend> {
    nvec: &'static [usize],
    layout: HeadLayout,
    size: Size,
    rows: Rows<D>,
    outputs: D::Buffer,
    weights: D::Buffer,
    d_outputs: D::Buffer,
    gradients: D::Buffer,
    metrics: D::Buffer,
}

fn outputs(layout: &HeadLayout, size: Size) -> Vec<f32> {
    numbers(size.agents * size.rows * layout.width(), 1, 2.0)
}

impl<D: Device> Loss<D> {
    fn new(device: &D, nvec: &'static [usize], dual: bool, size: Size) -> Self {
        let layout = layout(nvec, dual);
        let outputs = outputs(&layout, size);
        Self {
            nvec,
            size,
            rows: Rows::new(device, nvec, size),
            weights: device.zeros(0),
            d_outputs: device.zeros(outputs.len()),
            outputs: device.upload(&outputs),
            gradients: device.zeros(0),
            metrics: device.zeros(size.agents * LOSS_METRICS),
            layout,
        }
    }
}

impl<D: Device> Kernel<D> for Loss<D> {
    fn shape(&self) -> String {
        format!("{} rows, {:?} actions", self.size.rows, self.nvec)
    }

    fn cost(&self) -> Cost {
        let items = (self.size.agents * self.size.rows) as f64;
        // Outputs and their gradient; actions; and seven numbers and the row's own.
        let numbers = 2 * self.layout.width() + self.nvec.len() + 8;
        Cost { items, flops: None, bytes: Some(4.0 * items * numbers as f64) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.actor_critic_loss(LossArgs {
            layout: &self.layout,
            params: &vec![PARAMS; self.size.agents],
            batch: self.rows.minibatch(),
            moments: &self.rows.moments,
            outputs: &self.outputs,
            log_std: NO_LOG_STD,
            weights: &self.weights,
            d_outputs: &mut self.d_outputs,
            d_trunk: None,
            gradients: &mut self.gradients,
            metrics: &mut self.metrics,
            metrics_at: 0,
        });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("gradient", device.download(&self.d_outputs)?), ("metrics", device.download(&self.metrics)?)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Loss::new(&Cpu::new(), self.nvec, self.layout.dual, self.size));
        }
        Ok(self.reference())
    }
}

impl<D: Device> Loss<D> {
    fn reference(&self) -> Expected {
        let (size, width, stored) = (self.size, self.layout.width(), Stored::new(self.nvec, self.size));
        let moments = stored.moments(size);
        let mut gradient = Vec::new();
        let mut metrics = vec![0.0; size.agents * LOSS_METRICS];
        let rows = wide(&outputs(&self.layout, size));
        for ((i, row), output) in size.sources().enumerate().zip(rows.chunks(width)) {
            let agent = i / size.rows;
            let loss = RowLoss { layout: &self.layout, nvec: self.nvec, stored: &stored, row, moments: moments[agent] };
            let (slopes, own) = loss.parts(output).unwrap_or_else(|| (vec![0.0; width], [0.0; LOSS_METRICS]));
            gradient.extend(slopes);
            let sums = &mut metrics[agent * LOSS_METRICS..][..LOSS_METRICS];
            sums.iter_mut().zip(own).for_each(|(sum, metric)| *sum += metric);
        }
        vec![gradient, metrics]
    }
}
