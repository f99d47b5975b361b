//! All layers of small networks in one dispatch.

use super::super::{Bind, Gpu, GpuBuffer, Shader, shader, word};
use super::launch::{ProductShape, Sources, flag};
use super::plan::NetworkWords;
use super::{MlpGpu, MlpTiles};
use crate::Activation;
use bytemuck::{Pod, Zeroable, bytes_of, cast_slice};

const CHAIN: Shader = shader!("mlp_chain");

/// The widest layer, or row of outputs of one network, that a tile of rows has room for.
const WIDEST: usize = 64;

/// As `Step` in `mlp_chain.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct StepWords {
    network: [NetworkWords; 2],
    width: u32,
    output_at: u32,
    output_stride: u32,
    heads: u32,
}

impl MlpGpu {
    /// Whether a pass over so many rows is one dispatch.
    pub(super) fn chains(&self, rows: usize) -> bool {
        let fits = !self.plan.layers.is_empty()
            && self.plan.layers.iter().all(|l| l.width <= WIDEST)
            && self.plan.networks.iter().all(|n| n.columns <= WIDEST);
        fits && match self.tiles {
            Some(tiles) => tiles == MlpTiles::Whole,
            None => self.dear_dispatches && !self.fills_large_tiles(rows, WIDEST),
        }
    }

    /// A forward pass; without `keep` nothing but the outputs is written.
    pub(super) fn launch_chain_forward(
        &self,
        gpu: &Gpu,
        sources: &Sources<'_>,
        shape: ProductShape,
        keep: bool,
        outputs: &GpuBuffer,
    ) {
        let plan = &self.plan;
        let mut steps: Vec<StepWords> = plan
            .layers
            .iter()
            .enumerate()
            .map(|(l, layer)| self.step(shape, l, plan.layer_words(layer, layer.inputs)))
            .collect();
        let network = plan.head_words(plan.features);
        steps.push(StepWords { network, width: 0, output_at: 0, output_stride: 0, heads: 1 });
        let slopes = keep && self.activation == Activation::Silu;
        let kept = if slopes { &self.slopes } else { &self.unused };
        let own = [("BACK", 0.0), ("STORE", flag(keep)), ("KEEP", flag(slopes))];
        let shape = ProductShape { network, ..shape };
        self.launch_chain(gpu, (sources, shape), &steps, own, [kept, outputs]);
    }

    /// Gradients of all hidden layers' sums.
    pub(super) fn launch_chain_back(&self, gpu: &Gpu, sources: &Sources<'_>, shape: ProductShape) {
        let plan = &self.plan;
        let step = |l: usize| match plan.layers.get(l + 1) {
            None => StepWords { heads: 1, ..self.step(shape, l, plan.head_words(0)) },
            Some(above) => self.step(shape, l, plan.layer_words(above, above.width)),
        };
        let steps: Vec<StepWords> = (0..plan.layers.len()).rev().map(step).collect();
        let kept = if self.activation == Activation::Silu { &self.slopes } else { &self.values };
        let own = [("BACK", 1.0), ("STORE", 1.0), ("KEEP", 0.0)];
        self.launch_chain(gpu, (sources, shape), &steps, own, [kept, &self.unused]);
    }

    /// A product into hidden layer `l`.
    fn step(&self, shape: ProductShape, l: usize, network: [NetworkWords; 2]) -> StepWords {
        let layer = &self.plan.layers[l];
        StepWords {
            network,
            width: word(layer.width),
            output_at: word(self.block_rows(shape.rows as usize) * layer.below),
            output_stride: word(layer.stride),
            heads: 0,
        }
    }

    fn launch_chain(
        &self,
        gpu: &Gpu,
        (sources, shape): (&Sources<'_>, ProductShape),
        steps: &[StepWords],
        own: [(&'static str, f64); 3],
        [kept, outputs]: [&GpuBuffer; 2],
    ) {
        let plan = &self.plan;
        let row_tiles = (shape.rows as usize).div_ceil(32);
        let shape = ProductShape {
            width: word(plan.width),
            row_tiles: word(row_tiles),
            column_tiles: 1,
            features_at: word(plan.features_at),
            features: word(plan.features_width),
            ..shape
        };
        let mut constants = own.to_vec();
        constants.extend([
            ("ACTIVATION", f64::from(self.activation as u8)),
            ("EDGE", 1.0),
            ("SELECTED", flag(sources.selected)),
            ("STEPS", steps.len() as f64),
        ]);
        let bindings = [
            Bind::Data(bytes_of(&shape)),
            sources.weights.into(),
            sources.edge.unwrap_or(sources.weights).into(),
            Bind::Indices(sources.selection),
            sources.blocks.into(),
            kept.into(),
            outputs.into(),
            Bind::Data(cast_slice(steps)),
        ];
        gpu.launch(&CHAIN, &constants, &bindings, self.agents * plan.networks.len() * row_tiles);
    }
}
