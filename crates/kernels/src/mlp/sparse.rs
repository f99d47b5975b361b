//! The first layer on observations that are mostly zeros, such as grids that say what is where: products without the zeros.
//!
//! A zero adds nothing to a sum, and the other terms come in the same order: results are those of the full products, to the bit (a sum of
//! zeros alone may differ in its sign, where infinite weights would make it NaN).

use super::plan::{Layer, Plan};
use super::simd::{Job, Simd};

/// Inputs from which looking for zeros pays.
const LEAST_INPUTS: usize = 64;
/// At most one in so many numbers may be none.
const SPARSE: usize = 8;

/// A number that is not zero, and its column or row.
#[derive(Clone, Copy)]
struct Entry {
    at: u32,
    value: f32,
}

/// A tile's numbers that are not zero, by rows and by columns.
pub(super) struct Sparse {
    /// Entries of a row (column) are those from its start to the next one.
    row_starts: Vec<u32>,
    by_row: Vec<Entry>,
    column_starts: Vec<u32>,
    by_column: Vec<Entry>,
    /// Numbers of a row that the first layers read, and most entries.
    inputs: usize,
    most: usize,
}

impl Sparse {
    pub(super) fn new(plan: &Plan) -> Self {
        let inputs = plan.networks[0].layers.first().map_or(0, |layer| layer.inputs);
        let most = if inputs < LEAST_INPUTS { 0 } else { plan.tile * inputs / SPARSE };
        let starts = |count: usize| Vec::with_capacity(if most > 0 { count + 1 } else { 0 });
        Self {
            row_starts: starts(plan.tile),
            by_row: Vec::with_capacity(most),
            column_starts: starts(inputs + 1),
            by_column: Vec::with_capacity(most),
            inputs,
            most,
        }
    }

    /// Takes up a tile of observations, rows `width` wide, if they are mostly zeros.
    pub(super) fn find(&mut self, observations: &[f32], width: usize) -> Option<&mut Self> {
        if self.most == 0 {
            return None;
        }
        self.by_row.clear();
        self.row_starts.clear();
        self.row_starts.push(0);
        for row in observations.chunks_exact(width) {
            for (chunk, first) in row[..self.inputs].chunks(16).zip((0..).step_by(16)) {
                if chunk.iter().fold(0, |all, x| all | x.to_bits() << 1) == 0 {
                    continue;
                }
                if self.by_row.len() + chunk.len() > self.most {
                    return None;
                }
                let entries = chunk.iter().zip(first..).filter(|(value, _)| **value != 0.0);
                self.by_row.extend(entries.map(|(&value, at)| Entry { at, value }));
            }
            self.row_starts.push(self.by_row.len() as u32);
        }
        Some(self)
    }

    /// Sorts by columns what was found.
    pub(super) fn transpose(&mut self) {
        // Counted one place on, so that the starts are where the next column's are after all entries have been placed.
        self.column_starts.clear();
        self.column_starts.resize(self.inputs + 2, 0);
        self.by_row.iter().for_each(|entry| self.column_starts[entry.at as usize + 2] += 1);
        let mut sum = 0;
        for start in &mut self.column_starts {
            sum += *start;
            *start = sum;
        }
        self.by_column.clear();
        self.by_column.resize(self.by_row.len(), Entry { at: 0, value: 0.0 });
        for (row, range) in (0..).zip(self.row_starts.windows(2)) {
            for entry in &self.by_row[range[0] as usize..range[1] as usize] {
                let place = &mut self.column_starts[entry.at as usize + 1];
                self.by_column[*place as usize] = Entry { at: row, value: entry.value };
                *place += 1;
            }
        }
    }

    /// The layer's product before its activation: `[rows, cols]` into `c`, rows `layer.ld` apart.
    ///
    /// # Safety
    /// `c` must hold the rows that were found; `level` of the plan must be the machine's.
    pub(super) unsafe fn forward(&self, plan: &Plan, layer: &Layer, packed: &[f32], c: *mut f32) {
        let weights = &packed[layer.packed..][..layer.inputs * layer.cols];
        let bias = &packed[layer.packed_bias..][..layer.cols];
        // SAFETY: entries lie within the inputs; by this function's contract.
        unsafe { plan.level.run(Forward { sparse: self, layer, weights: weights.as_ptr(), bias: bias.as_ptr(), c }) };
    }

    /// Adds to the gradient of the layer's weight, `[inputs, cols]`; `d` is `[rows, cols]`, rows `layer.ld` apart.
    pub(super) fn gradient(&self, plan: &Plan, layer: &Layer, d: &[f32], gradient: &mut [f32]) {
        assert!(d.len() >= (self.row_starts.len() - 1) * layer.ld && gradient.len() == layer.inputs * layer.cols);
        let (d, c) = (d.as_ptr(), gradient.as_mut_ptr());
        // SAFETY: entries lie within the rows; lengths were checked, and `level` when the plan was made.
        unsafe { plan.level.run(Gradient { sparse: self, layer, d, c }) };
    }
}

struct Forward<'a> {
    sparse: &'a Sparse,
    layer: &'a Layer,
    weights: *const f32,
    bias: *const f32,
    c: *mut f32,
}

impl Job for Forward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (mut col, cols) = (0, self.layer.cols);
        // SAFETY: columns stay below the layer's; by the caller's contract.
        unsafe {
            while col + 8 * S::LANES <= cols {
                self.columns::<S, 8>(col);
                col += 8 * S::LANES;
            }
            while col + 2 * S::LANES <= cols {
                self.columns::<S, 2>(col);
                col += 2 * S::LANES;
            }
            if col < cols {
                self.columns::<S, 1>(col);
            }
        }
    }
}

impl Forward<'_> {
    /// `N` vectors of columns of all rows: one, or whole panels of two.
    #[inline(always)]
    unsafe fn columns<S: Simd, const N: usize>(&self, col: usize) {
        let Layer { inputs, ld, .. } = *self.layer;
        let wide = N.min(2) * S::LANES;
        let entries = self.sparse.by_row.as_ptr();
        // SAFETY: by the caller's contract, and `packed` lies in panels of `wide` columns.
        unsafe {
            let panels = self.weights.add(col * inputs);
            for (row, range) in self.sparse.row_starts.windows(2).enumerate() {
                let mut sums = [S::splat(0.0); N];
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = S::load(self.bias.add(col + v * S::LANES));
                }
                for i in range[0]..range[1] {
                    let Entry { at, value } = *entries.add(i as usize);
                    let (left, line) = (S::splat(value), panels.add(at as usize * wide));
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let right = line.add(v / 2 * wide * inputs + v % 2 * S::LANES);
                        *sum = S::fma(left, S::load(right), *sum);
                    }
                }
                for (v, &sum) in sums.iter().enumerate() {
                    S::store(self.c.add(row * ld + col + v * S::LANES), sum);
                }
            }
        }
    }
}

struct Gradient<'a> {
    sparse: &'a Sparse,
    layer: &'a Layer,
    d: *const f32,
    c: *mut f32,
}

impl Job for Gradient<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (mut col, cols) = (0, self.layer.cols);
        // SAFETY: as in `Forward`.
        unsafe {
            while col + 8 * S::LANES <= cols {
                self.columns::<S, 8>(col);
                col += 8 * S::LANES;
            }
            while col < cols {
                self.columns::<S, 1>(col);
                col += S::LANES;
            }
        }
    }
}

impl Gradient<'_> {
    /// `N` vectors of columns of all inputs.
    #[inline(always)]
    unsafe fn columns<S: Simd, const N: usize>(&self, col: usize) {
        let Layer { inputs, ld, cols, .. } = *self.layer;
        let entries = self.sparse.by_column.as_ptr();
        // SAFETY: by the caller's contract.
        unsafe {
            for (input, range) in self.sparse.column_starts[..=inputs].windows(2).enumerate() {
                if range[0] == range[1] {
                    continue;
                }
                let to = self.c.add(input * cols + col);
                let mut sums = [S::splat(0.0); N];
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = S::load(to.add(v * S::LANES));
                }
                for i in range[0]..range[1] {
                    let Entry { at, value } = *entries.add(i as usize);
                    let (left, line) = (S::splat(value), self.d.add(at as usize * ld + col));
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = S::fma(left, S::load(line.add(v * S::LANES)), *sum);
                    }
                }
                for (v, &sum) in sums.iter().enumerate() {
                    S::store(to.add(v * S::LANES), sum);
                }
            }
        }
    }
}
