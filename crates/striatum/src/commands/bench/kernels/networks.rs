//! The fused network of either device behind one interface. This module is the only one that calls it.

use std::ops::Range;
use striatum_kernels::{
    ActorCriticCpu, ActorCriticGpu, Backend, Cpu, Gpu, GpuBuffer, GpuIndices, Heads, MlpCpu, MlpGpu, MlpSpec, PassArgs,
    TilePass,
};

/// A batch with the gradient of its outputs, of one agent: `[rows, inputs]` and `[rows, W]`.
pub struct Given<'a, B> {
    pub rows: usize,
    pub observations: &'a B,
    pub d_outputs: &'a B,
}

/// Networks of a device.
pub trait Networks: Backend {
    /// The network alone, one agent.
    type Mlp;
    /// Network and loss.
    type ActorCritic;

    /// With the weights `[P]` loaded, if it keeps them.
    fn mlp(&self, spec: &MlpSpec, weights: &[f32]) -> Self::Mlp;

    /// Writes outputs `[rows, W]`.
    fn forward(
        &self,
        mlp: &mut Self::Mlp,
        weights: &Self::Buffer,
        given: Given<'_, Self::Buffer>,
        outputs: &mut Self::Buffer,
    );

    /// Forward and backward pass; writes gradients `[P]`. `outputs` is memory that may be used.
    fn train_pass(
        &self,
        mlp: &mut Self::Mlp,
        weights: &Self::Buffer,
        given: Given<'_, Self::Buffer>,
        outputs: &mut Self::Buffer,
        gradients: &mut Self::Buffer,
    );

    /// With the weights `[A, P]` loaded, if it keeps them.
    fn actor_critic(&self, spec: &MlpSpec, agents: usize, weights: &[f32]) -> Self::ActorCritic;

    /// Gradients and metrics of a minibatch.
    fn differentiate(&self, network: &mut Self::ActorCritic, args: PassArgs<'_, Self::Buffer, Self::Indices>);
}

impl TilePass for Given<'_, Vec<f32>> {
    fn observations(&self, rows: Range<usize>, observations: &mut [f32]) {
        let inputs = self.observations.len() / self.rows;
        observations.copy_from_slice(&self.observations[rows.start * inputs..rows.end * inputs]);
    }

    fn loss(&self, _: usize, _: Heads, rows: Range<usize>, _: &[f32], d_outputs: &mut [f32], _: Option<&mut [f32]>) {
        let width = self.d_outputs.len() / self.rows;
        d_outputs.copy_from_slice(&self.d_outputs[rows.start * width..rows.end * width]);
    }
}

impl Networks for Cpu {
    type Mlp = MlpCpu;
    type ActorCritic = ActorCriticCpu;

    fn mlp(&self, spec: &MlpSpec, weights: &[f32]) -> MlpCpu {
        let mut mlp = MlpCpu::new(spec, 1, self);
        mlp.load(weights);
        mlp
    }

    fn forward(&self, mlp: &mut MlpCpu, _: &Vec<f32>, given: Given<'_, Vec<f32>>, outputs: &mut Vec<f32>) {
        mlp.forward(0, given.observations, given.rows, outputs);
    }

    fn train_pass(
        &self,
        mlp: &mut MlpCpu,
        _: &Vec<f32>,
        given: Given<'_, Vec<f32>>,
        _: &mut Vec<f32>,
        gradients: &mut Vec<f32>,
    ) {
        mlp.train_pass(0, given.rows, false, &given, gradients);
    }

    fn actor_critic(&self, spec: &MlpSpec, agents: usize, weights: &[f32]) -> ActorCriticCpu {
        let mut network = ActorCriticCpu::new(spec, agents, self);
        network.load(weights);
        network
    }

    fn differentiate(&self, network: &mut ActorCriticCpu, args: PassArgs<'_, Vec<f32>, Vec<u32>>) {
        network.differentiate(args);
    }
}

impl Networks for Gpu {
    type Mlp = MlpGpu;
    type ActorCritic = ActorCriticGpu;

    fn mlp(&self, spec: &MlpSpec, _: &[f32]) -> MlpGpu {
        MlpGpu::new(self, spec, 1)
    }

    fn forward(&self, mlp: &mut MlpGpu, weights: &GpuBuffer, given: Given<'_, GpuBuffer>, outputs: &mut GpuBuffer) {
        mlp.forward(self, weights, given.observations, given.rows, outputs);
    }

    fn train_pass(
        &self,
        mlp: &mut MlpGpu,
        weights: &GpuBuffer,
        given: Given<'_, GpuBuffer>,
        outputs: &mut GpuBuffer,
        gradients: &mut GpuBuffer,
    ) {
        mlp.forward_train(self, weights, given.observations, None, given.rows, outputs);
        mlp.backward(self, weights, given.d_outputs, None, gradients);
    }

    fn actor_critic(&self, spec: &MlpSpec, agents: usize, _: &[f32]) -> ActorCriticGpu {
        ActorCriticGpu::new(self, spec, agents)
    }

    fn differentiate(&self, network: &mut ActorCriticGpu, args: PassArgs<'_, GpuBuffer, GpuIndices>) {
        network.differentiate(self, args);
    }
}
