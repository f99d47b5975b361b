// Statistics of a rollout from those of its parts (rollout_moments.wgsl), one workgroup an agent.
// Mirror: crates/kernels/src/rollout_stats.rs.
// #include "grid.wgsl"
// #include "moments.wgsl"
// #include "sum.wgsl"

struct Shape {
    agents: u32,
    heads: u32,
    rows: u32,
    /// Parts an agent.
    parts: u32,
    /// Rows a part.
    part: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> partial: array<f32>;       // [A, parts, 8]
@group(0) @binding(2) var<storage, read_write> stats: array<f32>;   // [A, 8]

@compute @workgroup_size(256)
fn rollout_stats(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let agent = flat_group(group, groups);
    if agent >= shape.agents {
        return;
    }
    var positive = 0.0;
    var deltas = NO_MOMENTS;
    var advantages = NO_MOMENTS;
    var returns = NO_MOMENTS;
    var rewards = NO_MOMENTS;
    for (var part = local; part < shape.parts; part += 256u) {
        let at = 8u * (agent * shape.parts + part);
        let first = min(part * shape.part, shape.rows);
        let count = f32(min(shape.part, shape.rows - first));
        deltas = merged(deltas, Moments(count, partial[at], 0.0, partial[at + 1u]));
        positive += partial[at + 2u];
        advantages = merged(advantages, Moments(count, partial[at + 3u], 0.0, partial[at + 4u]));
        returns = merged(returns, Moments(count, partial[at + 5u], 0.0, partial[at + 6u]));
        rewards = merged(rewards, Moments(count, partial[at + 7u], 0.0, 0.0));
    }
    let all_positive = sum_of_group(local, positive);
    let all_deltas = moments_of_group(local, deltas, 1u);
    let all_advantages = moments_of_group(local, advantages, 1u);
    let all_returns = moments_of_group(local, returns, 1u);
    let all_rewards = moments_of_group(local, rewards, 1u);
    if local == 0u {
        let count = max(f32(shape.rows), 1.0);
        let at = 8u * agent;
        stats[at] = mean_of(all_deltas);
        stats[at + 1u] = all_deltas.m2 / count;
        stats[at + 2u] = all_positive / count;
        stats[at + 3u] = all_advantages.m2 / count;
        stats[at + 4u] = all_returns.m2 / count;
        stats[at + 5u] = mean_of(all_rewards);
        stats[at + 6u] = 0.0;
        stats[at + 7u] = 0.0;
    }
}
