//! `trace` and its parsers: what they accept, and that no input makes them panic.

use proptest::prelude::*;
use striatum_envs::{
    EnvError, Params, Space, make_one, make_one_with, parse_actions, parse_state, tasks, trace, trace_env,
};

const DISCRETE: Space = Space::Discrete { n: 3 };

fn bad_action<T: std::fmt::Debug>(result: Result<T, EnvError>) -> String {
    match result {
        Err(EnvError::BadAction(message)) => message,
        other => panic!("{other:?} is not a bad action"),
    }
}

#[test]
fn actions_are_read_as_numbers_or_rows() {
    let rows = |values: &[f32]| values.iter().map(|&x| vec![x]).collect::<Vec<_>>();
    assert_eq!(parse_actions(&DISCRETE, "[0, 1, 2]"), Ok(rows(&[0.0, 1.0, 2.0])));
    assert_eq!(parse_actions(&DISCRETE, "[[0], 1.0]"), Ok(rows(&[0.0, 1.0])));
    assert_eq!(parse_actions(&DISCRETE, "[]"), Ok(vec![]));
    let line = Space::uniform_box(1, -1.0, 1.0);
    assert_eq!(parse_actions(&line, "[0.5, 0.1]"), parse_actions(&line, "[[0.5], [0.1]]"));
    assert_eq!(parse_actions(&line, "[7]"), Ok(rows(&[7.0])), "a box's bounds are the task's to enforce");
    let plane = Space::uniform_box(2, -1.0, 1.0);
    assert_eq!(parse_actions(&plane, "[[0.5, 1]]"), Ok(vec![vec![0.5, 1.0]]));
    assert_eq!(parse_actions(&Space::MultiDiscrete { nvec: vec![2, 5] }, "[[1, 4]]"), Ok(vec![vec![1.0, 4.0]]));
    assert_eq!(parse_actions(&Space::MultiBinary { n: 2 }, "[[1, 0]]"), Ok(vec![vec![1.0, 0.0]]));
}

#[test]
fn bad_actions_are_named_by_position() {
    let cases: [(Space, &str, &str); 10] = [
        (DISCRETE, "[0, 3]", "action 1: 3 is not a whole number in 0..=2"),
        (DISCRETE, "[0, -1]", "action 1: -1 is not a whole number in 0..=2"),
        (DISCRETE, "[0.5]", "action 0: 0.5 is not a whole number in 0..=2"),
        (DISCRETE, "[0, [1, 1]]", "action 1 has 2 numbers; give 1"),
        (DISCRETE, "[0, []]", "action 1 has 0 numbers; give 1"),
        (DISCRETE, "[0, \"1\"]", "action 1: \"1\" is not a number"),
        (Space::uniform_box(1, -1.0, 1.0), "[1e39]", "action 0: inf is not a finite number in single precision"),
        (Space::uniform_box(2, -1.0, 1.0), "[0.5]", "action 0 has 1 numbers; give 2"),
        (Space::MultiDiscrete { nvec: vec![2, 5] }, "[[2, 4]]", "action 0: 2 is not a whole number in 0..=1"),
        (Space::MultiBinary { n: 1 }, "[0, 2]", "action 1: 2 is not a whole number in 0..=1"),
    ];
    for (space, json, message) in cases {
        assert_eq!(bad_action(parse_actions(&space, json)), message);
    }
    for json in ["", "{}", "1", "[0", "null", "[NaN]"] {
        assert!(bad_action(parse_actions(&DISCRETE, json)).starts_with("give a JSON list"), "{json}");
    }
    assert_eq!(
        bad_action(trace("CartPole-v1", &[0.0; 4], &[vec![1.0], vec![2.0]])),
        "action 1: 2 is not a whole number in 0..=1"
    );
}

#[test]
fn states_are_lists_of_numbers() {
    assert_eq!(parse_state("[1, -2.5]"), Ok(vec![1.0, -2.5]));
    for json in ["", "[[1]]", "{\"x\": 1}", "[\"1\"]", "[1e999]"] {
        assert!(matches!(parse_state(json), Err(EnvError::BadState(_))), "{json}");
    }
    assert_eq!(
        trace("MountainCar-v0", &[0.0], &[]).unwrap_err().to_string(),
        "the state does not fit: it has 1 numbers; give 2: position, velocity"
    );
    assert!(matches!(trace("Nothing-v0", &[], &[]), Err(EnvError::UnknownTask { .. })));
}

/// The worked step: upright and at rest, pushed right. temp = 10 / 1.1 = 9.0909; angular acceleration =
/// -temp / (0.5 (4/3 - 0.1/1.1)) = -14.6341; acceleration = temp + 0.05 x 14.6341 / 1.1 = 9.7561; times 0.02 s.
#[test]
fn a_cartpole_step_worked_by_hand() {
    let steps = trace("CartPole-v1", &[0.0; 4], &[vec![1.0]]).unwrap();
    let expected = [0.0, 0.195_122, 0.0, -0.292_683];
    for (got, expected) in steps[0].observation.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-6, "{:?}", steps[0]);
    }
    assert_eq!((steps[0].reward, steps[0].terminated, steps[0].truncated), (1.0, false, false));
}

/// A ball that rises to the right at column 2 of row 4 meets the brick at column 3 of row 3, and falls to the right.
#[test]
fn a_brick_struck_by_hand() {
    let mut env = make_one_with("MinAtar/Breakout-v1", &Params::default().with("sticky_actions", 0.0)).unwrap();
    let wall = f64::from((1 << 10) - 1);
    let state = [0.0, 0.0, 4.0, 2.0, 4.0, 1.0, 1.0, 5.0, 0.0, wall, wall, wall];
    let steps = trace_env(&mut *env, &state, &[vec![1.0], vec![0.0]]).unwrap();
    let cells = |observation: &[f32], channel: usize| -> Vec<(usize, usize)> {
        let cells = (0..100).filter(|i| observation[channel * 100 + i] == 1.0);
        cells.map(|i| (i % 10, i / 10)).collect()
    };
    let seen: Vec<_> = steps.iter().map(|step| [0, 1, 2].map(|channel| cells(&step.observation, channel))).collect();
    assert_eq!(seen[0], [vec![(3, 9)], vec![(3, 4)], vec![(2, 4)]], "paddle, ball and trail");
    assert_eq!(seen[1], [vec![(3, 9)], vec![(4, 5)], vec![(3, 4)]], "paddle, ball and trail");
    let bricks = cells(&steps[1].observation, 3);
    assert_eq!((bricks.len(), bricks.contains(&(3, 3))), (29, false));
    assert_eq!(steps.iter().map(|step| step.reward).collect::<Vec<_>>(), [1.0, 0.0]);
    let below = [&state[..4], &[9.0], &state[5..]].concat();
    assert_eq!(
        trace_env(&mut *env, &below, &[]).unwrap_err().to_string(),
        "the state does not fit: row of the ball is 9; give a whole number from 0 to 8"
    );
}

/// Gymnasium rewards the step that falls and none after it; nothing is reset.
#[test]
fn a_fallen_pole_keeps_falling_without_reward() {
    let steps = trace("CartPole-v1", &[0.0, 0.0, 0.2, 2.0], &vec![vec![1.0]; 4]).unwrap();
    assert!(steps.iter().all(|step| step.terminated));
    assert_eq!(steps.iter().map(|step| step.reward).collect::<Vec<_>>(), [1.0, 0.0, 0.0, 0.0]);
    assert!(steps.windows(2).all(|pair| pair[1].observation[2] > pair[0].observation[2]));
}

#[test]
fn the_time_limit_raises_its_flag_and_keeps_it() {
    let steps = trace("Pendulum-v1", &[3.0, 0.0], &vec![vec![0.0]; 202]).unwrap();
    let flags: Vec<bool> = steps.iter().map(|step| step.truncated).collect();
    assert_eq!(flags.iter().position(|&flag| flag), Some(199));
    assert!(flags[199..].iter().all(|&flag| flag));
}

#[test]
fn a_step_is_one_line_of_json() {
    let steps = trace("MountainCar-v0", &[-0.5, 0.0], &[vec![1.0]]).unwrap();
    let json = serde_json::to_string(&steps[0]).unwrap();
    assert!(json.starts_with("{\"observation\":[-0.5001"), "{json}");
    assert!(json.ends_with("],\"reward\":-1.0,\"terminated\":false,\"truncated\":false}"), "{json}");
}

proptest! {
    #[test]
    fn any_text_is_actions_or_an_error(json in "[\\[\\]0-9.,eE\" -]{0,40}", n in 1_usize..4) {
        for space in [Space::Discrete { n }, Space::uniform_box(n, -1.0, 1.0), Space::MultiBinary { n }] {
            if let Ok(rows) = parse_actions(&space, &json) {
                prop_assert!(rows.iter().all(|row| row.len() == n || row.len() == space.width()));
            }
        }
    }

    /// Numbers of any size end in steps or in an error, and always end.
    #[test]
    fn any_state_and_actions_are_steps_or_an_error(
        task in 0..tasks().len(),
        state in prop::collection::vec(prop_oneof![any::<f64>(), -1e4..1e4], 0..6),
        actions in prop::collection::vec(prop::collection::vec(prop_oneof![any::<f32>(), -0.0_f32..4.0], 1..3), 0..6),
        whole: bool,
    ) {
        let task = &tasks()[task];
        let width = make_one(task.name).unwrap().state().len();
        let state: Vec<f64> = state.iter().copied().cycle().take(if state.is_empty() { 0 } else { width }).collect();
        let actions: Vec<Vec<f32>> =
            actions.into_iter().map(|row| row.into_iter().take(1).map(|x| if whole { x.floor() } else { x }).collect()).collect();
        if let Ok(steps) = trace(task.name, &state, &actions) {
            prop_assert_eq!(steps.len(), actions.len());
            prop_assert!(steps.iter().all(|s| s.reward.is_finite() && s.observation.iter().all(|x| x.is_finite())));
        }
    }
}
