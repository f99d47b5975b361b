//! Speed of the CPU network beside the fused multiply-add peak that this machine shows: `cargo bench --bench mlp`.
//!
//! A fused multiply-add counts as two operations; activations count as none.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;
use striatum_kernels::{Activation, Cpu, HeadLayout, MlpCpu, MlpSpec, Policy, SimdLevel, TilePass};

fn main() {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    for level in SimdLevel::available() {
        let peak = peak(level);
        println!("\n{level:?}: peak {peak:.0} GFLOP/s a thread");
        println!("{:<12}{:>6}{:>9}{:>15}{:>15}", "hidden", "rows", "threads", "inference", "training");
        for (hidden, rows) in
            [([64, 64], 8), ([64, 64], 128), ([64, 64], 512), ([64, 64], 8192), ([256, 256], 512), ([256, 256], 8192)]
        {
            for threads in (1..=2).filter(|&t| t <= threads) {
                let times = times(hidden, rows, threads, level);
                let cells = times.map(|(flops, seconds)| {
                    let speed = flops / seconds / 1e9;
                    format!("{speed:>7.1} ({:>3.0} %)", 100.0 * speed / (peak * threads as f64))
                });
                println!("{:<12}{rows:>6}{threads:>9}{:>15}{:>15}", format!("{hidden:?}"), cells[0], cells[1]);
            }
        }
    }
}

/// A pass over given rows with a given gradient.
struct Given {
    observations: Vec<f32>,
    d_outputs: Vec<f32>,
}

impl TilePass for Given {
    fn observations(&self, rows: Range<usize>, observations: &mut [f32]) {
        observations.copy_from_slice(&self.observations[4 * rows.start..4 * rows.end]);
    }

    fn loss(&self, _: usize, rows: Range<usize>, _: &[f32], d_outputs: &mut [f32], _: Option<&mut [f32]>) {
        d_outputs.copy_from_slice(&self.d_outputs[3 * rows.start..3 * rows.end]);
    }
}

/// Operations and seconds of `forward` and `train_pass` of two separate networks.
fn times(hidden: [usize; 2], rows: usize, threads: usize, level: SimdLevel) -> [(f64, f64); 2] {
    let head = HeadLayout { policy: Policy::Categorical { nvec: vec![2] }, dual: false, value_heads: 1 };
    let spec = MlpSpec { inputs: 4, hidden: hidden.to_vec(), activation: Activation::Tanh, shared_trunk: false, head };
    let weights: usize = spec.params().iter().filter(|p| p.shape.len() == 2).map(|p| p.len()).sum();
    let forward = 2.0 * (rows * weights) as f64;
    let first = 2.0 * (rows * 2 * spec.inputs * hidden[0]) as f64;
    let number = |i: usize| (i as f32 * 0.618).fract() - 0.5;
    let params: Vec<f32> = (0..spec.param_count()).map(|i| 0.3 * number(i)).collect();
    let pass =
        Given { observations: (0..rows * 4).map(number).collect(), d_outputs: (0..rows * 3).map(number).collect() };
    let mut outputs = vec![0.0; rows * 3];
    let mut gradients = vec![0.0; params.len()];
    let mut network = MlpCpu::with_simd(&spec, 1, &Cpu::with_threads(threads), level);
    network.load(&params);
    let inference = best(|| network.forward(0, black_box(&pass.observations), rows, &mut outputs));
    let training = best(|| network.train_pass(0, rows, false, black_box(&pass), &mut gradients));
    [(forward, inference), (3.0 * forward - first, training)]
}

/// Seconds of the fastest of many calls.
fn best(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut fastest = f64::INFINITY;
    while start.elapsed().as_secs_f64() < 0.3 {
        let call_start = Instant::now();
        call();
        fastest = fastest.min(call_start.elapsed().as_secs_f64());
    }
    fastest
}

const CHAINS: usize = 12;
const TURNS: usize = 20_000;

/// GFLOP/s of independent multiply-adds on one thread, all in registers.
fn peak(level: SimdLevel) -> f64 {
    let flops = (2 * CHAINS * TURNS * level.lanes()) as f64;
    flops / best(|| run_chains(level)) / 1e9
}

#[cfg(target_arch = "x86_64")]
fn run_chains(level: SimdLevel) {
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f")]
    fn avx512() -> f32 {
        let (x, y) = (black_box(_mm512_set1_ps(0.999)), black_box(_mm512_set1_ps(0.001)));
        let mut sums = [y; CHAINS];
        for _ in 0..TURNS {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, x, y);
            }
        }
        sums.iter().map(|&s| _mm512_cvtss_f32(s)).sum()
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2() -> f32 {
        let (x, y) = (black_box(_mm256_set1_ps(0.999)), black_box(_mm256_set1_ps(0.001)));
        let mut sums = [y; CHAINS];
        for _ in 0..TURNS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, x, y);
            }
        }
        sums.iter().map(|&s| _mm256_cvtss_f32(s)).sum()
    }

    /// What every x86-64 has: multiply, then add.
    fn sse2() -> f32 {
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            let (x, y) = (black_box(_mm_set1_ps(0.999)), black_box(_mm_set1_ps(0.001)));
            let mut sums = [y; CHAINS];
            for _ in 0..TURNS {
                for sum in &mut sums {
                    *sum = _mm_add_ps(_mm_mul_ps(*sum, x), y);
                }
            }
            sums.iter().map(|&s| _mm_cvtss_f32(s)).sum()
        }
    }

    match level {
        // SAFETY: the level is one that the machine has.
        SimdLevel::Avx512 => black_box(unsafe { avx512() }),
        // SAFETY: as above.
        SimdLevel::Avx2 => black_box(unsafe { avx2() }),
        _ => black_box(sse2()),
    };
}

#[cfg(not(target_arch = "x86_64"))]
fn run_chains(_: SimdLevel) {
    let (x, y) = (black_box([0.999f32; 4]), black_box([0.001f32; 4]));
    let mut sums = [y; CHAINS];
    for _ in 0..TURNS {
        for sum in &mut sums {
            for ((s, x), y) in sum.iter_mut().zip(&x).zip(&y) {
                *s = s.mul_add(*x, *y);
            }
        }
    }
    black_box(sums);
}
