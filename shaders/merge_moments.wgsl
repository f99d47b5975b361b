// Merges the moments of parts, one workgroup an agent and column. What column_moments.wgsl and discounted_returns.wgsl leave.
// Mirror: crates/kernels/src/moments.rs.
// #include "grid.wgsl"
// #include "moments.wgsl"

struct Shape {
    agents: u32,
    columns: u32,
    parts: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> partial: array<f32>;         // [A, parts, C, 4]: count, origin, squares, offset
@group(0) @binding(2) var<storage, read_write> moments: array<f32>;   // [A, C, 3]

@compute @workgroup_size(256)
fn merge_moments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups); // [A, C]
    if i >= shape.agents * shape.columns {
        return;
    }
    let agent = i / shape.columns;
    let column = i % shape.columns;
    var own = NO_MOMENTS;
    for (var part = local; part < shape.parts; part += 256u) {
        let at = 4u * ((agent * shape.parts + part) * shape.columns + column);
        own = merged(own, Moments(partial[at], partial[at + 1u], partial[at + 3u], partial[at + 2u]));
    }
    let all = moments_of_group(local, own, 1u);
    if local == 0u {
        moments[3u * i] = all.count;
        moments[3u * i + 1u] = mean_of(all);
        moments[3u * i + 2u] = all.m2;
    }
}
