// #part
// The dynamics of a pendulum to be swung up, for the tasks that have one.
// Mirror: crates/envs/src/classic/pendulum.rs, which lets the angle grow. Here it stays in -pi..pi, where single precision is dense.

/// Angle (0 is up), angular velocity.
alias State = vec2<f32>;
const STATE = 2u;
const OBSERVATION = 3u;
const ACTION_BOUNDS = vec2<f32>(-2.0, 2.0);
const PI = 3.141592654;

fn start(key: vec2<u32>, env: u32, episode: u32) -> State {
    let words = random_block(key, PURPOSE_RESET, env, episode, 0u);
    return vec2<f32>(around(0.0, PI, words.x), around(0.0, 1.0, words.z));
}

fn observe(state: State) -> array<f32, OBSERVATION> {
    let s = sin_cos(state.x);
    return array<f32, OBSERVATION>(s.y, s.x, state.y);
}

fn swing(state: State, action: f32) -> Stepped {
    let torque = clamp(action, -2.0, 2.0);
    let angle = wrap_angle(state.x);
    let cost = angle * angle + 0.1 * (state.y * state.y) + 0.001 * (torque * torque);
    let velocity = clamp(state.y + 0.05 * (15.0 * sin_cos(angle).x + 3.0 * torque), -8.0, 8.0);
    return Stepped(vec2<f32>(wrap_angle(angle + 0.05 * velocity), velocity), -cost, false);
}
