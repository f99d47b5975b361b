//! NEON.

use core::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(super) struct Neon;

simd!(Neon, float32x4_t, 4, 8, {
    fn load(from: *const f32) -> float32x4_t = vld1q_f32(from);
    fn store(to: *mut f32, v: float32x4_t) = vst1q_f32(to, v);
    fn gather(from: *const f32, offsets: *const i32) -> float32x4_t = {
        let numbers: [f32; 4] = core::array::from_fn(|lane| *from.offset(*offsets.add(lane) as isize));
        vld1q_f32(numbers.as_ptr())
    };
    fn splat(x: f32) -> float32x4_t = vdupq_n_f32(x);
    fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t = vaddq_f32(a, b);
    fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t = vsubq_f32(a, b);
    fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmulq_f32(a, b);
    fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t = vdivq_f32(a, b);
    fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmaq_f32(c, a, b);
    fn fnma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmsq_f32(c, a, b);
    fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcltq_f32(a, b), a, b);
    fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcgtq_f32(a, b), a, b);
    fn gate(gate: float32x4_t, x: float32x4_t) -> float32x4_t =
        vbslq_f32(vcgtq_f32(gate, vdupq_n_f32(0.0)), x, vdupq_n_f32(0.0));
    fn below(a: float32x4_t, b: float32x4_t, x: float32x4_t, y: float32x4_t) -> float32x4_t =
        vbslq_f32(vcltq_f32(a, b), x, y);
    fn shifted(v: float32x4_t) -> float32x4_t =
        vreinterpretq_f32_u32(vshlq_n_u32::<23>(vreinterpretq_u32_f32(v)));
    fn split(v: float32x4_t) -> [float32x4_t; 2] = {
        let bits = vreinterpretq_u32_f32(v);
        let mantissa = vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x007f_ffff)), vdupq_n_u32(0x3f80_0000));
        let exponent = vsubq_s32(vreinterpretq_s32_u32(vshrq_n_u32::<23>(bits)), vdupq_n_s32(127));
        [vreinterpretq_f32_u32(mantissa), vcvtq_f32_s32(exponent)]
    };
    fn sum(v: float32x4_t) -> f32 = vaddvq_f32(v);
});
