//! AVX2 with FMA, and AVX-512.

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
            if j % 2 == 0 { _mm256_shuffle_ps::<0b01_00_01_00>(a, b) } else { _mm256_shuffle_ps::<0b11_10_11_10>(a, b) }
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
            if j % 2 == 0 { _mm512_shuffle_ps::<0b01_00_01_00>(a, b) } else { _mm512_shuffle_ps::<0b11_10_11_10>(a, b) }
        });
        for j in 0..4 {
            let [a, b, c, d] = [fours[j], fours[j + 4], fours[j + 8], fours[j + 12]];
            // Columns j and j + 4, then j + 8 and j + 12, of eight rows
            let (ab, cd) = (_mm512_shuffle_f32x4::<0b01_00_01_00>(a, b), _mm512_shuffle_f32x4::<0b01_00_01_00>(c, d));
            let (ef, gh) = (_mm512_shuffle_f32x4::<0b11_10_11_10>(a, b), _mm512_shuffle_f32x4::<0b11_10_11_10>(c, d));
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
