//! Timing.

use super::device::Device;
use super::kernels::Kernel;
use anyhow::Result;
use std::time::{Duration, Instant};

/// Stretches that are timed at least, whatever the budget.
const STRETCHES: usize = 5;

/// Launches of a stretch at most.
const LAUNCHES: f64 = 2000.0;

/// The middle of some numbers, 0 of none.
pub fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

/// Seconds of a launch.
#[derive(Clone, Copy, Debug)]
pub struct Seconds {
    /// The median over stretches of launches.
    pub median: f64,
    /// Of the fastest stretch.
    pub fastest: f64,
}

/// Times stretches of launches, each waited for once, within about `budget`.
pub fn time<D: Device>(device: &D, kernel: &mut dyn Kernel<D>, budget: Duration) -> Result<Seconds> {
    let mark = device.zeros(1);
    let mut stretch = |launches: usize| -> Result<f64> {
        let begun = Instant::now();
        for _ in 0..launches {
            kernel.launch(device)?;
        }
        device.wait(&mark)?;
        Ok(begun.elapsed().as_secs_f64() / launches as f64)
    };
    // The first launch compiles shaders and touches memory.
    stretch(1)?;
    let one = stretch(1)?;
    let launches = (D::STRETCH / one.max(1e-9)).ceil().clamp(1.0, LAUNCHES) as usize;
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < STRETCHES || begun.elapsed() < budget {
        times.push(stretch(launches)?);
    }
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Seconds { median: median(&mut times), fastest })
}
