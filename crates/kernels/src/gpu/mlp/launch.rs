//! The dispatches of a pass.

use super::super::{Bind, Gpu, GpuBuffer, GpuIndices, Shader, WORKGROUP, shader, word};
use super::plan::{HeadWords, Jobs, NetworkWords};
use super::{Batch, MlpGpu, MlpTiles, grow};
use crate::Activation;
use bytemuck::{Pod, Zeroable, bytes_of, cast_slice};

const LAYER: Shader = shader!("mlp_layer");
const LAYER_LARGE: Shader = shader!("mlp_layer_large");
const HEADS: Shader = shader!("mlp_heads");
const GRADIENT: Shader = shader!("mlp_gradient");
const GRADIENT_LARGE: Shader = shader!("mlp_gradient_large");
const MASK: Shader = shader!("mlp_mask");
const REDUCE: Shader = shader!("mlp_reduce");

/// Workgroups from which large tiles are taken: fewer would leave multiprocessors idle.
const MANY_GROUPS: usize = 256;

/// Segments of a batch whose gradients are summed up apart, at most, and together with the tiles of a gradient.
const MOST_SEGMENTS: usize = 256;
const MOST_PARTS: usize = 2048;

/// Rows of the smallest segment, and what each is a multiple of.
const SEGMENT_ROWS: usize = 64;
const ROWS_TOGETHER: usize = 32;

/// As `Shape` in `mlp_input.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
pub(super) struct ProductShape {
    pub(super) agents: u32,
    pub(super) networks: u32,
    pub(super) rows: u32,
    pub(super) parameters: u32,
    pub(super) width: u32,
    pub(super) input_at: u32,
    pub(super) input_stride: u32,
    pub(super) output_at: u32,
    pub(super) output_stride: u32,
    pub(super) edge_width: u32,
    pub(super) first: u32,
    pub(super) selectable: u32,
    pub(super) row_tiles: u32,
    pub(super) column_tiles: u32,
    pub(super) features_at: u32,
    pub(super) features: u32,
    pub(super) network: [NetworkWords; 2],
    pub(super) heads: [HeadWords; 6],
}

/// As `Shape` in `mlp_factors.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct GradientShape {
    agents: u32,
    networks: u32,
    rows: u32,
    parameters: u32,
    segments: u32,
    segment: u32,
    jobs: u32,
    tiles: u32,
    inputs: u32,
    output_width: u32,
    first: u32,
    selectable: u32,
    heads: [HeadWords; 6],
}

/// What a product reads from outside and what from another layer.
pub(super) struct Sources<'a> {
    pub(super) weights: &'a GpuBuffer,
    pub(super) edge: Option<&'a GpuBuffer>,
    pub(super) selection: &'a GpuIndices,
    pub(super) selected: bool,
    pub(super) blocks: &'a GpuBuffer,
}

/// Where, in vectors, a layer's block begins, and how many are in a row.
type Block = (usize, usize);

pub(super) fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

impl MlpGpu {
    pub(super) fn launch_forward(
        &self,
        gpu: &Gpu,
        weights: &GpuBuffer,
        batch: &Batch,
        keep: bool,
        outputs: &GpuBuffer,
    ) {
        let plan = &self.plan;
        let block_rows = self.block_rows(batch.rows);
        // Inference takes turns between two blocks.
        let place = |l: usize| if keep { plan.layers[l].below } else { l % 2 * plan.widest() };
        let block = |l: usize| (block_rows * place(l), plan.layers[l].stride);
        let mut sources = Sources {
            weights,
            edge: Some(&batch.observations),
            selection: batch.selection.as_ref().map_or(&self.unused_indices, |s| &s.indices),
            selected: batch.selection.is_some(),
            blocks: if keep { &self.values } else { &self.passing },
        };
        let mut shape = self.shape(batch.rows);
        shape.edge_width = word(plan.inputs);
        if let Some(selection) = &batch.selection {
            (shape.first, shape.selectable) = (word(selection.first), word(selection.selectable));
        }
        if plan.mask_width > 0 {
            self.launch_mask(gpu, &sources, &shape, outputs);
        }
        if self.chains(batch.rows) {
            self.launch_chain_forward(gpu, &sources, shape, keep, outputs);
            return;
        }
        let mut input = (0, 0);
        for (l, layer) in plan.layers.iter().enumerate() {
            shape.network = plan.layer_words(layer, layer.inputs);
            self.launch_layer(gpu, &sources, shape, (layer.width, false, keep), [input, block(l)]);
            input = block(l);
            sources.edge = None;
        }
        shape.network = plan.head_words(plan.features);
        self.launch_heads(gpu, &sources, shape, input, outputs);
    }

    /// Gradients of all hidden layers' sums, from that of the outputs.
    pub(super) fn launch_layers_back(&self, gpu: &Gpu, weights: &GpuBuffer, rows: usize, d_outputs: &GpuBuffer) {
        let plan = &self.plan;
        let block_rows = self.block_rows(rows);
        let mut shape = self.shape(rows);
        shape.edge_width = word(plan.width);
        let mut sources = Sources {
            weights,
            edge: Some(d_outputs),
            selection: &self.unused_indices,
            selected: false,
            blocks: &self.gradients,
        };
        if self.chains(rows) {
            self.launch_chain_back(gpu, &sources, shape);
            return;
        }
        let mut input = (0, 0);
        for (l, layer) in plan.layers.iter().enumerate().rev() {
            shape.network = match plan.layers.get(l + 1) {
                None => plan.head_words(0),
                Some(above) => plan.layer_words(above, above.width),
            };
            let block = (block_rows * layer.below, layer.stride);
            self.launch_layer(gpu, &sources, shape, (layer.width, true, false), [input, block]);
            input = block;
            sources.edge = None;
        }
    }

    /// Whether a layer of this width has large tiles enough.
    pub(super) fn fills_large_tiles(&self, rows: usize, width: usize) -> bool {
        self.agents * self.plan.networks.len() * rows.div_ceil(256) * width.div_ceil(64) >= MANY_GROUPS
    }

    fn shape(&self, rows: usize) -> ProductShape {
        let plan = &self.plan;
        ProductShape {
            agents: word(self.agents),
            networks: word(plan.networks.len()),
            rows: word(rows),
            parameters: word(plan.parameters),
            heads: plan.heads,
            ..ProductShape::default()
        }
    }

    /// A product into a hidden layer of some width, forward or back, keeping slopes or not.
    fn launch_layer(
        &self,
        gpu: &Gpu,
        sources: &Sources<'_>,
        shape: ProductShape,
        (width, back, keep): (usize, bool, bool),
        [input, output]: [Block; 2],
    ) {
        let rows = shape.rows as usize;
        let column_tiles = width.div_ceil(64);
        let stacks = self.agents * self.plan.networks.len() * column_tiles;
        let large = match self.tiles {
            Some(tiles) => tiles == MlpTiles::Large,
            None => self.fills_large_tiles(rows, width),
        };
        let (shader, row_tiles) = if large { (&LAYER_LARGE, rows.div_ceil(256)) } else { (&LAYER, rows.div_ceil(64)) };
        let shape = ProductShape {
            width: word(width),
            row_tiles: word(row_tiles),
            column_tiles: word(column_tiles),
            output_at: word(output.0),
            output_stride: word(output.1),
            ..shape
        };
        let silu = self.activation == Activation::Silu;
        let kept = match (back, silu) {
            (true, false) => &self.values,
            (true, true) => &self.slopes,
            (false, true) if keep => &self.slopes,
            (false, _) => &self.unused,
        };
        let own =
            [("ACTIVATION", f64::from(self.activation as u8)), ("BACK", flag(back)), ("KEEP", flag(keep && silu))];
        self.launch_product(gpu, (shader, &own), sources, (shape, input), kept, stacks * row_tiles);
    }

    fn launch_heads(&self, gpu: &Gpu, sources: &Sources<'_>, shape: ProductShape, input: Block, outputs: &GpuBuffer) {
        let plan = &self.plan;
        let columns = plan.networks.iter().map(|n| n.columns).max().unwrap_or(0);
        let vectors = match columns {
            0..=4 => 1,
            5..=8 => 2,
            _ => 4,
        };
        let (row_tiles, column_tiles) = ((shape.rows as usize).div_ceil(256 / vectors), columns.div_ceil(4 * vectors));
        let shape = ProductShape {
            width: word(plan.width),
            row_tiles: word(row_tiles),
            column_tiles: word(column_tiles),
            features_at: word(plan.features_at),
            features: word(plan.features_width),
            ..shape
        };
        let groups = self.agents * plan.networks.len() * row_tiles * column_tiles;
        let own = [("VECTORS", vectors as f64)];
        self.launch_product(gpu, (&HEADS, &own), sources, (shape, input), outputs, groups);
    }

    /// Copies action masks from the observations to the outputs.
    fn launch_mask(&self, gpu: &Gpu, sources: &Sources<'_>, shape: &ProductShape, outputs: &GpuBuffer) {
        let plan = &self.plan;
        let own = [plan.width, plan.mask_at, plan.mask_width].map(word);
        let words = [shape.agents, shape.rows, shape.edge_width, own[0], own[1], own[2], shape.first, shape.selectable];
        let numbers = self.agents * shape.rows as usize * plan.mask_width;
        let bindings = [
            Bind::Data(cast_slice(&words)),
            sources.edge.unwrap_or(sources.weights).into(),
            Bind::Indices(sources.selection),
            outputs.into(),
        ];
        gpu.launch(&MASK, &[("SELECTED", flag(sources.selected))], &bindings, numbers.div_ceil(WORKGROUP));
    }

    fn launch_product(
        &self,
        gpu: &Gpu,
        (shader, own): (&Shader, &[(&'static str, f64)]),
        sources: &Sources<'_>,
        (mut shape, input): (ProductShape, Block),
        last: &GpuBuffer,
        groups: usize,
    ) {
        (shape.input_at, shape.input_stride) = (word(input.0), word(input.1));
        let edge = sources.edge.is_some();
        let mut constants = own.to_vec();
        constants.extend([("EDGE", flag(edge)), ("SELECTED", flag(edge && sources.selected))]);
        let bindings = [
            Bind::Data(bytes_of(&shape)),
            sources.weights.into(),
            // Something to bind where nothing is read.
            sources.edge.unwrap_or(sources.weights).into(),
            Bind::Indices(sources.selection),
            sources.blocks.into(),
            last.into(),
        ];
        gpu.launch(shader, &constants, &bindings, groups);
    }

    /// Weight gradients: sums over segments of the rows, then these added up.
    pub(super) fn launch_gradients(&mut self, gpu: &Gpu, batch: &Batch, d_outputs: &GpuBuffer, gradients: &GpuBuffer) {
        let jobs = self.plan.jobs(self.block_rows(batch.rows));
        let tiles: usize = jobs.iter().map(|j| j.tiles).sum();
        let most = (MOST_PARTS / tiles).clamp(1, MOST_SEGMENTS);
        let segment = batch.rows.div_ceil(most).max(SEGMENT_ROWS).next_multiple_of(ROWS_TOGETHER);
        let segments = batch.rows.div_ceil(segment);
        grow(gpu, &mut self.partial, self.agents * segments * self.plan.parameters);
        for (shader, jobs) in [&GRADIENT, &GRADIENT_LARGE].into_iter().zip(&jobs) {
            self.launch_jobs(gpu, shader, jobs, batch, [segments, segment], d_outputs);
        }
        let plan = &self.plan;
        let shape = [self.agents, plan.parameters, segments, plan.learned].map(word);
        let bindings = [Bind::Data(cast_slice(&shape)), (&self.partial).into(), gradients.into()];
        gpu.launch(&REDUCE, &[], &bindings, self.agents * plan.parameters.div_ceil(64));
    }

    fn launch_jobs(
        &self,
        gpu: &Gpu,
        shader: &Shader,
        jobs: &Jobs,
        batch: &Batch,
        [segments, segment]: [usize; 2],
        d_outputs: &GpuBuffer,
    ) {
        let plan = &self.plan;
        let selection = batch.selection.as_ref();
        let shape = GradientShape {
            agents: word(self.agents),
            networks: word(plan.networks.len()),
            rows: word(batch.rows),
            parameters: word(plan.parameters),
            segments: word(segments),
            segment: word(segment),
            jobs: word(jobs.words.len()),
            tiles: word(jobs.tiles),
            inputs: word(plan.inputs),
            output_width: word(plan.width),
            first: word(selection.map_or(0, |s| s.first)),
            selectable: word(selection.map_or(0, |s| s.selectable)),
            heads: plan.heads,
        };
        let bindings = [
            Bind::Data(bytes_of(&shape)),
            Bind::Data(cast_slice(&jobs.words)),
            (&batch.observations).into(),
            Bind::Indices(selection.map_or(&self.unused_indices, |s| &s.indices)),
            (&self.values).into(),
            (&self.gradients).into(),
            d_outputs.into(),
            (&self.partial).into(),
        ];
        let constants = [("SELECTED", flag(selection.is_some()))];
        gpu.launch(shader, &constants, &bindings, self.agents * segments * jobs.tiles);
    }
}
