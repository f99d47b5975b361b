//! Launching a shader: pipelines by label, parameters through a ring, everything into one pending command encoder.

use super::{Gpu, GpuBuffer, GpuIndices};
use std::collections::HashMap;

/// Invocations in a workgroup; the shaders' `@workgroup_size`.
pub const WORKGROUP: usize = 256;

/// Bytes of parameters that one submission can carry.
const PARAMS_CAPACITY: usize = 256 * 1024;

/// `shaders/grid.wgsl`: the flat index of a workgroup, for shaders of your own.
pub const GRID_WGSL: &str = include_str!(concat!(env!("OUT_DIR"), "/shaders/grid.wgsl"));

/// `shaders/philox.wgsl`: the random numbers of `striatum-rng`, for shaders of your own.
pub const PHILOX_WGSL: &str = include_str!(concat!(env!("OUT_DIR"), "/shaders/philox.wgsl"));

/// A shader with one entry point of [`WORKGROUP`] invocations.
#[derive(Clone, Copy, Debug)]
pub struct Shader {
    /// What it is called in errors and in the cache of pipelines, and so unique. Here: its file's basename.
    pub label: &'static str,
    /// WGSL.
    pub source: &'static str,
}

/// The [`Shader`] of `shaders/<name>.wgsl`.
macro_rules! shader {
    ($name:literal) => {
        $crate::gpu::Shader {
            label: $name,
            source: include_str!(concat!(env!("OUT_DIR"), "/shaders/", $name, ".wgsl")),
        }
    };
}
pub(crate) use shader;

/// What a launch binds, in the order of the shader's `@binding`s in `@group(0)`.
#[derive(Clone, Copy, Debug)]
pub enum Bind<'a> {
    /// `var<storage, read>` or `var<storage, read_write>` of `array<f32>`.
    Buffer(&'a GpuBuffer),
    /// `var<storage, read>` of `array<u32>`.
    Indices(&'a GpuIndices),
    /// A few bytes from the host, copied: `var<storage, read>` of anything, or `var<uniform>` (whose size is then a multiple of 16).
    Data(&'a [u8]),
}

impl<'a> Bind<'a> {
    /// The device memory it binds, if it does.
    fn region(&self) -> Option<&'a GpuBuffer> {
        match *self {
            Self::Buffer(region) => Some(region),
            Self::Indices(indices) => Some(&indices.0),
            Self::Data(_) => None,
        }
    }

    /// The host data it binds, or nothing.
    fn data(&self) -> &'a [u8] {
        if let Self::Data(data) = *self { data } else { &[] }
    }
}

impl<'a> From<&'a GpuBuffer> for Bind<'a> {
    fn from(buffer: &'a GpuBuffer) -> Self {
        Self::Buffer(buffer)
    }
}

impl<'a> From<&'a mut GpuBuffer> for Bind<'a> {
    fn from(buffer: &'a mut GpuBuffer) -> Self {
        Self::Buffer(buffer)
    }
}

/// What is encoded but not yet submitted.
pub(super) struct Pending {
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    params: Vec<u8>,
    params_buffer: wgpu::Buffer,
    alignment: usize,
    pipelines: HashMap<PipelineKey, wgpu::ComputePipeline>,
    pub(super) dispatches: u64,
    pub(super) scratch: HashMap<&'static str, GpuBuffer>,
}

type PipelineKey = (&'static str, Vec<(&'static str, u64)>);

impl Pending {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        let limits = device.limits();
        let alignment = limits.min_storage_buffer_offset_alignment.max(limits.min_uniform_buffer_offset_alignment);
        let params_buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: PARAMS_CAPACITY as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self {
            pass: None,
            encoder: None,
            params: Vec::with_capacity(PARAMS_CAPACITY),
            params_buffer,
            alignment: alignment as usize,
            pipelines: HashMap::new(),
            dispatches: 0,
            scratch: HashMap::new(),
        }
    }

    /// The pending encoder, outside any pass.
    pub(super) fn encoder(&mut self, device: &wgpu::Device) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    fn pass(&mut self, device: &wgpu::Device) -> &mut wgpu::ComputePass<'static> {
        let encoder = self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()));
        self.pass.get_or_insert_with(|| encoder.begin_compute_pass(&Default::default()).forget_lifetime())
    }

    /// Submits what is pending, if anything is.
    pub(super) fn submit(&mut self, queue: &wgpu::Queue) -> Option<wgpu::SubmissionIndex> {
        self.pass = None;
        let encoder = self.encoder.take()?;
        if !self.params.is_empty() {
            // Happens before the submission below and after the previous one, whose parameters it overwrites.
            queue.write_buffer(&self.params_buffer, 0, &self.params);
            self.params.clear();
        }
        Some(queue.submit([encoder.finish()]))
    }

    fn params_fit(&self, bindings: &[Bind<'_>]) -> bool {
        let more: usize =
            bindings.iter().map(|bind| if let Bind::Data(data) = bind { self.params_size(data) } else { 0 }).sum();
        self.params.len() + more <= PARAMS_CAPACITY
    }

    /// What host data takes of the ring. None of it can be empty, as no binding can.
    fn params_size(&self, data: &[u8]) -> usize {
        data.len().max(4).next_multiple_of(self.alignment)
    }

    /// Appends host data to the ring; where it starts.
    fn push_params(&mut self, data: &[u8]) -> u64 {
        let offset = self.params.len();
        self.params.extend_from_slice(data);
        self.params.resize(offset + self.params_size(data), 0);
        offset as u64
    }

    fn pipeline(
        &mut self,
        device: &wgpu::Device,
        shader: &Shader,
        constants: &[(&'static str, f64)],
    ) -> wgpu::ComputePipeline {
        let key = (shader.label, constants.iter().map(|&(name, value)| (name, value.to_bits())).collect());
        self.pipelines.entry(key).or_insert_with(|| compile(device, shader, constants)).clone()
    }
}

fn compile(device: &wgpu::Device, shader: &Shader, constants: &[(&'static str, f64)]) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(shader.label),
        source: wgpu::ShaderSource::Wgsl(shader.source.into()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(shader.label),
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
        cache: None,
    })
}

/// `groups` workgroups over x and y, neither beyond `limit`. The shader recovers the flat index (`grid.wgsl`) and guards it.
fn grid(groups: usize, limit: u32) -> Option<[u32; 2]> {
    let rows = groups.div_ceil(limit as usize).max(1);
    let columns = groups.div_ceil(rows);
    let rows = u32::try_from(rows).ok().filter(|&rows| rows <= limit)?;
    Some([u32::try_from(columns).ok()?, rows])
}

/// A size as a shader takes it. Larger ones cannot be launched: [`Gpu::launch`] refuses them.
pub(crate) fn word(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Gpu {
    /// Appends a dispatch of `groups` workgroups to the pending commands. `constants` are the shader's `override`s. Nothing happens
    /// for 0 groups; an invalid shader or binding is an error that the next download gives.
    ///
    /// The groups are spread over x and y: the shader finds its own by `flat_group` of [`GRID_WGSL`], and guards it.
    pub fn launch(&self, shader: &Shader, constants: &[(&'static str, f64)], bindings: &[Bind<'_>], groups: usize) {
        if groups == 0 {
            return;
        }
        let too_large = groups.saturating_mul(WORKGROUP) > u32::MAX as usize;
        let Some([x, y]) = grid(groups, self.max_groups).filter(|_| !too_large) else {
            self.fail(format!("`{}` over {groups} workgroups is more than a launch can count", shader.label));
            return;
        };
        let mut pending = self.pending();
        if !pending.params_fit(bindings) {
            pending.submit(&self.queue);
        }
        let offsets: Vec<u64> = bindings
            .iter()
            .map(|bind| if let Bind::Data(data) = bind { pending.push_params(data) } else { 0 })
            .collect();
        let pipeline = pending.pipeline(&self.device, shader, constants);
        let group = self.bind_group(&pending.params_buffer, shader, &pipeline, bindings, &offsets);
        let pass = pending.pass(&self.device);
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(x, y, 1);
        pending.dispatches += 1;
    }

    fn bind_group(
        &self,
        params: &wgpu::Buffer,
        shader: &Shader,
        pipeline: &wgpu::ComputePipeline,
        bindings: &[Bind<'_>],
        offsets: &[u64],
    ) -> wgpu::BindGroup {
        // A binding cannot be empty: an empty region of somebody else's buffer gives way to four bytes of our own.
        let foreign_and_empty = |region: &&GpuBuffer| region.len == 0 && region.buffer.size() != 4;
        let stand_in = |bind: &Bind<'_>| bind.region().filter(foreign_and_empty).map(|_| self.allocate(0));
        let stand_ins: Vec<Option<GpuBuffer>> = bindings.iter().map(stand_in).collect();
        let resource = |i: usize| match stand_ins[i].as_ref().or(bindings[i].region()) {
            Some(region) => (&region.buffer, region.offset, region.len.max(1) * size_of::<f32>()),
            None => (params, offsets[i], bindings[i].data().len().max(4)),
        };
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..bindings.len())
            .map(|i| {
                let (buffer, offset, size) = resource(i);
                let size = wgpu::BufferSize::new(size as u64);
                let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size });
                wgpu::BindGroupEntry { binding: word(i), resource }
            })
            .collect();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(shader.label),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::grid;

    #[test]
    fn a_grid_covers_its_groups_within_the_limit() {
        for groups in [1, 2, 65_535, 65_536, 65_537, 200_000, 16_777_216] {
            let [x, y] = grid(groups, 65_535).expect("fits");
            let covered = x as usize * y as usize;
            assert!(x <= 65_535 && y <= 65_535, "{groups}: {x} x {y}");
            assert!(covered >= groups && covered - groups < y as usize, "{groups}: {x} x {y}");
        }
        assert_eq!(grid(65_535 * 65_535 + 1, 65_535), None);
    }
}
