//! Numbers between a backend's buffers and burn's tensors.

use burn::tensor::{Device, Tensor, TensorData};
use striatum_kernels::{Backend, Cpu, KernelError};

/// A backend whose buffers can become burn tensors and back.
pub trait Bridge: Backend {
    /// The first `shape[0] * shape[1]` numbers of a buffer as a tensor on `device`, which is the burn device of this backend.
    ///
    /// # Errors
    /// If the device fails.
    fn tensor(&self, buffer: &Self::Buffer, shape: [usize; 2], device: &Device) -> Result<Tensor<2>, KernelError>;

    /// Writes a tensor's numbers to the start of a buffer.
    ///
    /// # Errors
    /// If the device fails.
    fn store<const D: usize>(&self, tensor: Tensor<D>, buffer: &mut Self::Buffer) -> Result<(), KernelError>;
}

/// The burn device that goes with [`Cpu`].
pub fn cpu_device() -> Device {
    Device::flex()
}

/// Through memory: a copy in, a copy out.
impl Bridge for Cpu {
    fn tensor(&self, buffer: &Vec<f32>, shape: [usize; 2], device: &Device) -> Result<Tensor<2>, KernelError> {
        let numbers = buffer[..shape[0] * shape[1]].to_vec();
        Ok(Tensor::from_data(TensorData::new(numbers, shape), device))
    }

    fn store<const D: usize>(&self, tensor: Tensor<D>, buffer: &mut Vec<f32>) -> Result<(), KernelError> {
        let data = tensor.try_into_data().map_err(|error| KernelError::Device(error.to_string()))?;
        let numbers = data.as_slice::<f32>().map_err(|error| KernelError::Device(format!("{error:?}")))?;
        buffer[..numbers.len()].copy_from_slice(numbers);
        Ok(())
    }
}
