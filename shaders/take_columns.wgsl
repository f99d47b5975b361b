// out[a, k, at + place(r)] = source[a, r, column + k], one invocation a number taken. A place beyond the line is left out.
// Mirror: crates/kernels/src/take_columns.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    width: u32,
    column: u32,
    columns: u32,
    at: u32,
    stride: u32,
    /// Whether `places` says where a row goes.
    placed: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> source: array<f32>;     // [A, R, width]
@group(0) @binding(2) var<storage, read> places: array<u32>;     // [A, R], or unused
@group(0) @binding(3) var<storage, read_write> out: array<f32>;  // [A, columns, stride]

@compute @workgroup_size(256)
fn take_columns(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local;
    if i >= shape.agents * shape.rows * shape.columns {
        return;
    }
    let row = i / shape.columns; // [A, R]
    let k = i % shape.columns;
    let agent = row / shape.rows;
    var place = row % shape.rows;
    if shape.placed != 0u {
        place = places[row];
    }
    place += shape.at;
    if place < shape.stride {
        out[(agent * shape.columns + k) * shape.stride + place] = source[row * shape.width + shape.column + k];
    }
}
