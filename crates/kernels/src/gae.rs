//! The mirror of `shaders/gae.wgsl` and `shaders/gae_scan.wgsl`.

use crate::lanes::{LANES, select};
use crate::{GaeArgs, RolloutShape};
use std::ops::Range;
use std::thread;

/// Columns walked back through time together: the running advantages stay in the second-level cache.
const COLUMNS: usize = 16_384;

/// Below this many numbers a thread costs more than it saves.
const NUMBERS_A_THREAD: usize = 1 << 20;

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

/// Rows of advantages and returns, first step first, cut to the same columns.
type Rows<'a> = Vec<(&'a mut [f32], &'a mut [f32])>;

impl Sequence<'_> {
    /// Walks `columns` (at most [`COLUMNS`]) back through time.
    fn walk(&self, columns: Range<usize>, rows: Rows<'_>) {
        let mut running = vec![0.0; columns.len()];
        for (t, (advantages, returns)) in rows.into_iter().enumerate().rev() {
            let row = t * self.envs + columns.start..t * self.envs + columns.end;
            step(
                self.decay,
                [
                    &self.deltas[row.clone()],
                    &self.terminated[row.clone()],
                    &self.truncated[row.clone()],
                    &self.values[row],
                ],
                &mut running,
                advantages,
                returns,
            );
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

pub(crate) fn mirror(threads: usize, args: GaeArgs<'_, Vec<f32>>) {
    args.assert_lengths(Vec::len);
    let shape = args.shape;
    let len = shape.steps * shape.envs;
    if len == 0 {
        return;
    }
    let sequences = shape.agents * shape.heads;
    let threads = threads.min((sequences * len).div_ceil(NUMBERS_A_THREAD));
    let mut work: Vec<Vec<(Sequence<'_>, Range<usize>, Rows<'_>)>> = (0..threads).map(|_| Vec::new()).collect();
    let outputs = args.advantages.chunks_exact_mut(len).zip(args.returns.chunks_exact_mut(len)).take(sequences);
    let mut dealt = 0;
    for (index, (advantages, returns)) in outputs.enumerate() {
        let agent = index / shape.heads * len;
        let sequence = Sequence {
            envs: shape.envs,
            decay: args.gamma[index] * args.lambda[index],
            deltas: &args.deltas[index * len..][..len],
            terminated: &args.terminated[agent..agent + len],
            truncated: &args.truncated[agent..agent + len],
            values: &args.values[index * (len + shape.envs)..][..len],
        };
        for (columns, rows) in blocks(shape, advantages, returns) {
            work[dealt % threads].push((sequence, columns, rows));
            dealt += 1;
        }
    }
    thread::scope(|scope| {
        let mut work = work.into_iter();
        let own = work.next();
        for list in work {
            scope.spawn(move || list.into_iter().for_each(|(sequence, columns, rows)| sequence.walk(columns, rows)));
        }
        own.into_iter().flatten().for_each(|(sequence, columns, rows)| sequence.walk(columns, rows));
    });
}

/// Cuts the outputs `[T, N]` of one agent and head into blocks of columns.
fn blocks<'a>(shape: RolloutShape, advantages: &'a mut [f32], returns: &'a mut [f32]) -> Vec<(Range<usize>, Rows<'a>)> {
    let starts = (0..shape.envs).step_by(COLUMNS);
    let mut blocks: Vec<(Range<usize>, Rows<'a>)> =
        starts.map(|at| (at..(at + COLUMNS).min(shape.envs), Vec::with_capacity(shape.steps))).collect();
    for (advantages, returns) in advantages.chunks_exact_mut(shape.envs).zip(returns.chunks_exact_mut(shape.envs)) {
        let cut = advantages.chunks_mut(COLUMNS).zip(returns.chunks_mut(COLUMNS));
        for ((_, rows), row) in blocks.iter_mut().zip(cut) {
            rows.push(row);
        }
    }
    blocks
}
