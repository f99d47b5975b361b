// #part
// The losses of the value heads and their gradient, for actor_critic_loss.wgsl.
// Mirror: crates/kernels/src/actor_critic_loss/values.rs and distribution.rs.

const EXPECTILE: u32 = 2u;
const MAX_QUANTILES: u32 = 64u;

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
