//! Numbers between a backend's buffers and burn's tensors.

use burn::tensor::{Device, Tensor, TensorData};
use striatum_kernels::{Backend, Cpu, KernelError};

/// A backend whose kernels write and read burn's own memory.
pub trait Bridge: Backend + 'static {
    /// A tensor on `device`, which is the burn device of this backend, whose memory `fill` writes.
    ///
    /// # Errors
    /// If the device fails.
    fn tensor(
        &self,
        shape: [usize; 2],
        device: &Device,
        fill: impl FnOnce(&mut Self::Buffer),
    ) -> Result<Tensor<2>, KernelError>;

    /// Hands a tensor's own memory to `read`.
    ///
    /// # Errors
    /// If the device fails, or `read` does.
    fn read_tensor<const D: usize, T>(
        &self,
        tensor: Tensor<D>,
        read: impl FnOnce(&Self::Buffer) -> Result<T, KernelError>,
    ) -> Result<T, KernelError>;
}

/// The burn device that goes with [`Cpu`].
pub fn cpu_device() -> Device {
    Device::flex()
}

/// burn takes a `Vec` over as it is, and gives it back.
impl Bridge for Cpu {
    fn tensor(
        &self,
        shape: [usize; 2],
        device: &Device,
        fill: impl FnOnce(&mut Vec<f32>),
    ) -> Result<Tensor<2>, KernelError> {
        let mut numbers = self.zeros(shape[0] * shape[1]);
        fill(&mut numbers);
        Ok(Tensor::from_data(TensorData::new(numbers, shape), device))
    }

    fn read_tensor<const D: usize, T>(
        &self,
        tensor: Tensor<D>,
        read: impl FnOnce(&Vec<f32>) -> Result<T, KernelError>,
    ) -> Result<T, KernelError> {
        let data = tensor.try_into_data().map_err(|error| KernelError::Device(error.to_string()))?;
        read(&data.try_into_vec().map_err(|error| KernelError::Device(format!("{error:?}")))?)
    }
}
