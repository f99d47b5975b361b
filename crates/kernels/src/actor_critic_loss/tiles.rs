//! The loss tile by tile, on any thread.

use super::block::Block;
use super::{LOSS_METRICS, Loss, LossParams};
use crate::distribution::{Categorical, Gaussian};
use crate::records::AgentRecords;
use crate::{HeadLayout, Heads, Policy};
use bytemuck::Zeroable;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    /// Tiles of the minibatch under way, those of every network counted, and of one network; what it starts from.
    count: usize,
    of_network: usize,
    start: Start,
    log_std_sums: Mutex<Vec<f64>>,
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
        let log_std_sums = Mutex::new(vec![0.0; layout.policy.log_std_len()]);
        let start = Start { params: LossParams::zeroed(), moments: [0.0; 3], log_std: Vec::new() };
        Self { layout: layout.clone(), tiles: Vec::new(), count: 0, of_network: 0, start, log_std_sums }
    }

    /// Starts a minibatch of `tiles` tiles in each of so many networks that are apart; `moments` are those of
    /// [`Backend::advantage_moments`](crate::Backend::advantage_moments).
    pub(crate) fn begin(
        &mut self,
        networks: usize,
        tiles: usize,
        params: LossParams,
        moments: &[f32],
        log_std: &[f32],
    ) {
        let layout = &self.layout;
        (self.count, self.of_network) = (networks * tiles, tiles);
        self.tiles.resize_with(self.count.max(self.tiles.len()), || Mutex::new(Tile::new(layout)));
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
        // Where they are apart, the policy's tiles come first.
        let tile = if heads.has_policy() { tile } else { self.of_network + tile };
        let mut tile = lock(&self.tiles[tile]);
        tile.begin(&self.start);
        match &mut *tile {
            Tile::Categorical(loss, block) if Block::takes(loss, records) => {
                loss.blocks(block, heads, records, rows, outputs);
            }
            Tile::Categorical(loss, _) => loss.rows(heads, records, rows, outputs),
            Tile::Gaussian(loss) => loss.rows(heads, records, rows, outputs),
        }
    }

    /// Writes the gradient with respect to `log_std`, and the [`LossMetrics`](crate::LossMetrics), once all rows have been taken.
    pub(crate) fn finish(&self, d_log_std: &mut [f32], metrics: &mut [f32]) {
        let mut sums = [0.0; LOSS_METRICS];
        let mut log_std_sums = lock(&self.log_std_sums);
        log_std_sums.fill(0.0);
        for tile in &self.tiles[..self.count] {
            match &*lock(tile) {
                Tile::Categorical(loss, _) => loss.add_to(&mut sums, &mut log_std_sums),
                Tile::Gaussian(loss) => loss.add_to(&mut sums, &mut log_std_sums),
            }
        }
        d_log_std.fill(0.0);
        metrics.fill(0.0);
        if self.count == 0 {
            return;
        }
        match &*lock(&self.tiles[0]) {
            Tile::Categorical(loss, _) => loss.finish(&sums, &log_std_sums, d_log_std, metrics),
            Tile::Gaussian(loss) => loss.finish(&sums, &log_std_sums, d_log_std, metrics),
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
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
