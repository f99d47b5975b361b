// Targets of a distributional critic by sample replacement, one invocation an agent, four heads and an environment, which walks back
// through time. Mirror: crates/kernels/src/sr_lambda.rs.
// #include "grid.wgsl"
// #include "philox.wgsl"

struct Shape {
    agents: u32,
    heads: u32,
    steps: u32,
    envs: u32,
    /// Steps of the batch before the rollout.
    first_step: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;         // [A]
@group(0) @binding(2) var<storage, read> lambda: array<f32>;        // [A]
@group(0) @binding(3) var<storage, read> keys: array<vec2<u32>>;    // [A], the seeds
@group(0) @binding(4) var<storage, read> rewards: array<f32>;       // [A, T, N]
@group(0) @binding(5) var<storage, read> terminated: array<f32>;    // [A, T, N]
@group(0) @binding(6) var<storage, read> truncated: array<f32>;     // [A, T, N]
@group(0) @binding(7) var<storage, read> values: array<f32>;        // [A, K, T + 1, N]
@group(0) @binding(8) var<storage, read> final_values: array<f32>;  // [A, K, T, N]
@group(0) @binding(9) var<storage, read_write> targets: array<f32>; // [A, K, T, N]

/// `Purpose::Replacement` of striatum-rng.
const PURPOSE_REPLACEMENT: u32 = 8u;

@compute @workgroup_size(256)
fn sr_lambda(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local; // [A, blocks, N]
    let blocks = (shape.heads + 3u) / 4u;
    if i >= shape.agents * blocks * shape.envs {
        return;
    }
    let env = i % shape.envs;
    let block = (i / shape.envs) % blocks;
    let agent = i / shape.envs / blocks;
    let heads = min(4u, shape.heads - 4u * block);
    let first = agent * shape.heads + 4u * block; // [A, K]

    var later = vec4<f32>(0.0);
    for (var t = shape.steps; t > 0u; t--) {
        let step = t - 1u;
        let flag = (agent * shape.steps + step) * shape.envs + env;
        let ends = terminated[flag] != 0.0;
        let is_cut = truncated[flag] != 0.0;
        let words = philox4x32(vec4<u32>(block, env, shape.first_step + step, PURPOSE_REPLACEMENT), keys[agent]);
        for (var k = 0u; k < heads; k++) {
            let at = ((first + k) * shape.steps + step) * shape.envs + env;
            // Branches and not products: what follows an episode's end may hold anything.
            var sample = 0.0;
            if !ends {
                if is_cut {
                    sample = final_values[at];
                } else if t < shape.steps && unit_f32(words[k]) < lambda[agent] {
                    sample = later[k];
                } else {
                    sample = values[((first + k) * (shape.steps + 1u) + t) * shape.envs + env];
                }
            }
            // Z_t = r_t + gamma Z_{t+1}, or r_t + gamma theta(s'_t)
            later[k] = rewards[flag] + gamma[agent] * sample;
            targets[at] = later[k];
        }
    }
}
