// Generalised advantage estimation, one invocation an agent, head and environment, which walks back through time.
// Mirror: crates/kernels/src/gae.rs. The other form: gae_scan.wgsl.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    heads: u32,
    steps: u32,
    envs: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;           // [A, K]
@group(0) @binding(2) var<storage, read> lambda: array<f32>;          // [A, K]
@group(0) @binding(3) var<storage, read> deltas: array<f32>;          // [A, K, T, N]
@group(0) @binding(4) var<storage, read> terminated: array<f32>;      // [A, T, N]
@group(0) @binding(5) var<storage, read> truncated: array<f32>;       // [A, T, N]
@group(0) @binding(6) var<storage, read> values: array<f32>;          // [A, K, T + 1, N]
@group(0) @binding(7) var<storage, read_write> advantages: array<f32>; // [A, K, T, N]
@group(0) @binding(8) var<storage, read_write> returns: array<f32>;   // [A, K, T, N]

@compute @workgroup_size(256)
fn gae(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local; // [A, K, N]
    if i >= shape.agents * shape.heads * shape.envs {
        return;
    }
    let sequence = i / shape.envs; // [A, K]
    let env = i % shape.envs;
    let rollout = shape.steps * shape.envs;
    let flags = (sequence / shape.heads) * rollout + env;
    let first = sequence * rollout + env;
    let decay = gamma[sequence] * lambda[sequence];

    var advantage = 0.0;
    for (var t = shape.steps; t > 0u; t--) {
        let row = (t - 1u) * shape.envs;
        // A_t = delta_t + gamma lambda (1 - terminated_t) (1 - truncated_t) A_{t+1}; a select and not a product, because what
        // follows an episode's end is irrelevant even if it is not a number.
        let ended = terminated[flags + row] != 0.0 || truncated[flags + row] != 0.0;
        advantage = deltas[first + row] + select(decay * advantage, 0.0, ended);
        advantages[first + row] = advantage;
        returns[first + row] = advantage + values[first + row + sequence * shape.envs];
    }
}
