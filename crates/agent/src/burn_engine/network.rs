//! A burn module as a [`Network`].

use super::{Bridge, BurnModel, Front, Past};
use crate::{Network, NetworkSpec, Observation, Pass, WithOutputs};
use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use std::ops::Range;
use striatum_kernels::{Backend, KernelError, LossArgs, TakeColumnsArgs, UnpackBytesArgs};

/// A burn module on a burn device for one agent, trained through autodiff with the output gradients that the loss kernel computes.
pub struct BurnNetwork<B, M> {
    /// What comes before the module, if anything does.
    front: Option<Box<dyn Front<B>>>,
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
    /// Length of the arena without `log_std`.
    param_count: usize,
}

/// What a module is given, and what a row has beside.
struct Row {
    observations: Tensor<2>,
    mask: Option<Tensor<2>>,
    past: Option<Past>,
}

impl<B: Bridge, M: BurnModel> BurnNetwork<B, M> {
    /// A network of a spec; `make` builds its module on a device, and `device` has no autodiff.
    pub fn new(spec: &NetworkSpec, device: &Device, make: impl Fn(&Device) -> M) -> Self {
        Self::with_front(spec, device, None, make)
    }

    /// The same of a module that reads what `front` makes of observations.
    pub fn with_front(
        spec: &NetworkSpec,
        device: &Device,
        front: Option<Box<dyn Front<B>>>,
        make: impl Fn(&Device) -> M,
    ) -> Self {
        let model = make(&device.clone().autodiff());
        let inference = model.valid();
        let before: usize = front.iter().flat_map(|front| front.parts()).map(|part| part.len()).sum();
        let param_count = before + model.num_params();
        Self {
            front,
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

    fn arena_at(&self) -> ArenaAt {
        ArenaAt { at: 0, others: self.front.iter().flat_map(|front| front.parts()).collect() }
    }

    fn training_device(&self) -> Device {
        self.device.clone().autodiff()
    }

    /// Numbers of an observation as the module reads it.
    fn numbers(&self) -> usize {
        self.front.as_ref().map_or_else(|| self.observation.len(), |front| front.numbers())
    }

    /// Rows with observations as the module reads them, from rows that `fill` writes, `[R, inputs]`. With `keep` a backward pass may follow.
    fn input(
        &mut self,
        backend: &B,
        device: &Device,
        rows: usize,
        keep: bool,
        fill: impl FnOnce(&mut B::Buffer),
    ) -> Result<Tensor<2>, KernelError> {
        if let Some(front) = &mut self.front {
            let width = front.numbers() + self.inputs - self.observation.words();
            let mut source = backend.zeros(rows * self.inputs);
            fill(&mut source);
            return backend.tensor([rows, width], device, |out| front.forward(&source, rows, keep, out));
        }
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
        let (count, numbers) = (rows.dims()[0], self.numbers());
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

    /// Every parameter's gradient to its place in the arena; those of what comes before the module from that of the module's input.
    fn write_gradients(
        &mut self,
        backend: &B,
        gradients: Gradients,
        input: Tensor<2>,
        to: &mut B::Buffer,
    ) -> Result<(), KernelError> {
        let mut collector = Collector { gradients, arena_at: self.arena_at(), parts: Vec::new() };
        self.model.visit(&mut collector);
        for (at, parts) in collector.parts {
            let part = Tensor::cat(parts, 0);
            let count = part.dims()[0];
            backend.read_tensor(part, |part| {
                copy(backend, part, count, to, at);
                Ok(())
            })?;
        }
        let Some(front) = &mut self.front else { return Ok(()) };
        let d = input.grad(&collector.gradients).unwrap_or_else(|| input.inner().zeros_like());
        backend.read_tensor(d, |d| {
            front.backward(d, to);
            Ok(())
        })
    }
}

impl<B: Bridge, M: BurnModel> Network<B> for BurnNetwork<B, M> {
    fn load(&mut self, backend: &B, weights: &B::Buffer) -> Result<(), KernelError> {
        let count = self.param_count;
        let arena =
            backend.tensor([1, count], &self.training_device(), |arena| copy(backend, weights, count, arena, 0))?;
        let mut loader = Loader { arena: arena.reshape([count]), arena_at: self.arena_at() };
        self.model = self.model.clone().map(&mut loader);
        self.inference = self.model.valid();
        if let Some(front) = &mut self.front {
            front.load(weights);
        }
        Ok(())
    }

    fn forward(
        &mut self,
        backend: &B,
        observations: &[f32],
        rows: usize,
        with: &mut WithOutputs<'_, B>,
    ) -> Result<(), KernelError> {
        let device = self.device.clone();
        let observations =
            self.input(backend, &device, rows, false, |memory| backend.write(memory, 0, observations))?;
        let (outputs, _) = self.outputs(&self.inference, observations, 1, false);
        backend.read_tensor(outputs, |outputs| with(outputs))
    }

    fn differentiate(&mut self, backend: &B, pass: Pass<'_, B>) -> Result<(), KernelError> {
        let device = self.training_device();
        let (rows, asymmetric) = (pass.batch.rows, pass.is_asymmetric());
        let shape = [rows, pass.layout.width()];
        let inputs = self.inputs;
        let mut input = self.input(backend, &device, rows, true, |memory| {
            backend.gather(1, inputs, pass.observations, pass.batch.selection, rows, memory);
        })?;
        if self.front.is_some() {
            input = input.require_grad();
        }
        let (outputs, trunk) = self.outputs(&self.model, input.clone(), pass.sequence, asymmetric);

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
        self.write_gradients(backend, sum.backward(), input, pass.gradients)
    }
}

/// Copies the first `count` numbers to `at` and on.
fn copy<B: Backend>(backend: &B, from: &B::Buffer, count: usize, to: &mut B::Buffer, at: usize) {
    backend.take_columns(TakeColumnsArgs {
        agents: 1,
        rows: count,
        source: from,
        width: 1,
        column: 0,
        columns: 1,
        places: None,
        at,
        out: to,
        stride: at + count,
    });
}

/// Where the module's next parameter lies in the arena, between parts that are not the module's.
struct ArenaAt {
    at: usize,
    others: Vec<Range<usize>>,
}

impl ArenaAt {
    /// The place of a parameter of `len` numbers.
    fn next(&mut self, len: usize) -> usize {
        while let Some(other) = self.others.iter().find(|other| other.start == self.at) {
            self.at = other.end;
        }
        self.at += len;
        self.at - len
    }
}

/// Replaces every parameter by its part of the arena.
struct Loader {
    arena: Tensor<1>,
    arena_at: ArenaAt,
}

impl ModuleMapper for Loader {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|old| {
            let shape = old.dims();
            let len = shape.iter().product();
            let part = self.arena.clone().narrow(0, self.arena_at.next(len), len).reshape(shape);
            part.detach().require_grad()
        })
    }
}

/// Collects every parameter's gradient in arena order; zeros where a parameter had no part in the outputs.
struct Collector {
    gradients: Gradients,
    arena_at: ArenaAt,
    /// Gradients that lie one after the other, and where the first one does.
    parts: Vec<(usize, Vec<Tensor<1>>)>,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let len = value.dims().iter().product::<usize>();
        let gradient = value.grad(&self.gradients).unwrap_or_else(|| value.inner().zeros_like());
        let (end, at) = (self.arena_at.at, self.arena_at.next(len));
        match self.parts.last_mut() {
            Some((_, parts)) if at == end => parts.push(gradient.reshape([len])),
            _ => self.parts.push((at, vec![gradient.reshape([len])])),
        }
    }
}
