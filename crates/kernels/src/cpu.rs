//! The mirrors on the host.

use crate::{Backend, GaeArgs, KernelError, LossArgs, OptimizerArgs, TdErrorArgs};
use std::num::NonZero;
use std::thread::available_parallelism;

/// The host: memory is a `Vec`, a launch runs at once.
#[derive(Clone, Debug)]
pub struct Cpu {
    threads: usize,
}

impl Cpu {
    /// A backend that uses every core where that pays.
    pub fn new() -> Self {
        Self::with_threads(available_parallelism().map_or(1, NonZero::get))
    }

    /// A backend that uses at most this many threads (at least one). Results do not depend on it.
    pub fn with_threads(threads: usize) -> Self {
        Self { threads: threads.max(1) }
    }

    /// The most threads that a kernel uses.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Cpu {
    type Buffer = Vec<f32>;
    type Indices = Vec<u32>;

    fn upload(&self, data: &[f32]) -> Vec<f32> {
        data.to_vec()
    }

    fn zeros(&self, len: usize) -> Vec<f32> {
        vec![0.0; len]
    }

    fn upload_indices(&self, data: &[u32]) -> Vec<u32> {
        data.to_vec()
    }

    fn write(&self, buffer: &mut Vec<f32>, data: &[f32]) {
        buffer[..data.len()].copy_from_slice(data);
    }

    fn write_indices(&self, buffer: &mut Vec<u32>, data: &[u32]) {
        buffer[..data.len()].copy_from_slice(data);
    }

    fn copy(&self, from: &Vec<f32>, from_at: usize, to: &mut Vec<f32>, to_at: usize, len: usize) {
        to[to_at..to_at + len].copy_from_slice(&from[from_at..from_at + len]);
    }

    fn download(&self, buffer: &Vec<f32>) -> Result<Vec<f32>, KernelError> {
        Ok(buffer.clone())
    }

    fn td_error(&self, args: TdErrorArgs<'_, Vec<f32>>) {
        crate::td_error::mirror(self.threads, args);
    }

    fn gae(&self, args: GaeArgs<'_, Vec<f32>>) {
        crate::gae::mirror(self.threads, args);
    }

    fn gather(&self, agents: usize, width: usize, source: &Vec<f32>, rows: &Vec<u32>, out: &mut Vec<f32>) {
        crate::gather::mirror(agents, width, source, rows, out);
    }

    fn advantage_moments(
        &self,
        agents: usize,
        normalize: bool,
        advantages: &Vec<f32>,
        mask: &Vec<f32>,
        out: &mut Vec<f32>,
    ) {
        crate::advantage_moments::mirror(agents, normalize, advantages, mask, out);
    }

    fn actor_critic_loss(&self, args: LossArgs<'_, Vec<f32>>) {
        crate::actor_critic_loss::mirror(args);
    }

    fn optimizer_step(&self, args: OptimizerArgs<'_, Vec<f32>>) {
        crate::optimizer::mirror(args);
    }
}
