//! The three products of a convolution. None makes a copy of the windows: rows are found through lists of where they start.

use crate::mlp::{Job, Simd};

/// Places whose part of a weight's gradient is summed up at a time: so many of their windows stay in the first cache.
const CHUNK: usize = 64;

/// Calls a block of as many rows as the registers hold, and smaller ones for the rest.
macro_rules! blocks {
    ($s:ty, $rows:expr, $row:ident, $n:expr => $self:ident.$block:ident($($argument:expr),*)) => {{
        let mut $row = 0;
        while $row + <$s>::ROWS <= $rows {
            match <$s>::ROWS {
                8 => $self.$block::<$s, 8, $n>($($argument),*),
                6 => $self.$block::<$s, 6, $n>($($argument),*),
                _ => $self.$block::<$s, 4, $n>($($argument),*),
            }
            $row += <$s>::ROWS;
        }
        while $row + 4 <= $rows {
            $self.$block::<$s, 4, $n>($($argument),*);
            $row += 4;
        }
        if $row + 2 <= $rows {
            $self.$block::<$s, 2, $n>($($argument),*);
            $row += 2;
        }
        if $row < $rows {
            $self.$block::<$s, 1, $n>($($argument),*);
        }
    }};
}

/// `c[places[m] + n] = bias[n] + added[m, n] + sum over windows of a(m, k) b[k, n]`, and `max(x, 0)` of it if `relu`. A window is
/// `kernel` runs of `run` numbers, `pitch` apart; `b` is packed in panels of two vectors.
pub(super) struct Forward<'a> {
    pub(super) windows: &'a [u32],
    pub(super) places: &'a [u32],
    /// Where what is added to a place starts; empty if nothing is.
    pub(super) added: &'a [u32],
    pub(super) kernel: usize,
    pub(super) run: usize,
    pub(super) pitch: usize,
    pub(super) outputs: usize,
    pub(super) b: *const f32,
    pub(super) bias: *const f32,
    /// The group's memory, of what is read and of what is written.
    pub(super) planes: *mut f32,
    pub(super) relu: bool,
}

impl Job for Forward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut col = 0;
        // SAFETY: columns stay below `outputs`; by the caller's contract.
        unsafe {
            while col + 2 * S::LANES <= self.outputs {
                blocks!(S, self.places.len(), row, 2 => self.block(row, col));
                col += 2 * S::LANES;
            }
            if col < self.outputs {
                blocks!(S, self.places.len(), row, 1 => self.block(row, col));
            }
        }
    }
}

impl Forward<'_> {
    /// `M` places, `N` vectors of channels.
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const N: usize>(&self, row: usize, col: usize) {
        // SAFETY: by the caller's contract every element read or written here is inside its memory.
        unsafe {
            let mut b = self.b.add(self.kernel * self.run * col);
            let mut a = [self.planes.cast_const(); M];
            let mut sums = [[S::splat(0.0); N]; M];
            for (m, (a, sums)) in a.iter_mut().zip(&mut sums).enumerate() {
                *a = a.add(*self.windows.get_unchecked(row + m) as usize);
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = S::load(self.bias.add(col + n * S::LANES));
                }
            }
            for _ in 0..self.kernel {
                for k in 0..self.run {
                    let mut right = [S::splat(0.0); N];
                    for (n, right) in right.iter_mut().enumerate() {
                        *right = S::load(b.add(n * S::LANES));
                    }
                    b = b.add(N * S::LANES);
                    for (a, sums) in a.iter().zip(&mut sums) {
                        let left = S::splat(*a.add(k));
                        for (sum, &right) in sums.iter_mut().zip(&right) {
                            *sum = S::fma(left, right, *sum);
                        }
                    }
                }
                a.iter_mut().for_each(|a| *a = a.wrapping_add(self.pitch));
            }
            for (m, sums) in sums.iter().enumerate() {
                let place = self.planes.add(*self.places.get_unchecked(row + m) as usize + col);
                for (n, &sum) in sums.iter().enumerate() {
                    let mut sum = sum;
                    if let Some(&added) = self.added.get(row + m) {
                        sum = S::add(sum, S::load(self.planes.add(added as usize + col + n * S::LANES)));
                    }
                    if self.relu {
                        sum = S::max(sum, S::splat(0.0));
                    }
                    S::store(place.add(n * S::LANES), sum);
                }
            }
        }
    }
}

/// `gradient[k, n] += sum over places of a(m, k) d[places[m] + n]`, with windows as in [`Forward`].
pub(super) struct Weights<'a> {
    pub(super) windows: &'a [u32],
    pub(super) places: &'a [u32],
    pub(super) kernel: usize,
    pub(super) run: usize,
    pub(super) pitch: usize,
    pub(super) outputs: usize,
    pub(super) planes: *const f32,
    pub(super) d: *const f32,
    /// `[kernel * run, outputs]`.
    pub(super) gradient: *mut f32,
}

impl Job for Weights<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (windows, places) in self.windows.chunks(CHUNK).zip(self.places.chunks(CHUNK)) {
            for ky in 0..self.kernel {
                let mut col = 0;
                // SAFETY: columns stay below `outputs`, rows below `run`; by the caller's contract.
                unsafe {
                    while col + 2 * S::LANES <= self.outputs {
                        blocks!(S, self.run, row, 2 => self.block([windows, places], ky, row, col));
                        col += 2 * S::LANES;
                    }
                    if col < self.outputs {
                        blocks!(S, self.run, row, 1 => self.block([windows, places], ky, row, col));
                    }
                }
            }
        }
    }
}

impl Weights<'_> {
    /// `M` numbers of a window's row `ky`, `N` vectors of channels.
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const N: usize>(
        &self,
        [windows, places]: [&[u32]; 2],
        ky: usize,
        row: usize,
        col: usize,
    ) {
        // SAFETY: by the caller's contract every element read or written here is inside its memory.
        unsafe {
            let (a, d) = (self.planes.add(ky * self.pitch + row), self.d.add(col));
            let mut sums = [[S::splat(0.0); N]; M];
            for (&window, &place) in windows.iter().zip(places) {
                let (a, d) = (a.add(window as usize), d.add(place as usize));
                let mut right = [S::splat(0.0); N];
                for (n, right) in right.iter_mut().enumerate() {
                    *right = S::load(d.add(n * S::LANES));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let left = S::splat(*a.add(m));
                    for (sum, &right) in sums.iter_mut().zip(&right) {
                        *sum = S::fma(left, right, *sum);
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                for (n, &sum) in sums.iter().enumerate() {
                    let to = self.gradient.add((ky * self.run + row + m) * self.outputs + col + n * S::LANES);
                    S::store(to, S::add(S::load(to), sum));
                }
            }
        }
    }
}

/// `d_below(m, n) += sum over channels of d[places[m] + o] b[o, n]` for every row of the kernel, with windows as in [`Forward`]: they
/// overlap, and are added one after the other.
pub(super) struct Below<'a> {
    pub(super) windows: &'a [u32],
    pub(super) places: &'a [u32],
    pub(super) kernel: usize,
    /// A multiple of the lanes.
    pub(super) run: usize,
    pub(super) pitch: usize,
    pub(super) outputs: usize,
    /// `[kernel, outputs, run]`, each row of the kernel packed in panels of two vectors.
    pub(super) b: *const f32,
    pub(super) d: *mut f32,
}

impl Job for Below<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for ky in 0..self.kernel {
            let mut col = 0;
            // SAFETY: columns stay below `run`; by the caller's contract.
            unsafe {
                while col + 2 * S::LANES <= self.run {
                    blocks!(S, self.places.len(), row, 2 => self.block(ky, row, col));
                    col += 2 * S::LANES;
                }
                if col < self.run {
                    blocks!(S, self.places.len(), row, 1 => self.block(ky, row, col));
                }
            }
        }
    }
}

impl Below<'_> {
    /// `M` places, `N` vectors of a window's row `ky`.
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const N: usize>(&self, ky: usize, row: usize, col: usize) {
        // SAFETY: by the caller's contract every element read or written here is inside its memory.
        unsafe {
            let b = self.b.add(ky * self.outputs * self.run + self.outputs * col);
            let mut a = [self.d.cast_const(); M];
            for (m, a) in a.iter_mut().enumerate() {
                *a = a.add(*self.places.get_unchecked(row + m) as usize);
            }
            let mut sums = [[S::splat(0.0); N]; M];
            for k in 0..self.outputs {
                let mut right = [S::splat(0.0); N];
                for (n, right) in right.iter_mut().enumerate() {
                    *right = S::load(b.add(k * N * S::LANES + n * S::LANES));
                }
                for (a, sums) in a.iter().zip(&mut sums) {
                    let left = S::splat(*a.add(k));
                    for (sum, &right) in sums.iter_mut().zip(&right) {
                        *sum = S::fma(left, right, *sum);
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                let window = *self.windows.get_unchecked(row + m) as usize + ky * self.pitch + col;
                for (n, &sum) in sums.iter().enumerate() {
                    let to = self.d.add(window + n * S::LANES);
                    S::store(to, S::add(S::load(to), sum));
                }
            }
        }
    }
}
