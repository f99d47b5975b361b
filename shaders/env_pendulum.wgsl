// Pendulum-v1 on the device: the rollout of a pendulum to be swung up.
// Mirror: crates/envs/src/classic/pendulum.rs.
// #include "pendulum.wgsl"
// #include "rollout.wgsl"

const TIME_LIMIT = 200u;

fn step_environment(state: State, action: f32) -> Stepped {
    return swing(state, action);
}
