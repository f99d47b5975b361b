//! Parity with what `scripts/record_toy_text.py` recorded from Gymnasium: all transitions, and runs given the same random numbers.

use super::taxi::mask;
use super::{Blackjack, CliffWalking, FrozenLake, Outcome, Outcomes, Taxi};
use crate::chance::replay::{Draw, Replay};
use crate::registry::Parametric;
use crate::{Env, Params, Space, make_one_with, task};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Fixture {
    gymnasium: String,
    tasks: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    task: String,
    params: serde_json::Map<String, Value>,
    /// Choices of each number of an observation.
    choices: Vec<usize>,
    actions: usize,
    time_limit: Option<u32>,
    reward_threshold: Option<f32>,
    /// By state and action.
    table: Option<Vec<Vec<Chances>>>,
    /// By state, which actions change it.
    masks: Option<Vec<[u8; 6]>>,
    run: Run,
}

/// Probability, next state, reward and whether that is the end.
type Chances = Vec<(f64, usize, f32, u8)>;

#[derive(Deserialize)]
struct Run {
    first: Vec<f32>,
    /// A digit a step.
    actions: String,
    observations: Vec<Vec<f32>>,
    rewards: Vec<f32>,
    /// Steps that ended an episode, and the first observation of the next.
    restarts: Vec<(usize, Vec<f32>)>,
    draws: Vec<Draw>,
}

fn fixture() -> Fixture {
    let path = "tests/fixtures/toy_text.json";
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn params(recorded: &Recorded) -> Params {
    recorded.params.iter().fold(Params::default(), |params, (name, value)| params.with(name, value.clone()))
}

/// A task as the recording sees it.
trait Recordable: Parametric {
    fn outcomes_of(&self, _state: usize, _action: usize) -> Outcomes {
        panic!("no table was recorded");
    }

    /// Starts an episode.
    fn begin(&mut self, chance: &mut Replay);

    /// Takes a step; gives the reward and whether the episode is over.
    fn go(&mut self, action: usize, chance: &mut Replay) -> (f32, bool);

    /// The observation of the state as it is.
    fn seen(&mut self) -> Vec<f32> {
        let mut observation = vec![0.0; self.observation_space().width()];
        let state = self.state();
        self.set_state(&state, &mut observation).unwrap();
        observation
    }
}

macro_rules! tabular {
    ($(impl[$($generics:tt)*] $task:ty, $self:ident, $state:ident, $action:ident: $outcomes:expr;)*) => {$(
        impl<$($generics)*> Recordable for $task {
            fn outcomes_of(&$self, $state: usize, $action: usize) -> Outcomes {
                $outcomes
            }

            fn begin(&mut self, chance: &mut Replay) {
                self.start(chance);
            }

            fn go(&mut self, action: usize, chance: &mut Replay) -> (f32, bool) {
                let Outcome { reward, terminated, .. } = self.take(action, chance);
                (reward, terminated)
            }
        }
    )*};
}

tabular! {
    impl[const LARGE: bool] FrozenLake<LARGE>, self, state, action: self.outcomes(state, action);
    impl[const SLIPPERY: bool] CliffWalking<SLIPPERY>, self, state, action: Self::outcomes(state, action);
    impl[] Taxi, self, state, action: self.outcomes(state, action);
}

impl Recordable for Blackjack {
    fn begin(&mut self, chance: &mut Replay) {
        self.start(chance);
    }

    fn go(&mut self, action: usize, chance: &mut Replay) -> (f32, bool) {
        self.take(action == 1, chance)
    }

    fn seen(&mut self) -> Vec<f32> {
        let mut observation = vec![0.0; 3];
        self.observe(&mut observation);
        observation
    }
}

fn check_table(env: &impl Recordable, recorded: &Recorded) {
    let Some(table) = &recorded.table else { return };
    for (state, actions) in table.iter().enumerate() {
        assert_eq!(actions.len(), recorded.actions);
        for (action, expected) in actions.iter().enumerate() {
            let outcomes = env.outcomes_of(state, action);
            let place = format!("{} {:?}, state {state}, action {action}", recorded.task, recorded.params);
            assert_eq!(outcomes.all().len(), expected.len(), "{place}");
            for (got, &(probability, state, reward, terminated)) in outcomes.all().iter().zip(expected) {
                let expected = Outcome { probability, state, reward, terminated: terminated == 1 };
                assert_eq!(*got, expected, "{place}");
            }
        }
    }
}

fn check_run(env: &mut impl Recordable, recorded: Recorded) {
    let Recorded { task, params, run, .. } = recorded;
    let (mut chance, mut restarts) = (Replay::new(run.draws), run.restarts.into_iter().peekable());
    env.begin(&mut chance);
    assert_eq!(env.seen(), run.first, "{task} {params:?}");
    for (t, action) in run.actions.bytes().enumerate() {
        let place = format!("{task} {params:?}, step {t}");
        let (reward, over) = env.go(usize::from(action - b'0'), &mut chance);
        assert_eq!((env.seen(), reward), (run.observations[t].clone(), run.rewards[t]), "{place}");
        let restart = restarts.next_if(|next| next.0 == t);
        assert_eq!(over, restart.is_some(), "{place}");
        if let Some((_, first)) = restart {
            env.begin(&mut chance);
            assert_eq!(env.seen(), first, "{place}");
        }
    }
    assert!(chance.is_used_up() && restarts.next().is_none(), "{task} {params:?}: all was used");
}

fn check<E: Recordable>(name: &'static str) {
    let mut count = 0;
    for recorded in fixture().tasks.into_iter().filter(|recorded| recorded.task == name) {
        let mut env = E::with(&params(&recorded).complete(name, E::PARAMS).unwrap()).unwrap();
        check_table(&env, &recorded);
        check_run(&mut env, recorded);
        count += 1;
    }
    assert!(count > 0, "{name} was recorded");
}

#[test]
fn transitions_and_runs_are_gymnasiums() {
    check::<FrozenLake<false>>("FrozenLake-v1");
    check::<FrozenLake<true>>("FrozenLake8x8-v1");
    check::<CliffWalking<false>>("CliffWalking-v1");
    check::<CliffWalking<true>>("CliffWalkingSlippery-v1");
    check::<Taxi>("Taxi-v4");
    check::<Blackjack>("Blackjack-v1");
}

#[test]
fn spaces_limits_and_thresholds_are_gymnasiums() {
    let fixture = fixture();
    assert!(fixture.gymnasium.starts_with("1."), "recorded with {}", fixture.gymnasium);
    for recorded in fixture.tasks {
        let env = make_one_with(&recorded.task, &params(&recorded)).unwrap();
        let expected = match recorded.choices[..] {
            [n] => Space::Discrete { n },
            _ => Space::MultiDiscrete { nvec: recorded.choices },
        };
        assert_eq!(env.observation_space(), expected, "{}", recorded.task);
        assert_eq!(env.action_space(), Space::Discrete { n: recorded.actions });
        let info = task(&recorded.task).unwrap();
        assert_eq!(
            (info.time_limit, info.solved_at),
            (recorded.time_limit, recorded.reward_threshold),
            "{}",
            info.name
        );
    }
    let (three, four) = (task("Taxi-v3").unwrap(), task("Taxi-v4").unwrap());
    assert_eq!((three.time_limit, three.solved_at, three.params), (four.time_limit, four.solved_at, four.params));
}

#[test]
fn masks_are_gymnasiums() {
    let recorded = fixture().tasks.into_iter().find_map(|recorded| recorded.masks).unwrap();
    assert_eq!(recorded.len(), 500);
    for (state, expected) in recorded.into_iter().enumerate() {
        assert_eq!(mask(state).map(u8::from), expected, "state {state}");
    }
    let mut env = make_one_with("Taxi-v3", &Params::default().with("mask", true)).unwrap();
    let mut observation = vec![2.0; env.observation_space().width()];
    // At the red stand, where the passenger waits for a drive to the green one: down, right past the open side, and picking up.
    env.set_state(&[1.0, 0.0], &mut observation).unwrap();
    let marks = observation.split_off(500);
    assert_eq!((observation[1], observation.iter().sum::<f32>()), (1.0, 1.0));
    assert_eq!((marks, env.action_mask_width()), (vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 6));
}

#[test]
fn maps_of_ones_own_are_checked() {
    for map in ["", "S", "SG/S", "SXG", "FFG", "SFF", "SF/", "5x5"] {
        let error = make_one_with("FrozenLake-v1", &Params::default().with("map", map)).err().unwrap().to_string();
        assert!(error.starts_with("`env.map` (\"") && error.ends_with("; try SFF/FHF/FFG"), "{error}");
    }
    let env = make_one_with("FrozenLake-v1", &Params::default().with("map", "SG")).unwrap();
    assert_eq!(env.observation_space(), Space::Discrete { n: 2 });
    let two = Params::default().with("rewards", vec![1.0, 0.0]);
    let error = make_one_with("FrozenLake-v1", &two).err().unwrap().to_string();
    assert!(error.contains("must be three: at the goal, in a hole and elsewhere; try [1, 0, 0]"), "{error}");
}

#[test]
fn a_walk_into_a_wall_ends_where_steps_are_given() {
    assert_eq!(make_one_with("CliffWalking-v1", &Params::default()).unwrap().time_limit(), None);
    assert_eq!(make_one_with("CliffWalking-v1", &Params::default().with("steps", 7)).unwrap().time_limit(), Some(7));
}
