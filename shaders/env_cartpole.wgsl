// CartPole-v1 on the device: the rollout of a pole on a cart.
// Mirror: crates/envs/src/classic/cartpole.rs.
// #include "rollout.wgsl"

/// Position, velocity, angle, angular velocity.
alias State = vec4<f32>;
const STATE = 4u;
const OBSERVATION = 4u;
const TIME_LIMIT = 500u;
const ACTION_BOUNDS = vec2<f32>(0.0, 1.0);

fn start(key: vec2<u32>, env: u32, episode: u32) -> State {
    let a = random_block(key, PURPOSE_RESET, env, episode, 0u);
    let b = random_block(key, PURPOSE_RESET, env, episode, 1u);
    return vec4<f32>(around(0.0, 0.05, a.x), around(0.0, 0.05, a.z), around(0.0, 0.05, b.x), around(0.0, 0.05, b.z));
}

fn observe(state: State) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(state.x, state.y, state.z, state.w);
}

fn step_environment(state: State, action: f32) -> Stepped {
    let force = select(-10.0, 10.0, action == 1.0);
    let s = sin_cos(state.z);
    // Florian 2007, without friction.
    let temp = (force + 0.05 * (state.w * state.w) * s.x) / 1.1;
    let angle_acc = (9.8 * s.x - s.y * temp) / (0.5 * (4.0 / 3.0 - 0.1 * (s.y * s.y) / 1.1));
    let acc = temp - 0.05 * angle_acc * s.y / 1.1;
    let next = state + 0.02 * vec4<f32>(state.y, acc, state.w, angle_acc);
    let fallen = abs(next.x) > 2.4 || abs(next.z) > 0.20943951023931953;
    return Stepped(next, 1.0, fallen);
}
