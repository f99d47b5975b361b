//! A whole minibatch as training takes it: rows are gathered, taken forward, weighed by the loss and taken back.

use super::super::data::numbers;
use super::batch::{Rows, Size, Stored};
use super::loss_reference::{PARAMS, RowLoss};
use super::{Cost, Entry, Expected, Kernel, Outputs, flops, make, mirrored, mlp, mlp_reference};
use crate::commands::bench::device::Device;
use anyhow::Result;
use std::mem;
use striatum_kernels::{Cpu, LOSS_METRICS, LogStd, MlpSpec, PassArgs, Policy};

/// Two actions.
const NVEC: [usize; 1] = [2];

pub fn entry<D: Device + 'static>() -> Entry<D> {
    let at = |hidden: &'static [usize], agents, rows| {
        make(move |device: &D| Fused::new(device, hidden, Size { agents, rows }))
    };
    let mut large = vec![at(&[64, 64], 1, 8192), at(&[256, 256], 1, 8192)];
    if D::IS_GPU {
        large.extend([at(&[64, 64], 1, 1 << 17), at(&[64, 64], 64, 1 << 11)]);
    }
    Entry {
        name: "minibatch",
        tolerance: 1e-5,
        checks: vec![at(&[64, 64], 1, 517), at(&[33, 17, 9], 2, 130)],
        small: vec![at(&[64, 64], 1, 512)],
        large,
    }
}

struct Fused<D: Device> {
    hidden: &'static [usize],
    spec: MlpSpec,
    size: Size,
    rows: Rows<D>,
    network: D::ActorCritic,
    weights: D::Buffer,
    observations: D::Buffer,
    gradients: D::Buffer,
    metrics: D::Buffer,
    is_first: bool,
}

/// `[A, S, inputs]`.
fn observations(spec: &MlpSpec, size: Size) -> Vec<f32> {
    numbers(size.agents * size.source_rows() * spec.inputs, 12, 2.0)
}

/// `[A, P]`, the same for every agent.
fn weights(spec: &MlpSpec, agents: usize) -> Vec<f32> {
    mlp::weights(spec).repeat(agents)
}

impl<D: Device> Fused<D> {
    fn new(device: &D, hidden: &'static [usize], size: Size) -> Self {
        let spec = mlp::spec(hidden, Policy::Categorical { nvec: NVEC.to_vec() });
        let weights = weights(&spec, size.agents);
        Self {
            hidden,
            size,
            rows: Rows::new(device, &NVEC, size),
            network: device.actor_critic(&spec, size.agents, &weights),
            weights: device.upload(&weights),
            observations: device.upload(&observations(&spec, size)),
            gradients: device.zeros(weights.len()),
            metrics: device.zeros(size.agents * LOSS_METRICS),
            is_first: true,
            spec,
        }
    }

    fn reference(&self) -> Expected {
        let (spec, size, stored) = (&self.spec, self.size, Stored::new(&NVEC, self.size));
        let (moments, weights) = (stored.moments(size), mlp::weights(spec));
        let observations = observations(spec, size);
        let sources: Vec<usize> = size.sources().collect();
        let (mut gradients, mut metrics) = (Vec::new(), vec![0.0; size.agents * LOSS_METRICS]);
        for (agent, rows) in sources.chunks(size.rows).enumerate() {
            let sums = &mut metrics[agent * LOSS_METRICS..][..LOSS_METRICS];
            let differentiate = |i: usize, output: &[f64]| {
                let loss =
                    RowLoss { layout: &spec.head, nvec: &NVEC, stored: &stored, row: rows[i], moments: moments[agent] };
                let (slopes, own) =
                    loss.parts(output).unwrap_or_else(|| (vec![0.0; output.len()], [0.0; LOSS_METRICS]));
                sums.iter_mut().zip(own).for_each(|(sum, metric)| *sum += metric);
                slopes
            };
            let seen = rows.iter().map(|&row| &observations[row * spec.inputs..(row + 1) * spec.inputs]);
            gradients.extend(mlp_reference::passes(spec, &weights, seen, differentiate).1);
        }
        vec![gradients, metrics]
    }
}

impl<D: Device> Kernel<D> for Fused<D> {
    fn shape(&self) -> String {
        let Size { agents, rows } = self.size;
        let agents = if agents > 1 { format!("{agents} x ") } else { String::new() };
        format!("{agents}{rows} rows, {}", mlp::name(&self.spec))
    }

    /// The network's arithmetic; the loss's is not counted.
    fn cost(&self) -> Cost {
        let items = (self.size.agents * self.size.rows) as f64;
        let params = (self.size.agents * self.spec.param_count()) as f64;
        // Observation, action, seven numbers of the row and its own; outputs need not leave the tile that they are computed in.
        let numbers = 2.0 * params + items * (self.spec.inputs + NVEC.len() + 8) as f64;
        Cost { items, flops: Some(flops(&self.spec, items).iter().sum()), bytes: Some(4.0 * numbers) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        let stride = self.spec.param_count();
        device.differentiate(
            &mut self.network,
            PassArgs {
                layout: &self.spec.head,
                params: &vec![PARAMS; self.size.agents],
                batch: self.rows.minibatch(),
                is_first: mem::take(&mut self.is_first),
                sequence: 1,
                observations: &self.observations,
                moments: &self.rows.moments,
                log_std: LogStd { stride, at: stride },
                weights: &self.weights,
                gradients: &mut self.gradients,
                metrics: &mut self.metrics,
                metrics_at: 0,
            },
        );
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("gradients", device.download(&self.gradients)?), ("metrics", device.download(&self.metrics)?)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Fused::new(&Cpu::new(), self.hidden, self.size));
        }
        Ok(self.reference())
    }
}
