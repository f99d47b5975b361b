//! Nonlinearities over vectors, and their slopes.

use super::simd::{Job, Simd, SimdLevel};
use super::{Activation, product::Finish};

/// `tanh x = x P(x^2) / Q(x^2)`, a minimax fit of the relative error (2.1e-8 before rounding) on `[-9.02, 9.02]`, where
/// tanh rounds to 1. The last coefficient of Q is 1, which saves a multiplication.
const P: [f32; 5] = [1_288_325.8, 172_374.34, 4_501.454, 26.518_215, 0.017_159_285];
const Q: [f32; 4] = [1_288_325.8, 601_816.06, 33_330.367, 422.969_18];
const BOUND: f32 = 9.02;

/// Odd, within 4e-7 of the hyperbolic tangent, exactly -1 or 1 from `BOUND` on, NaN of NaN.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn tanh<S: Simd>(x: S::V) -> S::V {
    // SAFETY: by the caller's contract.
    unsafe {
        // The variable is the second operand, so that NaN stays. Beyond the bound the quotient is 1 / BOUND, and y outside -1..1.
        let u = S::min(S::splat(BOUND * BOUND), S::mul(x, x));
        let mut p = S::fma(S::splat(P[4]), u, S::splat(P[3]));
        let mut q = S::add(u, S::splat(Q[3]));
        for i in (0..3).rev() {
            p = S::fma(p, u, S::splat(P[i]));
            q = S::fma(q, u, S::splat(Q[i]));
        }
        let y = S::div(S::mul(x, p), q);
        S::max(S::splat(-1.0), S::min(S::splat(1.0), y))
    }
}

/// A nonlinearity and its slope.
///
/// # Safety
/// As [`Simd`]; `slope` is where the slope is kept by the one nonlinearity that cannot tell it from its value.
pub(super) trait Nonlinearity: Copy {
    unsafe fn value<S: Simd>(x: S::V, slope: *mut f32) -> S::V;
    /// `d` times the slope, where `kept` is the value (SiLU: the slope).
    unsafe fn back<S: Simd>(kept: S::V, d: S::V) -> S::V;
}

#[derive(Clone, Copy)]
pub(super) struct Tanh;
#[derive(Clone, Copy)]
pub(super) struct Relu;
#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Nonlinearity for Tanh {
    #[inline(always)]
    unsafe fn value<S: Simd>(x: S::V, _: *mut f32) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { tanh::<S>(x) }
    }
    #[inline(always)]
    unsafe fn back<S: Simd>(kept: S::V, d: S::V) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { S::mul(d, S::fnma(kept, kept, S::splat(1.0))) }
    }
}

impl Nonlinearity for Relu {
    #[inline(always)]
    unsafe fn value<S: Simd>(x: S::V, _: *mut f32) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { S::max(S::splat(0.0), x) }
    }
    #[inline(always)]
    unsafe fn back<S: Simd>(kept: S::V, d: S::V) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { S::gate(kept, d) }
    }
}

impl Nonlinearity for Silu {
    #[inline(always)]
    unsafe fn value<S: Simd>(x: S::V, slope: *mut f32) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe {
            let half = S::splat(0.5);
            // sigmoid(x) = (1 + tanh(x / 2)) / 2
            let sigmoid = S::fma(half, tanh::<S>(S::mul(half, x)), half);
            let y = S::mul(x, sigmoid);
            // d/dx x sigmoid(x) = sigmoid(x) (1 + x (1 - sigmoid(x))) = sigmoid(x) + y - y sigmoid(x)
            S::store(slope, S::fnma(y, sigmoid, S::add(sigmoid, y)));
            y
        }
    }
    #[inline(always)]
    unsafe fn back<S: Simd>(kept: S::V, d: S::V) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { S::mul(d, kept) }
    }
}

/// `x = value(x)` for `len` numbers, a multiple of the lanes; `slopes` is as long for [`Silu`] and unused otherwise.
struct Activate<A> {
    len: usize,
    x: *mut f32,
    slopes: *mut f32,
    kind: A,
}

impl<A: Nonlinearity> Job for Activate<A> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let _ = self.kind;
        for i in (0..self.len).step_by(S::LANES) {
            // SAFETY: by the caller's contract. `wrapping_add`: `slopes` may be dangling where it is unused.
            unsafe { S::store(self.x.add(i), A::value::<S>(S::load(self.x.add(i)), self.slopes.wrapping_add(i))) }
        }
    }
}

/// Applies a nonlinearity in place.
///
/// # Safety
/// The machine must run `level`; `x`, and with SiLU `slopes`, must hold `len` numbers, a multiple of the lanes.
pub(super) unsafe fn activate(level: SimdLevel, activation: Activation, x: *mut f32, slopes: *mut f32, len: usize) {
    // SAFETY: by this function's contract.
    unsafe {
        match activation {
            Activation::Tanh => level.run(Activate { len, x, slopes, kind: Tanh }),
            Activation::Relu => level.run(Activate { len, x, slopes, kind: Relu }),
            Activation::Silu => level.run(Activate { len, x, slopes, kind: Silu }),
        }
    }
}

/// `c = sum * slope`; what was kept lies as `c` does.
#[derive(Clone, Copy)]
pub(super) struct Slope<A>(pub(super) *const f32, pub(super) A);

impl<A: Nonlinearity> Finish for Slope<A> {
    #[inline(always)]
    unsafe fn start<S: Simd>(self, _: *const f32, _: usize, _: usize) -> S::V {
        // SAFETY: by the trait's contract.
        unsafe { S::splat(0.0) }
    }
    #[inline(always)]
    unsafe fn finish<S: Simd>(self, sum: S::V, c: *mut f32, at: usize) {
        // SAFETY: by the trait's contract.
        unsafe { S::store(c.add(at), A::back::<S>(S::load(self.0.add(at)), sum)) }
    }
}

/// Applies the network's nonlinearity to `x` in place, exactly as [`MlpCpu`](super::MlpCpu) does in a hidden layer.
///
/// Tanh is within 4e-7 of the true value (3.1e-7 with fused multiply-add), SiLU within `3e-7 * max(1, |x|)`, ReLU
/// exact; tanh is odd and reaches -1 and 1 exactly. NaN gives NaN. A `level` that the machine lacks is replaced by
/// [`SimdLevel::Portable`].
pub fn mlp_activate(level: SimdLevel, activation: Activation, x: &mut [f32]) {
    let level = level.checked();
    for chunk in x.chunks_mut(64) {
        let mut block = [0.0; 64];
        let mut slopes = [0.0; 64];
        block[..chunk.len()].copy_from_slice(chunk);
        // SAFETY: both hold 64 numbers, a multiple of every level's lanes, and the level was checked.
        unsafe { activate(level, activation, block.as_mut_ptr(), slopes.as_mut_ptr(), 64) };
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
}
