// Acrobot-v1 on the device: the rollout of a double pendulum.
// Mirror: crates/envs/src/classic/acrobot.rs, whose constants of 1 are left out here.
// #include "rollout.wgsl"

/// Angle of the first link (0 is down), of the second to the first, their velocities.
alias State = vec4<f32>;
const STATE = 4u;
const OBSERVATION = 6u;
const TIME_LIMIT = 500u;
const ACTION_BOUNDS = vec2<f32>(0.0, 2.0);
const DT = 0.2;

fn start(key: vec2<u32>, env: u32, episode: u32) -> State {
    let a = random_block(key, PURPOSE_RESET, env, episode, 0u);
    let b = random_block(key, PURPOSE_RESET, env, episode, 1u);
    return vec4<f32>(around(0.0, 0.1, a.x), around(0.0, 0.1, a.z), around(0.0, 0.1, b.x), around(0.0, 0.1, b.z));
}

fn observe(state: State) -> array<f32, OBSERVATION> {
    let a = sin_cos(state.x);
    let b = sin_cos(state.y);
    return array<f32, OBSERVATION>(a.y, a.x, b.y, b.x, state.z, state.w);
}

/// The time derivative of the state (Sutton and Barto's book), with cos(x - pi / 2) as sin(x).
fn derivative(y: State, torque: f32) -> State {
    let a = sin_cos(y.x);
    let b = sin_cos(y.y);
    let sum = a.x * b.y + a.y * b.x;
    let d1 = 3.5 + b.y;
    let d2 = 1.25 + 0.5 * b.y;
    let phi2 = 4.9 * sum;
    let phi1 = -0.5 * (y.w * y.w) * b.x - y.w * y.z * b.x + 14.7 * a.x + phi2;
    let b_acc = (torque + d2 / d1 * phi1 - 0.5 * (y.z * y.z) * b.x - phi2) / (1.25 - d2 * d2 / d1);
    let a_acc = -(d2 * b_acc + phi1) / d1;
    return vec4<f32>(y.z, y.w, a_acc, b_acc);
}

fn step_environment(state: State, action: f32) -> Stepped {
    let torque = action - 1.0;
    let k1 = derivative(state, torque);
    let k2 = derivative(state + (DT / 2.0) * k1, torque);
    let k3 = derivative(state + (DT / 2.0) * k2, torque);
    let k4 = derivative(state + DT * k3, torque);
    let y = state + (DT / 6.0) * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
    let fastest = vec2<f32>(12.566370614, 28.274333882);
    let next = vec4<f32>(wrap_angle(y.x), wrap_angle(y.y), clamp(y.zw, -fastest, fastest));
    let a = sin_cos(next.x);
    let b = sin_cos(next.y);
    // -cos a - cos(a + b)
    let height = a.x * b.x - a.y * b.y - a.y;
    return Stepped(next, select(-1.0, 0.0, height > 1.0), height > 1.0);
}
