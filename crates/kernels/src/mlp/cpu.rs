//! The network on the CPU: batches split into segments, segments into tiles.

use super::plan::Plan;
use super::training::{Memory, SEGMENTS, Training, change};
use super::{MlpSpec, SimdLevel};
use super::{buffer::Buffer, pack, tile, tile::Scratch};
use crate::optimizer::{AgentArgs, AgentStep};
use crate::pool::{self, Parts, Phase};
use crate::{Cpu, OptimizerArgs};
use core::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

    /// Called once all rows have been taken, to write the gradient with respect to `log_std`; without it, that is left alone.
    fn finish(&self, _d_log_std: &mut [f32]) {}
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
    packed: Vec<Buffer>,
    /// A gradient a segment.
    gradients: Buffer,
    /// One a thread.
    scratch: Vec<Mutex<Scratch>>,
    /// Sums of squares at every place of the arena.
    squares: Vec<AtomicU64>,
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
            packed: (0..agents).map(|_| Buffer::new(plan.packed_len)).collect(),
            gradients: Buffer::new(SEGMENTS * plan.gradient_len),
            scratch: (0..cpu.threads()).map(|_| Mutex::new(Scratch::new(&plan))).collect(),
            squares: (0..plan.places()).map(|_| AtomicU64::new(0)).collect(),
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
        assert_eq!(params.len(), self.packed.len() * plan.params, "length of the parameters");
        for (packed, params) in self.packed.iter_mut().zip(params.chunks_exact(plan.params)) {
            let packed = Parts::new(packed.as_mut_slice());
            self.cpu.pool().split(plan.pieces.len(), plan.params >= PARALLEL_PARAMS, &|_, item| {
                let piece = &plan.pieces[item];
                pack::pack_piece(plan, piece, &params[piece.place()], &packed);
            });
        }
    }

    /// An optimiser step of all agents, as [`Backend::optimizer_step`](crate::Backend::optimizer_step) takes it, but that the norm is
    /// added up by layers; the new parameters are taken over as by [`load`](Self::load).
    ///
    /// # Panics
    /// If a buffer is too short.
    pub fn optimize(&mut self, args: OptimizerArgs<'_, Vec<f32>>) {
        let plan = &self.plan;
        assert_eq!(args.gradients.len(), args.agents * plan.params, "length of the gradients");
        for (args, packed) in args.each_agent().zip(&mut self.packed) {
            let packed = Parts::new(packed.as_mut_slice());
            let step = AgentStep::new(args, &self.squares);
            // SAFETY: the gradients are whole.
            let norm = |_, place| unsafe { step.add_squares(place, plan.place(place)) };
            let change = |_, place| change(plan, place, &step, &packed);
            let phases: [Phase<'_>; 2] = [(plan.places(), &norm), (plan.places(), &change)];
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
            tile::forward(plan, self.packed[agent].as_slice(), observations, outputs, values.as_mut_slice(), heads);
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
            tile::forward(plan, self.packed[agent].as_slice(), observations, outputs, values.as_mut_slice(), heads);
        }
    }

    /// Forward pass, loss and backward pass of an agent's batch: gradients `[P]` of `sum(outputs * d_outputs)`, with the
    /// `d_outputs` that `pass` computes from the outputs. Overwrites `gradients`, that of `log_std` with what `pass` makes of it.
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
        let (ways, parallel) = ((self.is_apart(rows), asymmetric), self.is_parallel(rows));
        let gradients = Parts::new(gradients);
        let packed = Parts::new(self.packed[agent].as_mut_slice());
        let sums = Parts::new(self.gradients.as_mut_slice());
        let memory = Memory { plan: &self.plan, scratch: &self.scratch, packed: &packed, sums, gradients: &gradients };
        Training::new(memory, rows, ways, pass).run(self.cpu.pool(), parallel, None);
    }

    /// [`train_pass`](Self::train_pass) and an optimiser step with its gradients; threads wait for each other less often than in one after
    /// the other.
    ///
    /// # Panics
    /// As both.
    pub(crate) fn step(
        &mut self,
        agent: usize,
        rows: usize,
        asymmetric: bool,
        pass: &dyn TilePass,
        args: AgentArgs<'_>,
    ) {
        assert_eq!(args.gradients.len(), self.plan.params, "length of the gradients");
        let (ways, parallel) = ((self.is_apart(rows), asymmetric), self.is_parallel(rows));
        let step = AgentStep::new(args, &self.squares);
        let packed = Parts::new(self.packed[agent].as_mut_slice());
        let sums = Parts::new(self.gradients.as_mut_slice());
        let gradients = step.gradients();
        let memory = Memory { plan: &self.plan, scratch: &self.scratch, packed: &packed, sums, gradients };
        Training::new(memory, rows, ways, pass).run(self.cpu.pool(), parallel, Some(&step));
        step.finish();
    }

    /// Whether waking other threads pays for a pass over so many rows.
    fn is_parallel(&self, rows: usize) -> bool {
        3 * rows * self.plan.params >= PARALLEL
    }

    fn check(&self, observations: &[f32], rows: usize, outputs: &[f32]) {
        assert_eq!(observations.len(), rows * self.plan.inputs, "length of the observations of {rows} rows");
        assert_eq!(outputs.len(), rows * self.plan.width, "length of the outputs of {rows} rows");
    }
}

pub(super) fn lock(scratch: &Mutex<Scratch>) -> MutexGuard<'_, Scratch> {
    scratch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A range of rows as a range of numbers.
fn scale(rows: &Range<usize>, width: usize) -> Range<usize> {
    rows.start * width..rows.end * width
}
