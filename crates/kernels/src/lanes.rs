//! What loops over fixed-size arrays need to become vector instructions; lines of rows that vectors run along.

use crate::mlp::Simd;

/// Numbers handled together.
pub(crate) const LANES: usize = 16;

/// `yes` where `flag` is set, else `no`. By bits, because a compiler turns a choice between two loads into a branch.
#[inline(always)]
pub(crate) fn select(flag: f32, yes: f32, no: f32) -> f32 {
    let mask = u32::from(flag != 0.0).wrapping_neg();
    f32::from_bits(yes.to_bits() & mask | no.to_bits() & !mask)
}

/// The numbers from lane `at` on of line `line`, where every line has [`LANES`].
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn get<S: Simd>(lines: &[f32], line: usize, at: usize) -> S::V {
    let from = &lines[line * LANES + at..][..S::LANES];
    // SAFETY: the slice holds a vector; otherwise by the caller's contract.
    unsafe { S::load(from.as_ptr()) }
}

/// Writes what [`get`] reads.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn put<S: Simd>(lines: &mut [f32], line: usize, at: usize, v: S::V) {
    let to = &mut lines[line * LANES + at..][..S::LANES];
    // SAFETY: the slice holds a vector; otherwise by the caller's contract.
    unsafe { S::store(to.as_mut_ptr(), v) }
}
