// The loss of PPO or A2C and its gradient with respect to the network's outputs, one invocation a row. loss_metrics.wgsl and
// log_std_gradient.wgsl finish what is summed over rows.
// Mirror: crates/kernels/src/actor_critic_loss/mod.rs and crates/kernels/src/distribution.
// #include "grid.wgsl"
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

const HALF_LOG_TAU: f32 = 0.9189385332;
const LN_2: f32 = 0.6931471806;
const PATHWAY_SCALE: f32 = 0.7071067812;
const LOG_RATIO_LIMIT: f32 = 20.0;
const LOWEST: f32 = -3.402823e38;
const POLICY_GRADIENT: u32 = 1u;
const SCALAR: u32 = 0u;
const EXPECTILE: u32 = 2u;
const MAX_QUANTILES: u32 = 64u;

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

struct Density {
    log_prob: f32,
    entropy: f32,
}

/// A softmax's maximum, the logarithm of its sum, and its entropy.
struct Softmax {
    maximum: f32,
    log_sum: f32,
    entropy: f32,
}

fn net(row: Row, k: u32) -> f32 {
    var l = row.gains.x * outputs[row.at + k];
    if shape.dual != 0u {
        l -= row.gains.y * outputs[row.at + shape.logits + k];
    }
    return l;
}

/// Whether the option of logit k is allowed.
fn allowed(row: Row, k: u32) -> bool {
    return shape.mask_at == 0u || outputs[row.at + shape.mask_at + k] > 0.0;
}

/// -log |d tanh(u) / du|
fn squash_correction(u: f32) -> f32 {
    let softplus = max(-2.0 * u, 0.0) + log(1.0 + exp(-2.0 * abs(u)));
    return -2.0 * (LN_2 - u - softplus);
}

fn softmax(row: Row, first: u32, n: u32) -> Softmax {
    var s = Softmax(LOWEST, 0.0, 0.0);
    for (var k = 0u; k < n; k++) {
        if allowed(row, first + k) {
            s.maximum = max(s.maximum, net(row, first + k));
        }
    }
    var sum = 0.0;
    var weighted = 0.0;
    for (var k = 0u; k < n; k++) {
        if !allowed(row, first + k) {
            continue;
        }
        let l = net(row, first + k) - s.maximum;
        let e = exp(l);
        sum += e;
        // An option that cannot be taken adds 0 ln 0 = 0.
        if e > 0.0 {
            weighted += e * l;
        }
    }
    s.log_sum = log(sum);
    s.entropy = s.log_sum - weighted / sum;
    return s;
}

/// The option that an action names; the last one where it names none.
fn option(action: f32, n: u32) -> u32 {
    return min(u32(max(action, 0.0)), n - 1u);
}

fn categorical(row: Row) -> Density {
    var density = Density(0.0, 0.0);
    var first = 0u;
    for (var choice = 0u; choice < shape.action_width; choice++) {
        let n = nvec[choice];
        let s = softmax(row, first, n);
        let taken = option(actions[row.stored * shape.action_width + choice], n);
        density.log_prob += net(row, first + taken) - s.maximum - s.log_sum;
        density.entropy += s.entropy;
        first += n;
    }
    return density;
}

fn categorical_gradient(row: Row) {
    let decay = params[row.agent].logit_decay * row.inverse_count;
    var first = 0u;
    for (var choice = 0u; choice < shape.action_width; choice++) {
        let n = nvec[choice];
        let s = softmax(row, first, n);
        let taken = option(actions[row.stored * shape.action_width + choice], n);
        for (var k = 0u; k < n; k++) {
            if !allowed(row, first + k) {
                write(row.at + first + k, 0.0);
                if shape.dual != 0u {
                    write(row.at + shape.logits + first + k, 0.0);
                }
                continue;
            }
            let l = net(row, first + k);
            let log_p = l - s.maximum - s.log_sum;
            let p = exp(log_p);
            // d log pi(a) / dl_k = 1[k = a] - p_k
            let j = row.pull.x * (select(0.0, 1.0, k == taken) - p);
            // dH / dl_k = -p_k (log p_k + H)
            var j_h = -row.pull.y * p;
            if p > 0.0 {
                j_h *= log_p + s.entropy;
            }
            if decay != 0.0 {
                // d/dl of 1/2 lambda_l mean |l / beta|^2
                j_h += decay * (l / row.beta) / row.beta;
            }
            route(row, first + k, j, j_h);
        }
        first += n;
    }
}

/// sigma_d^2 of a row.
fn variance(row: Row, d: u32) -> f32 {
    let dims = shape.action_width;
    let log_std = row.agent * shape.parameters + shape.log_std_at;
    if shape.features == 0u {
        return exp(2.0 * clamp(weights[log_std + d], -20.0, 2.0));
    }
    var sum = 1e-6;
    let features = row.at + shape.values_at + shape.value_heads;
    for (var h = 0u; h < shape.features; h++) {
        let feature = outputs[features + h];
        // sigma_d^2 = sum_h features_h^2 exp(2 log_std[h][d]) + 1e-6
        sum += feature * feature * exp(2.0 * clamp(weights[log_std + h * dims + d], -20.0, 2.0));
    }
    return sum;
}

/// Leaves the variances in `shares`, where `gaussian_gradient` finds them.
fn gaussian(row: Row) -> Density {
    let dims = shape.action_width;
    var density = Density(0.0, 0.0);
    for (var d = 0u; d < dims; d++) {
        let u = actions[row.stored * dims + d];
        let off = u - net(row, d);
        let square = variance(row, d);
        let log_sigma = 0.5 * log(square);
        shares[row.row * dims + d] = square;
        // log N(u) = -1/2 (u - mu)^2 / sigma^2 - log sigma - 1/2 ln(2 pi)
        density.log_prob -= 0.5 * off * off / square + log_sigma + HALF_LOG_TAU;
        if shape.squash != 0u {
            density.log_prob += squash_correction(u);
        }
        density.entropy += log_sigma + HALF_LOG_TAU + 0.5;
    }
    return density;
}

fn gaussian_gradient(row: Row) {
    let dims = shape.action_width;
    for (var d = 0u; d < dims; d++) {
        let at = row.row * dims + d;
        let off = actions[row.stored * dims + d] - net(row, d);
        let square = shares[at];
        // d log N / d log sigma = (u - mu)^2 / sigma^2 - 1 and dH / d log sigma = 1
        let share = row.pull.x * (off * off / square - 1.0) + row.pull.y;
        shares[at] = select(share / square, share, shape.features == 0u);
        // d log N / dmu = (u - mu) / sigma^2
        route(row, d, row.pull.x * off / square, 0.0);
    }
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

/// Writes the gradient of the values; the losses of the first head and of the others, a mean, before their weights.
fn value_loss(row: Row) -> vec2<f32> {
    let p = params[row.agent];
    let auxiliary = max(f32(shape.value_heads) - 1.0, 1.0);
    var losses = vec2<f32>(0.0, 0.0);
    for (var k = 0u; k < shape.value_heads; k++) {
        let at = row.at + shape.values_at + k;
        let head = row.agent * shape.value_heads + k;
        let old = values[head * shape.value_rows + row.source];
        let wanted = returns[head * shape.source_rows + row.source];
        let error = outputs[at] - wanted;
        var loss = 0.5 * error * error;
        var slope = error;
        let change = outputs[at] - old;
        if p.value_clip > 0.0 && abs(change) > p.value_clip {
            let clipped_error = old + clamp(change, -p.value_clip, p.value_clip) - wanted;
            let clipped = 0.5 * clipped_error * clipped_error;
            // The clipped value does not depend on V.
            if clipped > loss {
                loss = clipped;
                slope = 0.0;
            }
        }
        if k == 0u {
            write(at, p.value_coef * row.inverse_count * slope);
            losses.x = loss;
        } else {
            write(at, p.auxiliary_coef / auxiliary * row.inverse_count * slope);
            losses.y += loss;
        }
    }
    return vec2<f32>(losses.x, losses.y / auxiliary);
}

/// Writes the gradient of a distribution's heads; its loss before its weight, a sum over heads and a mean over targets.
fn distribution_loss(row: Row) -> f32 {
    let p = params[row.agent];
    let heads = min(shape.value_heads, MAX_QUANTILES);
    var targets: array<f32, 64>;
    for (var j = 0u; j < heads; j++) {
        targets[j] = returns[(row.agent * shape.value_heads + j) * shape.source_rows + row.source];
    }
    let share = 1.0 / f32(heads);
    var total = 0.0;
    for (var i = 0u; i < heads; i++) {
        let at = row.at + shape.values_at + i;
        let tau = (f32(i) + 0.5) / f32(heads);
        var sum = 0.0;
        var slope = 0.0;
        for (var j = 0u; j < heads; j++) {
            let u = targets[j] - outputs[at];
            // |tau - 1[u < 0]|
            let weight = select(tau, 1.0 - tau, u < 0.0);
            var loss = abs(u);
            var push = sign(u);
            if p.critic == EXPECTILE {
                loss = u * u;
                push = 2.0 * u;
            } else if p.huber > 0.0 {
                // 1/2 u^2 / k where |u| <= k, else |u| - k/2
                let c = clamp(u, -p.huber, p.huber);
                loss = abs(c) * (abs(u) - 0.5 * abs(c)) / p.huber;
                push = c / p.huber;
            }
            sum += weight * loss;
            slope -= weight * push;
        }
        write(at, p.value_coef * row.inverse_count * (share * slope));
        total += share * sum;
    }
    return total;
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
