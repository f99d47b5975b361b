// out[a, i, :] = source[a, rows[a, first + i], :], one invocation a number of `out`. A row that is not there reads as 0.
// Numbers are copied as bit patterns, because packed bytes may be patterns that arithmetic does not keep.
// Mirror: crates/kernels/src/gather.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    width: u32,
    rows: u32,
    source_rows: u32,
    /// Entries an agent of the index list, and the first one.
    stride: u32,
    first: u32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> source: array<u32>;     // [A, S, width]
@group(0) @binding(2) var<storage, read> rows: array<u32>;       // [A, stride]
@group(0) @binding(3) var<storage, read_write> out: array<u32>;  // [A, R, width]

@compute @workgroup_size(256)
fn gather(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local;
    if i >= shape.agents * shape.rows * shape.width {
        return;
    }
    let taken = i / shape.width; // [A, R]
    let agent = taken / shape.rows;
    let row = rows[agent * shape.stride + shape.first + taken % shape.rows];
    var number = 0u;
    if row < shape.source_rows {
        number = source[(agent * shape.source_rows + row) * shape.width + i % shape.width];
    }
    out[i] = number;
}
