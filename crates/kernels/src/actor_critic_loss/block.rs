//! The loss of independent choices with value heads of their own, for many rows at once: what `Loss::row` computes, in vectors.

use super::weigh::Weigh;
use super::{Loss, TileOutputs};
use crate::distribution::Categorical;
use crate::lanes::{LANES, sum_of};
use crate::records::{AgentRecords, RecordLayout};
use crate::{CriticKind, HeadLayout, Heads, LOSS_METRICS};
use std::ops::Range;

/// Up to [`LANES`] rows: lines of a number of each.
pub(super) struct Block {
    /// Where a record has what.
    pub layout: RecordLayout,
    /// A line a number of a record.
    pub records: Vec<f32>,
    /// 1 where the lane has a row, and it counts.
    pub live: [f32; LANES],
    /// A line a column but those of a memory's state, which the loss does not read.
    pub outputs: Vec<f32>,
    pub d_outputs: Vec<f32>,
    pub d_trunk: Vec<f32>,
    /// A tile's sums, a line a metric.
    pub sums: [f32; LOSS_METRICS * LANES],
}

impl Block {
    pub(super) fn new(layout: &HeadLayout) -> Self {
        let lines = |count: usize| vec![0.0; count * LANES];
        Self {
            layout: RecordLayout::default(),
            records: Vec::new(),
            live: [0.0; LANES],
            outputs: lines(layout.carried_at()),
            d_outputs: lines(layout.carried_at()),
            d_trunk: lines(layout.carried_at()),
            sums: [0.0; LOSS_METRICS * LANES],
        }
    }

    /// Whether a loss may be computed with [`Loss::blocks`].
    pub(super) fn takes(loss: &Loss<Categorical>, records: AgentRecords<'_>) -> bool {
        loss.params.critic == CriticKind::Scalar as u32 && records.have_offsets()
    }

    /// Starts a tile, whose records lie like this.
    fn begin(&mut self, layout: RecordLayout) {
        if self.layout != layout {
            self.layout = layout;
            self.records = vec![0.0; layout.len() * LANES];
        }
        self.sums.fill(0.0);
    }
}

impl Loss<Categorical> {
    /// As `rows`, many at once.
    pub(super) fn blocks(
        &mut self,
        block: &mut Block,
        heads: Heads,
        records: AgentRecords<'_>,
        rows: &[u32],
        tile: TileOutputs<'_>,
    ) {
        let len = LANES * self.columns.width;
        let TileOutputs { outputs, d_outputs, mut d_trunk } = tile;
        block.begin(records.layout);
        for (i, rows) in rows.chunks(LANES).enumerate() {
            let part = i * len..outputs.len().min((i + 1) * len);
            // SAFETY: the machine's own level.
            unsafe {
                self.level.run(Weigh { loss: self, block, heads, records, rows, outputs: &outputs[part.clone()] });
            }
            self.put_down(&block.live, &block.d_outputs, heads, &mut d_outputs[part.clone()]);
            if let Some(d_trunk) = &mut d_trunk {
                self.put_down(&block.live, &block.d_trunk, heads, &mut d_trunk[part]);
            }
        }
        for (sum, line) in self.sums.iter_mut().zip(block.sums.as_chunks::<LANES>().0) {
            *sum += f64::from(sum_of(line));
        }
    }

    /// The columns of an output row that belong to these heads, but for those of a memory's state.
    pub(super) fn columns_of(&self, heads: Heads) -> [Range<usize>; 2] {
        let columns = self.columns;
        match heads {
            Heads::All => [0..columns.carried_at, 0..0],
            Heads::Policy => [0..columns.values_at, columns.features_at..columns.carried_at],
            Heads::Values => [columns.values_at..columns.features_at, 0..0],
        }
    }

    /// Writes lines of gradients to the rows that they are of.
    fn put_down(&self, live: &[f32; LANES], lines: &[f32], heads: Heads, rows: &mut [f32]) {
        let (width, read) = (self.columns.width, self.columns.carried_at);
        for column in self.columns_of(heads).into_iter().flatten() {
            let line = &lines[column * LANES..][..LANES];
            rows[column..].iter_mut().step_by(width).zip(line).for_each(|(to, &x)| *to = x);
        }
        for (row, &live) in rows.chunks_exact_mut(width).zip(live) {
            let from = if live > 0.0 { read } else { 0 };
            row[from..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tiles::Start;
    use super::*;
    use crate::pool::Pool;
    use crate::records::Records;
    use crate::{LossParams, Minibatch, Objective, Policy, Selection, SimdLevel};

    /// Numbers between plus and minus `scale`, others for each `salt`.
    fn numbers(salt: f32, len: usize, scale: f32) -> Vec<f32> {
        (0..len).map(|i| scale * (1.7 * i as f32 + salt).sin()).collect()
    }

    const ROWS: usize = 37;
    const SOURCES: usize = 50;
    const HEADS: usize = 2;

    /// Gradients, those of the trunk, and sums of metrics, by blocks at a level or row by row.
    fn computed(layout: &HeadLayout, nvec: &[usize], level: Option<SimdLevel>) -> [Vec<f32>; 3] {
        let (width, outputs) = (layout.width(), numbers(0.1, ROWS * layout.width(), 2.0));
        let option = |i: usize| (i / nvec.len() % nvec[i % nvec.len()]) as f32;
        let chosen: Vec<u32> = (0..ROWS as u32).map(|i| (7 * i + 3) % SOURCES as u32).collect();
        let batch = Minibatch {
            agents: 1,
            rows: ROWS,
            source_rows: SOURCES,
            heads: HEADS,
            advantage_heads: HEADS,
            selection: Selection { rows: &chosen, stride: ROWS, first: 0 },
            actions: &(0..SOURCES * nvec.len()).map(option).collect(),
            log_probs: &numbers(0.2, SOURCES, 0.5).iter().map(|x| x - 1.0).collect(),
            advantages: &numbers(0.3, HEADS * SOURCES, 3.0),
            returns: &numbers(0.4, HEADS * SOURCES, 1.0),
            values: &numbers(0.5, HEADS * SOURCES, 1.0),
            value_rows: SOURCES,
            mask: &(0..SOURCES).map(|i| f32::from(i % 5 != 0)).collect(),
            tone: &numbers(0.6, SOURCES, 0.9),
            inverse_temperature: &numbers(0.7, SOURCES, 0.5).iter().map(|x| x + 1.0).collect(),
        };
        let params = LossParams {
            objective: Objective::Clipped as u32,
            clip: 0.2,
            value_clip: 0.3,
            value_coef: 0.5,
            auxiliary_coef: 0.3,
            entropy_coef: 0.01,
            logit_decay: 0.02,
            kappa: 0.4,
            sum_decay: 0.01,
            critic: CriticKind::Scalar as u32,
            huber: 0.0,
            opponent: 0,
        };
        let mut loss = Loss::new(layout, Categorical::new(nvec));
        loss.begin(&Start { params, moments: [30.0, 0.1, 0.8], log_std: Vec::new() });
        let mut records = Records::new();
        records.take_up_chosen(&Pool::new(1), &batch, &layout.policy);
        let (records, rows) = (records.of(0), Vec::from_iter(0..ROWS as u32));
        let [mut d_outputs, mut d_trunk] = [vec![0.0; ROWS * width], vec![0.0; ROWS * width]];
        let tile = TileOutputs { outputs: &outputs, d_outputs: &mut d_outputs, d_trunk: Some(&mut d_trunk) };
        match level {
            None => loss.rows(Heads::All, records, &rows, tile),
            Some(level) => {
                loss.level = level;
                loss.blocks(&mut Block::new(layout), Heads::All, records, &rows, tile);
            }
        }
        [d_outputs, d_trunk, loss.sums.map(|sum| sum as f32).to_vec()]
    }

    #[test]
    fn a_block_is_its_rows_at_every_level() {
        for nvec in [&[2][..], &[3, 4]] {
            for dual in [false, true] {
                let policy = Policy::Categorical { nvec: nvec.to_vec() };
                let layout = HeadLayout::new(policy, dual, HEADS);
                let rows = computed(&layout, nvec, None);
                for level in SimdLevel::available() {
                    let blocks = computed(&layout, nvec, Some(level));
                    for (what, (expected, found)) in rows.iter().zip(&blocks).enumerate() {
                        let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                        assert!(largest > 0.0);
                        for (x, y) in expected.iter().zip(found) {
                            assert!((x - y).abs() <= 2e-6 * largest, "{level:?}, {nvec:?}, {dual}, {what}: {x} {y}");
                        }
                    }
                }
            }
        }
    }
}
