//! The one matrix product: forward, backward and weight gradient differ in how `a` is walked and how a result is
//! finished.

use super::simd::{Job, Simd};

/// What happens to an element of a product besides the sum.
///
/// # Safety
/// As [`Simd`]; `at` is the element's offset in the result.
pub(super) trait Finish: Copy {
    /// What the sum starts from that belongs at `at`, in column `col`.
    unsafe fn start<S: Simd>(self, c: *const f32, at: usize, col: usize) -> S::V;
    /// Stores the sum.
    unsafe fn finish<S: Simd>(self, sum: S::V, c: *mut f32, at: usize);
}

/// `c = sum + bias`; the bias is as wide as `c`.
#[derive(Clone, Copy)]
pub(super) struct Bias(pub(super) *const f32);

impl Finish for Bias {
    #[inline(always)]
    unsafe fn start<S: Simd>(self, _: *const f32, _: usize, col: usize) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { S::load(self.0.add(col)) }
    }
    #[inline(always)]
    unsafe fn finish<S: Simd>(self, sum: S::V, c: *mut f32, at: usize) {
        // SAFETY: by the trait's contract.
        unsafe { S::store(c.add(at), sum) }
    }
}

/// `c += sum`, or `c = sum` if `fresh`.
#[derive(Clone, Copy)]
pub(super) struct Accumulate {
    pub(super) fresh: bool,
}

impl Finish for Accumulate {
    #[inline(always)]
    unsafe fn start<S: Simd>(self, c: *const f32, at: usize, _: usize) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { if self.fresh { S::splat(0.0) } else { S::load(c.add(at)) } }
    }
    #[inline(always)]
    unsafe fn finish<S: Simd>(self, sum: S::V, c: *mut f32, at: usize) {
        // SAFETY: by the trait's contract.
        unsafe { S::store(c.add(at), sum) }
    }
}

/// `c[m, n] = finish(sum over k of a(m, k) b[k, n])`, rows of `c` `ldc` apart, `n` a multiple of the lanes.
///
/// `a(m, k)` is `a[m * lda + k]`, or `a[k * lda + m]` if `T`. `b` is row-major with rows `ldb` apart, or, if `ldb` is
/// 0, packed in panels of two vectors (the last may be one) in which rows follow each other.
pub(super) struct Product<const T: bool, F> {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: *const f32,
    pub(super) lda: usize,
    pub(super) b: *const f32,
    pub(super) ldb: usize,
    pub(super) c: *mut f32,
    pub(super) ldc: usize,
    pub(super) finish: F,
    /// If not null, `[n]` numbers that `b`'s columns add up to, finished as `c` is.
    pub(super) sums: *mut f32,
}

impl<const T: bool, F: Finish> Job for Product<T, F> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut col = 0;
        // SAFETY: columns stay below `n`; by the caller's contract.
        unsafe {
            while col + 2 * S::LANES <= self.n {
                self.panel::<S, 2>(col);
                col += 2 * S::LANES;
            }
            if col < self.n {
                self.panel::<S, 1>(col);
            }
        }
    }
}

impl<const T: bool, F: Finish> Product<T, F> {
    /// All rows of `N` vectors of columns.
    #[inline(always)]
    unsafe fn panel<S: Simd, const N: usize>(&self, col: usize) {
        let mut row = 0;
        // SAFETY: a block is only done when all its rows are below `m`.
        unsafe {
            if T && !self.sums.is_null() {
                row = match self.m {
                    m if m >= S::ROWS => S::ROWS,
                    m if m >= 4 => 4,
                    _ => 0,
                };
                match row {
                    8 => self.block::<S, 8, N, true>(0, col),
                    6 => self.block::<S, 6, N, true>(0, col),
                    4 => self.block::<S, 4, N, true>(0, col),
                    _ => self.block::<S, 0, N, true>(0, col),
                }
            }
            while row + S::ROWS <= self.m {
                match S::ROWS {
                    8 => self.block::<S, 8, N, false>(row, col),
                    6 => self.block::<S, 6, N, false>(row, col),
                    _ => self.block::<S, 4, N, false>(row, col),
                }
                row += S::ROWS;
            }
            while row + 4 <= self.m {
                self.block::<S, 4, N, false>(row, col);
                row += 4;
            }
            if row + 2 <= self.m {
                self.block::<S, 2, N, false>(row, col);
                row += 2;
            }
            if row < self.m {
                self.block::<S, 1, N, false>(row, col);
            }
        }
    }

    /// `M` rows of `N` vectors, whose sums stay in registers, and if `SUMS` those of `b`'s columns.
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const N: usize, const SUMS: bool>(&self, row: usize, col: usize) {
        let (b_at, ldb) = if self.ldb == 0 { (self.k * col, N * S::LANES) } else { (col, self.ldb) };
        // SAFETY: by the caller's contract every element read or written here is inside its matrix.
        unsafe {
            let b = self.b.add(b_at);
            let a = if T { self.a.add(row) } else { self.a.add(row * self.lda) };
            let mut sums = [[S::splat(0.0); N]; M];
            for (m, sum) in sums.iter_mut().enumerate() {
                for (n, sum) in sum.iter_mut().enumerate() {
                    let col = col + n * S::LANES;
                    *sum = self.finish.start::<S>(self.c, (row + m) * self.ldc + col, col);
                }
            }
            let mut columns = [S::splat(0.0); N];
            if SUMS {
                for (n, sum) in columns.iter_mut().enumerate() {
                    *sum = self.finish.start::<S>(self.sums, col + n * S::LANES, col + n * S::LANES);
                }
            }
            for k in 0..self.k {
                let mut right = [S::splat(0.0); N];
                for (n, right) in right.iter_mut().enumerate() {
                    *right = S::load(b.add(k * ldb + n * S::LANES));
                }
                if SUMS {
                    columns.iter_mut().zip(&right).for_each(|(sum, &right)| *sum = S::add(*sum, right));
                }
                for (m, sum) in sums.iter_mut().enumerate() {
                    let left = S::splat(*if T { a.add(k * self.lda + m) } else { a.add(m * self.lda + k) });
                    for (sum, &right) in sum.iter_mut().zip(&right) {
                        *sum = S::fma(left, right, *sum);
                    }
                }
            }
            for (m, sum) in sums.iter().enumerate() {
                for (n, &sum) in sum.iter().enumerate() {
                    self.finish.finish::<S>(sum, self.c, (row + m) * self.ldc + col + n * S::LANES);
                }
            }
            if SUMS {
                for (n, &sum) in columns.iter().enumerate() {
                    self.finish.finish::<S>(sum, self.sums, col + n * S::LANES);
                }
            }
        }
    }
}

/// `c[m, n] = bias[n] + sum over k of a[m, k] w[n, k]` for few columns `n`: vectors run along `k`, a multiple of the
/// lanes.
pub(super) struct Dots {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: *const f32,
    pub(super) lda: usize,
    /// Rows `k` apart, padded with zeros.
    pub(super) w: *const f32,
    pub(super) bias: *const f32,
    pub(super) c: *mut f32,
    pub(super) ldc: usize,
}

impl Job for Dots {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut row = 0;
        // SAFETY: a block is only done when all its rows are below `m`.
        unsafe {
            while row + 4 <= self.m {
                self.rows::<S, 4>(row);
                row += 4;
            }
            while row < self.m {
                self.rows::<S, 1>(row);
                row += 1;
            }
        }
    }
}

impl Dots {
    /// All columns of `M` rows.
    #[inline(always)]
    unsafe fn rows<S: Simd, const M: usize>(&self, row: usize) {
        let mut col = 0;
        // SAFETY: a block is only done when all its columns are below `n`.
        unsafe {
            while col + 2 <= self.n {
                self.block::<S, M, 2>(row, col);
                col += 2;
            }
            if col < self.n {
                self.block::<S, M, 1>(row, col);
            }
        }
    }

    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const N: usize>(&self, row: usize, col: usize) {
        // SAFETY: by the caller's contract every element read or written here is inside its matrix.
        unsafe {
            let mut sums = [[S::splat(0.0); N]; M];
            for k in (0..self.k).step_by(S::LANES) {
                let mut right = [S::splat(0.0); N];
                for (n, right) in right.iter_mut().enumerate() {
                    *right = S::load(self.w.add((col + n) * self.k + k));
                }
                for (m, sum) in sums.iter_mut().enumerate() {
                    let left = S::load(self.a.add((row + m) * self.lda + k));
                    for (sum, &right) in sum.iter_mut().zip(&right) {
                        *sum = S::fma(left, right, *sum);
                    }
                }
            }
            for (m, sum) in sums.iter().enumerate() {
                for (n, &sum) in sum.iter().enumerate() {
                    *self.c.add((row + m) * self.ldc + col + n) = *self.bias.add(col + n) + S::sum(sum);
                }
            }
        }
    }
}

/// `to[i] += from[i]`, `len` a multiple of the lanes.
pub(super) struct AddInto {
    pub(super) len: usize,
    pub(super) from: *const f32,
    pub(super) to: *mut f32,
}

impl Job for AddInto {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: by the caller's contract.
        unsafe {
            for i in (0..self.len).step_by(S::LANES) {
                S::store(self.to.add(i), S::add(S::load(self.to.add(i)), S::load(self.from.add(i))));
            }
        }
    }
}
