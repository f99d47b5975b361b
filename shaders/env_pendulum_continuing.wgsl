// Pendulum-continuing-v0 on the device: the rollout of a pendulum to be held up for ever. Its parameter is the rewards' offset.
// Mirror: crates/envs/src/dopamine/pendulum_continuing.rs.
// #include "pendulum.wgsl"
// #include "rollout.wgsl"

const TIME_LIMIT = NO_LIMIT;

fn step_environment(state: State, action: f32) -> Stepped {
    let swung = swing(state, action);
    return Stepped(swung.state, swung.reward + shape.parameter, false);
}
