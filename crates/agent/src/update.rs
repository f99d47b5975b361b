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

/// What an update did to its agents, from its last gradient step on; on its way from the device until [`settle`](Self::settle).
pub struct Outcome<B: Backend> {
    /// Steps taken, an agent.
    taken: Vec<usize>,
    /// Optimiser steps of every agent before the update.
    before: Vec<u64>,
    /// `[steps, A, LOSS_METRICS]`, then `[steps, A]`.
    reading: B::Reading,
    settled: Vec<Result<UpdateMetrics, NotFinite>>,
}

impl<B: Backend> Default for Outcome<B> {
    fn default() -> Self {
        Self { taken: Vec::new(), before: Vec::new(), reading: B::Reading::default(), settled: Vec::new() }
    }
}

impl<B: Backend> Outcome<B> {
    /// Waits for what the update reports.
    ///
    /// # Errors
    /// If the device fails.
    pub fn settle(&mut self, backend: &B) -> Result<(), KernelError> {
        let numbers = backend.finish_read(&mut self.reading)?;
        let (metrics, grad_norms) = numbers.split_at(numbers.len() / (LOSS_METRICS + 1) * LOSS_METRICS);
        let metrics = metrics.as_chunks::<LOSS_METRICS>().0;
        let agents = self.taken.iter().zip(&self.before).enumerate();
        self.settled.clear();
        self.settled.extend(agents.map(|(agent, (&taken, &before))| {
            let rows = (0..taken).map(|step| step * self.before.len() + agent);
            summary(before, rows.map(|row| (&metrics[row], grad_norms[row])))
        }));
        Ok(())
    }

    /// What a settled update did to an agent.
    ///
    /// # Errors
    /// If its gradient was not finite.
    pub fn of(&self, agent: usize) -> Result<UpdateMetrics, NotFinite> {
        self.settled[agent]
    }
}

/// Means over an agent's steps, after `before` ones; metrics and gradient norm each.
fn summary<'a>(
    before: u64,
    steps: impl ExactSizeIterator<Item = (&'a [f32; LOSS_METRICS], f32)> + Clone,
) -> Result<UpdateMetrics, NotFinite> {
    if let Some((step, (_, norm))) = steps.clone().enumerate().find(|(_, (_, norm))| !norm.is_finite()) {
        return Err(NotFinite { step: before + 1 + step as u64, norm });
    }
    let (taken, first) = (steps.len(), steps.clone().next());
    let count = taken.max(1) as f32;
    let (mut means, mut grad_norm) = ([0.0_f32; LOSS_METRICS], 0.0);
    for (metrics, norm) in steps {
        means.iter_mut().zip(metrics).for_each(|(mean, x)| *mean += x / count);
        grad_norm += norm;
    }
    Ok(UpdateMetrics {
        loss: bytemuck::cast(means),
        grad_norm: grad_norm / count,
        first_ratio_deviation: first.map_or(0.0, |(metrics, _)| loss_metrics(metrics).ratio_deviation),
        optimizer_steps: taken,
    })
}

/// What the minibatches of an update report. It stays on the device until the update's end, unless a KL limit asks for it.
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
    /// Of one step.
    host_metrics: Vec<f32>,
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
            host_metrics: vec![0.0; agents * LOSS_METRICS],
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

    /// Begins a step.
    pub(crate) fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// Where the step's metrics and gradient norms go: buffers, and places in them.
    pub(crate) fn places(&mut self) -> [(&mut B::Buffer, usize); 2] {
        let at = (self.steps - 1) * self.agents;
        [(&mut self.metrics, at * LOSS_METRICS), (&mut self.grad_norms, at)]
    }

    pub(crate) fn is_active(&self, agent: usize) -> bool {
        self.active[agent]
    }

    /// Stops agents whose policy is beyond its KL limit (0 is off) by the step's metrics. False if none is left.
    pub(crate) fn limit(&mut self, backend: &B, kl_limits: &[f32]) -> Result<bool, KernelError> {
        let at = (self.steps - 1) * self.agents * LOSS_METRICS;
        backend.read(&self.metrics, at, &mut self.host_metrics)?;
        for (agent, (active, &limit)) in self.active.iter_mut().zip(kl_limits).enumerate() {
            let kl = loss_metrics(&self.host_metrics[agent * LOSS_METRICS..]).approx_kl;
            *active &= limit <= 0.0 || kl <= limit;
        }
        Ok(self.active.contains(&true))
    }

    /// Counts the step of every agent that takes it.
    pub(crate) fn count_step(&mut self) {
        for (taken, &active) in self.taken.iter_mut().zip(&self.active) {
            *taken += usize::from(active);
        }
    }

    /// Starts to fetch what the steps reported.
    pub(crate) fn begin_read(&self, backend: &B, outcome: &mut Outcome<B>) {
        let rows = self.steps * self.agents;
        outcome.taken.clone_from(&self.taken);
        outcome.before.clone_from(&self.before);
        backend.begin_read(&[(&self.metrics, rows * LOSS_METRICS), (&self.grad_norms, rows)], &mut outcome.reading);
    }
}

fn loss_metrics(numbers: &[f32]) -> LossMetrics {
    let array: [f32; LOSS_METRICS] = std::array::from_fn(|i| numbers[i]);
    bytemuck::cast(array)
}
