// Count, mean and 1 / (std + 1e-8) of each agent's advantages, one workgroup an agent, in two passes.
// Mirror: crates/kernels/src/advantage_moments.rs.
// #include "grid.wgsl"
// #include "sum.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    source_rows: u32,
    /// Heads that advantages are of.
    heads: u32,
    /// Entries an agent of the index list, and the first one.
    stride: u32,
    first: u32,
    normalize: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> rows: array<u32>;          // [A, stride]
@group(0) @binding(2) var<storage, read> advantages: array<f32>;    // [A, G, S], of which the first head's are read
@group(0) @binding(3) var<storage, read> mask: array<f32>;          // [A, S]
@group(0) @binding(4) var<storage, read_write> moments: array<f32>; // [A, 4]

@compute @workgroup_size(256)
fn advantage_moments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let agent = flat_group(group, groups);
    if agent >= shape.agents {
        return;
    }
    let list = agent * shape.stride + shape.first;
    let masks = agent * shape.source_rows;
    let first = masks * shape.heads;
    var counted = 0.0;
    var total = 0.0;
    for (var r = local; r < shape.rows; r += 256u) {
        let row = rows[list + r];
        if mask[masks + row] != 0.0 {
            counted += 1.0;
            total += advantages[first + row];
        }
    }
    let count = sum_of_group(local, counted);
    let mean = sum_of_group(local, total) / max(count, 1.0);

    var squared = 0.0;
    for (var r = local; r < shape.rows; r += 256u) {
        let row = rows[list + r];
        if mask[masks + row] != 0.0 {
            let off = advantages[first + row] - mean;
            squared += off * off;
        }
    }
    let squares = sum_of_group(local, squared);
    if local != 0u {
        return;
    }
    let at = 4u * agent;
    moments[at] = count;
    moments[at + 1u] = 0.0;
    moments[at + 2u] = 1.0;
    moments[at + 3u] = 0.0;
    if shape.normalize != 0u && count >= 2.0 {
        moments[at + 1u] = mean;
        moments[at + 2u] = 1.0 / (sqrt(squares / (count - 1.0)) + 1e-8);
    }
}
