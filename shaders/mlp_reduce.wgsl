// gradients[a, p] = the sum of partial[a, s, p] over the segments s, in a fixed order; the place of the policy's own parameters is left alone.
// 64 parameters a workgroup, each added up by four invocations.
// Mirror: crates/kernels/src/mlp/cpu.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    parameters: u32,
    segments: u32,
    /// Parameters of the network itself, which come first.
    learned: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> partial: array<f32>;          // [A, segments, P]
@group(0) @binding(2) var<storage, read_write> gradients: array<f32>;  // [A, P]

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn mlp_reduce(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    let per_agent = (shape.parameters + 63u) / 64u;
    let agent = flat / per_agent;
    if agent >= shape.agents {
        return;
    }
    let p = (flat % per_agent) * 64u + local % 64u;
    var sum = 0.0;
    if p < shape.learned {
        for (var s = local / 64u; s < shape.segments; s += 4u) {
            sum += partial[(agent * shape.segments + s) * shape.parameters + p];
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    if local < 64u && p < shape.learned {
        gradients[agent * shape.parameters + p] = sum + sums[local + 64u] + sums[local + 128u] + sums[local + 192u];
    }
}
