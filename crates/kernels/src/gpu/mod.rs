//! The shaders on a device, through wgpu.

mod actor_critic;
mod actor_critic_loss;
mod adapter;
mod advantage_moments;
mod buffer;
mod column_moments;
mod discounted_returns;
mod episode_window;
mod gae;
mod gather;
mod launch;
mod mean_heads;
mod mlp;
mod optimizer;
mod reading;
mod rollout;
mod rollout_stats;
mod scale_rewards;
mod shuffle;
mod sr_lambda;
mod td_error;
mod unpack_bytes;

pub use actor_critic::ActorCriticGpu;
pub use adapter::{AdapterInfo, AdapterKind, adapters};
pub use buffer::{GpuBuffer, GpuIndices};
pub use gae::GaeForm;
pub use launch::{Bind, GRID_WGSL, PHILOX_WGSL, Shader, WORKGROUP};
pub(crate) use launch::{shader, word};
pub use mlp::{MlpGpu, MlpTiles};
pub use reading::GpuReading;
pub use rollout::{EnvStates, GpuTask, ResidentEnvs, RolloutArgs};

use crate::{
    Backend, GaeArgs, KernelError, LossArgs, MeanHeadsArgs, Minibatch, OptimizerArgs, RolloutStatsArgs, Selection,
    SrLambdaArgs, TakeColumnsArgs, TdErrorArgs, UnpackBytesArgs,
};
use launch::Pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A device, its queue, and the commands that wait to be submitted.
///
/// Launches and copies are only encoded; [`flush`](Self::flush), a write or a download submits them, in order. An error of the
/// device is kept and given by the next [`download`](Backend::download).
pub struct Gpu {
    info: AdapterInfo,
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    max_groups: u32,
    pending: Mutex<Pending>,
    fault: Arc<Mutex<Option<String>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_first(fault: &Mutex<Option<String>>, error: String) {
    lock(fault).get_or_insert(error);
}

impl Gpu {
    /// A device that somebody else opened. The kernels want its adapter's limits.
    pub fn from_parts(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        Self::new(AdapterInfo::new(0, &adapter.get_info()), instance, adapter, device, queue)
    }

    fn new(
        info: AdapterInfo,
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let fault = Arc::default();
        let max_groups = device.limits().max_compute_workgroups_per_dimension;
        let pending = Mutex::new(Pending::new(&device));
        let gpu = Self { info, instance, adapter, device, queue, max_groups, pending, fault };
        gpu.capture_errors();
        gpu
    }

    /// Makes errors of the device end in [`download`](Backend::download) instead of a panic.
    ///
    /// Done when it is opened; to be done again after another library that shares the device (burn does so when it is given the
    /// device) has installed handlers of its own.
    pub fn capture_errors(&self) {
        let fault = self.fault.clone();
        self.device.set_device_lost_callback(move |reason, message| {
            keep_first(&fault, format!("it was lost ({reason:?}): {message}"));
        });
        let fault = self.fault.clone();
        self.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = match error {
                wgpu::Error::OutOfMemory { .. } => "out of memory".to_owned(),
                other => other.to_string(),
            };
            keep_first(&fault, text);
        }));
    }

    /// The adapter. Its index is 0 where [`from_parts`](Self::from_parts) made this.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// The instance, to share the device with another library.
    pub fn instance(&self) -> &wgpu::Instance {
        &self.instance
    }

    /// The adapter, to share the device with another library.
    pub fn adapter(&self) -> &wgpu::Adapter {
        &self.adapter
    }

    /// The device, to share it with another library.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue, to share it with another library. What that submits happens before what is still pending here.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Submits what is pending, without waiting for it.
    pub fn flush(&self) {
        self.pending().submit(&self.queue);
    }

    /// How many dispatches have been encoded since the device was opened.
    pub fn dispatches(&self) -> u64 {
        self.pending().dispatches
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }

    fn fail(&self, error: String) {
        keep_first(&self.fault, error);
    }

    fn check(&self) -> Result<(), KernelError> {
        match lock(&self.fault).as_ref() {
            Some(error) => Err(KernelError::Device(error.clone())),
            None => Ok(()),
        }
    }

    /// Memory for `len` numbers; four bytes where `len` is 0, because a binding cannot be empty.
    fn allocate(&self, len: usize) -> GpuBuffer {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (len.max(1) * size_of::<f32>()) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        GpuBuffer::wrap(buffer, 0, len, None)
    }

    /// Memory for `len` numbers that one kernel hands to the next, with anything in it; the same each time for one `label`, because
    /// launches are ordered.
    fn scratch(&self, label: &'static str, len: usize) -> GpuBuffer {
        let mut pending = self.pending();
        let buffer = pending.scratch.entry(label).or_insert_with(|| self.allocate(0));
        if buffer.len < len {
            *buffer = self.allocate(len);
        }
        GpuBuffer::wrap(buffer.buffer.clone(), 0, len, None)
    }

    fn write_words(&self, region: &GpuBuffer, at: usize, data: &[u32]) {
        assert!(at + data.len() <= region.len, "more data than memory");
        // A queue's write happens before what is submitted later, so what is pending goes first.
        self.flush();
        let offset = region.offset + (at * size_of::<u32>()) as u64;
        self.queue.write_buffer(&region.buffer, offset, bytemuck::cast_slice(data));
    }

    fn new_with(&self, len: usize, data: &[u8]) -> GpuBuffer {
        let region = self.allocate(len);
        self.queue.write_buffer(&region.buffer, 0, data);
        region
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Backend for Gpu {
    type Buffer = GpuBuffer;
    type Indices = GpuIndices;
    type Reading = GpuReading;

    fn upload(&self, data: &[f32]) -> GpuBuffer {
        self.new_with(data.len(), bytemuck::cast_slice(data))
    }

    fn zeros(&self, len: usize) -> GpuBuffer {
        self.allocate(len)
    }

    fn upload_indices(&self, data: &[u32]) -> GpuIndices {
        GpuIndices(self.new_with(data.len(), bytemuck::cast_slice(data)))
    }

    fn write(&self, buffer: &mut GpuBuffer, at: usize, data: &[f32]) {
        self.write_words(buffer, at, bytemuck::cast_slice(data));
    }

    fn write_indices(&self, buffer: &mut GpuIndices, data: &[u32]) {
        self.write_words(&buffer.0, 0, data);
    }

    fn download(&self, buffer: &GpuBuffer) -> Result<Vec<f32>, KernelError> {
        // Memory that the device refused is not asked of the host either.
        self.check()?;
        let mut numbers = vec![0.0; buffer.len];
        self.read(buffer, 0, &mut numbers)?;
        Ok(numbers)
    }

    fn read(&self, buffer: &GpuBuffer, at: usize, out: &mut [f32]) -> Result<(), KernelError> {
        assert!(at + out.len() <= buffer.len, "a read beyond the memory");
        self.check()?;
        let mut reading = GpuReading::default();
        self.copy_to_host(&[(buffer, at, out.len())], &mut reading);
        out.copy_from_slice(self.finish_read(&mut reading)?);
        Ok(())
    }

    fn begin_read(&self, parts: &[(&GpuBuffer, usize)], reading: &mut GpuReading) {
        let parts: Vec<_> = parts.iter().map(|&(buffer, len)| (buffer, 0, len)).collect();
        self.copy_to_host(&parts, reading);
    }

    fn finish_read<'a>(&self, reading: &'a mut GpuReading) -> Result<&'a [f32], KernelError> {
        self.wait_for(reading)?;
        Ok(reading.numbers())
    }

    fn td_error(&self, args: TdErrorArgs<'_, GpuBuffer>) {
        self.launch_td_error(args);
    }

    fn gae(&self, args: GaeArgs<'_, GpuBuffer>) {
        let form = GaeForm::for_shape(args.shape);
        self.gae_as(form, args);
    }

    fn mean_heads(&self, args: MeanHeadsArgs<'_, GpuBuffer>) {
        self.launch_mean_heads(args);
    }

    fn sr_lambda(&self, args: SrLambdaArgs<'_, GpuBuffer>) {
        self.launch_sr_lambda(args);
    }

    fn gather(
        &self,
        agents: usize,
        width: usize,
        source: &GpuBuffer,
        selection: Selection<'_, GpuIndices>,
        rows: usize,
        out: &mut GpuBuffer,
    ) {
        self.launch_gather(agents, width, source, selection, rows, out);
    }

    fn shuffle(&self, keys: &[[u32; 2]], rows: usize, out: &mut GpuIndices) {
        Self::shuffle(self, keys, rows, out);
    }

    fn rollout_stats(&self, args: RolloutStatsArgs<'_, GpuBuffer>) {
        Self::rollout_stats(self, args);
    }

    fn take_columns(&self, args: TakeColumnsArgs<'_, GpuBuffer, GpuIndices>) {
        self.launch_take_columns(args);
    }

    fn unpack_bytes(&self, args: UnpackBytesArgs<'_, GpuBuffer>) {
        self.launch_unpack_bytes(args);
    }

    fn advantage_moments(&self, batch: Minibatch<'_, GpuBuffer, GpuIndices>, normalize: bool, out: &mut GpuBuffer) {
        self.launch_advantage_moments(batch, normalize, out);
    }

    fn actor_critic_loss(&self, args: LossArgs<'_, GpuBuffer, GpuIndices>) {
        self.launch_actor_critic_loss(args);
    }

    fn optimizer_step(&self, args: OptimizerArgs<'_, GpuBuffer>) {
        self.launch_optimizer_step(args);
    }
}
