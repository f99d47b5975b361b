//! The mirror of `shaders/mean_heads.wgsl`.

use crate::pool::{Parts, Pool};
use std::ops::Range;

/// Numbers that a thread takes at once; they stay in the first-level cache while the heads are added up.
const PART: usize = 1 << 11;

/// Arguments of [`Backend::mean_heads`](crate::Backend::mean_heads).
#[derive(Debug)]
pub struct MeanHeadsArgs<'a, B> {
    /// A.
    pub agents: usize,
    /// K.
    pub heads: usize,
    /// L, the numbers of a head.
    pub columns: usize,
    /// Which heads each of G means is of.
    pub groups: &'a [Range<usize>],
    /// `[A, K, L]`.
    pub values: &'a B,
    /// Output, `[A, G, L]`.
    pub means: &'a mut B,
}

impl<B> MeanHeadsArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let numbers = self.agents * self.columns;
        let long_enough = len(self.values) >= numbers * self.heads
            && len(self.means) >= numbers * self.groups.len()
            && self.groups.iter().all(|group| !group.is_empty() && group.end <= self.heads);
        assert!(long_enough, "mean_heads: a buffer is too short for {:?} of {} heads", self.groups, self.heads);
    }
}

pub(crate) fn mirror(pool: &Pool, args: MeanHeadsArgs<'_, Vec<f32>>) {
    args.assert_lengths(Vec::len);
    let MeanHeadsArgs { agents, heads, columns, groups, values, means } = args;
    let parts = columns.div_ceil(PART);
    let items = agents * groups.len() * parts;
    let all_means = Parts::new(means);
    pool.split(items, items > 4, &|_, item| {
        let (line, at) = (item / parts, item % parts * PART);
        let (agent, group) = (line / groups.len(), &groups[line % groups.len()]);
        let count = PART.min(columns - at);
        // SAFETY: every item has a part of its own.
        let means = unsafe { all_means.part(line * columns + at..line * columns + at + count) };
        let head = |k: usize| &values[(agent * heads + k) * columns + at..][..count];
        means.copy_from_slice(head(group.start));
        for k in group.start + 1..group.end {
            means.iter_mut().zip(head(k)).for_each(|(mean, value)| *mean += value);
        }
        let share = 1.0 / group.len() as f32;
        means.iter_mut().for_each(|mean| *mean *= share);
    });
}
