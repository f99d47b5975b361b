//! Memory on a device.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// `f32` memory on a device: a buffer, or a region of a buffer that belongs to somebody else.
pub struct GpuBuffer {
    pub(super) buffer: wgpu::Buffer,
    pub(super) offset: u64,
    pub(super) len: usize,
    _keep: Option<Arc<dyn Any + Send + Sync>>,
}

/// `u32` memory on a device.
#[derive(Debug)]
pub struct GpuIndices(pub(super) GpuBuffer);

impl GpuBuffer {
    /// A region of a buffer of the same device: `len` numbers from `offset` bytes on. `keep` lives as long as the region, and so
    /// keeps its owner from giving the memory to something else.
    ///
    /// The offset is a multiple of the device's `min_storage_buffer_offset_alignment`, the buffer has the usages `STORAGE`,
    /// `COPY_SRC` and `COPY_DST`, and no other region of the same buffer may be bound by one launch unless both are only read.
    pub fn wrap(buffer: wgpu::Buffer, offset: u64, len: usize, keep: Option<Arc<dyn Any + Send + Sync>>) -> Self {
        Self { buffer, offset, len, _keep: keep }
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The buffer that it lies in.
    pub fn raw(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Where in the buffer it starts, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl GpuIndices {
    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }
}

impl fmt::Debug for GpuBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpuBuffer").field("offset", &self.offset).field("len", &self.len).finish_non_exhaustive()
    }
}
