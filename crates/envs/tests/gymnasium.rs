//! Parity with trajectories that `scripts/record_gymnasium.py` recorded from Gymnasium.

use serde::Deserialize;
use serde_json::Value;
use striatum_envs::{
    Batch, EnvError, Space, StepBuffers, TaskInfo, VecEnv, make_one, parse_actions, task, tasks, trace,
};

/// Largest difference of an observation, relative to its range, that counts as the same: a hundredth of what is asked. The
/// range is that of the observation space, or of the recorded trajectories where that is infinite.
const OBSERVATION_TOLERANCE: f64 = 1e-6;

/// The same for rewards, relative to the range of the recorded ones, or to 1 where that is less.
const REWARD_TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Fixture {
    gymnasium: String,
    observation_space: Space,
    action_space: Space,
    time_limit: u32,
    reward_threshold: Option<f32>,
    trajectories: Vec<Trajectory>,
    episodes: Vec<Episode>,
}

#[derive(Deserialize)]
struct Trajectory {
    state: Vec<f64>,
    actions: Value,
    observations: Vec<Vec<f64>>,
    rewards: Vec<f64>,
    terminated: Vec<u8>,
    truncated: Vec<u8>,
}

#[derive(Deserialize)]
struct Episode {
    state: Vec<f64>,
    actions: Value,
    #[serde(rename = "return")]
    total: f64,
    final_observation: Vec<f64>,
    terminated: u8,
    truncated: u8,
}

fn fixture(task: &str) -> Fixture {
    let path = format!("tests/fixtures/{task}.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn for_each_task(check: impl Fn(&TaskInfo, Fixture)) {
    let theirs = ["CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1", "Pendulum-v1"];
    theirs.iter().for_each(|name| check(task(name).unwrap(), fixture(name)));
}

fn span<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    high - low
}

/// The range of every component of an observation.
fn ranges(space: &Space, trajectories: &[Trajectory]) -> Vec<f64> {
    let Space::Box { low, high } = space else { panic!("observations are boxes") };
    let recorded = |i: usize| span(trajectories.iter().flat_map(|t| &t.observations).map(|o| &o[i]));
    let range = |(i, (low, high)): (usize, (&f32, &f32))| {
        if (high - low).is_finite() { f64::from(high - low) } else { recorded(i) }
    };
    low.iter().zip(high).enumerate().map(range).collect()
}

/// The largest difference relative to `ranges`.
fn difference(got: &[f32], expected: &[f64], ranges: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).zip(ranges).map(|((&g, e), r)| (f64::from(g) - e).abs() / r).fold(0.0, f64::max)
}

#[test]
fn spaces_limits_and_thresholds_are_gymnasiums() {
    for_each_task(|task, fixture| {
        assert!(fixture.gymnasium.starts_with("1."), "recorded with {}", fixture.gymnasium);
        assert_eq!(task.observation_space, fixture.observation_space, "{}", task.name);
        assert_eq!(task.action_space, fixture.action_space, "{}", task.name);
        assert_eq!(task.time_limit, Some(fixture.time_limit), "{}", task.name);
        // Gymnasium has no threshold for Pendulum-v1.
        let expected = fixture.reward_threshold.or((task.name == "Pendulum-v1").then_some(-200.0));
        assert_eq!(task.solved_at, expected, "{}", task.name);
    });
}

#[test]
fn trajectories_agree() {
    for_each_task(|task, fixture| {
        let ranges = ranges(&task.observation_space, &fixture.trajectories);
        let reward_range = span(fixture.trajectories.iter().flat_map(|t| &t.rewards)).max(1.0);
        let (mut worst, mut worst_reward) = (0.0_f64, 0.0_f64);
        for (k, recorded) in fixture.trajectories.iter().enumerate() {
            let actions = parse_actions(&task.action_space, &recorded.actions.to_string()).unwrap();
            assert_eq!(actions.len(), 200);
            let steps = trace(task.name, &recorded.state, &actions).unwrap();
            assert_eq!(steps.len(), 200);
            for (t, step) in steps.iter().enumerate() {
                let place = format!("{}, trajectory {k}, step {t}", task.name);
                assert_eq!(u8::from(step.terminated), recorded.terminated[t], "terminated: {place}");
                assert_eq!(u8::from(step.truncated), recorded.truncated[t], "truncated: {place}");
                let error = difference(&step.observation, &recorded.observations[t], &ranges);
                assert!(error <= OBSERVATION_TOLERANCE, "observation off by {error:e} of its range: {place}");
                let reward_error = (f64::from(step.reward) - recorded.rewards[t]).abs() / reward_range;
                assert!(reward_error <= REWARD_TOLERANCE, "reward off by {reward_error:e} of its range: {place}");
                (worst, worst_reward) = (worst.max(error), worst_reward.max(reward_error));
            }
        }
        println!("{}: observation {worst:.1e}, reward {worst_reward:.1e} of the range at most", task.name);
    });
}

/// The flags of the recorded trajectories do occur, so that the comparison above says something.
#[test]
fn trajectories_go_past_an_end() {
    for name in ["CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1"] {
        assert!(fixture(name).trajectories.iter().any(|t| t.terminated[..199].contains(&1)), "{name}");
    }
    for name in ["MountainCar-v0", "Pendulum-v1"] {
        assert!(fixture(name).trajectories.iter().all(|t| t.truncated[199] == 1 && t.truncated[198] == 0), "{name}");
    }
}

/// A batch of one, put into the recorded first state, ends its episode where Gymnasium does.
#[test]
fn whole_episodes_agree() {
    for_each_task(|task, fixture| {
        let ranges = ranges(&task.observation_space, &fixture.trajectories);
        let width = task.observation_space.width();
        for (k, recorded) in fixture.episodes.iter().enumerate() {
            let place = format!("{}, episode {k}", task.name);
            let actions = parse_actions(&task.action_space, &recorded.actions.to_string()).unwrap();
            let mut batch = Batch::new(1, || make_one(task.name).unwrap()).unwrap();
            let (mut observations, mut last) = (vec![0.0; width], vec![0.0; width]);
            let mut snapshot = batch.snapshot();
            snapshot.states.clone_from(&recorded.state);
            batch.restore(&snapshot, &mut observations).unwrap();
            let mut total = 0.0;
            for (t, action) in actions.iter().enumerate() {
                let (mut reward, mut terminated, mut truncated) = ([0.0], [0.0], [0.0]);
                let out = StepBuffers {
                    observations: &mut observations,
                    rewards: &mut reward,
                    terminated: &mut terminated,
                    truncated: &mut truncated,
                    final_observations: &mut last,
                };
                batch.step(action, out).unwrap();
                total += f64::from(reward[0]);
                let ended = [f32::from(recorded.terminated), f32::from(recorded.truncated)];
                let expected = if t + 1 == actions.len() { ended } else { [0.0; 2] };
                assert_eq!([terminated[0], truncated[0]], expected, "{place}, step {t}");
            }
            let error = difference(&last, &recorded.final_observation, &ranges);
            assert!(error <= OBSERVATION_TOLERANCE, "final observation off by {error:e} of its range: {place}");
            let allowed = 1e-6 * recorded.total.abs().max(1.0);
            assert!((total - recorded.total).abs() <= allowed, "return {total} for {}: {place}", recorded.total);
            assert_eq!(batch.snapshot().episodes, [1], "{place}");
        }
    });
}

#[test]
fn states_of_another_shape_are_refused() -> Result<(), EnvError> {
    for task in tasks() {
        let mut env = make_one(task.name)?;
        let (state, mut observation) = (env.state(), vec![0.0; task.observation_space.width()]);
        env.set_state(&state, &mut observation)?;
        for bad in [&state[1..], &[&state[..], &[0.0]].concat(), &vec![f64::NAN; state.len()], &[]] {
            let error = env.set_state(bad, &mut observation);
            assert!(matches!(error, Err(EnvError::BadState(_))), "{}: {bad:?} gave {error:?}", task.name);
        }
    }
    Ok(())
}
