//! The state of learning on a backend, and the one gradient step that PPO and A2C share.

use crate::{Network, Rollout};
use striatum_kernels::{
    Backend, KernelError, LOSS_METRICS, LossArgs, LossMetrics, LossParams, MlpSpec, OptimizerArgs, OptimizerParams,
};

/// Weights, optimiser moments and the network of one agent.
pub struct Learner<B: Backend> {
    backend: B,
    network: Box<dyn Network<B>>,
    spec: MlpSpec,
    weights: B::Buffer,
    first_moment: B::Buffer,
    second_moment: B::Buffer,
    gradients: B::Buffer,
    log_std: B::Buffer,
    log_std_at: usize,
    acted: B::Buffer,
    scratch: Option<Scratch<B>>,
    optimizer_steps: u64,
}

/// What has to be kept of a learner to go on bit for bit; every vector is `[P]`.
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

/// Memory of one minibatch of R rows, made at the first and kept.
struct Scratch<B: Backend> {
    rows: usize,
    observations: B::Buffer,
    actions: B::Buffer,
    log_probs: B::Buffer,
    advantages: B::Buffer,
    returns: B::Buffer,
    values: B::Buffer,
    mask: B::Buffer,
    tone: B::Buffer,
    inverse_temperature: B::Buffer,
    row_indices: B::Indices,
    value_indices: B::Indices,
    acting_value_indices: B::Indices,
    outputs: B::Buffer,
    moments: B::Buffer,
    d_outputs: B::Buffer,
    d_trunk: B::Buffer,
    d_log_std: B::Buffer,
}

impl<B: Backend> Scratch<B> {
    fn new(backend: &B, spec: &MlpSpec, rows: usize) -> Self {
        let head = &spec.head;
        let values = rows * head.value_heads;
        Self {
            rows,
            observations: backend.zeros(rows * spec.inputs),
            actions: backend.zeros(rows * head.policy.action_width()),
            log_probs: backend.zeros(rows),
            advantages: backend.zeros(rows),
            returns: backend.zeros(values),
            values: backend.zeros(values),
            mask: backend.zeros(rows),
            tone: backend.zeros(rows),
            inverse_temperature: backend.zeros(rows),
            row_indices: backend.upload_indices(&vec![0; rows]),
            value_indices: backend.upload_indices(&vec![0; values]),
            acting_value_indices: backend.upload_indices(&vec![0; values]),
            outputs: backend.zeros(rows * head.width()),
            moments: backend.zeros(4),
            d_outputs: backend.zeros(rows * head.width()),
            d_trunk: backend.zeros(rows * head.width()),
            d_log_std: backend.zeros(head.policy.log_std_len()),
        }
    }

    /// Copies the chosen rows of a rollout together.
    fn gather(&mut self, backend: &B, spec: &MlpSpec, rollout: &Rollout<B>, rows: &[u32]) {
        let heads = spec.head.value_heads;
        // Targets lie `[K, T, N]` and acting values `[K, T + 1, N]`; a minibatch wants `[R, K]`.
        let per_head = |stride: usize| -> Vec<u32> {
            rows.iter().flat_map(|&row| (0..heads).map(move |k| (k * stride) as u32 + row)).collect()
        };
        backend.write_indices(&mut self.row_indices, rows);
        backend.write_indices(&mut self.value_indices, &per_head(rollout.rows()));
        backend.write_indices(&mut self.acting_value_indices, &per_head(rollout.rows() + rollout.envs));

        let actions = spec.head.policy.action_width();
        backend.gather(1, spec.inputs, &rollout.observations, &self.row_indices, &mut self.observations);
        backend.gather(1, actions, &rollout.actions, &self.row_indices, &mut self.actions);
        backend.gather(1, 1, &rollout.log_probs, &self.row_indices, &mut self.log_probs);
        backend.gather(1, 1, &rollout.advantages, &self.row_indices, &mut self.advantages);
        backend.gather(1, 1, &rollout.mask, &self.row_indices, &mut self.mask);
        backend.gather(1, 1, &rollout.tone, &self.row_indices, &mut self.tone);
        backend.gather(1, 1, &rollout.inverse_temperature, &self.row_indices, &mut self.inverse_temperature);
        backend.gather(1, 1, &rollout.returns, &self.value_indices, &mut self.returns);
        backend.gather(1, 1, &rollout.values, &self.acting_value_indices, &mut self.values);
    }
}

/// Memory for what the minibatches of an update report, read back once at its end.
pub(crate) struct Report<B: Backend> {
    metrics: B::Buffer,
    grad_norms: B::Buffer,
    steps: usize,
}

impl<B: Backend> Report<B> {
    pub(crate) fn new(backend: &B, capacity: usize) -> Self {
        Self { metrics: backend.zeros(capacity * LOSS_METRICS), grad_norms: backend.zeros(capacity), steps: 0 }
    }

    /// Metrics and gradient norms of the steps so far.
    pub(crate) fn read(&self, backend: &B) -> Result<(Vec<LossMetrics>, Vec<f32>), KernelError> {
        let metrics = backend.download(&self.metrics)?;
        let mut grad_norms = backend.download(&self.grad_norms)?;
        grad_norms.truncate(self.steps);
        let metrics = metrics.chunks_exact(LOSS_METRICS).take(self.steps).map(metrics_of).collect();
        Ok((metrics, grad_norms))
    }
}

fn metrics_of(numbers: &[f32]) -> LossMetrics {
    let mut array = [0.0; LOSS_METRICS];
    array.copy_from_slice(numbers);
    bytemuck::cast(array)
}

/// How one gradient step goes.
pub(crate) struct StepSettings {
    pub loss: LossParams,
    pub optimizer: OptimizerParams,
    pub normalize_advantages: bool,
    /// Approximate KL beyond which the step is not taken; 0 is off.
    pub kl_limit: f32,
}

impl<B: Backend> Learner<B> {
    /// A learner with `weights` `[P]` and moments of zero.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(
        backend: B,
        network: Box<dyn Network<B>>,
        spec: MlpSpec,
        weights: Vec<f32>,
    ) -> Result<Self, KernelError> {
        let count = spec.param_count();
        let log_std_len = spec.head.policy.log_std_len();
        let mut learner = Self {
            weights: backend.zeros(count),
            first_moment: backend.zeros(count),
            second_moment: backend.zeros(count),
            gradients: backend.zeros(count),
            log_std: backend.zeros(log_std_len),
            log_std_at: count - log_std_len,
            acted: backend.zeros(0),
            scratch: None,
            optimizer_steps: 0,
            backend,
            network,
            spec,
        };
        let zeros = vec![0.0; count];
        learner.restore(&LearnerState {
            weights,
            first_moment: zeros.clone(),
            second_moment: zeros,
            optimizer_steps: 0,
        })?;
        Ok(learner)
    }

    /// The backend that everything lies on.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// The network's shape.
    pub fn spec(&self) -> &MlpSpec {
        &self.spec
    }

    /// Outputs at the time of acting, `[T, N, W]`.
    pub(crate) fn acted(&self) -> &B::Buffer {
        &self.acted
    }

    /// Makes room for the outputs of a rollout of `rows` rows.
    pub fn begin_rollout(&mut self, rows: usize) {
        self.acted = self.backend.zeros(rows * self.spec.head.width());
    }

    /// Outputs `[R, W]` for normalised observations `[R, inputs]`; they are also kept on the device as rows `at..at + R` of the rollout.
    ///
    /// # Errors
    /// If the device fails.
    pub fn act(&mut self, observations: &[f32], at: usize) -> Result<Vec<f32>, KernelError> {
        let width = self.spec.head.width();
        let rows = observations.len() / self.spec.inputs;
        let outputs = self.evaluate(observations, rows)?;
        self.backend.copy(&outputs, 0, &mut self.acted, at * width, rows * width);
        self.backend.download(&outputs)
    }

    /// Outputs `[R, W]` for normalised observations `[R, inputs]`, on the host.
    ///
    /// # Errors
    /// If the device fails.
    pub fn predict(&mut self, observations: &[f32]) -> Result<Vec<f32>, KernelError> {
        let outputs = self.evaluate(observations, observations.len() / self.spec.inputs)?;
        self.backend.download(&outputs)
    }

    pub(crate) fn evaluate(&mut self, observations: &[f32], rows: usize) -> Result<B::Buffer, KernelError> {
        let observations = self.backend.upload(observations);
        let mut outputs = self.backend.zeros(rows * self.spec.head.width());
        self.network.forward(&self.backend, &observations, rows, &mut outputs)?;
        Ok(outputs)
    }

    /// The `log_std` parameter, empty for a categorical policy.
    ///
    /// # Errors
    /// If the device fails.
    pub fn log_std(&self) -> Result<Vec<f32>, KernelError> {
        self.backend.download(&self.log_std)
    }

    /// Everything that has to be kept.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<LearnerState, KernelError> {
        Ok(LearnerState {
            weights: self.backend.download(&self.weights)?,
            first_moment: self.backend.download(&self.first_moment)?,
            second_moment: self.backend.download(&self.second_moment)?,
            optimizer_steps: self.optimizer_steps,
        })
    }

    /// Takes over a state; its vectors must have `param_count` numbers.
    ///
    /// # Errors
    /// If the device fails.
    pub fn restore(&mut self, state: &LearnerState) -> Result<(), KernelError> {
        self.backend.write(&mut self.weights, &state.weights);
        self.backend.write(&mut self.first_moment, &state.first_moment);
        self.backend.write(&mut self.second_moment, &state.second_moment);
        self.optimizer_steps = state.optimizer_steps;
        self.load_weights()
    }

    /// Optimiser steps taken so far.
    pub fn optimizer_steps(&self) -> u64 {
        self.optimizer_steps
    }

    fn load_weights(&mut self) -> Result<(), KernelError> {
        let len = self.spec.head.policy.log_std_len();
        self.backend.copy(&self.weights, self.log_std_at, &mut self.log_std, 0, len);
        self.network.load(&self.backend, &self.weights)
    }

    /// One gradient step on the given rows of a rollout. False if the KL limit forbade it.
    pub(crate) fn step(
        &mut self,
        rollout: &Rollout<B>,
        rows: &[u32],
        settings: &StepSettings,
        report: &mut Report<B>,
    ) -> Result<bool, KernelError> {
        let mut batch = match self.scratch.take() {
            Some(scratch) if scratch.rows == rows.len() => scratch,
            _ => Scratch::new(&self.backend, &self.spec, rows.len()),
        };
        batch.gather(&self.backend, &self.spec, rollout, rows);
        let metrics = self.differentiate(&mut batch, settings)?;
        self.scratch = Some(batch);

        if settings.kl_limit > 0.0 && metrics_of(&self.backend.download(&metrics)?).approx_kl > settings.kl_limit {
            return Ok(false);
        }
        let grad_norm = self.optimize(settings.optimizer)?;
        self.backend.copy(&metrics, 0, &mut report.metrics, report.steps * LOSS_METRICS, LOSS_METRICS);
        self.backend.copy(&grad_norm, 0, &mut report.grad_norms, report.steps, 1);
        report.steps += 1;
        Ok(true)
    }

    /// Forward pass, loss and backward pass of a minibatch: fills `gradients`, returns the metrics.
    fn differentiate(&mut self, batch: &mut Scratch<B>, settings: &StepSettings) -> Result<B::Buffer, KernelError> {
        let backend = &self.backend;
        let asymmetric = settings.loss.kappa != 0.0;
        let mut metrics = backend.zeros(LOSS_METRICS);
        backend.advantage_moments(1, settings.normalize_advantages, &batch.advantages, &batch.mask, &mut batch.moments);
        self.network.forward_train(backend, &batch.observations, batch.rows, asymmetric, &mut batch.outputs)?;
        backend.actor_critic_loss(LossArgs {
            layout: &self.spec.head,
            agents: 1,
            rows: batch.rows,
            params: &[settings.loss],
            outputs: &batch.outputs,
            log_std: &self.log_std,
            actions: &batch.actions,
            log_probs: &batch.log_probs,
            advantages: &batch.advantages,
            returns: &batch.returns,
            values: &batch.values,
            mask: &batch.mask,
            tone: &batch.tone,
            inverse_temperature: &batch.inverse_temperature,
            moments: &batch.moments,
            d_outputs: &mut batch.d_outputs,
            d_trunk: asymmetric.then_some(&mut batch.d_trunk),
            d_log_std: &mut batch.d_log_std,
            metrics: &mut metrics,
        });
        let d_trunk = asymmetric.then_some(&batch.d_trunk);
        self.network.backward(backend, &batch.d_outputs, d_trunk, &mut self.gradients)?;
        let len = self.spec.head.policy.log_std_len();
        backend.copy(&batch.d_log_std, 0, &mut self.gradients, self.log_std_at, len);
        Ok(metrics)
    }

    /// One optimiser step with the current gradients; returns their norm.
    fn optimize(&mut self, mut params: OptimizerParams) -> Result<B::Buffer, KernelError> {
        self.optimizer_steps += 1;
        if params.kind == 0 {
            let t = self.optimizer_steps as f64;
            params.correction1 = (1.0 - f64::from(params.beta1).powf(t)) as f32;
            params.correction2 = (1.0 - f64::from(params.beta2).powf(t)) as f32;
        }
        let mut grad_norm = self.backend.zeros(1);
        self.backend.optimizer_step(OptimizerArgs {
            agents: 1,
            params: &[params],
            gradients: &self.gradients,
            weights: &mut self.weights,
            first_moment: &mut self.first_moment,
            second_moment: &mut self.second_moment,
            grad_norm: &mut grad_norm,
        });
        self.load_weights()?;
        Ok(grad_norm)
    }
}
