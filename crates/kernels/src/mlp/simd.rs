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
mod x86;

#[cfg(target_arch = "aarch64")]
mod neon;
