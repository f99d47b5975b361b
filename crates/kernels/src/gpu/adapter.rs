//! Which adapters this machine has, and opening one.

use super::Gpu;
use crate::KernelError;
use serde::Serialize;

/// What an adapter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    /// A card with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU lent to a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// The processor itself, by a software driver such as llvmpipe.
    Cpu,
}

/// One adapter, as `striatum devices` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterInfo {
    /// The N of `--device gpu:N`.
    pub index: usize,
    /// The adapter's name.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// What it is made of.
    pub kind: AdapterKind,
    /// The driver and its version, as far as it says.
    pub driver: String,
    /// Whether it is the processor in disguise.
    pub is_software: bool,
}

impl AdapterInfo {
    pub(super) fn new(index: usize, info: &wgpu::AdapterInfo) -> Self {
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Other => AdapterKind::Other,
            wgpu::DeviceType::Cpu => AdapterKind::Cpu,
        };
        Self {
            index,
            name: info.name.clone(),
            backend: info.backend.to_str().to_owned(),
            kind,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            is_software: kind == AdapterKind::Cpu,
        }
    }
}

fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
}

fn enumerate(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY))
}

/// Every adapter of this machine, in the driver's order.
pub fn adapters() -> Vec<AdapterInfo> {
    let adapters = enumerate(&instance());
    adapters.iter().enumerate().map(|(index, adapter)| AdapterInfo::new(index, &adapter.get_info())).collect()
}

impl Gpu {
    /// Opens adapter `index` of [`adapters`], or, without one, the best: a discrete GPU before an integrated one, and a software
    /// adapter only if there is nothing else (see [`AdapterInfo::is_software`]).
    ///
    /// # Errors
    /// [`KernelError::NoAdapter`] if there is none, [`KernelError::NoDevice`] if the driver refuses.
    pub fn open(index: Option<usize>) -> Result<Self, KernelError> {
        let instance = instance();
        let mut adapters = enumerate(&instance);
        let chosen = match index {
            Some(index) => Some(index).filter(|&index| index < adapters.len()),
            None => (0..adapters.len()).min_by_key(|&i| AdapterInfo::new(i, &adapters[i].get_info()).kind),
        };
        let Some(chosen) = chosen else {
            return Err(KernelError::NoAdapter(index.map_or_else(|| "at all".to_owned(), |index| index.to_string())));
        };
        let adapter = adapters.swap_remove(chosen);
        // burn shares the device and wants what the adapter has. Experimental features need a promise that nobody can give, and
        // mappable primary buffers make a discrete GPU slow.
        let features =
            adapter.features() - wgpu::Features::all_experimental_mask() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
        let request = wgpu::DeviceDescriptor {
            label: Some("striatum"),
            required_features: features,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&request))
            .map_err(|error| KernelError::NoDevice { adapter: adapter.get_info().name, reason: error.to_string() })?;
        Ok(Self::new(AdapterInfo::new(chosen, &adapter.get_info()), instance, adapter, device, queue))
    }
}
