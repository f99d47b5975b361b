//! The state of learning on a backend, and the one gradient step that PPO and A2C share.

use crate::network::{HostNetwork, Step};
use crate::sequences;
use crate::update::Report;
use crate::values::{Places, take_values};
use crate::{Network, NetworkSpec, Outcome, Rollout};
use striatum_kernels::{Backend, KernelError, LogStd, LossParams, OptimizerParams, Selection};

/// Weights, optimiser moments and the network of A agents.
pub struct Learner<B: Backend> {
    backend: B,
    network: Box<dyn Network<B>>,
    spec: NetworkSpec,
    agents: usize,
    log_std: LogStd,
    weights: B::Buffer,
    first_moment: B::Buffer,
    second_moment: B::Buffer,
    gradients: B::Buffer,
    advantage_moments: B::Buffer,
    optimizer_steps: Vec<u64>,
    /// Of the update under way, one an agent.
    loss_params: Vec<LossParams>,
    optimizer_params: Vec<OptimizerParams>,
    kl_limits: Vec<f32>,
    normalize_advantages: bool,
    /// Whether the update under way has taken no step yet.
    is_first: bool,
    /// The rows of a rollout in the order they are learned from, `[A, S]`.
    order: B::Indices,
    order_rows: usize,
    shuffle_keys: Vec<[u32; 2]>,
    report: Report<B>,
}

/// What has to be kept of an agent to go on bit for bit; every vector is `[P]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnerState {
    /// Parameters in arena order.
    pub weights: Vec<f32>,
    /// Adam's first moment.
    pub first_moment: Vec<f32>,
    /// Adam's second moment, or RMSProp's mean square.
    pub second_moment: Vec<f32>,
    /// Optimiser steps taken.
    pub optimizer_steps: u64,
}

impl LearnerState {
    /// A state before the first step.
    pub fn new(weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { weights, first_moment: zeros.clone(), second_moment: zeros, optimizer_steps: 0 }
    }
}

/// How the gradient steps of one agent's update go.
pub(crate) struct StepSettings {
    pub loss: LossParams,
    /// With corrections of 1.
    pub optimizer: OptimizerParams,
    pub normalize_advantages: bool,
    /// Approximate KL beyond which no more steps are taken; 0 is off.
    pub kl_limit: f32,
}

/// Rows of a rollout for one gradient step.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    /// The first one's place in the learner's order.
    pub first: usize,
    pub rows: usize,
    /// Steps of the sequences that they are.
    pub sequence: usize,
}

impl<B: Backend> Learner<B> {
    /// A learner of agents that start with these states; `network` is for as many.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(
        backend: B,
        network: Box<dyn Network<B>>,
        spec: NetworkSpec,
        states: &[LearnerState],
    ) -> Result<Self, KernelError> {
        let (agents, count) = (states.len(), spec.param_count());
        let mut learner = Self {
            agents,
            log_std: LogStd { stride: count, at: count - spec.head.policy.log_std_len() },
            weights: backend.zeros(agents * count),
            first_moment: backend.zeros(agents * count),
            second_moment: backend.zeros(agents * count),
            gradients: backend.zeros(agents * count),
            advantage_moments: backend.zeros(4 * agents),
            optimizer_steps: vec![0; agents],
            loss_params: Vec::new(),
            optimizer_params: Vec::new(),
            kl_limits: Vec::new(),
            normalize_advantages: false,
            is_first: true,
            order: backend.upload_indices(&[]),
            order_rows: 0,
            shuffle_keys: Vec::new(),
            report: Report::new(&backend, agents),
            backend,
            network,
            spec,
        };
        for (agent, state) in states.iter().enumerate() {
            learner.write_state(agent, state);
        }
        learner.network.load(&learner.backend, &learner.weights)?;
        Ok(learner)
    }

    /// The backend that everything lies on.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// The network's shape.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// A.
    pub fn agents(&self) -> usize {
        self.agents
    }

    /// All agents' parameters, `[A, P]`.
    pub fn weights(&self) -> &B::Buffer {
        &self.weights
    }

    /// The network for any thread of the host, if it runs there.
    pub fn on_host(&self) -> Option<&dyn HostNetwork> {
        self.network.on_host()
    }

    /// Outputs `[n, W]`, written to `outputs`, for the network's rows `[n, inputs]` of a single agent, which are those of the rollout
    /// from `row` on; their values go into it as `V(s_t)`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn act(
        &mut self,
        rollout: &mut Rollout<B>,
        row: usize,
        observations: &[f32],
        outputs: &mut [f32],
    ) -> Result<(), KernelError> {
        let (backend, head, stride) = (&self.backend, &self.spec.head, rollout.rows() + rollout.envs);
        let count = outputs.len() / head.width();
        self.network.forward(backend, observations, count, &mut |buffer| {
            take_values(backend, head, buffer, count, Places::From(row), (&mut rollout.values, stride));
            backend.read(buffer, 0, outputs)
        })
    }

    /// Values of what follows a single agent's rollout in the `n` environments from `first` on, rows `[n, inputs]`, and of the final
    /// observations of the episodes that were truncated, one a row of `truncated_rows`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn bootstrap(
        &mut self,
        rollout: &mut Rollout<B>,
        (first, last_observations): (usize, &[f32]),
        final_observations: &[f32],
        truncated_rows: &[u32],
    ) -> Result<(), KernelError> {
        let (backend, head) = (&self.backend, &self.spec.head);
        let (rows, stride) = (rollout.rows(), rollout.rows() + rollout.envs);
        let count = last_observations.len() / self.spec.inputs();
        self.network.forward(backend, last_observations, count, &mut |buffer| {
            take_values(backend, head, buffer, count, Places::From(rows + first), (&mut rollout.values, stride));
            Ok(())
        })?;
        if truncated_rows.is_empty() {
            return Ok(());
        }
        let (count, places) = (truncated_rows.len(), backend.upload_indices(truncated_rows));
        self.network.forward(backend, final_observations, count, &mut |buffer| {
            take_values(backend, head, buffer, count, Places::At(&places), (&mut rollout.final_values, rows));
            Ok(())
        })
    }

    /// Outputs `[A, R, W]` for normalised observations `[A, R, inputs]`, on the host.
    ///
    /// # Errors
    /// If the device fails.
    pub fn predict(&mut self, observations: &[f32]) -> Result<Vec<f32>, KernelError> {
        let rows = observations.len() / (self.agents * self.spec.inputs());
        let mut outputs = vec![0.0; self.agents * rows * self.spec.head.width()];
        let backend = &self.backend;
        self.network.forward(backend, observations, rows, &mut |buffer| backend.read(buffer, 0, &mut outputs))?;
        Ok(outputs)
    }

    /// Writes an agent's `log_std` parameter, which is empty for a categorical policy, to `out`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn read_log_std(&self, agent: usize, out: &mut [f32]) -> Result<(), KernelError> {
        self.backend.read(&self.weights, agent * self.log_std.stride + self.log_std.at, out)
    }

    /// Everything that has to be kept of an agent.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self, agent: usize) -> Result<LearnerState, KernelError> {
        let count = self.log_std.stride;
        let read = |buffer: &B::Buffer| {
            let mut numbers = vec![0.0; count];
            self.backend.read(buffer, agent * count, &mut numbers).map(|()| numbers)
        };
        Ok(LearnerState {
            weights: read(&self.weights)?,
            first_moment: read(&self.first_moment)?,
            second_moment: read(&self.second_moment)?,
            optimizer_steps: self.optimizer_steps[agent],
        })
    }

    /// Takes over an agent's state; its vectors must have `param_count` numbers.
    ///
    /// # Errors
    /// If the device fails.
    pub fn restore(&mut self, agent: usize, state: &LearnerState) -> Result<(), KernelError> {
        self.write_state(agent, state);
        self.network.load(&self.backend, &self.weights)
    }

    fn write_state(&mut self, agent: usize, state: &LearnerState) {
        let at = agent * self.log_std.stride;
        self.backend.write(&mut self.weights, at, &state.weights);
        self.backend.write(&mut self.first_moment, at, &state.first_moment);
        self.backend.write(&mut self.second_moment, at, &state.second_moment);
        self.optimizer_steps[agent] = state.optimizer_steps;
    }

    /// Optimiser steps an agent has taken so far.
    pub fn optimizer_steps(&self, agent: usize) -> u64 {
        self.optimizer_steps[agent]
    }

    /// Starts an update of at most `steps` gradient steps, with settings for every agent.
    pub(crate) fn begin_update(&mut self, steps: usize, settings: impl IntoIterator<Item = StepSettings>) {
        self.loss_params.clear();
        self.optimizer_params.clear();
        self.kl_limits.clear();
        for settings in settings {
            self.loss_params.push(settings.loss);
            self.optimizer_params.push(settings.optimizer);
            self.kl_limits.push(settings.kl_limit);
            self.normalize_advantages = settings.normalize_advantages;
        }
        assert_eq!(self.loss_params.len(), self.agents, "settings for every agent");
        self.is_first = true;
        self.report.begin(&self.backend, steps, &self.optimizer_steps);
    }

    /// Starts to fetch what the update's steps reported.
    pub(crate) fn finish_update(&self, outcome: &mut Outcome<B>) {
        self.report.begin_read(&self.backend, outcome);
    }

    /// Orders a rollout's rows anew for every agent, by a key of its own.
    pub(crate) fn shuffle(&mut self, rows: usize, keys: impl Iterator<Item = [u32; 2]>) {
        self.in_order(rows);
        self.shuffle_keys.clear();
        self.shuffle_keys.extend(keys);
        self.backend.shuffle(&self.shuffle_keys, rows, &mut self.order);
    }

    /// Orders the sequences of a rollout anew for every agent, by a key of its own.
    pub(crate) fn shuffle_sequences(
        &mut self,
        rollout: &Rollout<B>,
        length: usize,
        minibatches: usize,
        keys: impl Iterator<Item = [u32; 2]>,
    ) {
        self.in_order(rollout.rows());
        let order = |key| sequences::order(key, [rollout.steps, rollout.envs], length, minibatches);
        self.backend.write_indices(&mut self.order, &keys.flat_map(order).collect::<Vec<u32>>());
    }

    /// Makes sure that there is an order of so many rows; a new one is that in which they come.
    pub(crate) fn in_order(&mut self, rows: usize) {
        if self.order_rows != rows {
            let order: Vec<u32> = (0..self.agents).flat_map(|_| 0..rows as u32).collect();
            self.order = self.backend.upload_indices(&order);
            self.order_rows = rows;
        }
    }

    /// One gradient step of every agent on some rows of its rollout. False if no agent takes any more.
    pub(crate) fn step(&mut self, rollout: &Rollout<B>, chosen: Chosen) -> Result<bool, KernelError> {
        let selection = Selection { rows: &self.order, stride: self.order_rows, first: chosen.first };
        let batch = rollout.minibatch(chosen.rows, selection);
        self.backend.advantage_moments(batch, self.normalize_advantages, &mut self.advantage_moments);
        self.report.begin_step();
        if self.kl_limits.iter().any(|&limit| limit > 0.0) {
            let (network, backend, mut step) = self.step_args(rollout, chosen);
            network.differentiate(backend, step.pass())?;
            if !self.report.limit(&self.backend, &self.kl_limits)? {
                return Ok(false);
            }
            self.count_step();
            let (network, backend, mut step) = self.step_args(rollout, chosen);
            network.optimize(backend, step.optimizer())?;
        } else {
            self.count_step();
            let (network, backend, step) = self.step_args(rollout, chosen);
            network.step(backend, step)?;
        }
        self.is_first = false;
        Ok(true)
    }

    /// The network, and what it needs for the step under way.
    fn step_args<'a>(
        &'a mut self,
        rollout: &'a Rollout<B>,
        Chosen { first, rows, sequence }: Chosen,
    ) -> (&'a mut dyn Network<B>, &'a B, Step<'a, B>) {
        let [(metrics, metrics_at), (grad_norm, grad_norm_at)] = self.report.places();
        let step = Step::<B> {
            layout: &self.spec.head,
            params: &self.loss_params,
            batch: rollout.minibatch(rows, Selection { rows: &self.order, stride: self.order_rows, first }),
            is_first: self.is_first,
            sequence,
            observations: &rollout.observations,
            moments: &self.advantage_moments,
            log_std: self.log_std,
            metrics,
            metrics_at,
            gradients: &mut self.gradients,
            optimizer: &self.optimizer_params,
            weights: &mut self.weights,
            first_moment: &mut self.first_moment,
            second_moment: &mut self.second_moment,
            grad_norm,
            grad_norm_at,
        };
        (&mut *self.network, &self.backend, step)
    }

    /// Counts the optimiser step of every agent that takes it, and lets the others rest.
    fn count_step(&mut self) {
        self.report.count_step();
        for (agent, params) in self.optimizer_params.iter_mut().enumerate() {
            if !self.report.is_active(agent) {
                params.kind = OptimizerParams::REST;
                continue;
            }
            self.optimizer_steps[agent] += 1;
            if params.kind == 0 {
                // In double precision: beta2^t of a long run is close to 1.
                let power = |beta: f32| 1.0 - f64::from(beta).powf(self.optimizer_steps[agent] as f64);
                params.correction1 = power(params.beta1) as f32;
                params.correction2 = power(params.beta2) as f32;
            }
        }
    }
}
