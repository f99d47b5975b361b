// The discounted return of the episode under way and its statistics over a rollout, one invocation an agent and environment, which
// walks through time. merge_moments.wgsl merges the workgroups' statistics.
// Mirror: crates/kernels/src/discounted_returns.rs.
// #include "grid.wgsl"
// #include "moments.wgsl"

struct Shape {
    agents: u32,
    steps: u32,
    envs: u32,
    /// Workgroups an agent.
    groups: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;           // [A]
@group(0) @binding(2) var<storage, read> rewards: array<f32>;         // [A, T, N]
@group(0) @binding(3) var<storage, read> terminated: array<f32>;      // [A, T, N]
@group(0) @binding(4) var<storage, read> truncated: array<f32>;       // [A, T, N]
@group(0) @binding(5) var<storage, read_write> running: array<f32>;   // [A, N]
@group(0) @binding(6) var<storage, read_write> moments: array<f32>;   // [A, 3], or [A, groups, 4] to be merged

@compute @workgroup_size(256)
fn discounted_returns(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups); // [A, groups]
    if flat >= shape.agents * shape.groups {
        return;
    }
    let agent = flat / shape.groups;
    let env = (flat % shape.groups) * 256u + local;
    var own = NO_MOMENTS;
    if env < shape.envs {
        let discount = gamma[agent];
        var sum = running[agent * shape.envs + env];
        for (var t = 0u; t < shape.steps; t++) {
            let row = (agent * shape.steps + t) * shape.envs + env;
            // R = gamma R + r
            sum = discount * sum + rewards[row];
            own = with_number(own, sum);
            sum = select(sum, 0.0, terminated[row] != 0.0 || truncated[row] != 0.0);
        }
        running[agent * shape.envs + env] = sum;
    }
    let all = moments_of_group(local, own, 1u);
    if local == 0u {
        let whole = shape.groups == 1u;
        let at = select(4u, 3u, whole) * flat;
        moments[at] = all.count;
        moments[at + 1u] = select(all.origin, mean_of(all), whole);
        moments[at + 2u] = all.m2;
        if !whole {
            moments[at + 3u] = all.offset;
        }
    }
}
