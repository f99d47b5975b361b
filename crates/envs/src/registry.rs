//! The built-in tasks by name.

use crate::classic::{Acrobot, CartPole, MountainCar, MountainCarContinuous, Pendulum};
use crate::dopamine::{Bandit, CliffGamble, Conditioning, PendulumContinuing, RiskyChoice, Vigour};
use crate::memory::{CartPoleNoVel, RepeatPrevious};
use crate::minatar::{Asterix, Breakout, Freeway, MinAtar, Seaquest, SpaceInvaders};
use crate::params::Arguments;
use crate::toy_text::{Blackjack, CliffWalking, FrozenLake, Taxi};
use crate::{Batch, Env, EnvError, Param, Params, Space, VecEnv};
use serde::Serialize;
use std::sync::LazyLock;

/// What is known of a built-in task without running it; spaces and limits are those at the parameters' defaults.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskInfo {
    /// Its name, Gymnasium's where it has the task.
    pub name: &'static str,
    /// One sentence on what is to be done.
    pub description: &'static str,
    /// Steps after which an episode is truncated.
    pub time_limit: Option<u32>,
    /// Whether it goes on for ever.
    pub continuing: bool,
    /// The mean return of 100 episodes from which the task counts as solved.
    pub solved_at: Option<f32>,
    /// What an observation is.
    pub observation_space: Space,
    /// What an action is.
    pub action_space: Space,
    /// What it may be asked for.
    pub params: &'static [Param],
}

/// A task with parameters.
pub(crate) trait Parametric: Env + Clone + 'static {
    /// What it may be asked for.
    const PARAMS: &'static [Param];

    /// The task with these arguments; an error if they do not fit each other.
    fn with(arguments: &Arguments) -> Result<Self, EnvError>;
}

/// Makes a batch of so many environments of the task that has the given name.
type MakeBatch = fn(&'static str, usize, &Arguments) -> Result<Box<dyn VecEnv>, EnvError>;

struct Entry {
    name: &'static str,
    description: &'static str,
    params: &'static [Param],
    one: fn(&Arguments) -> Result<Box<dyn Env>, EnvError>,
    batch: MakeBatch,
}

/// The one list of tasks.
static ENTRIES: [Entry; 25] = [
    entry::<CartPole>("CartPole-v1", "Balance a pole by pushing the cart it stands on left or right."),
    entry::<MountainCar>("MountainCar-v0", "Rock a weak car out of a valley by pushing left, right or not at all."),
    entry::<MountainCarContinuous>(
        "MountainCarContinuous-v0",
        "Rock a weak car out of a valley with little force in all.",
    ),
    entry::<Acrobot>("Acrobot-v1", "Swing the tip of a double pendulum up by a torque at its elbow."),
    entry::<Pendulum>("Pendulum-v1", "Swing a pendulum up and hold it there with little torque."),
    with_params::<PendulumContinuing>("Pendulum-continuing-v0", "Swing a pendulum up and hold it there for ever."),
    with_params::<Bandit>("Bandit-v0", "Find the arm that is rewarded most often, also after it changes."),
    with_params::<Conditioning>("Conditioning-v0", "Learn that a cue announces a reward; actions do nothing."),
    with_params::<RiskyChoice>("RiskyChoice-v0", "Choose between a safe amount and a gamble."),
    with_params::<CliffGamble>("CliffGamble-v0", "Walk along a cliff, over gambling cells or round them."),
    with_params::<Vigour>("Vigour-v0", "Choose how fast to act: haste is costly, and sloth loses time."),
    entry::<CartPoleNoVel>("CartPoleNoVel-v1", "Balance a pole on a cart without seeing how fast they move."),
    with_params::<RepeatPrevious>("RepeatPrevious-v0", "Name the suit of a card that was shown some steps ago."),
    with_params::<FrozenLake<false>>(
        "FrozenLake-v1",
        "Cross a frozen lake of 4 x 4 cells without falling into a hole.",
    ),
    with_params::<FrozenLake<true>>(
        "FrozenLake8x8-v1",
        "Cross a frozen lake of 8 x 8 cells without falling into a hole.",
    ),
    with_params::<CliffWalking<false>>("CliffWalking-v1", "Walk along a cliff without falling off."),
    with_params::<CliffWalking<true>>("CliffWalkingSlippery-v1", "Walk along a cliff on slippery ground."),
    with_params::<Taxi>("Taxi-v3", "Pick a passenger up and bring them where they want to go."),
    with_params::<Taxi>("Taxi-v4", "Pick a passenger up and bring them where they want to go."),
    with_params::<Blackjack>("Blackjack-v1", "Draw cards up to 21 and beat the dealer."),
    with_params::<MinAtar<Breakout>>("MinAtar/Breakout-v1", "Bounce a ball off a paddle against rows of bricks."),
    with_params::<MinAtar<Asterix>>("MinAtar/Asterix-v1", "Gather treasures that cross the screen, and evade enemies."),
    with_params::<MinAtar<Freeway>>("MinAtar/Freeway-v1", "Cross a road of eight lanes as often as time allows."),
    with_params::<MinAtar<Seaquest>>("MinAtar/Seaquest-v1", "Rescue divers and hit enemies while the air lasts."),
    with_params::<MinAtar<SpaceInvaders>>("MinAtar/SpaceInvaders-v1", "Shoot waves of aliens before they land."),
];

const fn entry<E: Env + Default + 'static>(name: &'static str, description: &'static str) -> Entry {
    Entry {
        name,
        description,
        params: &[],
        one: |_| Ok(Box::new(E::default())),
        batch: |name, num_envs, _| Ok(Box::new(Batch::new(num_envs, E::default)?.named(name))),
    }
}

const fn with_params<E: Parametric>(name: &'static str, description: &'static str) -> Entry {
    Entry {
        name,
        description,
        params: E::PARAMS,
        one: |arguments| Ok(Box::new(E::with(arguments)?)),
        batch: |name, num_envs, arguments| {
            let env = E::with(arguments)?;
            // One batch of boxes for all of them: a batch for each kind would be most of the code of small tasks.
            let make = || -> Box<dyn Env> { Box::new(env.clone()) };
            Ok(Box::new(Batch::new(num_envs, make)?.named(name)))
        },
    }
}

impl Entry {
    fn arguments(&self, params: &Params) -> Result<Arguments, EnvError> {
        params.complete(self.name, self.params)
    }
}

static TASKS: LazyLock<Vec<TaskInfo>> = LazyLock::new(|| {
    let info = |entry: &Entry| {
        let env = entry.arguments(&Params::default()).and_then(|arguments| (entry.one)(&arguments));
        let env = env.expect("defaults are allowed");
        TaskInfo {
            name: entry.name,
            description: entry.description,
            time_limit: env.time_limit(),
            continuing: env.continuing(),
            solved_at: env.solved_at(),
            observation_space: env.observation_space(),
            action_space: env.action_space(),
            params: entry.params,
        }
    };
    ENTRIES.iter().map(info).collect()
});

/// The built-in tasks.
pub fn tasks() -> &'static [TaskInfo] {
    &TASKS
}

/// The built-in task `name`.
///
/// # Errors
/// [`EnvError::UnknownTask`] with the nearest name if there is no such task.
pub fn task(name: &str) -> Result<&'static TaskInfo, EnvError> {
    tasks().iter().find(|task| task.name == name).ok_or_else(|| unknown(name))
}

/// An argument for every parameter of the built-in task `name`: those of `params`, else the defaults.
///
/// # Errors
/// [`EnvError::UnknownTask`] or [`EnvError::UnknownParam`] with the nearest name; [`EnvError::BadParam`] with the range.
pub fn check_params(name: &str, params: &Params) -> Result<Params, EnvError> {
    let entry = find(name)?;
    let arguments = entry.arguments(params)?;
    (entry.one)(&arguments)?;
    Ok(arguments.into_params())
}

/// A batch of `num_envs` environments of the built-in task `name`, with every parameter at its default.
///
/// # Errors
/// As [`make_with`].
pub fn make(name: &str, num_envs: usize) -> Result<Box<dyn VecEnv>, EnvError> {
    make_with(name, num_envs, &Params::default())
}

/// A batch of `num_envs` environments of the built-in task `name`.
///
/// # Errors
/// As [`check_params`]; [`EnvError::NoEnvironments`] if `num_envs` is 0.
pub fn make_with(name: &str, num_envs: usize, params: &Params) -> Result<Box<dyn VecEnv>, EnvError> {
    let entry = find(name)?;
    (entry.batch)(entry.name, num_envs, &entry.arguments(params)?)
}

/// One environment of the built-in task `name`, with every parameter at its default.
///
/// # Errors
/// As [`make_one_with`].
pub fn make_one(name: &str) -> Result<Box<dyn Env>, EnvError> {
    make_one_with(name, &Params::default())
}

/// One environment of the built-in task `name`.
///
/// # Errors
/// As [`check_params`].
pub fn make_one_with(name: &str, params: &Params) -> Result<Box<dyn Env>, EnvError> {
    let entry = find(name)?;
    (entry.one)(&entry.arguments(params)?)
}

fn find(name: &str) -> Result<&'static Entry, EnvError> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> EnvError {
    EnvError::UnknownTask { name: name.to_owned(), suggestion: nearest(name) }
}

/// The task whose name is most like `name` (Jaro and Winkler 1990, letter case aside), if any is alike enough.
fn nearest(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    ENTRIES
        .iter()
        .map(|entry| (strsim::jaro_winkler(&name, &entry.name.to_lowercase()), entry.name))
        .filter(|&(likeness, _)| likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_can_be_made_and_is_described() {
        for task in tasks() {
            let batch = make(task.name, 3).unwrap();
            assert_eq!(batch.num_envs(), 3);
            assert_eq!(batch.observation_space(), &task.observation_space);
            assert_eq!(batch.action_space(), &task.action_space);
            assert_eq!(batch.solved_at(), make_one(task.name).unwrap().solved_at());
            assert_eq!(batch.continuing(), task.continuing);
            assert!(task.description.ends_with('.'), "{}", task.description);
            assert_eq!(super::task(task.name), Ok(task));
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        for (name, nearest) in [
            ("cartpole-v1", Some("CartPole-v1")),
            ("CartPole", Some("CartPole-v1")),
            ("MountainCarContinuos-v0", Some("MountainCarContinuous-v0")),
            ("MountainCar", Some("MountainCar-v0")),
            ("Pendulum-v0", Some("Pendulum-v1")),
            ("zzz", None),
            ("", None),
        ] {
            let expected = EnvError::UnknownTask { name: name.to_owned(), suggestion: nearest.map(str::to_owned) };
            assert_eq!(make(name, 1).err(), Some(expected));
        }
        assert_eq!(
            make_one("CartPole-v2").err().unwrap().to_string(),
            "there is no task `CartPole-v2`; did you mean `CartPole-v1`? `striatum envs` lists the tasks, and \
             `gym:CartPole-v2` is Gymnasium's"
        );
    }

    #[test]
    fn no_environments_is_an_error() {
        assert_eq!(make("CartPole-v1", 0).err(), Some(EnvError::NoEnvironments));
    }
}
