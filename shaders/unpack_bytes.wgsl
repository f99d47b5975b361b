// out[r, i] = byte i of row r, divided by 255; the numbers after its bytes are copied. One invocation a number of `out`.
// Mirror: crates/kernels/src/unpack_bytes.rs.
// #include "grid.wgsl"

struct Shape {
    rows: u32,
    bytes: u32,
    rest: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> source: array<u32>;     // [R, ceil(bytes / 4) + rest]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [R, bytes + rest]

@compute @workgroup_size(256)
fn unpack_bytes(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local;
    let width = shape.bytes + shape.rest;
    if i >= shape.rows * width {
        return;
    }
    let words = (shape.bytes + 3u) / 4u;
    let row = i / width * (words + shape.rest);
    let column = i % width;
    if column >= shape.bytes {
        out[i] = bitcast<f32>(source[row + words + column - shape.bytes]);
        return;
    }
    let word = source[row + column / 4u];
    out[i] = f32((word >> (8u * (column % 4u))) & 255u) * (1.0 / 255.0);
}
