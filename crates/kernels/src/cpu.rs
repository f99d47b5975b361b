//! The mirrors on the host.

use crate::mlp::copy;
use crate::pool::Pool;
use crate::{
    Backend, GaeArgs, KernelError, LossArgs, MeanHeadsArgs, Minibatch, OptimizerArgs, RolloutStatsArgs, Selection,
    SrLambdaArgs, TakeColumnsArgs, TdErrorArgs, UnpackBytesArgs,
};
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

/// The host: memory is a `Vec`, a launch runs at once. Clones share their threads.
#[derive(Clone)]
pub struct Cpu {
    pool: Arc<Pool>,
}

impl Cpu {
    /// A backend that uses every core where that pays.
    pub fn new() -> Self {
        Self::with_threads(available_parallelism().map_or(1, NonZero::get))
    }

    /// A backend that uses at most this many threads (at least one). Results do not depend on it.
    pub fn with_threads(threads: usize) -> Self {
        Self { pool: Arc::new(Pool::new(threads)) }
    }

    /// The most threads that a kernel uses.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Does `work` once with every number below `items`, on all threads; not to be called from within `work`.
    pub fn each(&self, items: usize, work: &(dyn Fn(usize) + Sync)) {
        self.pool.split(items, true, &|_, item| work(item));
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu").field("threads", &self.threads()).finish()
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
    type Reading = Vec<f32>;

    fn upload(&self, data: &[f32]) -> Vec<f32> {
        data.to_vec()
    }

    fn zeros(&self, len: usize) -> Vec<f32> {
        vec![0.0; len]
    }

    fn upload_indices(&self, data: &[u32]) -> Vec<u32> {
        data.to_vec()
    }

    fn write(&self, buffer: &mut Vec<f32>, at: usize, data: &[f32]) {
        copy(&mut buffer[at..at + data.len()], data);
    }

    fn write_indices(&self, buffer: &mut Vec<u32>, data: &[u32]) {
        buffer[..data.len()].copy_from_slice(data);
    }

    fn download(&self, buffer: &Vec<f32>) -> Result<Vec<f32>, KernelError> {
        Ok(buffer.clone())
    }

    fn read(&self, buffer: &Vec<f32>, at: usize, out: &mut [f32]) -> Result<(), KernelError> {
        out.copy_from_slice(&buffer[at..at + out.len()]);
        Ok(())
    }

    fn begin_read(&self, parts: &[(&Vec<f32>, usize)], reading: &mut Vec<f32>) {
        reading.clear();
        parts.iter().for_each(|&(buffer, len)| reading.extend_from_slice(&buffer[..len]));
    }

    fn finish_read<'a>(&self, reading: &'a mut Vec<f32>) -> Result<&'a [f32], KernelError> {
        Ok(reading)
    }

    fn td_error(&self, args: TdErrorArgs<'_, Vec<f32>>) {
        crate::td_error::mirror(&self.pool, args);
    }

    fn gae(&self, args: GaeArgs<'_, Vec<f32>>) {
        crate::gae::mirror(&self.pool, args);
    }

    fn mean_heads(&self, args: MeanHeadsArgs<'_, Vec<f32>>) {
        crate::mean_heads::mirror(&self.pool, args);
    }

    fn sr_lambda(&self, args: SrLambdaArgs<'_, Vec<f32>>) {
        crate::sr_lambda::mirror(&self.pool, args);
    }

    fn gather(
        &self,
        agents: usize,
        width: usize,
        source: &Vec<f32>,
        selection: Selection<'_, Vec<u32>>,
        rows: usize,
        out: &mut Vec<f32>,
    ) {
        crate::gather::mirror(agents, width, source, selection, rows, out);
    }

    fn shuffle(&self, keys: &[[u32; 2]], rows: usize, out: &mut Vec<u32>) {
        crate::shuffle::mirror(&self.pool, keys, rows, out);
    }

    fn rollout_stats(&self, args: RolloutStatsArgs<'_, Vec<f32>>) {
        crate::rollout_stats(args);
    }

    fn take_columns(&self, args: TakeColumnsArgs<'_, Vec<f32>, Vec<u32>>) {
        crate::take_columns::mirror(args);
    }

    fn unpack_bytes(&self, args: UnpackBytesArgs<'_, Vec<f32>>) {
        crate::unpack_bytes::mirror(args);
    }

    fn advantage_moments(&self, batch: Minibatch<'_, Vec<f32>, Vec<u32>>, normalize: bool, out: &mut Vec<f32>) {
        crate::advantage_moments::mirror(&self.pool, &batch, normalize, out);
    }

    fn actor_critic_loss(&self, args: LossArgs<'_, Vec<f32>, Vec<u32>>) {
        crate::actor_critic_loss::mirror(&self.pool, args);
    }

    fn optimizer_step(&self, args: OptimizerArgs<'_, Vec<f32>>) {
        crate::optimizer::mirror(&self.pool, args);
    }
}
