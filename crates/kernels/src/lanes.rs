//! What loops over fixed-size arrays need to become vector instructions.

/// Numbers handled together.
pub(crate) const LANES: usize = 16;

/// `yes` where `flag` is set, else `no`. By bits, because a compiler turns a choice between two loads into a branch.
#[inline(always)]
pub(crate) fn select(flag: f32, yes: f32, no: f32) -> f32 {
    let mask = u32::from(flag != 0.0).wrapping_neg();
    f32::from_bits(yes.to_bits() & mask | no.to_bits() & !mask)
}
