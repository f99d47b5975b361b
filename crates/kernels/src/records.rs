//! A rollout's rows as records. Rows are learned from in random order, and each then costs a line or two of the cache, not one a number.

use crate::distribution::option;
use crate::mlp::Buffer;
use crate::pool::{Parts, Pool};
use crate::{Minibatch, Policy};

/// 0 where a row does not count.
pub(crate) const MASK: usize = 0;
pub(crate) const LOG_PROB: usize = 1;
pub(crate) const TONE: usize = 2;
pub(crate) const INVERSE_TEMPERATURE: usize = 3;
/// Of the first head; those of the others follow.
pub(crate) const ADVANTAGES: usize = 4;

/// Rows that are written by one thread together.
const CHUNK: usize = 1024;

/// Where the numbers of a record are: those of the policy's loss, then those of the values'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordLayout {
    pub action_width: usize,
    /// K.
    pub heads: usize,
    /// G.
    pub advantage_heads: usize,
}

impl RecordLayout {
    pub(crate) fn actions(self) -> usize {
        ADVANTAGES + self.advantage_heads
    }

    pub(crate) fn returns(self) -> usize {
        self.actions() + self.action_width
    }

    pub(crate) fn values(self) -> usize {
        self.returns() + self.heads
    }

    pub(crate) fn len(self) -> usize {
        self.values() + self.heads
    }

    /// The distance of records: short ones share a line of the cache, and none begins in the middle of two.
    fn stride(self) -> usize {
        if self.len() <= 16 { self.len().next_power_of_two() } else { self.len().next_multiple_of(16) }
    }

    /// Writes the record of an agent's row; choices become options that there are.
    fn write(
        self,
        policy: &Policy,
        batch: &Minibatch<'_, Vec<f32>, Vec<u32>>,
        (agent, row): (usize, usize),
        record: &mut [f32],
    ) {
        let sources = batch.source_rows;
        let at = agent * sources + row;
        record[MASK] = batch.mask[at];
        record[LOG_PROB] = batch.log_probs[at];
        record[TONE] = batch.tone[at];
        record[INVERSE_TEMPERATURE] = batch.inverse_temperature[at];
        for (head, to) in record[ADVANTAGES..self.actions()].iter_mut().enumerate() {
            *to = batch.advantages[(agent * self.advantage_heads + head) * sources + row];
        }
        let actions = &mut record[self.actions()..self.returns()];
        actions.copy_from_slice(&batch.actions[at * self.action_width..][..self.action_width]);
        if let Policy::Categorical { nvec } = policy {
            actions.iter_mut().zip(nvec).for_each(|(a, &options)| *a = option(*a, options) as f32);
        }
        let (returns, values) = record[self.returns()..self.len()].split_at_mut(self.heads);
        for (head, (to, value)) in returns.iter_mut().zip(values).enumerate() {
            let line = agent * self.heads + head;
            *to = batch.returns[line * sources + row];
            *value = batch.values[line * batch.value_rows + row];
        }
    }
}

/// Records of every agent's rows.
pub(crate) struct Records {
    layout: RecordLayout,
    /// Of one agent.
    rows: usize,
    numbers: Buffer,
}

impl Records {
    pub(crate) fn new() -> Self {
        Self { layout: RecordLayout::default(), rows: 0, numbers: Buffer::new(0) }
    }

    /// Takes up all S rows of every agent, chosen or not.
    pub(crate) fn take_up(&mut self, pool: &Pool, batch: &Minibatch<'_, Vec<f32>, Vec<u32>>, policy: &Policy) {
        self.write(pool, batch, policy, batch.source_rows, |_, row| row);
    }

    /// Takes up the R chosen rows of every agent, in their order.
    pub(crate) fn take_up_chosen(&mut self, pool: &Pool, batch: &Minibatch<'_, Vec<f32>, Vec<u32>>, policy: &Policy) {
        self.write(pool, batch, policy, batch.rows, |agent, row| batch.chosen(agent)[row] as usize);
    }

    fn write(
        &mut self,
        pool: &Pool,
        batch: &Minibatch<'_, Vec<f32>, Vec<u32>>,
        policy: &Policy,
        rows: usize,
        source: impl Fn(usize, usize) -> usize + Sync,
    ) {
        let layout = RecordLayout {
            action_width: policy.action_width(),
            heads: batch.heads,
            advantage_heads: batch.advantage_heads,
        };
        let (stride, chunks) = (layout.stride(), rows.div_ceil(CHUNK));
        (self.layout, self.rows) = (layout, rows);
        if self.numbers.as_slice().len() < batch.agents * rows * stride {
            self.numbers = Buffer::new(batch.agents * rows * stride);
        }
        let numbers = Parts::new(self.numbers.as_mut_slice());
        pool.split(batch.agents * chunks, batch.agents * rows > CHUNK, &|_, item| {
            let (agent, chunk) = (item / chunks, item % chunks);
            let chunk = chunk * CHUNK..rows.min((chunk + 1) * CHUNK);
            let place = |row: usize| (agent * rows + row) * stride;
            // SAFETY: every item has rows of its own.
            let records = unsafe { numbers.part(place(chunk.start)..place(chunk.end)) };
            for (record, row) in records.chunks_exact_mut(stride).zip(chunk) {
                layout.write(policy, batch, (agent, source(agent, row)), record);
            }
        });
    }

    /// An agent's records.
    pub(crate) fn of(&self, agent: usize) -> AgentRecords<'_> {
        let stride = self.layout.stride();
        let numbers = &self.numbers.as_slice()[agent * self.rows * stride..][..self.rows * stride];
        AgentRecords { layout: self.layout, stride, numbers }
    }
}

/// One agent's.
#[derive(Clone, Copy)]
pub(crate) struct AgentRecords<'a> {
    pub layout: RecordLayout,
    stride: usize,
    numbers: &'a [f32],
}

impl<'a> AgentRecords<'a> {
    /// The record of a row.
    #[inline(always)]
    pub(crate) fn get(self, row: u32) -> &'a [f32] {
        &self.numbers[row as usize * self.stride..][..self.layout.len()]
    }

    /// Whether [`offset`](Self::offset)s are within what they can be.
    pub(crate) fn have_offsets(self) -> bool {
        self.numbers.len() <= i32::MAX as usize
    }

    /// Where the record of a row begins, counted from [`start`](Self::start).
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub(crate) fn offset(self, row: u32) -> i32 {
        let offset = row as usize * self.stride;
        assert!(offset < self.numbers.len(), "no record of row {row}");
        offset as i32
    }

    /// The first record.
    pub(crate) fn start(self) -> *const f32 {
        self.numbers.as_ptr()
    }
}
