//! Independent fused multiply-adds, all in registers: what a thread of this processor does at most.

use std::hint::black_box;
use striatum_kernels::SimdLevel;

/// Turns of the loop in a call of [`run`].
pub const TURNS: usize = 100_000;

/// Chains of multiply-adds: enough to hide the latency, and as many as the registers hold beside the two factors.
const fn chains(level: SimdLevel) -> usize {
    match level {
        SimdLevel::Avx512 | SimdLevel::Avx2 | SimdLevel::Portable => 12,
        SimdLevel::Neon => 24,
    }
}

/// Operations of a call of [`run`], a multiply-add being two.
pub fn flops(level: SimdLevel) -> f64 {
    (2 * chains(level) * TURNS * level.lanes()) as f64
}

/// A loop over one instruction set's vectors: `$step(sum, x, y)` is `sum * x + y`, and each `$sum` a chain. Names and no array,
/// which a compiler may keep in memory.
macro_rules! turns {
    ($splat:expr, $step:expr, $first:expr; $($sum:ident)*) => {{
        let (x, y) = (black_box($splat(0.999)), black_box($splat(0.001)));
        $(let mut $sum = y;)*
        for _ in 0..TURNS {
            $($sum = $step($sum, x, y);)*
        }
        0.0 $(+ $first($sum))*
    }};
}

/// Runs the loop with the vectors of `level`, or with what every machine has if this one lacks them.
pub fn run(level: SimdLevel) {
    let level = if SimdLevel::available().contains(&level) { level } else { SimdLevel::Portable };
    let sum: f32 = match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has just been found to have the level.
        SimdLevel::Avx512 => unsafe { x86::avx512() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        SimdLevel::Avx2 => unsafe { x86::avx2() },
        #[cfg(target_arch = "aarch64")]
        SimdLevel::Neon => neon(),
        _ => portable(),
    };
    black_box(sum);
}

/// Four numbers at a time, multiplied and then added.
fn portable() -> f32 {
    let step = |sum: [f32; 4], x: [f32; 4], y: [f32; 4]| -> [f32; 4] {
        let mut out = [0.0; 4];
        for i in 0..4 {
            out[i] = sum[i] * x[i] + y[i];
        }
        out
    };
    turns!(|x: f32| [x; 4], step, |sum: [f32; 4]| sum[0]; a b c d e f g h i j k l)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{TURNS, black_box};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f")]
    pub fn avx512() -> f32 {
        turns!(_mm512_set1_ps, _mm512_fmadd_ps, _mm512_cvtss_f32; a b c d e f g h i j k l)
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn avx2() -> f32 {
        turns!(_mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32; a b c d e f g h i j k l)
    }
}

#[cfg(target_arch = "aarch64")]
fn neon() -> f32 {
    use std::arch::aarch64::*;
    // SAFETY: NEON is part of aarch64.
    unsafe {
        turns!(
            |x| vdupq_n_f32(x), |sum, x, y| vfmaq_f32(y, sum, x), |sum| vgetq_lane_f32::<0>(sum);
            a b c d e f g h i j k l m n o p q r s t u v w z
        )
    }
}
