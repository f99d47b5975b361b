//! The multilayer actor-critic on the GPU.

mod chain;
mod launch;
mod plan;

use super::{Gpu, GpuBuffer, GpuIndices};
use crate::{Activation, Backend, MlpSpec};
use plan::Plan;

/// What one workgroup computes of the hidden layers. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MlpTiles {
    /// 64 rows and 64 columns of a layer, 4 x 4 an invocation (`mlp_layer.wgsl`).
    Small,
    /// 256 rows and 64 columns of a layer, 8 x 8 an invocation (`mlp_layer_large.wgsl`).
    Large,
    /// 32 rows of all layers and heads (`mlp_chain.wgsl`); [`Small`](Self::Small) instead where a hidden layer, or the heads
    /// upon one network, are wider than 64.
    Whole,
}

/// The fused engine's network on a GPU: forward and backward pass of `agents` multilayer actor-critics of one shape, as
/// [`MlpCpu`](crate::MlpCpu) for one.
///
/// A forward pass is one dispatch a hidden layer and one for all heads, of all agents and of actor and critic together, and one more for
/// action masks, which go from observations to outputs as they are. A backward pass is one dispatch a hidden layer, one or two for all weight gradients, and one that adds them up. Small batches
/// of networks no wider than 64 take all layers in one dispatch ([`MlpTiles::Whole`]). Sums have a fixed order that does not
/// depend on the number of agents, and a row's outputs do not depend on the rows beside it.
///
/// Activations stay in buffers that grow with the largest batch and are then kept. All layers' lie in one buffer of `A R`
/// times the widths of all hidden layers (rounded up to multiples of 4, twice that without a shared trunk), which must fit a
/// binding of the device.
pub struct MlpGpu {
    plan: Plan,
    activation: Activation,
    agents: usize,
    tiles: Option<MlpTiles>,
    /// Whether dispatches are dear, as they are not where the processor plays the device.
    dear_dispatches: bool,
    /// Values of two layers, for inference.
    passing: GpuBuffer,
    /// Values of all layers and, of SiLU, their slopes; gradients of their sums. Layer by layer, each `[A, networks, R,
    /// stride]`.
    values: GpuBuffer,
    slopes: GpuBuffer,
    gradients: GpuBuffer,
    /// Sums over segments of the rows, `[A, segments, P]`.
    partial: GpuBuffer,
    unused: GpuBuffer,
    unused_indices: GpuIndices,
    batch: Option<Batch>,
}

/// What [`MlpGpu::forward_train`] was given.
struct Batch {
    rows: usize,
    observations: GpuBuffer,
    selection: Option<Selection>,
}

/// Rows by index.
struct Selection {
    indices: GpuIndices,
    first: usize,
    /// How many indices, and observations, an agent has.
    selectable: usize,
}

/// Another handle to the same memory.
fn handle(buffer: &GpuBuffer) -> GpuBuffer {
    GpuBuffer::wrap(buffer.raw().clone(), buffer.offset(), buffer.len(), None)
}

fn grow(gpu: &Gpu, buffer: &mut GpuBuffer, len: usize) {
    if buffer.len() < len {
        *buffer = gpu.zeros(len);
    }
}

impl MlpGpu {
    /// Networks of `spec`'s shape for so many agents.
    ///
    /// # Panics
    /// If the width of the observation without its mask, of a hidden layer, of a pathway or of the value heads is 0, or if there is a
    /// memory.
    pub fn new(gpu: &Gpu, spec: &MlpSpec, agents: usize) -> Self {
        assert!(
            spec.head.mask_width() < spec.inputs && spec.head.carried == 0,
            "a mask too wide, or a memory: {spec:?}"
        );
        let widths = [spec.inputs, spec.head.policy.logits(), spec.head.value_heads];
        assert!(widths.iter().chain(&spec.hidden).all(|&w| w > 0), "a width of the network is 0: {spec:?}");
        // A binding of vectors holds one at least.
        let empty = || gpu.zeros(4);
        Self {
            plan: Plan::new(spec),
            activation: spec.activation,
            agents,
            tiles: None,
            dear_dispatches: !gpu.info().is_software,
            passing: empty(),
            values: empty(),
            slopes: empty(),
            gradients: empty(),
            partial: empty(),
            unused: empty(),
            unused_indices: gpu.upload_indices(&[0]),
            batch: None,
        }
    }

    /// With tiles of this size always, not by the size of the batch.
    #[must_use]
    pub fn with_tiles(self, tiles: MlpTiles) -> Self {
        Self { tiles: Some(tiles), ..self }
    }

    /// Length of an agent's parameter vector, `P`.
    pub fn param_count(&self) -> usize {
        self.plan.parameters
    }

    /// Maps observations `[A, rows, inputs]` to outputs `[A, rows, width]` (columns as in
    /// [`HeadLayout`](crate::HeadLayout)) by weights `[A, P]` (as in [`MlpSpec::params`]). What
    /// [`forward_train`](Self::forward_train) kept stays.
    ///
    /// # Panics
    /// If a length does not fit `rows` and the network.
    pub fn forward(
        &mut self,
        gpu: &Gpu,
        weights: &GpuBuffer,
        observations: &GpuBuffer,
        rows: usize,
        outputs: &GpuBuffer,
    ) {
        self.check(weights, observations, (rows, rows), outputs);
        let batch = Batch { rows, observations: handle(observations), selection: None };
        if !self.chains(rows) {
            let blocks = self.plan.layers.len().min(2);
            let len = self.block_rows(rows) * self.plan.widest() * blocks * 4;
            grow(gpu, &mut self.passing, len);
        }
        self.launch_forward(gpu, weights, &batch, false, outputs);
    }

    /// As [`forward`](Self::forward), and keeps the activations for [`backward`](Self::backward).
    ///
    /// With a selection `(indices, first, stride)` of indices `[A, stride]` and observations `[A, stride, inputs]`, row `i` of
    /// agent `a` is `observations[a, indices[a, first + i], :]`, or zeros if there is no such observation.
    ///
    /// [`backward`](Self::backward) reads the observations and indices again: until then they must not change, and their
    /// memory must not be given back if it belongs to somebody else.
    ///
    /// # Panics
    /// If a length does not fit `rows` and the network, or a selection does not have `first + rows` indices.
    pub fn forward_train(
        &mut self,
        gpu: &Gpu,
        weights: &GpuBuffer,
        observations: &GpuBuffer,
        selection: Option<(&GpuIndices, usize, usize)>,
        rows: usize,
        outputs: &GpuBuffer,
    ) {
        self.check(weights, observations, (selection.map_or(rows, |(.., stride)| stride), rows), outputs);
        if let Some((indices, first, stride)) = selection {
            assert_eq!(indices.len(), self.agents * stride, "length of the indices");
            assert!(first + rows <= stride, "rows {first} to {} of {stride} selected ones", first + rows);
        }
        let selection = selection.map(|(indices, first, selectable)| Selection {
            indices: GpuIndices(handle(&indices.0)),
            first,
            selectable,
        });
        let batch = Batch { rows, observations: handle(observations), selection };
        let len = self.block_rows(rows) * self.plan.row_vectors() * 4;
        grow(gpu, &mut self.values, len);
        if self.activation == Activation::Silu {
            grow(gpu, &mut self.slopes, len);
        }
        self.launch_forward(gpu, weights, &batch, true, outputs);
        self.batch = Some(batch);
    }

    /// Gradients `[A, P]` of `sum(outputs * d_outputs)` for the batch of the last [`forward_train`](Self::forward_train),
    /// whose `weights` must be given again; `d_outputs` is `[A, rows, width]`. Overwrites `gradients`.
    ///
    /// With `d_trunk` (`[A, rows, width]`) the heads' own weights and biases learn from `d_outputs`, and everything below
    /// them from `d_trunk`. No gradient flows through the features columns, and the place of that of
    /// `log_std` is left alone.
    ///
    /// # Panics
    /// If there was no [`forward_train`](Self::forward_train), or a length does not fit its batch and the network.
    pub fn backward(
        &mut self,
        gpu: &Gpu,
        weights: &GpuBuffer,
        d_outputs: &GpuBuffer,
        d_trunk: Option<&GpuBuffer>,
        gradients: &GpuBuffer,
    ) {
        let Some(batch) = self.batch.take() else { panic!("`backward` before `forward_train`") };
        assert_eq!(weights.len(), self.agents * self.plan.parameters, "length of the weights");
        assert_eq!(gradients.len(), weights.len(), "length of the gradients");
        let outputs = self.agents * batch.rows * self.plan.width;
        for d in core::iter::once(d_outputs).chain(d_trunk) {
            assert_eq!(d.len(), outputs, "length of the outputs' gradients of {} rows", batch.rows);
        }
        let len = self.block_rows(batch.rows) * self.plan.row_vectors() * 4;
        grow(gpu, &mut self.gradients, len);
        self.launch_layers_back(gpu, weights, batch.rows, d_trunk.unwrap_or(d_outputs));
        self.launch_gradients(gpu, &batch, d_outputs, gradients);
        self.batch = Some(batch);
    }

    /// Rows of a layer's block.
    fn block_rows(&self, rows: usize) -> usize {
        self.agents * self.plan.networks.len() * rows
    }

    fn check(
        &self,
        weights: &GpuBuffer,
        observations: &GpuBuffer,
        (observed, rows): (usize, usize),
        outputs: &GpuBuffer,
    ) {
        let (plan, agents) = (&self.plan, self.agents);
        assert_eq!(weights.len(), agents * plan.parameters, "length of the weights");
        assert_eq!(
            observations.len(),
            agents * observed * plan.inputs,
            "length of the observations of {observed} rows"
        );
        assert_eq!(outputs.len(), agents * rows * plan.width, "length of the outputs of {rows} rows");
    }
}
