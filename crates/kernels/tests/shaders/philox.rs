use crate::Test;
use bytemuck::cast_slice;
use striatum_kernels::{Backend, Bind, Gpu, PHILOX_WGSL, Shader, WORKGROUP};
use striatum_rng::{philox4x32, unit_f32};

pub const TESTS: &[Test] = &[("philox_gives_the_same_words_as_the_host", words)];

/// Four words and the uniform number of the first, an invocation.
const KERNEL: &str = "
    @group(0) @binding(0) var<storage, read> inputs: array<u32>;
    @group(0) @binding(1) var<storage, read_write> words: array<u32>;
    @group(0) @binding(2) var<storage, read_write> uniforms: array<f32>;
    @compute @workgroup_size(256) fn draw(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x >= arrayLength(&uniforms) { return; }
        let at = id.x * 6u;
        let counter = vec4<u32>(inputs[at], inputs[at + 1u], inputs[at + 2u], inputs[at + 3u]);
        let drawn = philox4x32(counter, vec2<u32>(inputs[at + 4u], inputs[at + 5u]));
        for (var i = 0u; i < 4u; i++) { words[id.x * 4u + i] = drawn[i]; }
        uniforms[id.x] = unit_f32(drawn.x);
    }";

fn words(gpu: &Gpu) -> Result<(), String> {
    // The extremes, where a carry could get lost, then words that are themselves random.
    let mut inputs: Vec<[u32; 6]> =
        vec![[0; 6], [u32::MAX; 6], [0xffff, 0x1_0000, 0xffff_0000, 1, 0x8000_0000, 0x7fff_ffff]];
    for i in 0..1000 {
        let [a, b, c, d] = philox4x32([i, 0, 0, 0], [1, 2]);
        inputs.push([a, b, c, d, a ^ c, b ^ d]);
    }
    let source: &'static str = Box::leak(format!("{PHILOX_WGSL}{KERNEL}").into_boxed_str());
    let shader = Shader { label: "test_philox", source };
    let (mut words, mut uniforms) = (gpu.zeros(4 * inputs.len()), gpu.zeros(inputs.len()));
    let groups = inputs.len().div_ceil(WORKGROUP);
    gpu.launch(&shader, &[], &[Bind::Data(cast_slice(&inputs)), (&mut words).into(), (&mut uniforms).into()], groups);
    let words = gpu.download(&words).map_err(|error| error.to_string())?;
    let uniforms = gpu.download(&uniforms).map_err(|error| error.to_string())?;
    for (i, &[a, b, c, d, e, f]) in inputs.iter().enumerate() {
        let expected = philox4x32([a, b, c, d], [e, f]);
        let actual = [0, 1, 2, 3].map(|j| words[4 * i + j].to_bits());
        if actual != expected || uniforms[i] != unit_f32(expected[0]) {
            return Err(format!("{:08x?} gives {actual:08x?}, not {expected:08x?}", inputs[i]));
        }
    }
    Ok(())
}
