//! A training pass over a batch: its segments, on any thread, and what their gradients add up to.

use super::cpu::{Heads, TilePass, lock};
use super::plan::{Piece, Plan};
use super::product::AddInto;
use super::{pack, tile, tile::Scratch};
use crate::optimizer::AgentStep;
use crate::pool::{Parts, Phase, Pool};
use core::ops::Range;
use std::sync::Mutex;

/// A batch's gradient is summed over at most so many segments, which is also the most threads that its backward pass
/// uses.
pub(super) const SEGMENTS: usize = 16;
/// Rows of the smallest segment, less where that makes two of a batch; shorter ones would spend their time on adding gradients.
const SEGMENT_ROWS: usize = 128;
/// Segments from which neighbours are added up before all are: a thread then reads half as much that another one has written.
const LEAST_PAIRED: usize = 4;
/// Places of the arena that a thread takes up at once where there are many.
const LOT: usize = 16;

/// How a batch is split; depends on nothing but its rows and the network.
#[derive(Clone, Copy)]
struct Segments {
    rows: usize,
    tile: usize,
    tiles: usize,
    count: usize,
}

impl Segments {
    fn new(rows: usize, tile: usize) -> Self {
        let least = SEGMENT_ROWS.min(rows.div_ceil(2));
        let segment = least.max(rows.div_ceil(SEGMENTS)).max(1).next_multiple_of(tile);
        Self { rows, tile, tiles: segment / tile, count: rows.div_ceil(segment) }
    }

    fn tiles(self, segment: usize) -> Range<usize> {
        segment * self.tiles..self.rows.div_ceil(self.tile).min((segment + 1) * self.tiles)
    }

    fn rows_of(self, tile: usize) -> Range<usize> {
        tile * self.tile..self.rows.min((tile + 1) * self.tile)
    }
}

/// What the passes of a network work on.
pub(super) struct Memory<'a> {
    pub(super) plan: &'a Plan,
    /// One a thread.
    pub(super) scratch: &'a [Mutex<Scratch>],
    /// An agent's packed weights.
    pub(super) packed: &'a Parts<'a>,
    /// A gradient a segment.
    pub(super) sums: Parts<'a>,
    /// The agent's gradient, `[P]`.
    pub(super) gradients: &'a Parts<'a>,
}

/// One agent's training pass: first every item is trained, then pairs are added up, then all.
pub(super) struct Training<'a> {
    memory: Memory<'a>,
    pass: &'a dyn TilePass,
    is_apart: bool,
    asymmetric: bool,
    segments: Segments,
    /// Pairs of neighbouring segments that are added up first.
    pairs: usize,
}

impl<'a> Training<'a> {
    /// A pass over `rows` rows, which takes actor and critic apart or not.
    pub(super) fn new(
        memory: Memory<'a>,
        rows: usize,
        (is_apart, asymmetric): (bool, bool),
        pass: &'a dyn TilePass,
    ) -> Self {
        let segments = Segments::new(rows, memory.plan.tile);
        let pairs = if segments.count < LEAST_PAIRED { 0 } else { segments.count / 2 };
        Self { memory, pass, is_apart, asymmetric, segments, pairs }
    }

    /// The whole pass, and a step with its gradients.
    pub(super) fn run(&self, pool: &Pool, parallel: bool, step: Option<&AgentStep<'_>>) {
        let (plan, packed) = (self.memory.plan, self.memory.packed);
        let train = |thread, item| self.train(thread, item);
        let pair = |_, item| self.pair(item);
        // One lot a thread: each is a few microseconds, in which taking it in turns would show.
        let lots = pool.threads().max(plan.places() / LOT);
        let places = |lot: usize| lot * plan.places() / lots..(lot + 1) * plan.places() / lots;
        let add = |_, lot| {
            for place in places(lot) {
                self.add(place);
                if let Some(step) = step {
                    // SAFETY: this place's gradient is whole, and no other place's.
                    unsafe { step.add_squares(place, plan.place(place)) };
                }
            }
        };
        let change =
            |_, lot| places(lot).for_each(|place| step.into_iter().for_each(|step| change(plan, place, step, packed)));
        let changed = if step.is_some() { lots } else { 0 };
        let phases: [Phase<'_>; 4] = [(self.items(), &train), (self.paired(), &pair), (lots, &add), (changed, &change)];
        pool.phases(parallel, &phases);
    }

    /// Segments, of either network where they are apart.
    fn items(&self) -> usize {
        if self.is_apart { 2 * self.segments.count } else { self.segments.count }
    }

    /// The networks of an item, and whose they are.
    fn networks(&self, item: usize) -> (Heads, Range<usize>) {
        match item / self.segments.count {
            0 if self.is_apart => (Heads::Policy, 0..1),
            0 => (Heads::All, 0..self.memory.plan.networks.len()),
            _ => (Heads::Values, 1..2),
        }
    }

    /// Takes an item's rows forward and back, tile by tile.
    fn train(&self, thread: usize, item: usize) {
        let (Memory { plan, scratch, packed, .. }, segments) = (&self.memory, self.segments);
        let ((heads, networks), segment) = (self.networks(item), item % segments.count);
        // SAFETY: nobody packs weights before all items are done.
        let packed = unsafe { packed.shared(0..plan.packed_len) };
        let Scratch { values, heads: head_outputs, sparse, back, observations, outputs } = &mut *lock(&scratch[thread]);
        for tile in segments.tiles(segment) {
            let rows = segments.rows_of(tile);
            let observations = &mut observations.as_mut_slice()[..rows.len() * plan.inputs];
            let outputs = &mut outputs.as_mut_slice()[..rows.len() * plan.width];
            self.pass.observations(rows.clone(), observations);
            let found = sparse.find(observations, plan.inputs).map(|found| {
                found.transpose();
                &*found
            });
            let observations = (&*observations, found);
            for number in networks.clone() {
                let memory = (values.as_mut_slice(), &mut *head_outputs);
                tile::forward_network(plan, number, packed, observations, outputs, memory);
            }
            back.seed(self.asymmetric, outputs.len(), |d_outputs, d_trunk| {
                self.pass.loss(tile, heads, rows, outputs, d_outputs, d_trunk);
            });
            for network in &plan.networks[networks.clone()] {
                // SAFETY: every segment has a gradient of its own, and every network a part of it.
                let gradient = unsafe { self.part(segment, network.gradient.clone()) };
                let fresh = tile == segments.tiles(segment).start;
                tile::backward(plan, network, packed, observations, values.as_slice(), (gradient, fresh), back);
            }
        }
    }

    /// Pairs to add up before the pieces: neighbours are mostly the same thread's. Where a network is, all its segments are.
    fn paired(&self) -> usize {
        if self.is_apart { 0 } else { self.pairs }
    }

    /// Adds up a pair of segments.
    fn pair(&self, pair: usize) {
        let networks = &self.memory.plan.networks;
        networks.iter().for_each(|network| self.add_pairs(&network.gradient, pair..pair + 1));
    }

    /// Adds up the gradient at a [place](Plan::place) of the arena.
    fn add(&self, place: usize) {
        let plan = self.memory.plan;
        if let Some(piece) = plan.pieces.get(place) {
            self.add_pairs(&piece.numbers(), self.paired()..self.pairs);
            self.add_segments(piece);
        } else {
            // SAFETY: nobody else writes there.
            self.pass.finish(unsafe { self.memory.gradients.part(plan.place(place)) });
        }
    }

    /// Adds to some numbers of every second segment's gradient those of the one behind it.
    fn add_pairs(&self, numbers: &Range<usize>, pairs: Range<usize>) {
        for pair in pairs {
            // SAFETY: a pair's numbers are added up by one call, when all segments are done.
            let [to, from] = [0, 1].map(|i| unsafe { self.part(2 * pair + i, numbers.clone()) });
            add(self.memory.plan, from, to);
        }
    }

    /// Adds up the gradients of a piece, in their order: of all segments, or where there are pairs, theirs and of the segment that has none.
    fn add_segments(&self, piece: &Piece) {
        let count = self.segments.count;
        // SAFETY: every piece is added up by one call, when all pairs are.
        let sum = unsafe { self.part(0, piece.numbers()) };
        if count == 0 {
            sum.fill(0.0);
        }
        let step = if self.pairs > 0 { 2 } else { 1 };
        for segment in (step..count).step_by(step) {
            // SAFETY: as above.
            add(self.memory.plan, unsafe { self.part(segment, piece.numbers()) }, sum);
        }
        // SAFETY: pieces lie apart in the arena as well.
        pack::unpack_piece(piece, sum, unsafe { self.memory.gradients.part(piece.place()) });
    }

    /// A segment's gradient, or a part of it.
    ///
    /// # Safety
    /// No two parts in use may overlap.
    #[expect(clippy::mut_from_ref, reason = "parts are disjoint by contract")]
    unsafe fn part(&self, segment: usize, part: Range<usize>) -> &mut [f32] {
        let start = segment * self.memory.plan.gradient_len;
        // SAFETY: by this function's contract.
        unsafe { self.memory.sums.part(start + part.start..start + part.end) }
    }
}

/// Takes a step's part at a place of the arena, and packs its new weights.
pub(super) fn change(plan: &Plan, place: usize, step: &AgentStep<'_>, packed: &Parts<'_>) {
    // SAFETY: places lie apart; the phase that adds up gradients and norm is over.
    let params = unsafe { step.change(plan.place(place)) };
    if let (Some(params), Some(piece)) = (params, plan.pieces.get(place)) {
        pack::pack_piece(plan, piece, params, packed);
    }
}

/// `to += from`
fn add(plan: &Plan, from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "length of a sum");
    if to.len().is_multiple_of(plan.level.lanes()) {
        // SAFETY: both have as many numbers, and `level` was checked when the plan was made.
        unsafe { plan.level.run(AddInto { len: to.len(), from: from.as_ptr(), to: to.as_mut_ptr() }) };
    } else {
        to.iter_mut().zip(from).for_each(|(to, x)| *to += *x);
    }
}
