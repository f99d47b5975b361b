use super::{Gpu, GpuBuffer, GpuIndices, MlpGpu};
use crate::{Backend, LossArgs, MlpSpec, PassArgs};

/// The fused engine on a GPU: multilayer actor-critics of A agents, a minibatch's rows read where they lie. Activations and gradients of
/// the outputs stay in memory of its own, which grows to the largest minibatch and is then kept.
pub struct ActorCriticGpu {
    mlp: MlpGpu,
    agents: usize,
    width: usize,
    outputs: GpuBuffer,
    d_outputs: GpuBuffer,
    d_trunk: GpuBuffer,
}

impl ActorCriticGpu {
    /// Networks of `spec`'s shape.
    pub fn new(gpu: &Gpu, spec: &MlpSpec, agents: usize) -> Self {
        let empty = || gpu.zeros(0);
        Self {
            mlp: MlpGpu::new(gpu, spec, agents),
            agents,
            width: spec.head.width(),
            outputs: empty(),
            d_outputs: empty(),
            d_trunk: empty(),
        }
    }

    /// Outputs `[A, R, W]` of observations `[A, R, inputs]` by weights `[A, P]`, in memory that the next call overwrites.
    pub fn forward(&mut self, gpu: &Gpu, weights: &GpuBuffer, observations: &GpuBuffer, rows: usize) -> &GpuBuffer {
        fit(gpu, &mut self.outputs, self.agents * rows * self.width);
        self.mlp.forward(gpu, weights, observations, rows, &self.outputs);
        &self.outputs
    }

    /// Gradients and metrics of every agent's minibatch.
    pub fn differentiate(&mut self, gpu: &Gpu, args: PassArgs<'_, GpuBuffer, GpuIndices>) {
        let (rows, selection, asymmetric) = (args.batch.rows, args.batch.selection, args.is_asymmetric());
        let len = self.agents * rows * self.width;
        fit(gpu, &mut self.outputs, len);
        fit(gpu, &mut self.d_outputs, len);
        if asymmetric {
            fit(gpu, &mut self.d_trunk, len);
        }
        let chosen = Some((selection.rows, selection.first, selection.stride));
        self.mlp.forward_train(gpu, args.weights, args.observations, chosen, rows, &self.outputs);
        gpu.actor_critic_loss(LossArgs {
            layout: args.layout,
            params: args.params,
            batch: args.batch,
            moments: args.moments,
            outputs: &self.outputs,
            log_std: args.log_std,
            weights: args.weights,
            d_outputs: &mut self.d_outputs,
            d_trunk: asymmetric.then_some(&mut self.d_trunk),
            gradients: &mut *args.gradients,
            metrics: args.metrics,
            metrics_at: args.metrics_at,
        });
        let d_trunk = asymmetric.then_some(&self.d_trunk);
        self.mlp.backward(gpu, args.weights, &self.d_outputs, d_trunk, args.gradients);
    }
}

/// Memory for exactly `len` numbers.
fn fit(gpu: &Gpu, buffer: &mut GpuBuffer, len: usize) {
    if buffer.len() != len {
        *buffer = gpu.zeros(len);
    }
}
