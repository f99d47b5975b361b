// The returns and lengths of the last 100 episodes that ended in a rollout, one workgroup a part of the rows: each knows from
// episode_count.wgsl how many episodes end after its part, and so where its own ones belong.
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
@group(0) @binding(1) var<storage, read> counts: array<f32>;            // [A, parts]
@group(0) @binding(2) var<storage, read> terminated: array<f32>;        // [A, R]
@group(0) @binding(3) var<storage, read> truncated: array<f32>;         // [A, R]
@group(0) @binding(4) var<storage, read> episode_returns: array<f32>;   // [A, R]
@group(0) @binding(5) var<storage, read> episode_lengths: array<f32>;   // [A, R]
@group(0) @binding(6) var<storage, read_write> out: array<f32>;         // [A, 1 + 2 * WINDOW]

const WINDOW: u32 = 100u;

/// Episodes that end in the rows of an invocation and all later ones of its part.
var<workgroup> ends: array<u32, 256>;

fn ended(at: u32) -> bool {
    return terminated[at] != 0.0 || truncated[at] != 0.0;
}

@compute @workgroup_size(256)
fn episode_window(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups); // [A, parts]
    if i >= shape.agents * shape.parts {
        return;
    }
    let agent = i / shape.parts;
    let part = i % shape.parts;
    var count = 0.0;
    if local < shape.parts {
        count = counts[agent * shape.parts + local];
    }
    let total = sum_of_group(local, count);
    let later = sum_of_group(local, select(0.0, count, local > part));
    let kept = u32(min(total, f32(WINDOW)));

    // An invocation takes rows that lie together.
    let each = shape.part / 256u;
    let first = min(part * shape.part + local * each, shape.rows);
    let end = min(first + each, shape.rows);
    let rows = agent * shape.rows;
    var own = 0u;
    for (var row = first; row < end; row++) {
        own += select(0u, 1u, ended(rows + row));
    }
    // Inclusive scan from the last invocation to the first (Hillis & Steele 1986).
    var from_here = own;
    for (var reach = 1u; reach < 256u; reach *= 2u) {
        ends[local] = from_here;
        workgroupBarrier();
        if local + reach < 256u {
            from_here += ends[local + reach];
        }
        workgroupBarrier();
    }

    // How many episodes end after the row.
    var after = u32(later) + from_here - own;
    let window = agent * (1u + 2u * WINDOW) + 1u;
    for (var row = end; row > first && after < WINDOW; row--) {
        let at = rows + row - 1u;
        if ended(at) {
            let slot = window + kept - 1u - after;
            out[slot] = episode_returns[at];
            out[slot + WINDOW] = episode_lengths[at];
            after += 1u;
        }
    }
    if part == 0u {
        if local == 0u {
            out[window - 1u] = total;
        }
        if local >= kept && local < WINDOW {
            out[window + local] = 0.0;
            out[window + WINDOW + local] = 0.0;
        }
    }
}
