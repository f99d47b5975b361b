//! The fused kind of network: hand-written kernels for multilayer perceptrons.

use crate::Network;
use striatum_kernels::{Cpu, KernelError, MlpCpu, MlpSpec};

/// A multilayer perceptron on the CPU.
pub struct FusedNetwork {
    spec: MlpSpec,
    threads: usize,
    max_rows: usize,
    mlp: MlpCpu,
    weights: Vec<f32>,
    /// Observations of the last training pass.
    observations: Vec<f32>,
}

impl FusedNetwork {
    /// A network that uses at most `threads` threads; results do not depend on their number.
    pub fn new(spec: &MlpSpec, threads: usize) -> Self {
        Self {
            spec: spec.clone(),
            threads,
            max_rows: 0,
            mlp: MlpCpu::new(spec, 0, threads),
            weights: Vec::new(),
            observations: Vec::new(),
        }
    }
}

impl Network<Cpu> for FusedNetwork {
    fn load(&mut self, _: &Cpu, weights: &Vec<f32>) -> Result<(), KernelError> {
        self.weights.clone_from(weights);
        Ok(())
    }

    fn forward(
        &mut self,
        _: &Cpu,
        observations: &Vec<f32>,
        rows: usize,
        outputs: &mut Vec<f32>,
    ) -> Result<(), KernelError> {
        self.mlp.forward(&self.weights, observations, rows, outputs);
        Ok(())
    }

    fn forward_train(
        &mut self,
        _: &Cpu,
        observations: &Vec<f32>,
        rows: usize,
        _: bool,
        outputs: &mut Vec<f32>,
    ) -> Result<(), KernelError> {
        if rows > self.max_rows {
            self.mlp = MlpCpu::new(&self.spec, rows, self.threads);
            self.max_rows = rows;
        }
        self.observations.clone_from(observations);
        self.mlp.forward_train(&self.weights, observations, rows, outputs);
        Ok(())
    }

    fn backward(
        &mut self,
        _: &Cpu,
        d_outputs: &Vec<f32>,
        d_trunk: Option<&Vec<f32>>,
        gradients: &mut Vec<f32>,
    ) -> Result<(), KernelError> {
        let d_trunk = d_trunk.map(Vec::as_slice);
        self.mlp.backward(&self.weights, &self.observations, d_outputs, d_trunk, gradients);
        Ok(())
    }
}
