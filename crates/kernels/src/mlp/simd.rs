//! Vectors of `f32` of the width that the machine has, found at run time.

/// A vector instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimdLevel {
    /// What every machine of the target has; no fused multiply-add.
    Portable,
    /// AArch64 NEON: 4 lanes.
    Neon,
    /// x86-64 AVX2 with FMA: 8 lanes.
    Avx2,
    /// x86-64 AVX-512F: 16 lanes.
    Avx512,
}

impl SimdLevel {
    /// Every level that this machine runs, slowest first.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "aarch64")]
        levels.push(Self::Neon);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    levels.push(Self::Avx512);
                }
            }
        }
        levels
    }

    /// The fastest level of this machine.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// `self` if this machine runs it, else [`SimdLevel::Portable`].
    pub(crate) fn checked(self) -> Self {
        if Self::available().contains(&self) { self } else { Self::Portable }
    }

    /// Lanes of a vector.
    pub fn lanes(self) -> usize {
        match self {
            Self::Portable | Self::Neon => 4,
            Self::Avx2 => 8,
            Self::Avx512 => 16,
        }
    }

    /// Runs `job` with this level's vectors.
    ///
    /// # Safety
    /// The machine must run this level ([`checked`](Self::checked)), and the job's own conditions must hold.
    pub(crate) unsafe fn run<J: Job>(self, job: J) {
        // SAFETY: by this function's contract.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => x86::run_avx2(job),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => x86::run_avx512(job),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => job.run::<neon::Neon>(),
                _ => job.run::<Portable>(),
            }
        }
    }
}

/// Work that is compiled once a level. `run` must be `#[inline(always)]`, and so must all that it calls.
pub(crate) trait Job {
    /// Does the work.
    ///
    /// # Safety
    /// The machine must have `S`; the pointers within must be valid for what the job reads and writes.
    unsafe fn run<S: Simd>(self);
}

/// Operations on one vector.
///
/// # Safety
/// Every method needs the machine to have the instruction set; pointers need [`LANES`](Simd::LANES) valid elements.
pub(crate) trait Simd: Copy {
    /// The vector.
    type V: Copy;
    /// Its lanes.
    const LANES: usize;
    /// Rows of accumulators of a product (each two vectors wide) that the registers hold.
    const ROWS: usize;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    /// The numbers at as many offsets from `from`.
    unsafe fn gather(from: *const f32, offsets: *const i32) -> Self::V;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`
    unsafe fn fnma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller, or `b` if either is NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// The larger, or `b` if either is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `x` where `gate > 0`, else 0.
    unsafe fn gate(gate: Self::V, x: Self::V) -> Self::V;
    /// `x` where `a < b`, else `y`.
    unsafe fn below(a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// The low 9 bits as sign and exponent: of `1.5 * 2^23 + 127 + n`, the number `2^n`.
    unsafe fn shifted(v: Self::V) -> Self::V;
    /// `[m, e]` of a positive normal number `m * 2^e`, m in `1..2`.
    unsafe fn split(v: Self::V) -> [Self::V; 2];
    /// The sum of the lanes, always in the same order.
    unsafe fn sum(v: Self::V) -> f32;
    /// `to[j, i] = from[i, j]` for as many rows and columns as there are lanes; rows are so far apart.
    #[inline(always)]
    unsafe fn transpose((from, ld): (*const f32, usize), (to, to_ld): (*mut f32, usize)) {
        for j in 0..Self::LANES {
            for i in 0..Self::LANES {
                // SAFETY: by the trait's contract.
                unsafe { *to.add(j * to_ld + i) = *from.add(i * ld + j) };
            }
        }
    }
}

/// Plain Rust, four numbers at a time.
#[derive(Clone, Copy)]
pub(super) struct Portable;

macro_rules! lanewise {
    ($($i:ident),* => $e:expr) => {{
        let mut out = [0.0; 4];
        for (l, o) in out.iter_mut().enumerate() {
            $(let $i = $i[l];)*
            *o = $e;
        }
        out
    }};
}

impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    const ROWS: usize = 4;
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: by the trait's contract.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: [f32; 4]) {
        // SAFETY: by the trait's contract.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn gather(from: *const f32, offsets: *const i32) -> [f32; 4] {
        // SAFETY: by the trait's contract.
        unsafe { core::array::from_fn(|lane| *from.offset(*offsets.add(lane) as isize)) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b => a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b => a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b => a * b)
    }
    #[inline(always)]
    unsafe fn div(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b => a / b)
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b, c => a * b + c)
    }
    #[inline(always)]
    unsafe fn fnma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b, c => c - a * b)
    }
    #[inline(always)]
    unsafe fn min(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b => if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn max(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b => if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn gate(gate: [f32; 4], x: [f32; 4]) -> [f32; 4] {
        lanewise!(gate, x => if gate > 0.0 { x } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn below(a: [f32; 4], b: [f32; 4], x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        lanewise!(a, b, x, y => if a < b { x } else { y })
    }
    #[inline(always)]
    unsafe fn shifted(v: [f32; 4]) -> [f32; 4] {
        lanewise!(v => f32::from_bits(v.to_bits() << 23))
    }
    #[inline(always)]
    unsafe fn split(v: [f32; 4]) -> [[f32; 4]; 2] {
        [
            lanewise!(v => f32::from_bits(v.to_bits() & 0x007f_ffff | 0x3f80_0000)),
            lanewise!(v => ((v.to_bits() >> 23) as i32 - 127) as f32),
        ]
    }
    #[inline(always)]
    unsafe fn sum(v: [f32; 4]) -> f32 {
        (v[0] + v[1]) + (v[2] + v[3])
    }
}

/// Forwards one-line methods to intrinsics.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! simd {
    ($name:ident, $v:ty, $lanes:literal, $rows:literal, $([$transpose:path],)? { $(fn $f:ident($($a:ident: $t:ty),*) $(-> $r:ty)? = $e:expr;)* }) => {
        impl super::Simd for $name {
            type V = $v;
            const LANES: usize = $lanes;
            const ROWS: usize = $rows;
            $(#[inline(always)]
            unsafe fn $f($($a: $t),*) $(-> $r)? {
                // SAFETY: by the trait's contract.
                unsafe { $e }
            })*
            $(#[inline(always)]
            unsafe fn transpose(from: (*const f32, usize), to: (*mut f32, usize)) {
                // SAFETY: by the trait's contract.
                unsafe { $transpose(from, to) }
            })?
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub(super) struct Avx2;
    #[derive(Clone, Copy)]
    pub(super) struct Avx512;

    simd!(Avx2, __m256, 8, 6, [transpose8], {
        fn load(from: *const f32) -> __m256 = _mm256_loadu_ps(from);
        fn store(to: *mut f32, v: __m256) = _mm256_storeu_ps(to, v);
        fn gather(from: *const f32, offsets: *const i32) -> __m256 =
            _mm256_i32gather_ps::<4>(from, _mm256_loadu_si256(offsets.cast()));
        fn splat(x: f32) -> __m256 = _mm256_set1_ps(x);
        fn add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        fn sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        fn mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        fn div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        fn fma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        fn fnma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fnmadd_ps(a, b, c);
        fn min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        fn max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        fn gate(gate: __m256, x: __m256) -> __m256 =
            _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps()), x);
        fn below(a: __m256, b: __m256, x: __m256, y: __m256) -> __m256 =
            _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b));
        fn shifted(v: __m256) -> __m256 = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(v)));
        fn split(v: __m256) -> [__m256; 2] = {
            let exponent = _mm256_srli_epi32::<23>(_mm256_castps_si256(v));
            let mantissa = _mm256_or_ps(
                _mm256_and_ps(v, _mm256_castsi256_ps(_mm256_set1_epi32(0x007f_ffff))),
                _mm256_set1_ps(1.0),
            );
            [mantissa, _mm256_cvtepi32_ps(_mm256_sub_epi32(exponent, _mm256_set1_epi32(127)))]
        };
        fn sum(v: __m256) -> f32 = {
            let quarter = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)))
        };
    });

    simd!(Avx512, __m512, 16, 8, [transpose16], {
        fn load(from: *const f32) -> __m512 = _mm512_loadu_ps(from);
        fn store(to: *mut f32, v: __m512) = _mm512_storeu_ps(to, v);
        fn gather(from: *const f32, offsets: *const i32) -> __m512 =
            _mm512_i32gather_ps::<4>(_mm512_loadu_si512(offsets.cast()), from);
        fn splat(x: f32) -> __m512 = _mm512_set1_ps(x);
        fn add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        fn sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        fn mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        fn div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fn fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fn fnma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fnmadd_ps(a, b, c);
        fn min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        fn max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        fn gate(gate: __m512, x: __m512) -> __m512 =
            _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps()), x);
        fn below(a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 =
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), y, x);
        fn shifted(v: __m512) -> __m512 = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(v)));
        fn split(v: __m512) -> [__m512; 2] = {
            let exponent = _mm512_srli_epi32::<23>(_mm512_castps_si512(v));
            let mantissa = _mm512_castsi512_ps(_mm512_or_si512(
                _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x007f_ffff)),
                _mm512_castps_si512(_mm512_set1_ps(1.0)),
            ));
            [mantissa, _mm512_cvtepi32_ps(_mm512_sub_epi32(exponent, _mm512_set1_epi32(127)))]
        };
        fn sum(v: __m512) -> f32 = _mm512_reduce_add_ps(v);
    });

    /// Pairs of rows become pairs of columns, first of single numbers, then of pairs, then of fours.
    #[inline(always)]
    unsafe fn transpose8((from, ld): (*const f32, usize), (to, to_ld): (*mut f32, usize)) {
        // SAFETY: by the caller's contract.
        unsafe {
            let rows: [__m256; 8] = core::array::from_fn(|i| _mm256_loadu_ps(from.add(i * ld)));
            // [a0 b0 a1 b1 | a4 b4 a5 b5], and so on
            let twos: [__m256; 8] = core::array::from_fn(|i| {
                let (a, b) = (rows[i - i % 2], rows[i - i % 2 + 1]);
                if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
            });
            // Columns j and j + 4 of rows 0 to 3, then of rows 4 to 7
            let fours: [__m256; 8] = core::array::from_fn(|i| {
                let (half, j) = (i / 4 * 4, i % 4);
                let (a, b) = (twos[half + j / 2], twos[half + j / 2 + 2]);
                if j % 2 == 0 {
                    _mm256_shuffle_ps::<0b01_00_01_00>(a, b)
                } else {
                    _mm256_shuffle_ps::<0b11_10_11_10>(a, b)
                }
            });
            for j in 0..4 {
                let (a, b) = (fours[j], fours[j + 4]);
                _mm256_storeu_ps(to.add(j * to_ld), _mm256_permute2f128_ps::<0x20>(a, b));
                _mm256_storeu_ps(to.add((j + 4) * to_ld), _mm256_permute2f128_ps::<0x31>(a, b));
            }
        }
    }

    /// As [`transpose8`].
    #[inline(always)]
    unsafe fn transpose16((from, ld): (*const f32, usize), (to, to_ld): (*mut f32, usize)) {
        // SAFETY: by the caller's contract.
        unsafe {
            let rows: [__m512; 16] = core::array::from_fn(|i| _mm512_loadu_ps(from.add(i * ld)));
            let twos: [__m512; 16] = core::array::from_fn(|i| {
                let (a, b) = (rows[i - i % 2], rows[i - i % 2 + 1]);
                if i % 2 == 0 { _mm512_unpacklo_ps(a, b) } else { _mm512_unpackhi_ps(a, b) }
            });
            // Columns j, j + 4, j + 8 and j + 12 of four rows
            let fours: [__m512; 16] = core::array::from_fn(|i| {
                let (quarter, j) = (i / 4 * 4, i % 4);
                let (a, b) = (twos[quarter + j / 2], twos[quarter + j / 2 + 2]);
                if j % 2 == 0 {
                    _mm512_shuffle_ps::<0b01_00_01_00>(a, b)
                } else {
                    _mm512_shuffle_ps::<0b11_10_11_10>(a, b)
                }
            });
            for j in 0..4 {
                let [a, b, c, d] = [fours[j], fours[j + 4], fours[j + 8], fours[j + 12]];
                // Columns j and j + 4, then j + 8 and j + 12, of eight rows
                let (ab, cd) =
                    (_mm512_shuffle_f32x4::<0b01_00_01_00>(a, b), _mm512_shuffle_f32x4::<0b01_00_01_00>(c, d));
                let (ef, gh) =
                    (_mm512_shuffle_f32x4::<0b11_10_11_10>(a, b), _mm512_shuffle_f32x4::<0b11_10_11_10>(c, d));
                let columns = [
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd),
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ef, gh),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ef, gh),
                ];
                for (k, &column) in columns.iter().enumerate() {
                    _mm512_storeu_ps(to.add((j + 4 * k) * to_ld), column);
                }
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn run_avx2<J: super::Job>(job: J) {
        // SAFETY: by the caller's contract.
        unsafe { job.run::<Avx2>() }
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn run_avx512<J: super::Job>(job: J) {
        // SAFETY: by the caller's contract.
        unsafe { job.run::<Avx512>() }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
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
}
