// #part
// The policy's density at a stored action, its entropy, and their gradient, for actor_critic_loss.wgsl.
// Mirror: crates/kernels/src/distribution.

const HALF_LOG_TAU: f32 = 0.9189385332;
const LN_2: f32 = 0.6931471806;
const LOWEST: f32 = -3.402823e38;

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
