//! The loss of independent choices with value heads of their own, for many rows at once: what `Loss::row` computes, in vectors.

use super::weigh::Weigh;
use super::{Loss, TileOutputs};
use crate::distribution::{Categorical, option};
use crate::lanes::LANES;
use crate::{CriticKind, HeadLayout, Heads, LOSS_METRICS, Minibatch};
use std::ops::Range;

/// Lines of one number a row.
pub(super) const LOG_PROB: usize = 0;
pub(super) const ADVANTAGE: usize = 1;
pub(super) const OPPONENTS: [usize; 2] = [2, 3];
pub(super) const TONE: usize = 4;
pub(super) const INVERSE_TEMPERATURE: usize = 5;
/// 1 where the lane has a row.
pub(super) const LIVE: usize = 6;
const NUMBERS: usize = 7;

/// Up to [`LANES`] rows: lines of a number of each.
pub(super) struct Block {
    /// The rows' places in their tile, and in the rollout.
    places: [usize; LANES],
    sources: [usize; LANES],
    count: usize,
    pub numbers: [f32; NUMBERS * LANES],
    /// A line a column but those of a memory's state, which the loss does not read.
    pub outputs: Vec<f32>,
    pub d_outputs: Vec<f32>,
    pub d_trunk: Vec<f32>,
    /// The option taken, a line a choice.
    pub options: Vec<f32>,
    /// `[K]` lines each.
    pub returns: Vec<f32>,
    pub values: Vec<f32>,
    /// A tile's sums, a line a metric.
    pub sums: [f32; LOSS_METRICS * LANES],
}

impl Block {
    pub(super) fn new(layout: &HeadLayout) -> Self {
        let lines = |count: usize| vec![0.0; count * LANES];
        Self {
            places: [0; LANES],
            sources: [0; LANES],
            count: 0,
            numbers: [0.0; NUMBERS * LANES],
            outputs: lines(layout.carried_at()),
            d_outputs: lines(layout.carried_at()),
            d_trunk: lines(layout.carried_at()),
            options: lines(layout.policy.action_width()),
            returns: lines(layout.value_heads),
            values: lines(layout.value_heads),
            sums: [0.0; LOSS_METRICS * LANES],
        }
    }

    /// Whether a loss may be computed with [`Loss::blocks`].
    pub(super) fn takes(loss: &Loss<Categorical>) -> bool {
        loss.params.critic == CriticKind::Scalar as u32
    }
}

/// Fills the first lanes of a line with the numbers that rows have at `column`, of rows `width` wide.
fn fill(lines: &mut [f32], line: usize, rows: &[usize], from: &[f32], (width, column): (usize, usize)) {
    for (to, &row) in lines[line * LANES..][..LANES].iter_mut().zip(rows) {
        *to = from[row * width + column];
    }
}

impl Loss<Categorical> {
    /// As `rows`, many at once.
    pub(super) fn blocks(
        &mut self,
        block: &mut Block,
        heads: Heads,
        batch: &Minibatch<'_, Vec<f32>, Vec<u32>>,
        agent: usize,
        rows: Range<usize>,
        tile: TileOutputs<'_>,
    ) {
        let width = self.columns.width;
        let TileOutputs { outputs, d_outputs, mut d_trunk } = tile;
        block.sums.fill(0.0);
        for (i, &source) in batch.chosen(agent)[rows].iter().enumerate() {
            if batch.mask[agent * batch.source_rows + source as usize] == 0.0 {
                d_outputs[i * width..][..width].fill(0.0);
                d_trunk.iter_mut().for_each(|d_trunk| d_trunk[i * width..][..width].fill(0.0));
                continue;
            }
            (block.places[block.count], block.sources[block.count]) = (i, source as usize);
            block.count += 1;
            if block.count == LANES {
                self.take_up(block, heads, batch, agent, outputs);
                self.weigh(block, heads, d_outputs, d_trunk.as_deref_mut());
            }
        }
        if block.count > 0 {
            self.take_up(block, heads, batch, agent, outputs);
            self.weigh(block, heads, d_outputs, d_trunk);
        }
        for (sum, line) in self.sums.iter_mut().zip(block.sums.as_chunks::<LANES>().0) {
            *sum += line.iter().copied().map(f64::from).sum::<f64>();
        }
    }

    /// The columns of an output row that belong to these heads, but for those of a memory's state.
    fn columns_of(&self, heads: Heads) -> [Range<usize>; 2] {
        let columns = self.columns;
        match heads {
            Heads::All => [0..columns.carried_at, 0..0],
            Heads::Policy => [0..columns.values_at, columns.features_at..columns.carried_at],
            Heads::Values => [columns.values_at..columns.features_at, 0..0],
        }
    }

    /// Fetches what the block's rows have.
    fn take_up(
        &self,
        block: &mut Block,
        heads: Heads,
        batch: &Minibatch<'_, Vec<f32>, Vec<u32>>,
        agent: usize,
        outputs: &[f32],
    ) {
        let (sources, width, count) = (batch.source_rows, self.columns.width, block.count);
        let rows = &block.sources[..count];
        for column in self.columns_of(heads).into_iter().flatten() {
            fill(&mut block.outputs, column, &block.places[..count], outputs, (width, column));
        }
        if heads.has_values() {
            for head in 0..batch.heads {
                let line = agent * batch.heads + head;
                fill(&mut block.returns, head, rows, &batch.returns[line * sources..], (1, 0));
                fill(&mut block.values, head, rows, &batch.values[line * batch.value_rows..], (1, 0));
            }
        }
        if !heads.has_policy() {
            return;
        }
        let actions = &batch.actions[agent * sources * self.action_width..];
        for choice in 0..self.action_width {
            let options = self.density.options(choice);
            fill(&mut block.options, choice, rows, actions, (self.action_width, choice));
            for a in &mut block.options[choice * LANES..][..count] {
                *a = option(*a, options) as f32;
            }
        }
        for (number, numbers) in
            [(LOG_PROB, batch.log_probs), (TONE, batch.tone), (INVERSE_TEMPERATURE, batch.inverse_temperature)]
        {
            fill(&mut block.numbers, number, rows, &numbers[agent * sources..], (1, 0));
        }
        let halves = if self.params.opponent != 0 { OPPONENTS.len() } else { 0 };
        for (head, number) in [ADVANTAGE].into_iter().chain(OPPONENTS).take(1 + halves).enumerate() {
            let line = agent * batch.advantage_heads + head;
            fill(&mut block.numbers, number, rows, &batch.advantages[line * sources..], (1, 0));
        }
    }

    /// Computes the block's rows, writes their gradients and empties it.
    fn weigh(&mut self, block: &mut Block, heads: Heads, d_outputs: &mut [f32], d_trunk: Option<&mut [f32]>) {
        let (width, count) = (self.columns.width, block.count);
        for (lane, live) in block.numbers[LIVE * LANES..].iter_mut().enumerate() {
            *live = f32::from(lane < count);
        }
        // SAFETY: the machine's own level.
        unsafe { self.level.run(Weigh { loss: self, block, heads }) };
        let (places, read) = (&block.places[..count], self.columns.carried_at);
        let columns = self.columns_of(heads);
        let gather = |lines: &[f32], rows: &mut [f32]| {
            for column in columns.clone().into_iter().flatten() {
                let line = &lines[column * LANES..][..LANES];
                places.iter().zip(line).for_each(|(&place, &x)| rows[place * width + column] = x);
            }
            if read < width {
                places.iter().for_each(|&place| rows[place * width + read..][..width - read].fill(0.0));
            }
        };
        gather(&block.d_outputs, d_outputs);
        if let Some(d_trunk) = d_trunk {
            gather(&block.d_trunk, d_trunk);
        }
        block.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tiles::Start;
    use super::*;
    use crate::{LossParams, Objective, Policy, Selection, SimdLevel};

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
        let [mut d_outputs, mut d_trunk] = [vec![0.0; ROWS * width], vec![0.0; ROWS * width]];
        let tile = TileOutputs { outputs: &outputs, d_outputs: &mut d_outputs, d_trunk: Some(&mut d_trunk) };
        match level {
            None => loss.rows(Heads::All, &batch, 0, 0..ROWS, tile),
            Some(level) => {
                loss.level = level;
                loss.blocks(&mut Block::new(layout), Heads::All, &batch, 0, 0..ROWS, tile);
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
