// MountainCarContinuous-v0 on the device: the rollout of a weak car in a valley, with a continuous force.
// Mirror: crates/envs/src/classic/mountain_car_continuous.rs, which after the first step is in single precision as well.
// #include "rollout.wgsl"

/// Position, velocity.
alias State = vec2<f32>;
const STATE = 2u;
const OBSERVATION = 2u;
const TIME_LIMIT = 999u;
const ACTION_BOUNDS = vec2<f32>(-1.0, 1.0);

fn start(key: vec2<u32>, env: u32, episode: u32) -> State {
    return vec2<f32>(around(-0.5, 0.1, random_block(key, PURPOSE_RESET, env, episode, 0u).x), 0.0);
}

fn observe(state: State) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(state.x, state.y);
}

fn step_environment(state: State, action: f32) -> Stepped {
    let slope = 0.0025 * sin_cos(3.0 * state.x).y;
    let push = clamp(action, -1.0, 1.0) * 0.0015 - slope;
    var velocity = clamp(state.y + push, -0.07, 0.07);
    let position = clamp(state.x + velocity, -1.2, 0.6);
    if position == -1.2 && velocity < 0.0 {
        velocity = 0.0;
    }
    let goal = position >= 0.45 && velocity >= 0.0;
    return Stepped(vec2<f32>(position, velocity), select(0.0, 100.0, goal) - 0.1 * (action * action), goal);
}
