//! A burn module as a [`Network`].

use super::{Bridge, BurnModel, Past};
use crate::{Network, NetworkSpec, Observation, Pass, WithOutputs};
use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use striatum_kernels::{Backend, KernelError, LossArgs, TakeColumnsArgs, UnpackBytesArgs};

/// A burn module on a burn device for one agent, trained through autodiff with the output gradients that the loss kernel computes.
pub struct BurnNetwork<M> {
    /// With autodiff.
    model: M,
    /// Without.
    inference: M,
    device: Device,
    observation: Observation,
    /// Numbers of a mask, and of a memory's state; 0 without.
    mask: usize,
    carried: usize,
    /// Width of a row.
    inputs: usize,
    param_count: usize,
}

/// What a module is given, and what a row has beside.
struct Row {
    observations: Tensor<2>,
    mask: Option<Tensor<2>>,
    past: Option<Past>,
}

impl<M: BurnModel> BurnNetwork<M> {
    /// A network of a spec; `make` builds its module on a device, and `device` has no autodiff.
    pub fn new(spec: &NetworkSpec, device: &Device, make: impl Fn(&Device) -> M) -> Self {
        let model = make(&device.clone().autodiff());
        let inference = model.valid();
        let param_count = model.num_params();
        Self {
            model,
            inference,
            device: device.clone(),
            observation: spec.observation,
            mask: spec.head.mask_width(),
            carried: spec.head.carried,
            inputs: spec.inputs(),
            param_count,
        }
    }

    fn training_device(&self) -> Device {
        self.device.clone().autodiff()
    }

    /// Rows with pixels as numbers, from rows that `fill` writes, `[R, inputs]`.
    fn input<B: Bridge>(
        &self,
        backend: &B,
        device: &Device,
        rows: usize,
        fill: impl FnOnce(&mut B::Buffer),
    ) -> Result<Tensor<2>, KernelError> {
        if !self.observation.is_packed() {
            return backend.tensor([rows, self.inputs], device, fill);
        }
        let (bytes, rest) = (self.observation.len(), self.inputs - self.observation.words());
        let mut source = backend.zeros(rows * self.inputs);
        fill(&mut source);
        backend.tensor([rows, bytes + rest], device, |out| {
            backend.unpack_bytes(UnpackBytesArgs { rows, bytes, rest, source: &source, out });
        })
    }

    /// Takes rows apart, which are sequences of so many steps.
    fn split(&self, rows: Tensor<2>, steps: usize) -> Row {
        if self.mask + self.carried == 0 {
            return Row { observations: rows, mask: None, past: None };
        }
        let (count, numbers) = (rows.dims()[0], self.observation.len());
        let part = |column, width| rows.clone().narrow(1, column, width);
        let start = numbers + self.mask;
        Row {
            observations: part(0, numbers),
            mask: (self.mask > 0).then(|| part(numbers, self.mask)),
            past: (self.carried > 0).then(|| Past {
                steps,
                start: part(start, 1),
                state: part(start + 1, self.carried).narrow(0, 0, count / steps),
            }),
        }
    }

    /// The outputs that the heads learn from, and, if the layers below learn from another gradient, those for them: the first then come
    /// from features cut off the graph, and the second from heads cut off it. Mask and state stand behind both, cut off as well.
    fn outputs(&self, model: &M, rows: Tensor<2>, steps: usize, asymmetric: bool) -> (Tensor<2>, Option<Tensor<2>>) {
        let Row { observations, mask, past } = self.split(rows, steps);
        let (features, state) = match &past {
            None => (model.trunk(observations), None),
            Some(past) => {
                let (features, state) = model.recall(observations, past);
                (features, Some(state.detach()))
            }
        };
        let behind: Vec<_> = mask.into_iter().chain(state).collect();
        let whole = |heads: Tensor<2>| match behind.is_empty() {
            true => heads,
            false => Tensor::cat([&[heads][..], &behind].concat(), 1),
        };
        if !asymmetric {
            return (whole(model.heads(features)), None);
        }
        (whole(model.heads(features.detach())), Some(whole(model.clone().no_grad().heads(features))))
    }
}

impl<B: Bridge, M: BurnModel> Network<B> for BurnNetwork<M> {
    fn load(&mut self, backend: &B, weights: &B::Buffer) -> Result<(), KernelError> {
        let count = self.param_count;
        let arena =
            backend.tensor([1, count], &self.training_device(), |arena| copy(backend, weights, count, arena))?;
        let mut loader = Loader { arena: arena.reshape([count]), at: 0 };
        self.model = self.model.clone().map(&mut loader);
        self.inference = self.model.valid();
        Ok(())
    }

    fn forward(
        &mut self,
        backend: &B,
        observations: &[f32],
        rows: usize,
        with: &mut WithOutputs<'_, B>,
    ) -> Result<(), KernelError> {
        let observations = self.input(backend, &self.device, rows, |memory| backend.write(memory, 0, observations))?;
        let (outputs, _) = self.outputs(&self.inference, observations, 1, false);
        backend.read_tensor(outputs, |outputs| with(outputs))
    }

    fn differentiate(&mut self, backend: &B, pass: Pass<'_, B>) -> Result<(), KernelError> {
        let device = self.training_device();
        let (rows, asymmetric) = (pass.batch.rows, pass.is_asymmetric());
        let shape = [rows, pass.layout.width()];
        let observations = self.input(backend, &device, rows, |memory| {
            backend.gather(1, self.inputs, pass.observations, pass.batch.selection, rows, memory);
        })?;
        let (outputs, trunk) = self.outputs(&self.model, observations, pass.sequence, asymmetric);

        let mut d_trunk = None;
        let d_outputs = backend.read_tensor(outputs.clone().inner(), |outputs| {
            let mut loss = |d_outputs: &mut B::Buffer, d_trunk: Option<&mut B::Buffer>| {
                backend.actor_critic_loss(LossArgs {
                    layout: pass.layout,
                    params: pass.params,
                    batch: pass.batch,
                    moments: pass.moments,
                    outputs,
                    log_std: pass.log_std,
                    weights: pass.weights,
                    d_outputs,
                    d_trunk,
                    gradients: &mut *pass.gradients,
                    metrics: &mut *pass.metrics,
                    metrics_at: pass.metrics_at,
                });
            };
            if !asymmetric {
                return backend.tensor(shape, &device, |d_outputs| loss(d_outputs, None));
            }
            let mut d_outputs = Err(KernelError::Device("burn gave no memory".into()));
            d_trunk = Some(backend.tensor(shape, &device, |d_trunk| {
                d_outputs = backend.tensor(shape, &device, |d_outputs| loss(d_outputs, Some(d_trunk)));
            })?);
            d_outputs
        })?;

        // The gradient of sum(outputs * d) with respect to the outputs is d: the chain rule starts from the kernel's gradient.
        let mut sum = (outputs * d_outputs).sum();
        if let (Some(trunk), Some(d_trunk)) = (trunk, d_trunk) {
            sum = sum + (trunk * d_trunk).sum();
        }
        let mut collector = Collector { gradients: sum.backward(), parts: Vec::new() };
        self.model.visit(&mut collector);
        let count = self.param_count;
        backend.read_tensor(Tensor::cat(collector.parts, 0), |gradients| {
            copy(backend, gradients, count, pass.gradients);
            Ok(())
        })
    }
}

/// Copies the first `count` numbers.
fn copy<B: Backend>(backend: &B, from: &B::Buffer, count: usize, to: &mut B::Buffer) {
    backend.take_columns(TakeColumnsArgs {
        agents: 1,
        rows: count,
        source: from,
        width: 1,
        column: 0,
        columns: 1,
        places: None,
        at: 0,
        out: to,
        stride: count,
    });
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
