// r = clamp(r * scale, -clip, clip), one invocation a reward. Mirror: crates/kernels/src/scale_rewards.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    clip: f32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> scale: array<f32>;           // [A]
@group(0) @binding(2) var<storage, read_write> rewards: array<f32>;   // [A, R]

@compute @workgroup_size(256)
fn scale_rewards(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local;
    if i >= shape.agents * shape.rows {
        return;
    }
    rewards[i] = clamp(rewards[i] * scale[i / shape.rows], -shape.clip, shape.clip);
}
