// #part
// The network of rollout.wgsl, stage by stage. An item of work is one column for four environments.
// Mirror: crates/kernels/src/mlp/.

/// Columns of one stage that share weights: a layer of the actor, the critic or a trunk, or a head.
struct Block {
    /// Where its parameters lie in the arena: `[inputs, outputs]` and `[outputs]`.
    weight: u32,
    bias: u32,
    inputs: u32,
    outputs: u32,
    /// Where its inputs and outputs lie among the activations.
    input_at: u32,
    output_at: u32,
    /// Whether the inputs are the observation.
    reads_observation: u32,
    /// Whether the nonlinearity follows.
    activates: u32,
    /// The number of columns and of blocks of the stage that this is the first one of.
    stage_columns: u32,
    stage_blocks: u32,
    padding0: u32,
    padding1: u32,
}

/// Whether activations fit into workgroup memory.
override RESIDENT: u32 = 1u;
/// Numbers of an environment's activations, times ENVS / 4.
override ACTIVATIONS: u32 = 1u;
/// Where the outputs lie among the activations, and the features in state-dependent exploration.
override OUTPUTS_AT: u32 = 0u;
override FEATURES_AT: u32 = 0u;
/// Whether the features are the observation, because there is no hidden layer.
override FEATURES_ARE_OBSERVED: u32 = 0u;
override ACTIVATION: u32 = 0u;
const TANH = 0u;
const RELU = 1u;

/// `[numbers, ENVS / 4]`.
var<workgroup> activations: array<vec4<f32>, ACTIVATIONS>;

fn activation(place: Place, at: u32) -> vec4<f32> {
    if RESIDENT != 0u {
        return activations[at];
    }
    return scratch[place.flat * ACTIVATIONS + at];
}

/// Column k of the output row of the invocation's environment.
fn output(place: Place, k: u32) -> f32 {
    return activation(place, (OUTPUTS_AT + k) * (ENVS / 4u) + place.local / 4u)[place.local % 4u];
}

/// Feature h of the invocation's environment.
fn feature(place: Place, h: u32) -> f32 {
    if FEATURES_ARE_OBSERVED != 0u {
        return observed[h * ENVS + place.local];
    }
    return activation(place, (FEATURES_AT + h) * (ENVS / 4u) + place.local / 4u)[place.local % 4u];
}

/// The mirror's minimax fit, within 4e-7.
fn tanh_of(x: vec4<f32>) -> vec4<f32> {
    let y = clamp(x, vec4<f32>(-9.02), vec4<f32>(9.02));
    let u = y * y;
    let p = 1.0 + u * (0.13379717 + u * (3.4940339e-3 + u * (2.058347e-5 + u * 1.3319058e-8)));
    let q = 1.0 + u * (0.46713033 + u * (2.587107e-2 + u * (3.2830917e-4 + u * 7.762014e-7)));
    return clamp(y * p / q, vec4<f32>(-1.0), vec4<f32>(1.0));
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    if ACTIVATION == TANH {
        return tanh_of(x);
    }
    if ACTIVATION == RELU {
        return max(x, vec4<f32>(0.0));
    }
    // SiLU: x sigmoid(x), sigmoid(x) = (1 + tanh(x / 2)) / 2
    return x * (0.5 + 0.5 * tanh_of(0.5 * x));
}

/// The inputs of four environments.
fn observed_by_four(i: u32, four: u32) -> vec4<f32> {
    let at = i * ENVS + 4u * four;
    return vec4<f32>(observed[at], observed[at + 1u], observed[at + 2u], observed[at + 3u]);
}

/// A column's weighted sum of its inputs for four environments.
fn weighted_sum(place: Place, block: Block, column: u32, four: u32) -> vec4<f32> {
    let arena = place.agent * shape.params;
    let columns = block.outputs;
    var at = arena + block.weight + column;
    var sum = vec4<f32>(weights[arena + block.bias + column]);
    if block.reads_observation != 0u {
        for (var i = 0u; i < block.inputs; i++) {
            sum += weights[at] * observed_by_four(i, four);
            at += columns;
        }
        return sum;
    }
    let step = ENVS / 4u;
    var from_at = block.input_at * step + four;
    var i = 0u;
    // Four at a time, so that their loads overlap.
    for (; i + 4u <= block.inputs; i += 4u) {
        let w = vec4<f32>(weights[at], weights[at + columns], weights[at + 2u * columns], weights[at + 3u * columns]);
        let x0 = activation(place, from_at);
        let x1 = activation(place, from_at + step);
        let x2 = activation(place, from_at + 2u * step);
        let x3 = activation(place, from_at + 3u * step);
        sum += w.x * x0;
        sum += w.y * x1;
        sum += w.z * x2;
        sum += w.w * x3;
        at += 4u * columns;
        from_at += 4u * step;
    }
    for (; i < block.inputs; i++) {
        sum += weights[at] * activation(place, from_at);
        at += columns;
        from_at += step;
    }
    return sum;
}

/// One item of a stage.
fn run_item(place: Place, first_block: u32, stage_column: u32, four: u32) {
    var b = first_block;
    var column = stage_column;
    while column >= blocks[b].outputs {
        column -= blocks[b].outputs;
        b++;
    }
    let block = blocks[b];
    var x = weighted_sum(place, block, column, four);
    if block.activates != 0u {
        x = activate(x);
    }
    let at = (block.output_at + column) * (ENVS / 4u) + four;
    if RESIDENT != 0u {
        activations[at] = x;
    } else {
        scratch[place.flat * ACTIVATIONS + at] = x;
    }
}

/// A barrier for everything that the workgroup shares.
fn synchronize() {
    workgroupBarrier();
    if RESIDENT == 0u {
        storageBarrier();
    }
}

/// From `observed` to the output rows of the workgroup's environments. Call it after a barrier; it ends with one.
fn network(place: Place) {
    let fours = (place.count + 3u) / 4u;
    var stage = 0u;
    while stage < shape.blocks {
        let columns = blocks[stage].stage_columns;
        for (var item = place.local; item < columns * fours; item += 256u) {
            run_item(place, stage, item % columns, item / columns);
        }
        synchronize();
        stage += blocks[stage].stage_blocks;
    }
}
