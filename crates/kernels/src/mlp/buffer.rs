//! Memory aligned to cache lines.

/// A cache line of numbers.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Numbers of 4 KiB. Processors prefetch within so much beyond what a thread reads: what another thread writes begins no sooner.
pub(crate) const GAP: usize = 1024;

/// A zeroed slice of `f32` that starts on a cache line, with a [`GAP`] behind it.
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    pub(crate) fn new(len: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); (len + GAP).div_ceil(16)], len }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        // SAFETY: a `Line` is 16 `f32` without padding, and there are at least `len` of them in all.
        unsafe { core::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
