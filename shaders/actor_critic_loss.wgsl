// The loss of PPO or A2C and its gradient with respect to the network's outputs, one invocation a row. loss_metrics.wgsl and
// log_std_gradient.wgsl finish what is summed over rows.
// Mirror: crates/kernels/src/actor_critic_loss/mod.rs and crates/kernels/src/distribution.
// #include "grid.wgsl"
// #include "loss_density.wgsl"
// #include "loss_values.wgsl"
// #include "metrics_sum.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    width: u32,
    logits: u32,
    values_at: u32,
    value_heads: u32,
    features: u32,
    /// Numbers in an action row.
    action_width: u32,
    continuous: u32,
    dual: u32,
    squash: u32,
    /// Whether d_trunk is wanted.
    trunk: u32,
    source_rows: u32,
    value_rows: u32,
    /// Entries an agent of the index list, and the first one.
    stride: u32,
    first: u32,
    /// Parameters an agent, and where log_std lies among them.
    parameters: u32,
    log_std_at: u32,
    /// Heads that advantages are of.
    advantage_heads: u32,
    /// First column of the mask; 0 without one.
    mask_at: u32,
}

struct Params {
    objective: u32,
    clip: f32,
    value_clip: f32,
    value_coef: f32,
    entropy_coef: f32,
    kappa: f32,
    sum_decay: f32,
    logit_decay: f32,
    auxiliary_coef: f32,
    critic: u32,
    huber: f32,
    opponent: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> params: array<Params>;             // [A]
@group(0) @binding(2) var<storage, read> nvec: array<u32>;                  // [action width], categorical only
@group(0) @binding(3) var<storage, read> rows: array<u32>;                  // [A, stride]
@group(0) @binding(4) var<storage, read> outputs: array<f32>;               // [A, R, W]
@group(0) @binding(5) var<storage, read> weights: array<f32>;               // [A, parameters]; log_std is [dims] or [features, dims]
@group(0) @binding(6) var<storage, read> actions: array<f32>;               // [A, S, action width]
@group(0) @binding(7) var<storage, read> log_probs: array<f32>;             // [A, S]
@group(0) @binding(8) var<storage, read> advantages: array<f32>;            // [A, G, S]
@group(0) @binding(9) var<storage, read> returns: array<f32>;               // [A, K, S]
@group(0) @binding(10) var<storage, read> values: array<f32>;               // [A, K, value_rows]
@group(0) @binding(11) var<storage, read> mask: array<f32>;                 // [A, S]
@group(0) @binding(12) var<storage, read> tone: array<f32>;                 // [A, S]
@group(0) @binding(13) var<storage, read> inverse_temperature: array<f32>;  // [A, S]
@group(0) @binding(14) var<storage, read> moments: array<f32>;              // [A, 4]
@group(0) @binding(15) var<storage, read_write> d_outputs: array<f32>;      // [A, R, W]
@group(0) @binding(16) var<storage, read_write> d_trunk: array<f32>;        // [A, R, W], or unused
@group(0) @binding(17) var<storage, read_write> shares: array<f32>;         // [A, R, dims], continuous only
@group(0) @binding(18) var<storage, read_write> partial: array<f32>;        // [A, workgroups, METRICS]

const PATHWAY_SCALE: f32 = 0.7071067812;
const LOG_RATIO_LIMIT: f32 = 20.0;
const POLICY_GRADIENT: u32 = 1u;
const SCALAR: u32 = 0u;

/// What every step on a row needs.
struct Row {
    /// Among all agents' rows of the minibatch.
    row: u32,
    /// Among the agent's rollout, and among all agents' rollouts.
    source: u32,
    stored: u32,
    agent: u32,
    /// The first number of its output row.
    at: u32,
    /// The net logits are gains.x g - gains.y n.
    gains: vec2<f32>,
    /// Weights of the policy's gradient in g and n.
    weights: vec2<f32>,
    inverse_count: f32,
    /// dL / d log pi and dL / dH.
    pull: vec2<f32>,
    /// Inverse temperature of a categorical policy.
    beta: f32,
}

/// Writes the gradient of column k of both pathways, from the policy's gradient J and that of entropy and decay, J_H.
fn route(row: Row, k: u32, j: f32, j_h: f32) {
    let g_at = row.at + k;
    let n_at = g_at + shape.logits;
    var d_g = row.gains.x * (row.weights.x * j + j_h);
    var trunk_g = row.gains.x * (j + j_h);
    if shape.dual != 0u {
        // d/dg and d/dn of 1/2 lambda_u mean |g + n|^2
        let sum_mode = params[row.agent].sum_decay * row.inverse_count * (outputs[g_at] + outputs[n_at]);
        d_g += sum_mode;
        trunk_g += sum_mode;
        d_outputs[n_at] = -row.gains.y * (row.weights.y * j + j_h) + sum_mode;
        if shape.trunk != 0u {
            d_trunk[n_at] = -row.gains.y * (j + j_h) + sum_mode;
        }
    }
    d_outputs[g_at] = d_g;
    if shape.trunk != 0u {
        d_trunk[g_at] = trunk_g;
    }
}

/// Writes a column that is the same in both outputs.
fn write(at: u32, number: f32) {
    d_outputs[at] = number;
    if shape.trunk != 0u {
        d_trunk[at] = number;
    }
}

fn pathway_metrics(row: Row, local: u32) {
    var columns = shape.logits;
    for (var k = 0u; k < shape.logits; k++) {
        columns -= select(1u, 0u, allowed(row, k));
    }
    let scale = 1.0 / f32(max(columns, 1u));
    for (var k = 0u; k < shape.logits; k++) {
        if !allowed(row, k) {
            continue;
        }
        let g = outputs[row.at + k];
        metric_sums[local][6] += scale * g;
        metric_sums[local][7] += scale * g * g;
        if shape.dual != 0u {
            let n = outputs[row.at + shape.logits + k];
            metric_sums[local][8] += scale * n;
            metric_sums[local][9] += scale * n * n;
            metric_sums[local][10] += (g + n) * (g + n);
        }
    }
}

/// A row that does not count.
fn skip(row: Row) {
    for (var k = 0u; k < shape.width; k++) {
        write(row.at + k, 0.0);
    }
    if shape.continuous != 0u {
        for (var d = 0u; d < shape.action_width; d++) {
            shares[row.row * shape.action_width + d] = 0.0;
        }
    }
}

fn take(start: Row, local: u32) {
    var row = start;
    let p = params[row.agent];
    let count = moments[4u * row.agent];
    row.inverse_count = select(0.0, 1.0 / max(count, 1.0), count > 0.0);

    // l = c beta [(1 + rho) g - (1 - rho) n], or beta g
    let beta = select(inverse_temperature[row.stored], 1.0, shape.continuous != 0u);
    row.beta = beta;
    row.gains = vec2<f32>(beta, 0.0);
    if shape.dual != 0u {
        let rho = tone[row.stored];
        row.gains = PATHWAY_SCALE * beta * vec2<f32>(1.0 + rho, 1.0 - rho);
    }
    var density: Density;
    if shape.continuous != 0u {
        density = gaussian(row);
    } else {
        density = categorical(row);
    }

    let advantage_at = row.agent * shape.advantage_heads * shape.source_rows + row.source;
    let raw_advantage = advantages[advantage_at];
    let advantage = (raw_advantage - moments[4u * row.agent + 1u]) * moments[4u * row.agent + 2u];
    let raw = density.log_prob - log_probs[row.stored];
    let log_ratio = clamp(raw, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT);
    let ratio = exp(log_ratio);
    var loss = -advantage * density.log_prob;
    var slope = -advantage;
    if p.objective != POLICY_GRADIENT {
        let free = -advantage * ratio;
        let clipped = -advantage * clamp(ratio, 1.0 - p.clip, 1.0 + p.clip);
        loss = max(free, clipped);
        slope = free;
        // The gradient flows through the ratio where that is the greater of the two, or inside the range, where they are equal.
        if free < clipped || abs(raw) > LOG_RATIO_LIMIT {
            slope = 0.0;
        }
    }
    row.pull = row.inverse_count * vec2<f32>(slope, -p.entropy_coef);
    row.weights = vec2<f32>(1.0, 1.0);
    if shape.dual != 0u {
        // w_G = 1 + kappa and w_N = 1 - kappa if A_hat > 0, the opposite otherwise
        var signs = vec2<f32>(advantage, advantage);
        if p.opponent != 0u {
            // Each pathway by its half's.
            signs = vec2<f32>(advantages[advantage_at + shape.source_rows], advantages[advantage_at + 2u * shape.source_rows]);
        }
        row.weights = 1.0 + vec2<f32>(1.0, -1.0) * select(vec2<f32>(-p.kappa), vec2<f32>(p.kappa), signs > vec2<f32>(0.0));
    }
    if shape.continuous != 0u {
        gaussian_gradient(row);
    } else {
        categorical_gradient(row);
    }

    let moved = abs(ratio - 1.0);
    metric_sums[local][0] = loss;
    var value_losses = vec2<f32>(0.0, 0.0);
    if p.critic == SCALAR {
        value_losses = value_loss(row);
    } else {
        value_losses.x = distribution_loss(row);
    }
    metric_sums[local][1] = value_losses.x;
    metric_sums[local][2] = density.entropy;
    metric_sums[local][3] = (ratio - 1.0) - log_ratio;
    metric_sums[local][4] = select(0.0, 1.0, moved > p.clip);
    metric_sums[local][5] = select(0.0, 1.0, raw_advantage > 0.0);
    metric_sums[local][11] = moved;
    metric_sums[local][12] = value_losses.y;
    metric_sums[local][13] = row.weights.x;
    metric_sums[local][14] = row.weights.y;
    pathway_metrics(row, local);
    // Features, mask and state are not learned through.
    for (var k = shape.values_at + shape.value_heads; k < shape.width; k++) {
        write(row.at + k, 0.0);
    }
}

@compute @workgroup_size(256)
fn actor_critic_loss(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    let parts = (shape.rows + 255u) / 256u;
    let agent = flat / parts;
    if agent >= shape.agents {
        return;
    }
    for (var m = 0u; m < METRICS; m++) {
        metric_sums[local][m] = 0.0;
    }
    let r = (flat % parts) * 256u + local;
    if r < shape.rows {
        var row: Row;
        row.row = agent * shape.rows + r;
        row.agent = agent;
        row.at = row.row * shape.width;
        row.source = rows[agent * shape.stride + shape.first + r];
        row.stored = agent * shape.source_rows + row.source;
        if mask[row.stored] != 0.0 {
            take(row, local);
        } else {
            skip(row);
        }
    }
    sum_metrics_of_group(local);
    if local < METRICS {
        partial[flat * METRICS + local] = metric_sums[0][local];
    }
}
