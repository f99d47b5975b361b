//! The network on the CPU: batches split into segments, segments into tiles.

use super::plan::{Piece, Plan};
use super::{MlpSpec, SimdLevel};
use super::{buffer::Buffer, pack, product::AddInto, tile, tile::Scratch};
use crate::optimizer::AgentStep;
use crate::pool::{self, Parts, Phase};
use crate::{Cpu, OptimizerArgs};
use core::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A batch's gradient is summed over at most so many segments, which is also the most threads that its backward pass
/// uses.
const SEGMENTS: usize = 16;
/// Rows of the smallest segment, less where that makes two of a batch; shorter ones would spend their time on adding gradients.
const SEGMENT_ROWS: usize = 128;
/// Segments from which neighbours are added up before all are: a thread then reads half as much that another one has written.
const LEAST_PAIRED: usize = 4;
/// Rows up to which several threads take actor and critic apart, and numbers of an observation: what either reads is then read twice, but
/// weights and gradients stay where they are.
const APART_ROWS: usize = 1024;
const APART_INPUTS: usize = 64;
/// Rows times parameters from which waking other threads pays.
const PARALLEL: usize = 400_000;
/// Parameters from which it pays to share out what comes between two passes.
const PARALLEL_PARAMS: usize = 4096;

/// The heads upon a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heads {
    /// All there are.
    All,
    /// The actor's.
    Policy,
    /// The critic's.
    Values,
}

impl Heads {
    /// Whether the policy's are among them.
    pub fn has_policy(self) -> bool {
        self != Self::Values
    }

    /// Whether the values' are.
    pub fn has_values(self) -> bool {
        self != Self::Policy
    }
}

/// Where a training pass takes its rows from, and what it does with the outputs. Called on any thread, in any order, once a tile, or where
/// actor and critic [are apart](MlpCpu::is_apart) once a tile and network.
pub trait TilePass: Sync {
    /// Writes the observations of some rows, `[rows, inputs]`.
    fn observations(&self, rows: Range<usize>, observations: &mut [f32]);

    /// Writes the gradient with respect to the outputs of some rows, which are tile `tile`; all slices are `[rows, width]`, of which
    /// only the columns of `heads` are read and written (and of the policy's, those behind the values).
    fn loss(
        &self,
        tile: usize,
        heads: Heads,
        rows: Range<usize>,
        outputs: &[f32],
        d_outputs: &mut [f32],
        d_trunk: Option<&mut [f32]>,
    );
}

/// The fused engine's network on the CPU: a multilayer actor-critic's forward pass over whole batches, and its training pass, which
/// takes tile after tile through forward pass, loss and backward pass, so that activations never leave the caches. Where actor and
/// critic share nothing, small batches take them apart: on two threads, neither's weights and gradients leave their core.
///
/// Vector instructions are chosen at run time. Rows are split in segments that do not depend on the thread count, and
/// the segments' gradients are added in a fixed order: results are the same bits for any number of threads (not for
/// different [`SimdLevel`]s). After construction nothing is allocated.
///
/// Output gradients smaller than 1e-30 count as 0, because denormal numbers stall whole loops; the processor's
/// floating-point mode is left alone.
pub struct MlpCpu {
    plan: Plan,
    cpu: Cpu,
    /// Packed weights, one set an agent.
    packed: Buffer,
    /// A gradient a segment.
    gradients: Buffer,
    /// One a thread.
    scratch: Vec<Mutex<Scratch>>,
}

impl MlpCpu {
    /// A network of `spec`'s shape for A agents that runs on the threads of `cpu`, at the machine's best [`SimdLevel`].
    ///
    /// # Panics
    /// If the width of the observation, of a hidden layer, of a pathway or of the value heads is 0, if an observation is
    /// nothing but a mask, or if there is a memory.
    pub fn new(spec: &MlpSpec, agents: usize, cpu: &Cpu) -> Self {
        Self::with_simd(spec, agents, cpu, SimdLevel::detect())
    }

    /// As [`new`](Self::new), at a given level; one that the machine lacks is replaced by [`SimdLevel::Portable`].
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_simd(spec: &MlpSpec, agents: usize, cpu: &Cpu, level: SimdLevel) -> Self {
        let head = &spec.head;
        assert!(head.mask_width() < spec.inputs && head.carried == 0, "a mask too wide, or a memory: {spec:?}");
        let widths = [spec.observed(), head.policy.logits(), head.value_heads];
        assert!(widths.iter().chain(&spec.hidden).all(|&w| w > 0), "a width of the network is 0: {spec:?}");
        let plan = Plan::new(spec, level.checked());
        Self {
            packed: Buffer::new(agents * plan.packed_len),
            gradients: Buffer::new(SEGMENTS * plan.gradient_len),
            scratch: (0..cpu.threads()).map(|_| Mutex::new(Scratch::new(&plan))).collect(),
            cpu: cpu.clone(),
            plan,
        }
    }

    /// Length of an agent's parameter vector, `P`.
    pub fn param_count(&self) -> usize {
        self.plan.params
    }

    /// Whether a training pass over so many rows takes actor and critic apart. The results are the same.
    pub fn is_apart(&self, rows: usize) -> bool {
        let small = rows <= APART_ROWS && self.plan.inputs < APART_INPUTS;
        small && self.plan.networks.len() > 1 && self.cpu.threads() > 1
    }

    /// Rows of a tile.
    pub fn tile_rows(&self) -> usize {
        self.plan.tile
    }

    /// Takes over all agents' parameters `[A, P]` (an agent's as in [`MlpSpec::params`]).
    ///
    /// # Panics
    /// If the length does not fit.
    pub fn load(&mut self, params: &[f32]) {
        let plan = &self.plan;
        let agents = self.packed.as_slice().len() / plan.packed_len;
        assert_eq!(params.len(), agents * plan.params, "length of the parameters");
        let packed = self.packed.as_mut_slice().chunks_exact_mut(plan.packed_len);
        for (packed, params) in packed.zip(params.chunks_exact(plan.params)) {
            let packed = Parts::new(packed);
            self.cpu.pool().split(plan.pieces.len(), plan.params >= PARALLEL_PARAMS, &|_, item| {
                let piece = &plan.pieces[item];
                pack::pack_piece(plan, piece, &params[piece.place()], &packed);
            });
        }
    }

    /// An optimiser step of all agents, as [`Backend::optimizer_step`](crate::Backend::optimizer_step) takes it, to the last bit;
    /// the new parameters are taken over as by [`load`](Self::load).
    ///
    /// # Panics
    /// If a buffer is too short.
    pub fn optimize(&mut self, args: OptimizerArgs<'_, Vec<f32>>) {
        let plan = &self.plan;
        assert_eq!(args.gradients.len(), args.agents * plan.params, "length of the gradients");
        let packed = self.packed.as_mut_slice().chunks_exact_mut(plan.packed_len).map(Parts::new);
        let log_std = plan.params - plan.log_std_len..plan.params;
        for (step, packed) in AgentStep::each(args).zip(packed) {
            let norm = |_, item| step.add_squares(item);
            let change = |_, item| {
                let piece = plan.pieces.get(item);
                let place = piece.map_or(log_std.clone(), Piece::place);
                // SAFETY: pieces lie apart in the arena, and `log_std` behind them; the norm's phase is over.
                let Some(params) = (unsafe { step.change(place) }) else { return };
                if let Some(piece) = piece {
                    pack::pack_piece(plan, piece, params, &packed);
                }
            };
            let phases: [Phase<'_>; 2] = [(step.parts(), &norm), (plan.pieces.len() + 1, &change)];
            self.cpu.pool().phases(plan.params >= PARALLEL_PARAMS, &phases);
            step.finish();
        }
    }

    /// Maps an agent's observations `[rows, inputs]` to outputs `[rows, width]` (columns as in
    /// [`HeadLayout`](crate::HeadLayout)). A row's outputs do not depend on the rows beside it.
    ///
    /// # Panics
    /// If a length does not fit `rows` and the network.
    pub fn forward(&self, agent: usize, observations: &[f32], rows: usize, outputs: &mut [f32]) {
        self.check(observations, rows, outputs);
        let plan = &self.plan;
        let outputs = Parts::new(outputs);
        let parallel = rows * plan.params >= PARALLEL;
        self.cpu.pool().split(rows.div_ceil(plan.tile), parallel, &|thread, item| {
            let rows = item * plan.tile..rows.min((item + 1) * plan.tile);
            // SAFETY: every item has rows of its own.
            let outputs = unsafe { outputs.part(scale(&rows, plan.width)) };
            let Scratch { values, heads, sparse, .. } = &mut *lock(&self.scratch[thread]);
            let observations = &observations[scale(&rows, plan.inputs)];
            let observations = (observations, sparse.find(observations, plan.inputs).map(|found| &*found));
            tile::forward(plan, self.packed_of(agent), observations, outputs, values.as_mut_slice(), heads);
        });
    }

    /// As [`forward`](Self::forward), on the calling thread alone, which may be any.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_here(&self, agent: usize, observations: &[f32], rows: usize, outputs: &mut [f32]) {
        self.check(observations, rows, outputs);
        let plan = &self.plan;
        // A thread's own memory is in its cache.
        let own = pool::current() % self.scratch.len();
        let (before, after) = self.scratch.split_at(own);
        let free = after.iter().chain(before).find_map(|scratch| scratch.try_lock().ok());
        let Scratch { values, heads, sparse, .. } = &mut *free.unwrap_or_else(|| lock(&self.scratch[own]));
        let tiles = observations.chunks(plan.tile * plan.inputs).zip(outputs.chunks_mut(plan.tile * plan.width));
        for (observations, outputs) in tiles {
            let observations = (observations, sparse.find(observations, plan.inputs).map(|found| &*found));
            tile::forward(plan, self.packed_of(agent), observations, outputs, values.as_mut_slice(), heads);
        }
    }

    /// Forward pass, loss and backward pass of an agent's batch: gradients `[P]` of `sum(outputs * d_outputs)`, with the
    /// `d_outputs` that `pass` computes from the outputs. Overwrites `gradients` but for the place of `log_std`, which it
    /// leaves alone.
    ///
    /// If `asymmetric`, `pass` is asked for `d_trunk` as well: the heads' own weights and biases then learn from
    /// `d_outputs`, and everything below them from `d_trunk`. No gradient flows through the features columns.
    ///
    /// # Panics
    /// If the length of `gradients` is wrong.
    pub fn train_pass(
        &mut self,
        agent: usize,
        rows: usize,
        asymmetric: bool,
        pass: &dyn TilePass,
        gradients: &mut [f32],
    ) {
        assert_eq!(gradients.len(), self.plan.params, "length of the gradients");
        let is_apart = self.is_apart(rows);
        let (plan, scratch) = (&self.plan, &self.scratch);
        let packed = &self.packed.as_slice()[agent * plan.packed_len..][..plan.packed_len];
        let sums = Parts::new(self.gradients.as_mut_slice());
        let segments = Segments::new(rows, plan.tile);
        let (together, apart) =
            ([(Heads::All, 0..plan.networks.len())], [(Heads::Policy, 0..1), (Heads::Values, 1..2)]);
        let groups: &[(Heads, Range<usize>)] = if is_apart { &apart } else { &together };
        let train = |thread: usize, item: usize| {
            let ((own, networks), segment) = (&groups[item / segments.count], item % segments.count);
            let Scratch { values, heads, sparse, back, observations, outputs } = &mut *lock(&scratch[thread]);
            for tile in segments.tiles(segment) {
                let rows = segments.rows_of(tile);
                let observations = &mut observations.as_mut_slice()[..rows.len() * plan.inputs];
                let outputs = &mut outputs.as_mut_slice()[..rows.len() * plan.width];
                pass.observations(rows.clone(), observations);
                let found = sparse.find(observations, plan.inputs).map(|found| {
                    found.transpose();
                    &*found
                });
                let observations = (&*observations, found);
                for number in networks.clone() {
                    tile::forward_network(plan, number, packed, observations, outputs, (values.as_mut_slice(), heads));
                }
                back.seed(asymmetric, outputs.len(), |d_outputs, d_trunk| {
                    pass.loss(tile, *own, rows, outputs, d_outputs, d_trunk);
                });
                for network in &plan.networks[networks.clone()] {
                    // SAFETY: every segment has a gradient of its own, and every network a part of it.
                    let gradient = unsafe { part(plan, &sums, segment, network.gradient.clone()) };
                    let fresh = tile == segments.tiles(segment).start;
                    tile::backward(plan, network, packed, observations, values.as_slice(), (gradient, fresh), back);
                }
            }
        };
        let gradients = Parts::new(gradients);
        let pairs = if segments.count < LEAST_PAIRED { 0 } else { segments.count / 2 };
        // Neighbours are mostly the same thread's; where a network is, all its segments are.
        let paired = if is_apart { 0 } else { pairs };
        let pair = |_, pair: usize| {
            plan.networks.iter().for_each(|network| add_pairs(plan, &network.gradient, pair..pair + 1, &sums));
        };
        let add = |_, piece: usize| {
            let piece = &plan.pieces[piece];
            add_pairs(plan, &piece.numbers(), paired..pairs, &sums);
            add_segments(plan, piece, (segments.count, pairs), &sums, &gradients);
        };
        let phases: [Phase<'_>; 3] =
            [(groups.len() * segments.count, &train), (paired, &pair), (plan.pieces.len(), &add)];
        self.cpu.pool().phases(3 * rows * plan.params >= PARALLEL, &phases);
    }

    fn packed_of(&self, agent: usize) -> &[f32] {
        &self.packed.as_slice()[agent * self.plan.packed_len..][..self.plan.packed_len]
    }

    fn check(&self, observations: &[f32], rows: usize, outputs: &[f32]) {
        assert_eq!(observations.len(), rows * self.plan.inputs, "length of the observations of {rows} rows");
        assert_eq!(outputs.len(), rows * self.plan.width, "length of the outputs of {rows} rows");
    }
}

/// A segment's gradient, or a part of it.
///
/// # Safety
/// No two parts in use may overlap.
#[expect(clippy::mut_from_ref, reason = "parts are disjoint by contract")]
unsafe fn part<'a>(plan: &Plan, sums: &'a Parts<'_>, segment: usize, part: Range<usize>) -> &'a mut [f32] {
    let start = segment * plan.gradient_len;
    // SAFETY: by this function's contract.
    unsafe { sums.part(start + part.start..start + part.end) }
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

/// Adds to some numbers of every second segment's gradient those of the one behind it.
fn add_pairs(plan: &Plan, numbers: &Range<usize>, pairs: Range<usize>, sums: &Parts<'_>) {
    for pair in pairs {
        // SAFETY: a pair's numbers are added up by one call, when all segments are done.
        let [to, from] = [0, 1].map(|i| unsafe { part(plan, sums, 2 * pair + i, numbers.clone()) });
        add(plan, from, to);
    }
}

/// Adds up the gradients of a piece, in their order: of all segments, or where there are pairs, theirs and of the segment that has none.
fn add_segments(plan: &Plan, piece: &Piece, (count, pairs): (usize, usize), sums: &Parts<'_>, gradients: &Parts<'_>) {
    // SAFETY: every piece is added up by one call, when all pairs are.
    let sum = unsafe { part(plan, sums, 0, piece.numbers()) };
    if count == 0 {
        sum.fill(0.0);
    }
    let step = if pairs > 0 { 2 } else { 1 };
    for segment in (step..count).step_by(step) {
        // SAFETY: as above.
        add(plan, unsafe { part(plan, sums, segment, piece.numbers()) }, sum);
    }
    // SAFETY: pieces lie apart in the arena as well.
    pack::unpack_piece(piece, sum, unsafe { gradients.part(piece.place()) });
}

fn lock(scratch: &Mutex<Scratch>) -> MutexGuard<'_, Scratch> {
    scratch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A range of rows as a range of numbers.
fn scale(rows: &Range<usize>, width: usize) -> Range<usize> {
    rows.start * width..rows.end * width
}

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
