// Sums of squares of parts of each agent's gradient, one workgroup a part; optimizer.wgsl adds them up.
// Mirror: crates/kernels/src/optimizer.rs.
// #include "grid.wgsl"
// #include "sum.wgsl"

struct Shape {
    agents: u32,
    parameters: u32,
    /// Parts an agent.
    parts: u32,
    /// Numbers a part.
    part: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;   // [A, P]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;  // [A, parts]

@compute @workgroup_size(256)
fn global_norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups);
    if i >= shape.agents * shape.parts {
        return;
    }
    let agent = i / shape.parts;
    let first = (i % shape.parts) * shape.part;
    let end = min(first + shape.part, shape.parameters);
    var own = 0.0;
    for (var p = first + local; p < end; p += 256u) {
        let g = gradients[agent * shape.parameters + p];
        own += g * g;
    }
    let sum = sum_of_group(local, own);
    if local == 0u {
        sums[i] = sum;
    }
}
