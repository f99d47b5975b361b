// #part
// From an output row to an action and its log density, for rollout.wgsl. The density is that of actor_critic_loss.wgsl, so that
// the first ratio is 1.
// Mirror: crates/kernels/src/policy_head.rs and crates/kernels/src/distribution.

override ACTION_WIDTH: u32 = 1u;
override LOGITS: u32 = 1u;
override VALUES_AT: u32 = 1u;
override CONTINUOUS: u32 = 0u;
override DUAL: u32 = 0u;
override SQUASH: u32 = 0u;
/// Width of the features in state-dependent exploration, else 0.
override FEATURES: u32 = 0u;

const IDLE_FROM = 64u;
const HALF_LOG_TAU: f32 = 0.9189385332;
const LN_2: f32 = 0.6931471806;
const PATHWAY_SCALE: f32 = 0.7071067812;

/// Draws the action of the invocation's environment at step t of the rollout and records it in row `row` of `[A, T, N]`, with
/// its log density. What the task takes: the first choice, or the first number, clipped or squashed to its bounds.
fn act(place: Place, row: u32, t: u32) -> f32 {
    let agent = agents[place.agent];
    // l = c beta [(1 + rho) g - (1 - rho) n], or beta g
    let beta = select(agent.inverse_temperature, 1.0, CONTINUOUS != 0u);
    var gains = vec2<f32>(beta, 0.0);
    if DUAL != 0u {
        gains = PATHWAY_SCALE * beta * vec2<f32>(1.0 + agent.tone, 1.0 - agent.tone);
    }
    if CONTINUOUS != 0u {
        draw_normal(place, gains, row, t);
        return action_of_environment(actions[row * ACTION_WIDTH]);
    }
    draw_choices(place, gains, row, t);
    return actions[row * ACTION_WIDTH];
}

fn action_of_environment(u: f32) -> f32 {
    let low = ACTION_BOUNDS.x;
    let high = ACTION_BOUNDS.y;
    if SQUASH != 0u {
        let unit = tanh_of(vec4<f32>(u)).x;
        return low * (0.5 - 0.5 * unit) + high * (0.5 + 0.5 * unit);
    }
    return clamp(u, low, high);
}

/// Net logit or mean k.
fn net(place: Place, gains: vec2<f32>, k: u32) -> f32 {
    var l = gains.x * output(place, k);
    if DUAL != 0u {
        l -= gains.y * output(place, LOGITS + k);
    }
    return l;
}

/// By inverting the cumulative distribution, one word a choice.
fn draw_choices(place: Place, gains: vec2<f32>, row: u32, t: u32) {
    var log_prob = 0.0;
    var first = 0u;
    var words: vec4<u32>;
    for (var choice = 0u; choice < ACTION_WIDTH; choice++) {
        if choice % 4u == 0u {
            words = action_words(place, t, choice / 4u);
        }
        let n = nvec[choice];
        var maximum = net(place, gains, first);
        for (var k = 1u; k < n; k++) {
            maximum = max(maximum, net(place, gains, first + k));
        }
        var sum = 0.0;
        for (var k = 0u; k < n; k++) {
            sum += exp(net(place, gains, first + k) - maximum);
        }
        let inverse = 1.0 / sum;
        let u = unit_f32(words[choice % 4u]);
        var cumulative = 0.0;
        // Rounding can leave the sum short of u: then it is the last option that can be taken.
        var taken = 0u;
        for (var k = 0u; k < n; k++) {
            let p = exp(net(place, gains, first + k) - maximum) * inverse;
            cumulative += p;
            if p > 0.0 {
                taken = k;
            }
            if u < cumulative {
                break;
            }
        }
        actions[row * ACTION_WIDTH + choice] = f32(taken);
        log_prob += net(place, gains, first + taken) - maximum - log(sum);
        first += n;
    }
    log_probs[row] = log_prob;
}

/// The first four random words of each environment's action, of this step and the next one.
var<workgroup> words_ahead: array<vec4<u32>, 2u * MAX_ENVS>;

/// Lets invocations that own no environment draw the first words of step t of the rollout, while the owners are busy with the one
/// before.
fn draw_ahead(place: Place, t: u32) {
    // Beyond the largest subgroup that the owners may be in: a subgroup takes both sides of a branch in turn.
    let env = place.local - min(place.local, IDLE_FROM);
    if FEATURES == 0u && place.local >= IDLE_FROM && env < place.count {
        let seed = agents[place.agent].seed;
        words_ahead[(t % 2u) * MAX_ENVS + env] =
            random_block(seed, PURPOSE_ACTION, place.first + env, shape.first_step + t, 0u);
    }
}

fn action_words(place: Place, t: u32, block: u32) -> vec4<u32> {
    if block == 0u {
        return words_ahead[(t % 2u) * MAX_ENVS + place.local];
    }
    let seed = agents[place.agent].seed;
    return random_block(seed, PURPOSE_ACTION, place.first + place.local, shape.first_step + t, block);
}

/// -log |d tanh(u) / du|
fn squash_correction(u: f32) -> f32 {
    let softplus = max(-2.0 * u, 0.0) + log(1.0 + exp(-2.0 * abs(u)));
    return -2.0 * (LN_2 - u - softplus);
}

/// exp(log_std) of number i.
fn deviation(place: Place, i: u32) -> f32 {
    return exp(clamp(weights[place.agent * shape.params + shape.log_std_at + i], -20.0, 2.0));
}

/// sigma_d^2 and the noise of dimension d in state-dependent exploration.
fn explored(place: Place, d: u32) -> vec2<f32> {
    let matrix = (place.agent * shape.envs + place.first + place.local) * FEATURES * ACTION_WIDTH;
    var variance = 1e-6;
    var noise = 0.0;
    for (var h = 0u; h < FEATURES; h++) {
        let i = h * ACTION_WIDTH + d;
        let x = feature(place, h) * deviation(place, i);
        // sigma_d^2 = sum_h features_h^2 exp(2 log_std[h][d]) + 1e-6
        variance += x * x;
        noise += x * exploration[matrix + i];
    }
    return vec2<f32>(variance, noise);
}

fn draw_normal(place: Place, gains: vec2<f32>, row: u32, t: u32) {
    var log_prob = 0.0;
    var words: vec4<u32>;
    for (var d = 0u; d < ACTION_WIDTH; d++) {
        let mean = net(place, gains, d);
        var variance: f32;
        var u = mean;
        if FEATURES != 0u {
            let drawn = explored(place, d);
            variance = drawn.x;
            u += drawn.y;
        } else {
            if d % 2u == 0u {
                words = action_words(place, t, d / 2u);
            }
            let sigma = deviation(place, d);
            variance = sigma * sigma;
            u += sigma * normal(words[2u * (d % 2u)], words[2u * (d % 2u) + 1u]);
        }
        actions[row * ACTION_WIDTH + d] = u;
        let off = u - mean;
        // log N(u) = -1/2 (u - mu)^2 / sigma^2 - log sigma - 1/2 ln(2 pi)
        log_prob -= 0.5 * off * off / variance + 0.5 * log(variance) + HALF_LOG_TAU;
        if SQUASH != 0u {
            log_prob += squash_correction(u);
        }
    }
    log_probs[row] = log_prob;
}

/// Draws the workgroup's exploration matrices where they are due at step t of the rollout.
fn explore(place: Place, t: u32) {
    var due = t == 0u;
    if shape.exploration_interval != 0u {
        due = t % shape.exploration_interval == 0u;
    }
    if FEATURES == 0u || !due {
        return;
    }
    let len = FEATURES * ACTION_WIDTH;
    // At least 1: a pipeline's constants are divided by when it is made.
    let pairs = max((len + 1u) / 2u, 1u);
    let key = agents[place.agent].seed;
    storageBarrier();
    for (var item = place.local; item < place.count * pairs; item += 256u) {
        let env = place.first + item / pairs;
        let pair = item % pairs;
        let words = random_block(key, PURPOSE_EXPLORATION, env, shape.first_step + t, pair);
        let at = (place.agent * shape.envs + env) * len;
        exploration[at + 2u * pair] = normal(words.x, words.y);
        if 2u * pair + 1u < len {
            exploration[at + 2u * pair + 1u] = normal(words.z, words.w);
        }
    }
    storageBarrier();
}
