//! One formula for two kinds of numbers: `f64`, exact as far as the machine goes, and `f32`, whose loops become vector instructions.

use core::ops::{Add, Div, Mul, Sub};

/// A number that learners compute with.
pub trait Number:
    Copy
    + PartialOrd
    + Default
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// The nearest number to `x`.
    fn of(x: f64) -> Self;
    /// This number in double precision.
    fn wide(self) -> f64;
    /// The exponential of a number that is 0 or less.
    fn exp_of_negative(self) -> Self;
    /// The square root.
    #[must_use]
    fn root(self) -> Self;

    /// The larger of both.
    #[inline(always)]
    fn at_least(self, other: Self) -> Self {
        pick(self > other, self, other)
    }
}

/// `yes` if `flag`, else `no`; both are computed, so that a loop over simulations has no branches.
#[inline(always)]
pub(crate) fn pick<F>(flag: bool, yes: F, no: F) -> F {
    if flag { yes } else { no }
}

impl Number for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
}

impl Number for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as Self
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    /// `2^n * e^r` with `r` within half of ln 2 of 0, by the polynomial of Cephes; 1e-38 below -87, relative error 2e-7 above.
    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        const ROUND: f32 = 12_582_912.0;
        let x = self.at_least(-87.0);
        let shifted = x * core::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
        let p = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 0.166_666_65) * r
            + 0.5;
        // The low bits of `shifted` are n; 127 is the bias of the exponent.
        let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
        (p * r * r + r + 1.0) * Self::from_bits(power)
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_exponential_is_the_exponential() {
        for i in 0..=870_000 {
            let x = -f64::from(i) / 1e4;
            let exact = f64::from(x as f32).exp();
            let error = ((x as f32).exp_of_negative().wide() - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}): relative error {error}");
        }
        assert_eq!(0_f32.exp_of_negative(), 1.0);
        assert!((-1e9_f32).exp_of_negative() < 2e-38);
    }
}
