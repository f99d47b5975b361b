// Statistics of parts of a rollout, one workgroup a part; rollout_stats.wgsl merges them.
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
@group(0) @binding(1) var<storage, read> deltas: array<f32>;            // [A, K, R]
@group(0) @binding(2) var<storage, read> advantages: array<f32>;        // [A, K, R]
@group(0) @binding(3) var<storage, read> returns: array<f32>;           // [A, K, R]
@group(0) @binding(4) var<storage, read> rewards: array<f32>;           // [A, R]
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;     // [A, parts, 8]

@compute @workgroup_size(256)
fn rollout_moments(
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
    var positive = 0.0;
    var own_deltas = NO_MOMENTS;
    var own_advantages = NO_MOMENTS;
    var own_returns = NO_MOMENTS;
    var own_rewards = NO_MOMENTS;
    for (var row = first + local; row < end; row += 256u) {
        // Head 0.
        let at = agent * shape.heads * shape.rows + row;
        let delta = deltas[at];
        positive += select(0.0, 1.0, delta > 0.0);
        own_deltas = with_number(own_deltas, delta);
        own_advantages = with_number(own_advantages, advantages[at]);
        own_returns = with_number(own_returns, returns[at]);
        own_rewards = with_number(own_rewards, rewards[agent * shape.rows + row]);
    }
    let all_positive = sum_of_group(local, positive);
    let all_deltas = moments_of_group(local, own_deltas, 1u);
    let all_advantages = moments_of_group(local, own_advantages, 1u);
    let all_returns = moments_of_group(local, own_returns, 1u);
    let all_rewards = moments_of_group(local, own_rewards, 1u);
    if local == 0u {
        let at = 8u * i;
        partial[at] = mean_of(all_deltas);
        partial[at + 1u] = all_deltas.m2;
        partial[at + 2u] = all_positive;
        partial[at + 3u] = mean_of(all_advantages);
        partial[at + 4u] = all_advantages.m2;
        partial[at + 5u] = mean_of(all_returns);
        partial[at + 6u] = all_returns.m2;
        partial[at + 7u] = mean_of(all_rewards);
    }
}
