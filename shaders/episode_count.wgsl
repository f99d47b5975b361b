// How many episodes end in each part of the rows, one workgroup a part; episode_window.wgsl goes on from there.
// Mirror: crates/kernels/src/episode_window.rs.
// #include "grid.wgsl"
// #include "sum.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    /// Parts an agent, at most 256.
    parts: u32,
    /// Rows a part, a multiple of 256.
    part: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> terminated: array<f32>;     // [A, R]
@group(0) @binding(2) var<storage, read> truncated: array<f32>;      // [A, R]
@group(0) @binding(3) var<storage, read_write> counts: array<f32>;   // [A, parts]

@compute @workgroup_size(256)
fn episode_count(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups); // [A, parts]
    if i >= shape.agents * shape.parts {
        return;
    }
    let agent = i / shape.parts;
    let first = (i % shape.parts) * shape.part;
    let end = min(first + shape.part, shape.rows);
    var own = 0.0;
    for (var row = first + local; row < end; row += 256u) {
        let at = agent * shape.rows + row;
        if terminated[at] != 0.0 || truncated[at] != 0.0 {
            own += 1.0;
        }
    }
    let count = sum_of_group(local, own);
    if local == 0u {
        counts[i] = count;
    }
}
