//! The loss tile by tile, on any thread.

use super::block::Block;
use super::{LOSS_METRICS, Loss, LossParams};
use crate::distribution::{Categorical, Gaussian};
use crate::records::AgentRecords;
use crate::{HeadLayout, Heads, Policy};
use bytemuck::Zeroable;
use std::sync::{Mutex, PoisonError};

/// What a network made of a tile's rows, and where the loss puts its gradients; `[rows, W]` each, of which only the columns of its heads
/// are read and written.
pub(crate) struct TileOutputs<'a> {
    pub outputs: &'a [f32],
    pub d_outputs: &'a mut [f32],
    pub d_trunk: Option<&'a mut [f32]>,
}

/// The loss of one agent's minibatch, tile by tile on any thread; sums are added in the order of tiles. Memory is kept from
/// minibatch to minibatch.
pub(crate) struct TiledLoss {
    layout: HeadLayout,
    tiles: Vec<Mutex<Tile>>,
    /// Tiles of the minibatch under way, and what it starts from.
    count: usize,
    start: Start,
    log_std_sums: Vec<f64>,
}

/// What every tile of a minibatch starts from. It takes that up itself, on its own thread, in whose cache it lies.
pub(super) struct Start {
    pub params: LossParams,
    /// Count, mean and scale of the advantages.
    pub moments: [f32; 3],
    pub log_std: Vec<f32>,
}

enum Tile {
    Categorical(Loss<Categorical>, Box<Block>),
    Gaussian(Loss<Gaussian>),
}

impl TiledLoss {
    pub(crate) fn new(layout: &HeadLayout) -> Self {
        let log_std_sums = vec![0.0; layout.policy.log_std_len()];
        let start = Start { params: LossParams::zeroed(), moments: [0.0; 3], log_std: Vec::new() };
        Self { layout: layout.clone(), tiles: Vec::new(), count: 0, start, log_std_sums }
    }

    /// Starts a minibatch of `tiles` tiles, those of every network counted; `moments` are those of
    /// [`Backend::advantage_moments`](crate::Backend::advantage_moments).
    pub(crate) fn begin(&mut self, tiles: usize, params: LossParams, moments: &[f32], log_std: &[f32]) {
        let layout = &self.layout;
        self.tiles.resize_with(tiles.max(self.tiles.len()), || Mutex::new(Tile::new(layout)));
        self.count = tiles;
        (self.start.params, self.start.moments) = (params, [moments[0], moments[1], moments[2]]);
        self.start.log_std.clear();
        self.start.log_std.extend_from_slice(log_std);
    }

    /// The rows of an agent's minibatch that make up tile `tile` of the network with these heads; each tile once.
    pub(crate) fn rows(
        &self,
        (tile, heads): (usize, Heads),
        records: AgentRecords<'_>,
        rows: &[u32],
        outputs: TileOutputs<'_>,
    ) {
        let mut tile = self.tiles[tile].lock().unwrap_or_else(PoisonError::into_inner);
        tile.begin(&self.start);
        match &mut *tile {
            Tile::Categorical(loss, block) if Block::takes(loss, records) => {
                loss.blocks(block, heads, records, rows, outputs);
            }
            Tile::Categorical(loss, _) => loss.rows(heads, records, rows, outputs),
            Tile::Gaussian(loss) => loss.rows(heads, records, rows, outputs),
        }
    }

    /// Writes the gradient with respect to `log_std`, and the [`LossMetrics`](crate::LossMetrics).
    pub(crate) fn finish(&mut self, d_log_std: &mut [f32], metrics: &mut [f32]) {
        let mut sums = [0.0; LOSS_METRICS];
        self.log_std_sums.fill(0.0);
        for tile in &mut self.tiles[..self.count] {
            match tile.get_mut().unwrap_or_else(PoisonError::into_inner) {
                Tile::Categorical(loss, _) => loss.add_to(&mut sums, &mut self.log_std_sums),
                Tile::Gaussian(loss) => loss.add_to(&mut sums, &mut self.log_std_sums),
            }
        }
        d_log_std.fill(0.0);
        metrics.fill(0.0);
        if self.count == 0 {
            return;
        }
        match self.tiles[0].get_mut().unwrap_or_else(PoisonError::into_inner) {
            Tile::Categorical(loss, _) => loss.finish(&sums, &self.log_std_sums, d_log_std, metrics),
            Tile::Gaussian(loss) => loss.finish(&sums, &self.log_std_sums, d_log_std, metrics),
        }
    }
}

impl Tile {
    fn begin(&mut self, start: &Start) {
        match self {
            Self::Categorical(loss, _) => loss.begin(start),
            Self::Gaussian(loss) => loss.begin(start),
        }
    }

    fn new(layout: &HeadLayout) -> Self {
        match &layout.policy {
            Policy::Categorical { nvec } => {
                Self::Categorical(Loss::new(layout, Categorical::new(nvec)), Box::new(Block::new(layout)))
            }
            &Policy::Gaussian { dims, squash } => Self::Gaussian(Loss::new(layout, Gaussian::new(dims, 0, squash))),
            &Policy::StateDependent { dims, features, squash } => {
                Self::Gaussian(Loss::new(layout, Gaussian::new(dims, features, squash)))
            }
        }
    }
}
