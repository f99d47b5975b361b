// One step of Adam or RMSProp, one invocation a parameter, with the gradient clipped by its global norm.
// Mirror: crates/kernels/src/optimizer.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    parameters: u32,
    /// Sums of squares an agent.
    parts: u32,
    /// Workgroups an agent.
    groups: u32,
    /// Where the norms are written.
    grad_norm_at: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

struct Params {
    /// 0 is Adam, 1 is RMSProp, 2 takes no step.
    kind: u32,
    learning_rate: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    correction1: f32,
    correction2: f32,
    max_grad_norm: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> params: array<Params>;            // [A]
@group(0) @binding(2) var<storage, read> sums: array<f32>;                 // [A, parts], from global_norm.wgsl
@group(0) @binding(3) var<storage, read> gradients: array<f32>;            // [A, P]
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;        // [A, P]
@group(0) @binding(5) var<storage, read_write> first_moment: array<f32>;   // [A, P]
@group(0) @binding(6) var<storage, read_write> second_moment: array<f32>;  // [A, P]
@group(0) @binding(7) var<storage, read_write> grad_norm: array<f32>;      // [A]

/// By its bits: a compiler may assume that comparisons never see infinity or what is not a number.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(256)
fn optimizer(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    let agent = flat / shape.groups;
    let p = (flat % shape.groups) * 256u + local;
    if agent >= shape.agents {
        return;
    }
    var squares = 0.0;
    for (var part = 0u; part < shape.parts; part++) {
        squares += sums[agent * shape.parts + part];
    }
    // An infinite sum must not pass through a root, whose result could be anything.
    var norm = squares;
    if is_finite(squares) {
        norm = sqrt(squares);
    }
    if p == 0u {
        grad_norm[shape.grad_norm_at + agent] = norm;
    }
    if p >= shape.parameters || !is_finite(norm) {
        return;
    }
    let own = params[agent];
    if own.kind > 1u {
        return;
    }
    var clip = 1.0;
    if norm + 1e-6 > own.max_grad_norm {
        clip = own.max_grad_norm / (norm + 1e-6);
    }
    let i = agent * shape.parameters + p;
    let g = clip * gradients[i];
    let v = own.beta2 * second_moment[i] + (1.0 - own.beta2) * g * g;
    second_moment[i] = v;
    if own.kind == 0u {
        let m = own.beta1 * first_moment[i] + (1.0 - own.beta1) * g;
        first_moment[i] = m;
        // w -= lr (m / c1) / (sqrt(v / c2) + eps)
        weights[i] -= own.learning_rate * (m / own.correction1) / (sqrt(v / own.correction2) + own.epsilon);
    } else {
        weights[i] -= own.learning_rate * g / (sqrt(v) + own.epsilon);
    }
}
