//! Memory, ordering and errors of the device itself.

use crate::Test;
use crate::common::{Ends, Rollout, shape};
use striatum_kernels::{Backend, Bind, Gpu, GpuBuffer, GpuReading, KernelError, Shader, TakeColumnsArgs, adapters};

pub const TESTS: &[Test] = &[
    ("gpu_memory_keeps_what_is_written", memory),
    ("gpu_empty_memory_can_be_bound", empty),
    ("gpu_launches_writes_and_copies_are_ordered", ordered),
    ("gpu_reads_that_have_begun_are_of_that_moment", readings),
    ("gpu_wraps_a_region_of_another_buffer", wrapped),
    ("gpu_counts_dispatches", counted),
    ("gpu_submits_when_parameters_fill_up", many_parameters),
    ("gpu_an_invalid_shader_is_an_error_of_the_next_download", invalid_shader),
    ("gpu_too_much_memory_is_an_error_of_the_next_download", too_much_memory),
    ("gpu_a_destroyed_device_is_an_error", destroyed),
    ("gpu_parts_make_another_context", from_parts),
    ("gpu_adapters_are_listed", listed),
];

/// `data[i] = data[i] * factor + 1`.
const STEP: Shader = Shader {
    label: "test_step",
    source: "
        @group(0) @binding(0) var<storage, read> factor: array<f32>;
        @group(0) @binding(1) var<storage, read_write> data: array<f32>;
        @compute @workgroup_size(256) fn step(@builtin(global_invocation_id) id: vec3<u32>) {
            if id.x < arrayLength(&data) { data[id.x] = data[id.x] * factor[0] + 1.0; }
        }",
};

fn step(gpu: &Gpu, factor: f32, data: &mut GpuBuffer) {
    gpu.launch(&STEP, &[], &[Bind::Data(&factor.to_le_bytes()), data.into()], 1);
}

fn expect(gpu: &Gpu, buffer: &GpuBuffer, expected: &[f32]) -> Result<(), String> {
    let actual = gpu.download(buffer).map_err(|error| error.to_string())?;
    if actual == expected { Ok(()) } else { Err(format!("{actual:?}, not {expected:?}")) }
}

fn memory(gpu: &Gpu) -> Result<(), String> {
    let mut buffer = gpu.upload(&[1.0, 2.0, 3.0]);
    expect(gpu, &buffer, &[1.0, 2.0, 3.0])?;
    gpu.write(&mut buffer, 0, &[9.0, 8.0]);
    expect(gpu, &buffer, &[9.0, 8.0, 3.0])?;
    expect(gpu, &gpu.zeros(5), &[0.0; 5])?;
    let mut some = [0.0; 2];
    gpu.read(&buffer, 1, &mut some).map_err(|error| error.to_string())?;
    if some == [8.0, 3.0] { Ok(()) } else { Err(format!("{some:?}")) }
}

fn empty(gpu: &Gpu) -> Result<(), String> {
    expect(gpu, &gpu.upload(&[]), &[])?;
    let mut own = gpu.zeros(0);
    gpu.write(&mut own, 0, &[]);
    let owner = gpu.zeros(64);
    let foreign = GpuBuffer::wrap(owner.raw().clone(), 256, 0, None);
    // An empty region of a foreign buffer and one of our own, both bound.
    let add = Shader {
        label: "test_empty",
        source: "
            @group(0) @binding(0) var<storage, read> foreign: array<f32>;
            @group(0) @binding(1) var<storage, read> own: array<f32>;
            @group(0) @binding(2) var<storage, read_write> out: array<f32>;
            @compute @workgroup_size(256) fn add(@builtin(local_invocation_index) i: u32) {
                if i == 0u { out[0] = foreign[0] + own[0] + 7.0; }
            }",
    };
    let mut out = gpu.zeros(1);
    gpu.launch(&add, &[], &[(&foreign).into(), (&own).into(), (&mut out).into()], 1);
    expect(gpu, &out, &[7.0])
}

fn readings(gpu: &Gpu) -> Result<(), String> {
    let (mut data, other) = (gpu.upload(&[1.0, 2.0, 3.0]), gpu.upload(&[7.0]));
    let [mut first, mut second, mut never] = [GpuReading::default(), GpuReading::default(), GpuReading::default()];
    gpu.begin_read(&[(&data, 2), (&other, 1)], &mut first);
    step(gpu, 2.0, &mut data); // 3 5 7
    gpu.begin_read(&[(&data, 3)], &mut second);
    step(gpu, 0.0, &mut data);
    let finish = |reading: &mut GpuReading, expected: &[f32]| {
        let numbers = gpu.finish_read(reading).map_err(|error| error.to_string())?;
        if numbers == expected { Ok(()) } else { Err(format!("{numbers:?}, not {expected:?}")) }
    };
    finish(&mut first, &[1.0, 2.0, 7.0])?;
    // Its memory serves shorter and longer ones, and one that nobody waited for.
    gpu.begin_read(&[(&other, 1)], &mut first);
    finish(&mut second, &[3.0, 5.0, 7.0])?;
    finish(&mut first, &[7.0])?;
    gpu.begin_read(&[(&other, 1), (&data, 0), (&data, 3)], &mut first);
    gpu.begin_read(&[(&data, 1), (&other, 1)], &mut first);
    finish(&mut first, &[1.0, 7.0])?;
    gpu.begin_read(&[], &mut first);
    finish(&mut first, &[])?;
    finish(&mut never, &[])
}

fn ordered(gpu: &Gpu) -> Result<(), String> {
    let mut data = gpu.upload(&[1.0]);
    step(gpu, 2.0, &mut data); // 3
    step(gpu, 10.0, &mut data); // 31
    let mut kept = gpu.zeros(1);
    gpu.take_columns(TakeColumnsArgs {
        agents: 1,
        rows: 1,
        source: &data,
        width: 1,
        column: 0,
        columns: 1,
        places: None,
        at: 0,
        out: &mut kept,
        stride: 1,
    });
    step(gpu, 0.0, &mut data); // 1
    expect(gpu, &kept, &[31.0])?;
    gpu.write(&mut kept, 0, &[5.0]);
    step(gpu, 3.0, &mut kept); // 16
    gpu.write(&mut data, 0, &[100.0]);
    step(gpu, 1.0, &mut data); // 101
    gpu.flush();
    expect(gpu, &kept, &[16.0])?;
    expect(gpu, &data, &[101.0])
}

fn wrapped(gpu: &Gpu) -> Result<(), String> {
    let at = gpu.device().limits().min_storage_buffer_offset_alignment as usize / 4;
    let owner = gpu.upload(&vec![1.0; 3 * at]);
    let mut region = GpuBuffer::wrap(owner.raw().clone(), at as u64 * 4, at, None);
    step(gpu, 4.0, &mut region);
    expect(gpu, &region, &vec![5.0; at])?;
    gpu.write(&mut region, 0, &[7.0]);
    let mut all = vec![1.0; 3 * at];
    all[at..2 * at].fill(5.0);
    all[at] = 7.0;
    expect(gpu, &owner, &all)
}

fn counted(_: &Gpu) -> Result<(), String> {
    let gpu = Gpu::open(None).map_err(|error| error.to_string())?;
    let mut data = gpu.zeros(1);
    (0..3).for_each(|_| step(&gpu, 1.0, &mut data));
    if gpu.dispatches() == 3 { Ok(()) } else { Err(format!("{} dispatches", gpu.dispatches())) }
}

fn many_parameters(gpu: &Gpu) -> Result<(), String> {
    let mut data = gpu.zeros(1);
    let mut expected = 0.0;
    // At the usual alignments of 16 to 256 bytes this is a multiple of what one submission can carry.
    for i in 0..20_000u16 {
        let factor = f32::from(i % 3) * 0.5;
        step(gpu, factor, &mut data);
        expected = expected * factor + 1.0;
    }
    expect(gpu, &data, &[expected])
}

/// Opens a device of its own, because an error stays with its device.
fn failing(gpu: impl Fn(&Gpu) -> Result<Vec<f32>, KernelError>, expected: &str) -> Result<(), String> {
    let own = Gpu::open(None).map_err(|error| error.to_string())?;
    match gpu(&own) {
        Err(KernelError::Device(text)) if text.contains(expected) => Ok(()),
        other => Err(format!("{other:?}, which does not tell of `{expected}`")),
    }
}

fn invalid_shader(_: &Gpu) -> Result<(), String> {
    let broken =
        Shader { label: "test_broken", source: "@compute @workgroup_size(1) fn broken() { let x: u32 = 1.5; }" };
    let launch = |gpu: &Gpu| {
        gpu.launch(&broken, &[], &[], 1);
        gpu.download(&gpu.zeros(1))
    };
    failing(launch, "test_broken")
}

fn too_much_memory(_: &Gpu) -> Result<(), String> {
    let allocate = |gpu: &Gpu| {
        let mut buffer = gpu.zeros(1 << 50);
        gpu.write(&mut buffer, 0, &[1.0]);
        gpu.download(&buffer)
    };
    failing(allocate, "")
}

fn destroyed(_: &Gpu) -> Result<(), String> {
    let gpu = Gpu::open(None).map_err(|error| error.to_string())?;
    let mut data = gpu.zeros(4);
    gpu.device().destroy();
    step(&gpu, 1.0, &mut data);
    match gpu.download(&data) {
        Err(KernelError::Device(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn from_parts(gpu: &Gpu) -> Result<(), String> {
    let own = Gpu::open(Some(gpu.info().index)).map_err(|error| error.to_string())?;
    let parts = (own.instance().clone(), own.adapter().clone(), own.device().clone(), own.queue().clone());
    let second = Gpu::from_parts(parts.0, parts.1, parts.2, parts.3);
    let rollout = Rollout::random(shape(1, 1, 3, 5), Ends::Mixed, 1);
    let (first, second) = (rollout.td_error(&own), rollout.td_error(&second));
    if first == second { Ok(()) } else { Err(format!("{first:?}, {second:?}")) }
}

fn listed(gpu: &Gpu) -> Result<(), String> {
    let all = adapters();
    let same = all.get(gpu.info().index).is_some_and(|info| info == gpu.info());
    let numbered = all.iter().enumerate().all(|(i, info)| info.index == i && !info.name.is_empty());
    let missing = matches!(Gpu::open(Some(all.len())), Err(KernelError::NoAdapter(_)));
    if same && numbered && missing { Ok(()) } else { Err(format!("{all:?}, opened {:?}", gpu.info())) }
}
