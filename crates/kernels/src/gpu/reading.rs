//! Numbers on their way from the device to the host.

use super::{Gpu, GpuBuffer};
use crate::KernelError;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// How long a read may take after the device has finished its work.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A read that has begun or is over; its memory serves the next one.
#[derive(Debug, Default)]
pub struct GpuReading {
    staging: Option<wgpu::Buffer>,
    under_way: Option<UnderWay>,
    numbers: Vec<f32>,
}

/// A copy that was submitted.
#[derive(Debug)]
struct UnderWay {
    submission: wgpu::SubmissionIndex,
    mapped: Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl GpuReading {
    pub(super) fn numbers(&self) -> &[f32] {
        &self.numbers
    }
}

impl Gpu {
    /// Submits copies of (buffer, at, len), one after the other, after everything that is pending.
    pub(super) fn copy_to_host(&self, parts: &[(&GpuBuffer, usize, usize)], reading: &mut GpuReading) {
        let bytes = |n: usize| (n * size_of::<f32>()) as u64;
        let len = parts.iter().map(|&(_, _, len)| len).sum();
        reading.numbers.resize(len, 0.0);
        if reading.under_way.take().is_some()
            || reading.staging.as_ref().is_none_or(|staging| staging.size() < bytes(len))
        {
            reading.staging = None;
        }
        if len == 0 {
            return;
        }
        let staging = reading.staging.get_or_insert_with(|| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("reading"),
                size: bytes(len),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        let mut pending = self.pending();
        let encoder = pending.encoder(&self.device);
        let mut to = 0;
        for &(buffer, at, len) in parts {
            assert!(at + len <= buffer.len, "a read beyond the memory");
            encoder.copy_buffer_to_buffer(&buffer.buffer, buffer.offset + bytes(at), staging, to, bytes(len));
            to += bytes(len);
        }
        let Some(submission) = pending.submit(&self.queue) else { return };
        let (sender, mapped) = mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, ..bytes(len), move |result| drop(sender.send(result)));
        reading.under_way = Some(UnderWay { submission, mapped });
    }

    /// Waits until a copy that is under way has arrived.
    pub(super) fn wait_for(&self, reading: &mut GpuReading) -> Result<(), KernelError> {
        let (Some(UnderWay { submission, mapped }), Some(staging)) = (reading.under_way.take(), &reading.staging)
        else {
            return self.check();
        };
        let device_error = |error: String| KernelError::Device(error);
        let arrival = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        self.device.poll(arrival).map_err(|error| device_error(error.to_string()))?;
        // Another thread's poll can have taken the callback and be about to run it.
        let mapped = mapped.recv_timeout(READ_TIMEOUT);
        // A lost or exhausted device explains itself better than the mapping that fails for it.
        self.check()?;
        mapped
            .map_err(|_| device_error("it did not answer a read".to_owned()))?
            .map_err(|error| device_error(error.to_string()))?;
        let len = (reading.numbers.len() * size_of::<f32>()) as u64;
        let arrived = staging.get_mapped_range(..len).map_err(|error| device_error(error.to_string()))?;
        bytemuck::cast_slice_mut(&mut reading.numbers).copy_from_slice(&arrived);
        drop(arrived);
        staging.unmap();
        Ok(())
    }
}
