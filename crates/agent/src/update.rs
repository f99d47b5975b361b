//! What an update reports, whatever the algorithm.

use crate::{CriticSettings, DopamineSettings};
use striatum_kernels::{Backend, KernelError, LOSS_METRICS, LossMetrics};

/// One agent's part in an update.
#[derive(Clone, Copy, Debug)]
pub struct AgentUpdate<'a, S> {
    /// The algorithm's settings. What decides the number and the size of gradient steps is the same for all agents of an update.
    pub settings: &'a S,
    /// Settings of the pathways.
    pub dopamine: &'a DopamineSettings,
    /// Settings of the value heads.
    pub critic: &'a CriticSettings,
    /// The share of the run that is left, 1 to 0, for annealing.
    pub remaining: f32,
    /// The agent's seed, which decides the order of samples.
    pub seed: u64,
}

/// An agent's update failed: its loss or gradient became NaN or infinite. The weights before it were kept.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "the gradient is not finite (norm {norm}) in optimiser step {step}; a lower `learning_rate`, or normalised \
     observations and rewards, may help"
)]
pub struct NotFinite {
    /// Optimiser step, counted from 1.
    pub step: u64,
    /// The norm.
    pub norm: f32,
}

/// Means over the minibatches of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UpdateMetrics {
    /// Means of the loss's metrics.
    pub loss: LossMetrics,
    /// Mean global norm of the gradient before clipping.
    pub grad_norm: f32,
    /// `|ratio - 1|` in the first minibatch: rounding apart, 0.
    pub first_ratio_deviation: f32,
    /// Optimiser steps taken; fewer than planned where the KL limit stopped the update.
    pub optimizer_steps: usize,
}

/// What the minibatches of an update report. It stays on the device until [`read`](Self::read) at the update's end, unless a KL limit
/// asks for it.
pub(crate) struct Report<B: Backend> {
    agents: usize,
    /// Steps that there is room for.
    capacity: usize,
    /// `[capacity, A, LOSS_METRICS]`.
    metrics: B::Buffer,
    /// `[capacity, A]`.
    grad_norms: B::Buffer,
    /// Steps so far.
    steps: usize,
    /// Those that an agent took part in, which are the first ones.
    taken: Vec<usize>,
    active: Vec<bool>,
    /// Optimiser steps of every agent before the update.
    before: Vec<u64>,
    host_metrics: Vec<f32>,
    host_grad_norms: Vec<f32>,
}

impl<B: Backend> Report<B> {
    pub(crate) fn new(backend: &B, agents: usize) -> Self {
        Self {
            agents,
            capacity: 0,
            metrics: backend.zeros(0),
            grad_norms: backend.zeros(0),
            steps: 0,
            taken: vec![0; agents],
            active: vec![true; agents],
            before: vec![0; agents],
            host_metrics: Vec::new(),
            host_grad_norms: Vec::new(),
        }
    }

    /// Starts an update of at most `steps` gradient steps.
    pub(crate) fn begin(&mut self, backend: &B, steps: usize, optimizer_steps: &[u64]) {
        if steps > self.capacity {
            self.capacity = steps;
            self.metrics = backend.zeros(steps * self.agents * LOSS_METRICS);
            self.grad_norms = backend.zeros(steps * self.agents);
        }
        self.steps = 0;
        self.taken.fill(0);
        self.active.fill(true);
        self.before.copy_from_slice(optimizer_steps);
    }

    /// Where the next step's metrics go.
    pub(crate) fn metrics(&mut self) -> (&mut B::Buffer, usize) {
        (&mut self.metrics, self.steps * self.agents * LOSS_METRICS)
    }

    /// Where the gradient norms of the step go that was noted last.
    pub(crate) fn grad_norms(&mut self) -> (&mut B::Buffer, usize) {
        (&mut self.grad_norms, (self.steps - 1) * self.agents)
    }

    pub(crate) fn is_active(&self, agent: usize) -> bool {
        self.active[agent]
    }

    /// Counts a step for every agent whose policy is still within its KL limit (0 is off). False if there is none.
    pub(crate) fn note_step(&mut self, backend: &B, kl_limits: &[f32]) -> Result<bool, KernelError> {
        if kl_limits.iter().any(|&limit| limit > 0.0) {
            let at = self.steps * self.agents * LOSS_METRICS;
            self.host_metrics.resize(self.agents * LOSS_METRICS, 0.0);
            backend.read(&self.metrics, at, &mut self.host_metrics)?;
            for (agent, (active, &limit)) in self.active.iter_mut().zip(kl_limits).enumerate() {
                let kl = loss_metrics(&self.host_metrics[agent * LOSS_METRICS..]).approx_kl;
                *active &= limit <= 0.0 || kl <= limit;
            }
        }
        self.steps += 1;
        for (taken, &active) in self.taken.iter_mut().zip(&self.active) {
            *taken += usize::from(active);
        }
        Ok(self.active.contains(&true))
    }

    /// Fetches what the steps reported.
    pub(crate) fn read(&mut self, backend: &B) -> Result<(), KernelError> {
        self.host_metrics.resize(self.steps * self.agents * LOSS_METRICS, 0.0);
        self.host_grad_norms.resize(self.steps * self.agents, 0.0);
        backend.read(&self.metrics, 0, &mut self.host_metrics)?;
        backend.read(&self.grad_norms, 0, &mut self.host_grad_norms)
    }

    /// An agent's means.
    pub(crate) fn summary(&self, agent: usize) -> Result<UpdateMetrics, NotFinite> {
        let taken = self.taken[agent];
        let rows = || (0..taken).map(|step| step * self.agents + agent);
        let norms = || rows().map(|row| self.host_grad_norms[row]);
        if let Some((step, norm)) = norms().enumerate().find(|(_, norm)| !norm.is_finite()) {
            return Err(NotFinite { step: self.before[agent] + 1 + step as u64, norm });
        }
        let count = taken.max(1) as f32;
        let mut means = [0.0_f32; LOSS_METRICS];
        for row in rows() {
            let metrics = &self.host_metrics[row * LOSS_METRICS..][..LOSS_METRICS];
            means.iter_mut().zip(metrics).for_each(|(mean, x)| *mean += x / count);
        }
        let first = (taken > 0).then(|| loss_metrics(&self.host_metrics[agent * LOSS_METRICS..]));
        Ok(UpdateMetrics {
            loss: bytemuck::cast(means),
            grad_norm: norms().sum::<f32>() / count,
            first_ratio_deviation: first.map_or(0.0, |m| m.ratio_deviation),
            optimizer_steps: taken,
        })
    }
}

fn loss_metrics(numbers: &[f32]) -> LossMetrics {
    let array: [f32; LOSS_METRICS] = std::array::from_fn(|i| numbers[i]);
    bytemuck::cast(array)
}
