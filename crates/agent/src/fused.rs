//! The fused kind of network: hand-written kernels for multilayer perceptrons.

use crate::network::{HostNetwork, Network, Pass, Step, WithOutputs};
use striatum_kernels::{
    ActorCriticCpu, ActorCriticGpu, Backend, Cpu, Gpu, GpuBuffer, KernelError, MlpSpec, OptimizerArgs,
};

/// Multilayer perceptrons on the CPU.
pub struct FusedNetwork {
    inner: ActorCriticCpu,
    cpu: Cpu,
    /// A * W.
    width: usize,
    outputs: Vec<f32>,
}

impl FusedNetwork {
    /// Networks of A agents on the threads of `cpu`; results do not depend on their number.
    pub fn new(spec: &MlpSpec, agents: usize, cpu: &Cpu) -> Self {
        let width = agents * spec.head.width();
        Self { inner: ActorCriticCpu::new(spec, agents, cpu), cpu: cpu.clone(), width, outputs: Vec::new() }
    }
}

impl Network<Cpu> for FusedNetwork {
    fn load(&mut self, _: &Cpu, weights: &Vec<f32>) -> Result<(), KernelError> {
        self.inner.load(weights);
        Ok(())
    }

    fn forward(
        &mut self,
        _: &Cpu,
        observations: &[f32],
        rows: usize,
        with: &mut WithOutputs<'_, Cpu>,
    ) -> Result<(), KernelError> {
        self.outputs.resize(rows * self.width, 0.0);
        self.inner.forward(observations, rows, &mut self.outputs);
        with(&self.outputs)
    }

    fn differentiate(&mut self, _: &Cpu, pass: Pass<'_, Cpu>) -> Result<(), KernelError> {
        self.inner.differentiate(pass);
        Ok(())
    }

    fn optimize(&mut self, _: &Cpu, args: OptimizerArgs<'_, Vec<f32>>) -> Result<(), KernelError> {
        self.inner.optimize(args);
        Ok(())
    }

    fn step(&mut self, _: &Cpu, step: Step<'_, Cpu>) -> Result<(), KernelError> {
        self.inner.step(step);
        Ok(())
    }

    fn on_host(&self) -> Option<&dyn HostNetwork> {
        Some(self)
    }
}

impl HostNetwork for FusedNetwork {
    fn forward(&self, agent: usize, observations: &[f32], outputs: &mut [f32]) {
        self.inner.forward_here(agent, observations, outputs);
    }

    fn each(&self, items: usize, work: &(dyn Fn(usize) + Sync)) {
        self.cpu.each(items, work);
    }
}

/// Multilayer perceptrons on a GPU.
pub struct FusedGpuNetwork {
    inner: ActorCriticGpu,
    /// The learner's own.
    weights: GpuBuffer,
}

impl FusedGpuNetwork {
    /// Networks of A agents.
    pub fn new(spec: &MlpSpec, agents: usize, gpu: &Gpu) -> Self {
        Self { inner: ActorCriticGpu::new(gpu, spec, agents), weights: gpu.zeros(0) }
    }
}

impl Network<Gpu> for FusedGpuNetwork {
    fn load(&mut self, _: &Gpu, weights: &GpuBuffer) -> Result<(), KernelError> {
        self.weights = GpuBuffer::wrap(weights.raw().clone(), weights.offset(), weights.len(), None);
        Ok(())
    }

    fn forward(
        &mut self,
        gpu: &Gpu,
        observations: &[f32],
        rows: usize,
        with: &mut WithOutputs<'_, Gpu>,
    ) -> Result<(), KernelError> {
        let observations = gpu.upload(observations);
        with(self.inner.forward(gpu, &self.weights, &observations, rows))
    }

    fn differentiate(&mut self, gpu: &Gpu, pass: Pass<'_, Gpu>) -> Result<(), KernelError> {
        self.inner.differentiate(gpu, pass);
        Ok(())
    }
}
