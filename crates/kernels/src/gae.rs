//! The mirror of `shaders/gae.wgsl` and `shaders/gae_scan.wgsl`.

use crate::RolloutShape;
use crate::lanes::{LANES, select};
use crate::pool::{Parts, Pool};
use std::ops::Range;

/// Columns walked back through time together: the running advantages stay in the second-level cache, and rows are long enough for
/// memory to be read ahead.
const COLUMNS: usize = 16384;

/// Numbers from which other threads are worth waking.
const PARALLEL: usize = 1 << 15;

/// Arguments of [`Backend::gae`](crate::Backend::gae).
#[derive(Debug)]
pub struct GaeArgs<'a, B> {
    /// A, K, T, N.
    pub shape: RolloutShape,
    /// Discount, `[A, K]`.
    pub gamma: &'a [f32],
    /// Lambda, `[A, K]`.
    pub lambda: &'a [f32],
    /// TD errors, `[A, K, T, N]`.
    pub deltas: &'a B,
    /// `[A, T, N]`.
    pub terminated: &'a B,
    /// `[A, T, N]`.
    pub truncated: &'a B,
    /// `V(s_t)`, `[A, K, T + 1, N]`.
    pub values: &'a B,
    /// Output, `[A, K, T, N]`.
    pub advantages: &'a mut B,
    /// Output, advantages + values, `[A, K, T, N]`.
    pub returns: &'a mut B,
}

impl<B> GaeArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let s = self.shape;
        let (flags, heads) = (s.agents * s.steps * s.envs, s.agents * s.heads);
        let long_enough = self.gamma.len() >= heads
            && self.lambda.len() >= heads
            && len(self.terminated) >= flags
            && len(self.truncated) >= flags
            && len(self.values) >= heads * (s.steps + 1) * s.envs
            && len(self.deltas) >= flags * s.heads
            && len(self.advantages) >= flags * s.heads
            && len(self.returns) >= flags * s.heads;
        assert!(long_enough, "gae: a buffer is too short for {s:?}");
    }
}

/// What one agent and head reads.
#[derive(Clone, Copy)]
struct Sequence<'a> {
    envs: usize,
    /// gamma * lambda.
    decay: f32,
    deltas: &'a [f32],
    terminated: &'a [f32],
    truncated: &'a [f32],
    values: &'a [f32],
}

impl Sequence<'_> {
    /// Walks `columns` (at most [`COLUMNS`]) back through time, step after step from `steps - 1` to 0; `row` gives the places of a
    /// step's advantages and returns.
    fn walk<'o>(&self, columns: Range<usize>, steps: usize, row: impl Fn(usize) -> (&'o mut [f32], &'o mut [f32])) {
        let mut running = [0.0; COLUMNS];
        let running = &mut running[..columns.len()];
        for t in (0..steps).rev() {
            let at = t * self.envs + columns.start..t * self.envs + columns.end;
            let inputs = [self.deltas, self.terminated, self.truncated, self.values].map(|slice| &slice[at.clone()]);
            let (advantages, returns) = row(t);
            step(self.decay, inputs, running, advantages, returns);
        }
    }
}

fn step(decay: f32, inputs: [&[f32]; 4], running: &mut [f32], advantages: &mut [f32], returns: &mut [f32]) {
    let inputs = inputs.map(|slice| slice.as_chunks::<LANES>());
    let (whole, rest) = running.as_chunks_mut::<LANES>();
    let (whole_advantages, rest_advantages) = advantages.as_chunks_mut::<LANES>();
    let (whole_returns, rest_returns) = returns.as_chunks_mut::<LANES>();
    for (i, running) in whole.iter_mut().enumerate() {
        (*running, whole_returns[i]) = advance(decay, inputs.map(|(whole, _)| &whole[i]), running);
        whole_advantages[i] = *running;
    }
    for (i, running) in rest.iter_mut().enumerate() {
        ([*running], [rest_returns[i]]) = advance(decay, inputs.map(|(_, rest)| [rest[i]]).each_ref(), &[*running]);
        rest_advantages[i] = *running;
    }
}

/// One step back in time: advantages and returns, from the advantages of the step after.
fn advance<const L: usize>(decay: f32, inputs: [&[f32; L]; 4], later: &[f32; L]) -> ([f32; L], [f32; L]) {
    let [deltas, terminated, truncated, values] = inputs;
    let (mut advantages, mut returns) = ([0.0; L], [0.0; L]);
    for i in 0..L {
        // A select and not a product: what follows an episode's end is irrelevant even if it is not a number.
        let carried = select(truncated[i], 0.0, select(terminated[i], 0.0, decay * later[i]));
        // A_t = delta_t + gamma lambda (1 - terminated_t) (1 - truncated_t) A_{t+1}
        advantages[i] = deltas[i] + carried;
        returns[i] = advantages[i] + values[i];
    }
    (advantages, returns)
}

pub(crate) fn mirror(pool: &Pool, args: GaeArgs<'_, Vec<f32>>) {
    args.assert_lengths(Vec::len);
    let shape = args.shape;
    let len = shape.steps * shape.envs;
    let blocks = shape.envs.div_ceil(COLUMNS);
    let items = shape.agents * shape.heads * blocks;
    let (advantages, returns) = (Parts::new(args.advantages), Parts::new(args.returns));
    pool.split(items, items * shape.steps * COLUMNS.min(shape.envs) >= PARALLEL, &|_, item| {
        let (index, block) = (item / blocks, item % blocks);
        let agent = index / shape.heads * len;
        let sequence = Sequence {
            envs: shape.envs,
            decay: args.gamma[index] * args.lambda[index],
            deltas: &args.deltas[index * len..][..len],
            terminated: &args.terminated[agent..agent + len],
            truncated: &args.truncated[agent..agent + len],
            values: &args.values[index * (len + shape.envs)..][..len],
        };
        let columns = block * COLUMNS..shape.envs.min((block + 1) * COLUMNS);
        sequence.walk(columns.clone(), shape.steps, |t| {
            let at = index * len + t * shape.envs;
            // SAFETY: every item has columns of its own.
            unsafe {
                let part = at + columns.start..at + columns.end;
                (advantages.part(part.clone()), returns.part(part))
            }
        });
    });
}
