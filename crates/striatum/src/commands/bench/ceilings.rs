//! What the device does at most, measured here and now: fused multiply-adds, and memory copied from one large array to another.

use super::device::Device;
use super::fma;
use anyhow::Result;
use std::hint::black_box;
use std::sync::{Barrier, LazyLock};
use std::thread;
use std::time::Instant;
use striatum_kernels::{Backend, Bind, Cpu, GRID_WGSL, Gpu, Shader, SimdLevel, WORKGROUP};

/// Numbers of an array that no cache holds; on a GPU 128 MiB is also the largest binding that every adapter has.
const NUMBERS: usize = 1 << 25;

/// Calls of the multiply-add loop in one measurement: tens of milliseconds, because a scheduler may start two threads on one core
/// and takes some to notice.
const CALLS: usize = 200;

/// Copies in one measurement, for the same reason.
const COPIES: usize = 8;

/// Seconds of one measurement on a GPU from which its launch no longer counts.
const GPU_SECONDS: f64 = 0.01;

/// The fastest that the device does anything.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Fused multiply-adds in GFLOP/s, two each, all threads together.
    pub gflops: f64,
    /// GB/s of a copy; what is read and what is written both count.
    pub copy: f64,
}

/// How to measure them.
pub trait Measure: Device {
    /// The fastest of several tries; few of them if it is to be quick.
    ///
    /// # Errors
    /// If the device fails.
    fn ceilings(&self, quick: bool) -> Result<Ceilings>;
}

fn fastest(tries: usize, mut seconds: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..tries {
        best = best.min(seconds()?);
    }
    Ok(best)
}

impl Measure for Cpu {
    fn ceilings(&self, quick: bool) -> Result<Ceilings> {
        let (tries, level, threads) = (if quick { 4 } else { 20 }, SimdLevel::detect(), self.threads());
        let mut jobs: Vec<_> = (0..threads).map(|_| || (0..CALLS).for_each(|_| fma::run(level))).collect();
        let seconds = fastest(tries, || Ok(together(&mut jobs)))?;
        let gflops = (CALLS * threads) as f64 * fma::flops(level) / seconds / 1e9;

        let (source, mut target) = (vec![1.0_f32; NUMBERS], vec![2.0_f32; NUMBERS]);
        let part = NUMBERS.div_ceil(threads);
        let parts = source.chunks(part).zip(target.chunks_mut(part));
        let copy = |(from, to): (&[f32], &mut [f32])| (0..COPIES).for_each(|_| to.copy_from_slice(black_box(from)));
        let mut jobs: Vec<_> = parts.map(|(from, to)| move || copy((from, &mut *to))).collect();
        let seconds = fastest(tries, || Ok(together(&mut jobs)))?;
        Ok(Ceilings { gflops, copy: 8.0 * (COPIES * NUMBERS) as f64 / seconds / 1e9 })
    }
}

/// Runs every job on a thread of its own, started together; seconds until the last is done.
fn together(jobs: &mut [impl FnMut() + Send]) -> f64 {
    let barrier = Barrier::new(jobs.len() + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = jobs
            .iter_mut()
            .map(|job| {
                scope.spawn(|| {
                    barrier.wait();
                    let begun = Instant::now();
                    job();
                    (begun, Instant::now())
                })
            })
            .collect();
        barrier.wait();
        let spans: Vec<(Instant, Instant)> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
        let first = spans.iter().map(|span| span.0).min();
        let last = spans.iter().map(|span| span.1).max();
        first.zip(last).map_or(f64::INFINITY, |(first, last)| (last - first).as_secs_f64())
    })
}

static FMA: LazyLock<String> = LazyLock::new(|| format!("{}\n{GRID_WGSL}", include_str!("peak_fma.wgsl")));
static COPY: LazyLock<String> = LazyLock::new(|| format!("{}\n{GRID_WGSL}", include_str!("peak_copy.wgsl")));

/// Multiply-adds of an invocation and turn of `peak_fma.wgsl`.
const FMAS_A_TURN: usize = 128;

/// Workgroups of `peak_fma.wgsl`: many times those that the largest GPUs run at once.
const GROUPS: usize = 8448;

impl Measure for Gpu {
    fn ceilings(&self, quick: bool) -> Result<Ceilings> {
        let tries = if quick { 3 } else { 10 };
        let gflops = gpu_fma(self, tries)? / 1e9;
        let (source, copy) = (self.zeros(NUMBERS), self.zeros(NUMBERS));
        let shader = Shader { label: "peak_copy", source: COPY.as_str() };
        let vectors = NUMBERS / 4;
        let params = words([vectors as u32, 0, 0, 0]);
        let by_shader = gpu_seconds(self, tries, |gpu| {
            let bindings = [Bind::Data(&params), (&source).into(), (&copy).into()];
            gpu.launch(&shader, &[], &bindings, vectors.div_ceil(WORKGROUP));
        })?;
        let by_command = gpu_seconds(self, tries, |gpu| {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(source.raw(), 0, copy.raw(), 0, 4 * NUMBERS as u64);
            gpu.queue().submit([encoder.finish()]);
        })?;
        Ok(Ceilings { gflops, copy: 8.0 * NUMBERS as f64 / by_shader.min(by_command) / 1e9 })
    }
}

fn words(words: [u32; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

/// Operations a second. The loop is doubled until it takes long enough.
fn gpu_fma(gpu: &Gpu, tries: usize) -> Result<f64> {
    let invocations = GROUPS * WORKGROUP;
    let (factors, sums) = (gpu.upload(&[0.999, 0.001]), gpu.zeros(invocations));
    let shader = Shader { label: "peak_fma", source: FMA.as_str() };
    let mut turns = 1_u32;
    loop {
        let params = words([turns, invocations as u32, 0, 0]);
        let launch = |gpu: &Gpu| {
            gpu.launch(&shader, &[], &[Bind::Data(&params), (&factors).into(), (&sums).into()], GROUPS);
        };
        let probe = gpu_seconds(gpu, 1, launch)?;
        if probe >= GPU_SECONDS || turns >= 1 << 20 {
            let seconds = probe.min(gpu_seconds(gpu, tries, launch)?);
            return Ok((2 * FMAS_A_TURN * invocations) as f64 * f64::from(turns) / seconds);
        }
        turns *= 2;
    }
}

/// Seconds of the fastest launch; several are waited for together where one is short.
fn gpu_seconds(gpu: &Gpu, tries: usize, mut launch: impl FnMut(&Gpu)) -> Result<f64> {
    let mark = gpu.zeros(1);
    let mut seconds = |launches: usize| -> Result<f64> {
        let begun = Instant::now();
        (0..launches).for_each(|_| launch(gpu));
        gpu.wait(&mark)?;
        Ok(begun.elapsed().as_secs_f64() / launches as f64)
    };
    seconds(1)?;
    let launches = (GPU_SECONDS / seconds(1)?.max(1e-9)).ceil().clamp(1.0, 1000.0) as usize;
    fastest(tries, || seconds(launches))
}
