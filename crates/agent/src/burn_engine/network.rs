//! A burn module as a [`Network`].

use super::{Bridge, BurnModel};
use crate::Network;
use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use striatum_kernels::KernelError;

/// A burn module on a burn device, trained through autodiff with the output gradients that the loss kernel computed.
pub struct BurnNetwork<M> {
    /// With autodiff.
    model: M,
    /// Without.
    inference: M,
    device: Device,
    inputs: usize,
    param_count: usize,
    graph: Option<Graph>,
}

/// The outputs of the last training pass, still tied to what they were computed from.
struct Graph {
    outputs: Tensor<2>,
    /// Where the heads learn from another gradient than the layers below: `outputs` then come from features cut off the graph, and
    /// these from heads cut off it.
    trunk: Option<Tensor<2>>,
}

impl<M: BurnModel> BurnNetwork<M> {
    /// A network of `inputs` numbers a row; `make` builds the module on a device, and `device` has no autodiff.
    pub fn new(inputs: usize, device: &Device, make: impl Fn(&Device) -> M) -> Self {
        let model = make(&device.clone().autodiff());
        let inference = model.valid();
        let param_count = model.num_params();
        Self { model, inference, device: device.clone(), inputs, param_count, graph: None }
    }

    fn training_device(&self) -> Device {
        self.device.clone().autodiff()
    }
}

impl<B: Bridge, M: BurnModel> Network<B> for BurnNetwork<M> {
    fn load(&mut self, backend: &B, weights: &B::Buffer) -> Result<(), KernelError> {
        let arena = backend.tensor(weights, [1, self.param_count], &self.training_device())?;
        let mut loader = Loader { arena: arena.reshape([self.param_count]), at: 0 };
        self.model = self.model.clone().map(&mut loader);
        self.inference = self.model.valid();
        Ok(())
    }

    fn forward(
        &mut self,
        backend: &B,
        observations: &B::Buffer,
        rows: usize,
        outputs: &mut B::Buffer,
    ) -> Result<(), KernelError> {
        let observations = backend.tensor(observations, [rows, self.inputs], &self.device)?;
        let result = self.inference.heads(self.inference.trunk(observations));
        backend.store(result, outputs)
    }

    fn forward_train(
        &mut self,
        backend: &B,
        observations: &B::Buffer,
        rows: usize,
        asymmetric: bool,
        outputs: &mut B::Buffer,
    ) -> Result<(), KernelError> {
        let observations = backend.tensor(observations, [rows, self.inputs], &self.training_device())?;
        let features = self.model.trunk(observations);
        let graph = if asymmetric {
            let outputs = self.model.heads(features.detach());
            Graph { outputs, trunk: Some(self.model.clone().no_grad().heads(features)) }
        } else {
            Graph { outputs: self.model.heads(features), trunk: None }
        };
        backend.store(graph.outputs.clone().inner(), outputs)?;
        self.graph = Some(graph);
        Ok(())
    }

    fn backward(
        &mut self,
        backend: &B,
        d_outputs: &B::Buffer,
        d_trunk: Option<&B::Buffer>,
        gradients: &mut B::Buffer,
    ) -> Result<(), KernelError> {
        let device = self.training_device();
        // The gradient of sum(outputs * d) with respect to the outputs is d: the chain rule starts from the kernel's gradient.
        let seeded = |outputs: Tensor<2>, d: &B::Buffer| -> Result<Tensor<1>, KernelError> {
            let d = backend.tensor(d, outputs.dims(), &device)?;
            Ok((outputs * d).sum())
        };
        let graph = self.graph.take().expect("backward follows forward_train");
        let mut sum = seeded(graph.outputs, d_outputs)?;
        if let (Some(trunk), Some(d_trunk)) = (graph.trunk, d_trunk) {
            sum = sum + seeded(trunk, d_trunk)?;
        }
        let mut collector = Collector { gradients: sum.backward(), parts: Vec::new() };
        self.model.visit(&mut collector);
        backend.store(Tensor::cat(collector.parts, 0), gradients)
    }
}

/// Replaces every parameter by its part of the arena.
struct Loader {
    arena: Tensor<1>,
    at: usize,
}

impl ModuleMapper for Loader {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|old| {
            let shape = old.dims();
            let len = shape.iter().product();
            let part = self.arena.clone().narrow(0, self.at, len).reshape(shape);
            self.at += len;
            part.detach().require_grad()
        })
    }
}

/// Collects every parameter's gradient in arena order; zeros where a parameter had no part in the outputs.
struct Collector {
    gradients: Gradients,
    parts: Vec<Tensor<1>>,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let len = value.dims().iter().product::<usize>();
        let gradient = value.grad(&self.gradients).unwrap_or_else(|| value.inner().zeros_like());
        self.parts.push(gradient.reshape([len]));
    }
}
