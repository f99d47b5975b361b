// #part
// T steps of N environments of A agents in one dispatch (or several, which go on where the last one stopped): network, sampling, dynamics and resets. A workgroup steps ENVS
// environments of one agent; its first ENVS invocations own one each, and all of them share the network's columns.
// Included by env_*.wgsl, one a task.
// Mirror: crates/train/src/collector.rs over crates/envs/src/batch.rs.
// #include "grid.wgsl"
// #include "elementary.wgsl"
// #include "rollout_network.wgsl"
// #include "policy_head.wgsl"

struct Shape {
    agents: u32,
    envs: u32,
    steps: u32,
    /// Steps of the batch before this rollout.
    first_step: u32,
    /// Steps after which an exploration matrix is drawn anew, or 0: once a rollout.
    exploration_interval: u32,
    /// P.
    params: u32,
    log_std_at: u32,
    /// How many there are in the table of blocks.
    blocks: u32,
    normalize: u32,
    /// Whether raw observations are wanted.
    raw: u32,
    observation_clip: f32,
    /// The steps of the rollout that this dispatch takes: from..until.
    from_step: u32,
    until_step: u32,
    /// The task's parameter, if it has one.
    parameter: f32,
    padding1: u32,
    padding2: u32,
}

struct Agent {
    seed: vec2<u32>,
    tone: f32,
    inverse_temperature: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                    // [A]
@group(0) @binding(2) var<storage, read> nvec: array<u32>;                        // [action width], categorical only
@group(0) @binding(3) var<storage, read> blocks: array<Block>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;                     // [A, P]
@group(0) @binding(5) var<storage, read> normalizer: array<f32>;                  // [A, 2, inputs]: mean, 1 / deviation
@group(0) @binding(6) var<storage, read_write> slots: array<u32>;                 // [A, N, SLOT]
@group(0) @binding(7) var<storage, read_write> scratch: array<vec4<f32>>;         // [workgroups, ACTIVATIONS], large networks only
@group(0) @binding(8) var<storage, read_write> exploration: array<f32>;           // [A, N, features, dims]
@group(0) @binding(9) var<storage, read_write> observations: array<f32>;          // [A, T, N, inputs]
@group(0) @binding(10) var<storage, read_write> raw_observations: array<f32>;     // [A, T, N, inputs]
@group(0) @binding(11) var<storage, read_write> actions: array<f32>;              // [A, T, N, action width]
@group(0) @binding(12) var<storage, read_write> log_probs: array<f32>;            // [A, T, N]
@group(0) @binding(13) var<storage, read_write> rewards: array<f32>;              // [A, T, N]
@group(0) @binding(14) var<storage, read_write> terminated: array<f32>;           // [A, T, N]
@group(0) @binding(15) var<storage, read_write> truncated: array<f32>;            // [A, T, N]
@group(0) @binding(16) var<storage, read_write> values: array<f32>;               // [A, K, T + 1, N]
@group(0) @binding(17) var<storage, read_write> final_values: array<f32>;         // [A, K, T, N]
@group(0) @binding(18) var<storage, read_write> episode_returns: array<f32>;      // [A, T, N]
@group(0) @binding(19) var<storage, read_write> episode_lengths: array<f32>;      // [A, T, N]

/// Environments of a workgroup, a multiple of 4 and at most MAX_ENVS.
override ENVS: u32 = 8u;
override VALUE_HEADS: u32 = 1u;
const MAX_ENVS = 16u;

/// The time limit of a task that goes on for ever.
const NO_LIMIT = 0u;

const PURPOSE_RESET = 0u;
const PURPOSE_ACTION = 2u;
const PURPOSE_EXPLORATION = 5u;

/// Numbers of an environment in `slots`: its state, then episode, steps, steps in all, length and return of the episode.
const SLOT = STATE + 5u;

/// What one step of a task gave.
struct Stepped {
    state: State,
    reward: f32,
    terminated: bool,
}

/// One environment under way.
struct Slot {
    state: State,
    episode: u32,
    steps: u32,
    total_steps: u32,
    running_length: u32,
    running_return: f32,
}

/// Which environments a workgroup has.
struct Place {
    agent: u32,
    /// The first environment and how many.
    first: u32,
    count: u32,
    /// The workgroup.
    flat: u32,
    local: u32,
}

/// Observations as the network sees them, `[inputs, ENVS]`.
var<workgroup> observed: array<f32, OBSERVATION * MAX_ENVS>;
var<workgroup> was_cut: array<u32, MAX_ENVS>;
var<workgroup> any_cut: u32;

/// Four random words of striatum-rng's stream for a purpose, lane and index.
fn random_block(key: vec2<u32>, purpose: u32, lane: u32, index: u32, block: u32) -> vec4<u32> {
    return philox4x32(vec4<u32>(block, lane, index, purpose), key);
}

fn load(place: Place) -> Slot {
    let at = (place.agent * shape.envs + place.first + place.local) * SLOT;
    var slot: Slot;
    for (var i = 0u; i < STATE; i++) {
        slot.state[i] = bitcast<f32>(slots[at + i]);
    }
    slot.episode = slots[at + STATE];
    slot.steps = slots[at + STATE + 1u];
    slot.total_steps = slots[at + STATE + 2u];
    slot.running_length = slots[at + STATE + 3u];
    slot.running_return = bitcast<f32>(slots[at + STATE + 4u]);
    return slot;
}

fn store(place: Place, slot: Slot) {
    let at = (place.agent * shape.envs + place.first + place.local) * SLOT;
    for (var i = 0u; i < STATE; i++) {
        slots[at + i] = bitcast<u32>(slot.state[i]);
    }
    slots[at + STATE] = slot.episode;
    slots[at + STATE + 1u] = slot.steps;
    slots[at + STATE + 2u] = slot.total_steps;
    slots[at + STATE + 3u] = slot.running_length;
    slots[at + STATE + 4u] = bitcast<u32>(slot.running_return);
}

/// Puts an observation before the network, normalised.
fn show(place: Place, state: State) {
    let raw = observe(state);
    let at = place.agent * 2u * OBSERVATION;
    for (var i = 0u; i < OBSERVATION; i++) {
        var x = raw[i];
        if shape.normalize != 0u {
            let scaled = (x - normalizer[at + i]) * normalizer[at + OBSERVATION + i];
            x = clamp(scaled, -shape.observation_clip, shape.observation_clip);
        }
        observed[i * ENVS + place.local] = x;
    }
}

/// The row of step t of the invocation's environment in `[A, T, N]`.
fn row_at(place: Place, t: u32) -> u32 {
    return (place.agent * shape.steps + t) * shape.envs + place.first + place.local;
}

fn record_observation(place: Place, t: u32, state: State) {
    let at = row_at(place, t) * OBSERVATION;
    for (var i = 0u; i < OBSERVATION; i++) {
        observations[at + i] = observed[i * ENVS + place.local];
    }
    if shape.raw != 0u {
        let raw = observe(state);
        for (var i = 0u; i < OBSERVATION; i++) {
            raw_observations[at + i] = raw[i];
        }
    }
}

fn record_values(place: Place, t: u32) {
    for (var k = 0u; k < VALUE_HEADS; k++) {
        let sequence = place.agent * VALUE_HEADS + k;
        values[(sequence * (shape.steps + 1u) + t) * shape.envs + place.first + place.local] =
            output(place, VALUES_AT + k);
    }
}

/// V of the final observation where an episode was cut, else 0.
fn record_final_values(place: Place, t: u32, cut: bool) {
    for (var k = 0u; k < VALUE_HEADS; k++) {
        let sequence = place.agent * VALUE_HEADS + k;
        var value = 0.0;
        if cut {
            value = output(place, VALUES_AT + k);
        }
        final_values[(sequence * shape.steps + t) * shape.envs + place.first + place.local] = value;
    }
}

/// One step of the invocation's environment, up to what happens when its episode ends: 1 where it terminated, 2 where it was cut.
fn act_and_step(place: Place, t: u32, slot: ptr<function, Slot>) -> u32 {
    let row = row_at(place, t);
    let action = act(place, row, t);
    let stepped = step_environment((*slot).state, action);
    (*slot).state = stepped.state;
    (*slot).steps += select(0u, 1u, (*slot).steps != 0xffffffffu);
    (*slot).total_steps += 1u;
    (*slot).running_length += 1u;
    (*slot).running_return += stepped.reward;
    let cut = !stepped.terminated && TIME_LIMIT != NO_LIMIT && (*slot).steps >= TIME_LIMIT;
    rewards[row] = stepped.reward;
    terminated[row] = select(0.0, 1.0, stepped.terminated);
    truncated[row] = select(0.0, 1.0, cut);
    let ended = stepped.terminated || cut;
    episode_returns[row] = select(0.0, (*slot).running_return, ended);
    episode_lengths[row] = select(0.0, f32((*slot).running_length), ended);
    return select(select(0u, 2u, cut), 1u, stepped.terminated);
}

/// Starts the next episode.
fn reset(place: Place, slot: ptr<function, Slot>) {
    (*slot).episode += 1u;
    (*slot).steps = 0u;
    (*slot).running_length = 0u;
    (*slot).running_return = 0.0;
    (*slot).state = start(agents[place.agent].seed, place.first + place.local, (*slot).episode);
}

/// Whether any environment of the workgroup was cut, the same for all of it.
fn any_was_cut(local: u32) -> bool {
    synchronize();
    if local == 0u {
        var any = 0u;
        for (var e = 0u; e < ENVS; e++) {
            any |= was_cut[e];
        }
        any_cut = any;
    }
    return workgroupUniformLoad(&any_cut) != 0u;
}

@compute @workgroup_size(256)
fn rollout(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    let parts = (shape.envs + ENVS - 1u) / ENVS;
    let agent = flat / parts;
    if agent >= shape.agents {
        return;
    }
    let first = (flat % parts) * ENVS;
    let place = Place(agent, first, min(ENVS, shape.envs - first), flat, local);
    let owns = local < place.count;
    var slot: Slot;
    if owns {
        slot = load(place);
        show(place, slot.state);
    } else if local < ENVS {
        for (var i = 0u; i < OBSERVATION; i++) {
            observed[i * ENVS + local] = 0.0;
        }
    }
    if local < ENVS {
        was_cut[local] = 0u;
    }
    draw_ahead(place, shape.from_step);
    synchronize();
    for (var t = shape.from_step; t < shape.until_step; t++) {
        explore(place, t);
        network(place);
        draw_ahead(place, t + 1u);
        var end = 0u;
        if owns {
            record_values(place, t);
            record_observation(place, t, slot.state);
            end = act_and_step(place, t, &slot);
            was_cut[local] = select(0u, 1u, end == 2u);
            if end == 2u {
                show(place, slot.state);
            }
        }
        if any_was_cut(local) {
            network(place);
        }
        if owns {
            record_final_values(place, t, end == 2u);
            if end != 0u {
                reset(place, &slot);
            }
            show(place, slot.state);
        }
        synchronize();
    }
    if owns {
        store(place, slot);
    }
    if shape.until_step == shape.steps {
        network(place);
        if owns {
            record_values(place, shape.steps);
        }
    }
}
