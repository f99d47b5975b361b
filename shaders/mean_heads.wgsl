// means[a, g, :] = mean over the heads of group g of values[a, head, :], one invocation a number of `means`.
// Mirror: crates/kernels/src/mean_heads.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    heads: u32,
    groups: u32,
    /// Numbers of a head.
    columns: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> groups: array<vec2<u32>>;  // [G], the first head and how many
@group(0) @binding(2) var<storage, read> values: array<f32>;        // [A, K, L]
@group(0) @binding(3) var<storage, read_write> means: array<f32>;   // [A, G, L]

@compute @workgroup_size(256)
fn mean_heads(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, count) * 256u + local;
    if i >= shape.agents * shape.groups * shape.columns {
        return;
    }
    let line = i / shape.columns; // [A, G]
    let own = groups[line % shape.groups];
    let first = ((line / shape.groups) * shape.heads + own.x) * shape.columns + i % shape.columns;
    var sum = 0.0;
    for (var k = 0u; k < own.y; k++) {
        sum += values[first + k * shape.columns];
    }
    means[i] = sum * (1.0 / f32(own.y));
}
