//! Exponential and logarithm over vectors.

use crate::mlp::Simd;

/// `ln 2` in two parts, of which the first has few bits.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `1.5 * 2^23`: added, it rounds a number to an integer.
const ROUND: f32 = 12_582_912.0;

/// Where the exponential is still a normal number.
const EXP_RANGE: [f32; 2] = [-87.3, 88.0];

/// `exp r = 1 + r + r^2 P(r)` on half of `ln 2` to both sides of 0 (the coefficients of Cephes' expf).
const EXP: [f32; 6] = [0.5, 0.166_666_66, 0.041_665_796, 8.333_452e-3, 1.398_2e-3, 1.987_569_1e-4];

/// `ln (1 + x) = x - x^2 / 2 + x^3 P(x)` between the roots of 1/2 and of 2 (the coefficients of Cephes' logf).
const LN: [f32; 9] = [
    0.333_333_3,
    -0.249_999_94,
    0.200_007_15,
    -0.166_680_58,
    0.142_493_23,
    -0.124_201_41,
    0.116_769_99,
    -0.115_146_1,
    0.070_376_84,
];

/// `exp x` within 2 units in the last place; 1 of 0, 0 below -87.3, at most `exp 88`, NaN of NaN.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: by the caller's contract.
    unsafe {
        let [low, high] = EXP_RANGE;
        // The variable is the second operand, so that NaN stays.
        let bounded = S::max(S::splat(low), S::min(S::splat(high), x));
        let rounded = S::fma(bounded, S::splat(core::f32::consts::LOG2_E), S::splat(ROUND));
        let n = S::sub(rounded, S::splat(ROUND));
        let r = S::fnma(n, S::splat(LN_2[1]), S::fnma(n, S::splat(LN_2[0]), bounded));
        let mut p = S::splat(EXP[5]);
        for i in (0..5).rev() {
            p = S::fma(p, r, S::splat(EXP[i]));
        }
        let y = S::add(S::fma(p, S::mul(r, r), r), S::splat(1.0));
        let y = S::mul(y, S::shifted(S::add(rounded, S::splat(127.0))));
        S::below(x, S::splat(low), S::splat(0.0), y)
    }
}

/// `ln x` of a positive normal number within 2 units in the last place; 0 of 1, infinity and NaN of themselves.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn ln<S: Simd>(x: S::V) -> S::V {
    // SAFETY: by the caller's contract.
    unsafe {
        let [m, e] = S::split(x);
        let (half, root) = (S::splat(0.5), S::splat(core::f32::consts::SQRT_2));
        let e = S::below(root, m, S::add(e, S::splat(1.0)), e);
        let m = S::sub(S::below(root, m, S::mul(half, m), m), S::splat(1.0));
        let mut p = S::splat(LN[8]);
        for i in (0..8).rev() {
            p = S::fma(p, m, S::splat(LN[i]));
        }
        let square = S::mul(m, m);
        let y = S::fma(e, S::splat(LN_2[1]), S::mul(p, S::mul(m, square)));
        let y = S::add(m, S::fnma(half, square, y));
        let y = S::fma(e, S::splat(LN_2[0]), y);
        S::below(x, S::splat(f32::INFINITY), y, x)
    }
}

#[cfg(test)]
mod tests {
    use super::{exp, ln};
    use crate::SimdLevel;
    use crate::mlp::{Job, Simd};

    /// `[exp, ln]` of every number.
    struct Both<'a>(&'a [[f32; 16]], &'a mut [[[f32; 16]; 2]]);

    impl Job for Both<'_> {
        #[inline(always)]
        unsafe fn run<S: Simd>(self) {
            for (from, to) in self.0.iter().zip(self.1) {
                for at in (0..16).step_by(S::LANES) {
                    // SAFETY: the lanes divide 16.
                    unsafe {
                        let x = S::load(from[at..].as_ptr());
                        S::store(to[0][at..].as_mut_ptr(), exp::<S>(x));
                        S::store(to[1][at..].as_mut_ptr(), ln::<S>(x));
                    }
                }
            }
        }
    }

    fn both(level: SimdLevel, numbers: &[f32]) -> Vec<[f32; 2]> {
        let (blocks, _) = numbers.as_chunks::<16>();
        let mut results = vec![[[0.0; 16]; 2]; blocks.len()];
        // SAFETY: the machine runs every level that is asked for here.
        unsafe { level.run(Both(blocks, &mut results)) };
        results.iter().flat_map(|[exp, ln]| exp.iter().zip(ln).map(|(&exp, &ln)| [exp, ln])).collect()
    }

    #[test]
    fn both_are_within_two_units_in_the_last_place() {
        let small: Vec<f32> = (0..16 * 20_000).map(|i| -87.29 + i as f32 * (175.0 / 320_000.0)).collect();
        let large: Vec<f32> = (0..16 * 20_000).map(|i| 1.0 + 0.000_37 * i as f32 * (1.0 + i as f32)).collect();
        let unit = |x: f64| f64::from((x as f32).abs().next_up() - (x as f32).abs());
        for level in SimdLevel::available() {
            for (&x, [y, _]) in small.iter().zip(both(level, &small)) {
                let exact = f64::from(x).exp();
                assert!((f64::from(y) - exact).abs() <= 2.0 * unit(exact), "{level:?}: exp({x}) = {y}");
            }
            for (&x, [_, y]) in large.iter().zip(both(level, &large)) {
                let exact = f64::from(x).ln();
                assert!((f64::from(y) - exact).abs() <= 2.0 * unit(exact), "{level:?}: ln({x}) = {y}");
            }
        }
    }

    #[test]
    fn special_numbers_are_what_they_should_be() {
        let mut numbers = [1.0; 16];
        numbers[..4].copy_from_slice(&[0.0, f32::NEG_INFINITY, f32::NAN, f32::INFINITY]);
        for level in SimdLevel::available() {
            let results = both(level, &numbers);
            assert_eq!([results[0][0], results[1][0], results[15][1]], [1.0, 0.0, 0.0], "{level:?}");
            assert!(results[2].iter().all(|y| y.is_nan()) && results[3][1] == f32::INFINITY, "{level:?}");
        }
    }
}
