// The gradient with respect to log_std, one workgroup a parameter, from the shares that actor_critic_loss.wgsl left.
// Mirror: crates/kernels/src/distribution/gaussian.rs.
// #include "grid.wgsl"
// #include "sum.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    dims: u32,
    /// 0 without state-dependent exploration.
    features: u32,
    features_at: u32,
    width: u32,
    /// Parameters an agent, and where log_std lies among them.
    stride: u32,
    at: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> outputs: array<f32>;         // [A, R, W]
@group(0) @binding(2) var<storage, read> weights: array<f32>;         // [A, stride]; log_std is [dims] or [features, dims]
@group(0) @binding(3) var<storage, read> shares: array<f32>;          // [A, R, dims]
@group(0) @binding(4) var<storage, read_write> gradients: array<f32>; // [A, stride]

@compute @workgroup_size(256)
fn log_std_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let parameter = flat_group(group, groups);
    let parameters = max(shape.features, 1u) * shape.dims;
    if parameter >= shape.agents * parameters {
        return;
    }
    let agent = parameter / parameters;
    let d = parameter % shape.dims;
    let h = (parameter % parameters) / shape.dims;

    var own = 0.0;
    for (var r = local; r < shape.rows; r += 256u) {
        let row = agent * shape.rows + r;
        let share = shares[row * shape.dims + d];
        // A row that does not count has a share of 0 and may hold anything.
        if shape.features == 0u || share == 0.0 {
            own += share;
        } else {
            let feature = outputs[row * shape.width + shape.features_at + h];
            own += feature * feature * share;
        }
    }
    let sum = sum_of_group(local, own);
    if local != 0u {
        return;
    }
    let place = agent * shape.stride + shape.at + parameter % parameters;
    let l = clamp(weights[place], -20.0, 2.0);
    let slope = sum * select(exp(2.0 * l), 1.0, shape.features == 0u);
    // Beyond the range only a step back passes; with none, a step too far would be for ever.
    gradients[place] = select(slope, 0.0, slope * (weights[place] - l) < 0.0);
}
