// TD errors, one invocation a number of `deltas`. Mirror: crates/kernels/src/td_error.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    heads: u32,
    steps: u32,
    envs: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;          // [A, K]
@group(0) @binding(2) var<storage, read> average_reward: array<f32>; // [A]
@group(0) @binding(3) var<storage, read> rewards: array<f32>;        // [A, T, N]
@group(0) @binding(4) var<storage, read> terminated: array<f32>;     // [A, T, N]
@group(0) @binding(5) var<storage, read> truncated: array<f32>;      // [A, T, N]
@group(0) @binding(6) var<storage, read> values: array<f32>;         // [A, K, T + 1, N]
@group(0) @binding(7) var<storage, read> final_values: array<f32>;   // [A, K, T, N]
@group(0) @binding(8) var<storage, read_write> deltas: array<f32>;   // [A, K, T, N]

@compute @workgroup_size(256)
fn td_error(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local;
    let rollout = shape.steps * shape.envs;
    if i >= shape.agents * shape.heads * rollout {
        return;
    }
    let sequence = i / rollout; // [A, K]
    let agent = sequence / shape.heads;
    let at = agent * rollout + i % rollout; // [A, T, N]
    let value = i + sequence * shape.envs; // [A, K, T + 1, N]

    // s'_t is the final observation where the episode was truncated. Branches and not products: a terminal state is worth
    // nothing even if its value is not a number, and final values are read only where they count.
    var bootstrap = 0.0;
    if terminated[at] == 0.0 {
        if truncated[at] != 0.0 {
            bootstrap = final_values[i];
        } else {
            bootstrap = values[value + shape.envs];
        }
    }
    // delta_t = r_t - rbar + gamma V(s'_t) - V(s_t)
    deltas[i] = (rewards[at] - average_reward[agent]) + gamma[sequence] * bootstrap - values[value];
}
