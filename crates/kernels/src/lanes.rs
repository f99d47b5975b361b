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

/// The sum of a line, by halves.
#[inline(always)]
pub(crate) fn sum_of(line: &[f32; LANES]) -> f32 {
    let eight: [f32; 8] = core::array::from_fn(|i| line[i] + line[i + 8]);
    let four: [f32; 4] = core::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// Begins to fetch the line of the cache that a slice begins in.
#[inline(always)]
pub(crate) fn prefetch(numbers: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(numbers.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
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
