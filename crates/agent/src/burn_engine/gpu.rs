//! burn on the same wgpu device as the kernels: tensors and kernel buffers change hands without leaving it.

use super::Bridge;
use burn::backend::Wgpu;
use burn::backend::wgpu::AutoCompiler;
use burn::tensor::wgpu::{MemoryConfiguration, WgpuSetup};
use burn::tensor::{Device, Tensor};
use cubecl_wgpu::WgpuServer;
use std::sync::Arc;
use striatum_kernels::{Gpu, GpuBuffer, KernelError};

fn device_error(error: impl std::fmt::Debug) -> KernelError {
    KernelError::Device(format!("{error:?}"))
}

/// The burn device that shares an opened GPU's wgpu device and queue. Call it once a GPU: burn counts each call as another device.
///
/// # Errors
/// If burn refuses the device.
pub fn burn_device(gpu: &Gpu) -> Result<Device, KernelError> {
    let setup = WgpuSetup {
        instance: gpu.instance().clone(),
        adapter: gpu.adapter().clone(),
        device: gpu.device().clone(),
        queue: gpu.queue().clone(),
        backend: gpu.adapter().get_info().backend,
    };
    // A page for each tensor: wgpu refuses a dispatch that reads one part of a buffer and writes another.
    let options = Device::wgpu_options().memory_config(MemoryConfiguration::ExclusivePages).setup(setup);
    let device = options.init().map_err(device_error)?;
    gpu.capture_errors();
    Ok(device)
}

/// A tensor's own memory; the tensor lives as long as the buffer.
fn buffer_of<const D: usize>(tensor: Tensor<D>) -> Result<GpuBuffer, KernelError> {
    let len = tensor.dims().iter().product();
    let tensor = tensor.try_into_primitive::<Wgpu>().map_err(device_error)?;
    if !tensor.is_contiguous() {
        return Err(KernelError::Device("burn gave a tensor whose numbers are not in order".into()));
    }
    let resource =
        tensor.client.get_resource::<WgpuServer<AutoCompiler>>(tensor.handle.clone()).map_err(device_error)?;
    let wgpu::BindingResource::Buffer(binding) = resource.resource().as_wgpu_bind_resource() else {
        return Err(KernelError::Device("burn's tensor is not a buffer".into()));
    };
    let (buffer, offset) = (binding.buffer.clone(), binding.offset);
    Ok(GpuBuffer::wrap(buffer, offset, len, Some(Arc::new(tensor.handle))))
}

/// The same memory for both. burn's own commands are submitted first, because the memory of a new tensor may still be read by an older
/// command of burn's, and ours before burn goes on.
impl Bridge for Gpu {
    fn tensor(
        &self,
        shape: [usize; 2],
        device: &Device,
        fill: impl FnOnce(&mut GpuBuffer),
    ) -> Result<Tensor<2>, KernelError> {
        let plain = device.clone().inner();
        let tensor = Tensor::<2>::empty(shape, &plain);
        let mut memory = buffer_of(tensor.clone())?;
        plain.flush().map_err(device_error)?;
        fill(&mut memory);
        self.flush();
        Ok(if device.is_autodiff() { Tensor::from_inner(tensor) } else { tensor })
    }

    fn read_tensor<const D: usize, T>(
        &self,
        tensor: Tensor<D>,
        read: impl FnOnce(&GpuBuffer) -> Result<T, KernelError>,
    ) -> Result<T, KernelError> {
        let device = tensor.device();
        let memory = buffer_of(tensor)?;
        device.flush().map_err(device_error)?;
        let result = read(&memory);
        // Before the memory is given back, of which burn may make something else.
        self.flush();
        result
    }
}
