//! The network on the CPU: batches split into segments, segments into tiles.

use super::{MlpSpec, SimdLevel};
use super::{buffer::Buffer, pack, plan::Plan, pool::Pool, product::AddInto, tile, tile::Scratch};
use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A batch's gradient is summed over at most so many segments, which is also the most threads that its backward pass
/// uses.
const SEGMENTS: usize = 16;
/// Rows of the smallest segment; shorter ones would spend their time on adding gradients.
const SEGMENT_ROWS: usize = 128;
/// Rows times parameters from which waking other threads pays.
const PARALLEL: usize = 400_000;

/// Rows of a batch, what the network made of them, and where the loss puts its gradients.
pub struct LossRows<'a> {
    /// Which rows of the batch.
    pub rows: Range<usize>,
    /// Outputs, `[rows, width]`.
    pub outputs: &'a mut [f32],
    /// Gradient with respect to the outputs, `[rows, width]`.
    pub d_outputs: &'a mut [f32],
    /// The gradient for what is below the heads, if it is another one, `[rows, width]`.
    pub d_trunk: Option<&'a mut [f32]>,
}

/// The fused engine's network on the CPU: a multilayer actor-critic's forward and backward pass over whole batches.
///
/// Vector instructions are chosen at run time. Rows are split in segments that do not depend on the thread count, and
/// the segments' gradients are added in a fixed order: results are the same bits for any number of threads (not for
/// different [`SimdLevel`]s). After construction nothing is allocated.
///
/// Output gradients smaller than 1e-30 count as 0, because denormal numbers stall whole loops; the processor's
/// floating-point mode is left alone.
pub struct MlpCpu {
    plan: Plan,
    pool: Pool,
    packed: Buffer,
    /// Activations of the tiles of the last [`forward_train`](Self::forward_train).
    kept: Buffer,
    kept_rows: usize,
    max_rows: usize,
    /// A gradient a segment.
    gradients: Buffer,
    /// One a thread.
    scratch: Vec<Mutex<Scratch>>,
    cursors: Cursors,
}

impl MlpCpu {
    /// A network of `spec`'s shape that runs on `threads` threads (0 counts as 1), at the machine's best [`SimdLevel`].
    ///
    /// `max_rows` bounds the batches of [`forward_train`](Self::forward_train), whose activations are kept;
    /// [`forward`](Self::forward) takes any number of rows.
    ///
    /// # Panics
    /// If the width of the observation, of a hidden layer, of a pathway or of the value heads is 0.
    pub fn new(spec: &MlpSpec, max_rows: usize, threads: usize) -> Self {
        Self::with_simd(spec, max_rows, threads, SimdLevel::detect())
    }

    /// As [`new`](Self::new), at a given level; one that the machine lacks is replaced by [`SimdLevel::Portable`].
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_simd(spec: &MlpSpec, max_rows: usize, threads: usize, level: SimdLevel) -> Self {
        let widths = [spec.inputs, spec.head.policy.logits(), spec.head.value_heads];
        assert!(widths.iter().chain(&spec.hidden).all(|&w| w > 0), "a width of the network is 0: {spec:?}");
        let plan = Plan::new(spec, level.checked());
        let pool = Pool::new(threads);
        Self {
            packed: Buffer::new(plan.packed_len),
            kept: Buffer::new(max_rows.div_ceil(plan.tile) * plan.tile_len),
            kept_rows: 0,
            max_rows,
            gradients: Buffer::new(SEGMENTS * plan.gradient_len),
            scratch: (0..pool.threads()).map(|_| Mutex::new(Scratch::new(&plan))).collect(),
            cursors: Cursors((0..pool.threads()).map(|_| AtomicUsize::new(0)).collect()),
            plan,
            pool,
        }
    }

    /// Length of the parameter vector, `P`.
    pub fn param_count(&self) -> usize {
        self.plan.params
    }

    /// Threads in use, the caller's included.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Maps observations `[rows, inputs]` to outputs `[rows, width]` (columns as in [`HeadLayout`](crate::HeadLayout))
    /// by parameters `[P]` (as in [`MlpSpec::params`]). A row's outputs do not depend on the rows beside it.
    ///
    /// # Panics
    /// If a length does not fit `rows` and the network.
    pub fn forward(&mut self, params: &[f32], observations: &[f32], rows: usize, outputs: &mut [f32]) {
        self.check(params, observations, rows, outputs);
        pack::pack_forward(&self.plan, params, self.packed.as_mut_slice());
        let (plan, packed) = (&self.plan, self.packed.as_slice());
        let outputs = Parts::new(outputs);
        let items = rows.div_ceil(64);
        self.cursors.split(&mut self.pool, &self.scratch, (items, rows * plan.params), &|scratch, item| {
            let rows = item * 64..rows.min(item * 64 + 64);
            // SAFETY: every item has rows of its own.
            let outputs = unsafe { outputs.part(scale(&rows, plan.width)) };
            let observations = &observations[scale(&rows, plan.inputs)];
            let Scratch { values, heads, .. } = scratch;
            tile::forward(plan, packed, observations, outputs, values.as_mut_slice(), heads);
        });
    }

    /// As [`forward`](Self::forward), and keeps the activations for [`backward`](Self::backward).
    ///
    /// # Panics
    /// If a length does not fit `rows` and the network, or `rows` is above `max_rows`.
    pub fn forward_train(&mut self, params: &[f32], observations: &[f32], rows: usize, outputs: &mut [f32]) {
        self.check(params, observations, rows, outputs);
        assert!(rows <= self.max_rows, "{rows} rows, but at most {} were asked for", self.max_rows);
        self.kept_rows = rows;
        pack::pack_forward(&self.plan, params, self.packed.as_mut_slice());
        let (plan, packed) = (&self.plan, self.packed.as_slice());
        let (outputs, kept) = (Parts::new(outputs), Parts::new(self.kept.as_mut_slice()));
        let segments = Segments::new(rows, plan.tile);
        self.cursors.split(&mut self.pool, &self.scratch, (segments.count, rows * plan.params), &|scratch, segment| {
            for tile in segments.tiles(segment) {
                let rows = segments.rows_of(tile);
                // SAFETY: every tile has rows and activations of its own.
                let (outputs, values) = unsafe {
                    let values = tile * plan.tile_len..(tile + 1) * plan.tile_len;
                    (outputs.part(scale(&rows, plan.width)), kept.part(values))
                };
                let observations = &observations[scale(&rows, plan.inputs)];
                tile::forward(plan, packed, observations, outputs, values, &mut scratch.heads);
            }
        });
    }

    /// Gradients `[P]` of `sum(outputs * d_outputs)` for the batch of the last [`forward_train`](Self::forward_train),
    /// whose `params` and `observations` must be given again; `d_outputs` is `[rows, width]`. Overwrites `gradients`.
    ///
    /// With `d_trunk` (`[rows, width]`) the heads' own weights and biases learn from `d_outputs`, and everything below
    /// them from `d_trunk`. No gradient flows through the features columns, and that of `log_std` is set to 0.
    ///
    /// # Panics
    /// If a length does not fit the last batch and the network.
    pub fn backward(
        &mut self,
        params: &[f32],
        observations: &[f32],
        d_outputs: &[f32],
        d_trunk: Option<&[f32]>,
        gradients: &mut [f32],
    ) {
        let rows = self.kept_rows;
        self.check(params, observations, rows, d_outputs);
        d_trunk.inspect(|d| assert_eq!(d.len(), d_outputs.len(), "length of d_trunk"));
        assert_eq!(gradients.len(), self.plan.params, "length of the gradients");
        pack::pack_backward(&self.plan, params, self.packed.as_mut_slice());
        let (plan, packed, kept) = (&self.plan, self.packed.as_slice(), self.kept.as_slice());
        let sums = Parts::new(self.gradients.as_mut_slice());
        let segments = Segments::new(rows, plan.tile);
        self.cursors.split(&mut self.pool, &self.scratch, (segments.count, rows * plan.params), &|scratch, segment| {
            // SAFETY: every segment has a gradient of its own.
            let gradient = unsafe { sums.part(segment * plan.gradient_len..(segment + 1) * plan.gradient_len) };
            gradient.fill(0.0);
            for tile in segments.tiles(segment) {
                let rows = segments.rows_of(tile);
                let d = scale(&rows, plan.width);
                let batch = tile::Batch {
                    observations: &observations[scale(&rows, plan.inputs)],
                    d_outputs: &d_outputs[d.clone()],
                    d_trunk: d_trunk.map(|d_trunk| &d_trunk[d]),
                };
                let values = &kept[tile * plan.tile_len..(tile + 1) * plan.tile_len];
                tile::backward(plan, packed, batch, values, gradient, &mut scratch.back);
            }
        });
        self.add_segments(segments.count);
        pack::unpack_gradient(&self.plan, self.gradients.as_slice(), gradients);
    }

    /// Forward pass, `loss` and backward pass of one tile after the other, so that activations never leave the caches:
    /// faster than [`forward_train`](Self::forward_train) and [`backward`](Self::backward) for large batches, with the
    /// same bits for result. Takes any number of rows.
    ///
    /// `loss` is called once for each of the [`LossRows`] that the batch falls into, on any thread and in any order; it
    /// must write all of `d_outputs` and `d_trunk`.
    ///
    /// # Panics
    /// If a length does not fit `batch.rows` and the network.
    pub fn train_pass(
        &mut self,
        params: &[f32],
        observations: &[f32],
        batch: LossRows<'_>,
        loss: &(dyn Fn(LossRows<'_>) + Sync),
        gradients: &mut [f32],
    ) {
        let rows = batch.rows.len();
        self.check(params, observations, rows, batch.outputs);
        assert_eq!(batch.d_outputs.len(), batch.outputs.len(), "length of d_outputs");
        batch.d_trunk.iter().for_each(|d| assert_eq!(d.len(), batch.outputs.len(), "length of d_trunk"));
        assert_eq!(gradients.len(), self.plan.params, "length of the gradients");
        pack::pack_forward(&self.plan, params, self.packed.as_mut_slice());
        pack::pack_backward(&self.plan, params, self.packed.as_mut_slice());
        let (plan, packed, first) = (&self.plan, self.packed.as_slice(), batch.rows.start);
        let sums = Parts::new(self.gradients.as_mut_slice());
        let (outputs, d_outputs) = (Parts::new(batch.outputs), Parts::new(batch.d_outputs));
        let d_trunk = batch.d_trunk.map(Parts::new);
        let segments = Segments::new(rows, plan.tile);
        self.cursors.split(
            &mut self.pool,
            &self.scratch,
            (segments.count, 3 * rows * plan.params),
            &|scratch, segment| {
                let Scratch { values, heads, back } = scratch;
                // SAFETY: every segment has a gradient of its own.
                let gradient = unsafe { sums.part(segment * plan.gradient_len..(segment + 1) * plan.gradient_len) };
                gradient.fill(0.0);
                for tile in segments.tiles(segment) {
                    let rows = segments.rows_of(tile);
                    let at = scale(&rows, plan.width);
                    // SAFETY: every tile has rows of its own.
                    let (outputs, d_outputs, mut d_trunk) = unsafe {
                        let d_trunk = d_trunk.as_ref().map(|d| d.part(at.clone()));
                        (outputs.part(at.clone()), d_outputs.part(at.clone()), d_trunk)
                    };
                    let observations = &observations[scale(&rows, plan.inputs)];
                    tile::forward(plan, packed, observations, outputs, values.as_mut_slice(), heads);
                    let rows = first + rows.start..first + rows.end;
                    loss(LossRows { rows, outputs, d_outputs, d_trunk: d_trunk.as_deref_mut() });
                    let batch = tile::Batch { observations, d_outputs, d_trunk: d_trunk.as_deref() };
                    tile::backward(plan, packed, batch, values.as_slice(), gradient, back);
                }
            },
        );
        self.add_segments(segments.count);
        pack::unpack_gradient(&self.plan, self.gradients.as_slice(), gradients);
    }

    /// Adds all segments' gradients to the first one's, in their order.
    fn add_segments(&mut self, count: usize) {
        const CHUNK: usize = 2048;
        let plan = &self.plan;
        if count == 0 {
            self.gradients.as_mut_slice()[..plan.gradient_len].fill(0.0);
        }
        let sums = Parts::new(self.gradients.as_mut_slice());
        let items = plan.gradient_len.div_ceil(CHUNK);
        self.cursors.split(&mut self.pool, &self.scratch, (items, count * plan.gradient_len), &|_, item| {
            let chunk = item * CHUNK..plan.gradient_len.min((item + 1) * CHUNK);
            // SAFETY: every item has a chunk of its own; a gradient's length is a multiple of a cache line.
            unsafe {
                let to = sums.part(chunk.clone()).as_mut_ptr();
                for segment in 1..count {
                    let start = segment * plan.gradient_len;
                    let from = sums.part(start + chunk.start..start + chunk.end).as_ptr();
                    plan.level.run(AddInto { len: chunk.len(), from, to });
                }
            }
        });
    }

    fn check(&self, params: &[f32], observations: &[f32], rows: usize, outputs: &[f32]) {
        assert_eq!(params.len(), self.plan.params, "length of the parameters");
        assert_eq!(observations.len(), rows * self.plan.inputs, "length of the observations of {rows} rows");
        assert_eq!(outputs.len(), rows * self.plan.width, "length of the outputs of {rows} rows");
    }
}

/// The next item of every thread's share.
struct Cursors(Vec<AtomicUsize>);

impl Cursors {
    /// Runs `work` once on every item. Each thread begins with its own share, the same in every pass so that it finds
    /// its data in its cache, and then helps the others; `cost` tells whether other threads are worth waking.
    fn split(
        &self,
        pool: &mut Pool,
        scratch: &[Mutex<Scratch>],
        (items, cost): (usize, usize),
        work: &(dyn Fn(&mut Scratch, usize) + Sync),
    ) {
        let shares = if cost < PARALLEL { 1 } else { pool.threads().min(items).max(1) };
        for (share, cursor) in self.0.iter().enumerate().take(shares) {
            cursor.store(share * items / shares, Ordering::Relaxed);
        }
        let run = |thread: usize| {
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            for share in (thread..shares).chain(0..thread.min(shares)) {
                let end = (share + 1) * items / shares;
                loop {
                    let item = self.0[share].fetch_add(1, Ordering::Relaxed);
                    if item >= end {
                        break;
                    }
                    work(&mut scratch, item);
                }
            }
        };
        if shares == 1 { run(0) } else { pool.run(&run) }
    }
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
        let segment = SEGMENT_ROWS.max(rows.div_ceil(SEGMENTS)).next_multiple_of(tile);
        Self { rows, tile, tiles: segment / tile, count: rows.div_ceil(segment) }
    }

    fn tiles(self, segment: usize) -> Range<usize> {
        segment * self.tiles..self.rows.div_ceil(self.tile).min((segment + 1) * self.tiles)
    }

    fn rows_of(self, tile: usize) -> Range<usize> {
        tile * self.tile..self.rows.min((tile + 1) * self.tile)
    }
}

/// A slice whose disjoint parts go to several threads.
struct Parts<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: stands for an exclusive borrow; `part`'s contract keeps the parts apart.
unsafe impl Sync for Parts<'_> {}

impl<'a> Parts<'a> {
    fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// # Safety
    /// No two parts in use may overlap.
    #[expect(clippy::mut_from_ref, reason = "parts are disjoint by contract")]
    unsafe fn part(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the slice by the check, and exclusive by this function's contract.
        unsafe { core::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
