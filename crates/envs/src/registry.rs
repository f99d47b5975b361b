//! The built-in tasks by name.

use crate::classic::{Acrobot, CartPole, MountainCar, MountainCarContinuous, Pendulum};
use crate::{Batch, Env, EnvError, Space, VecEnv};
use serde::Serialize;
use std::sync::LazyLock;

/// What is known of a built-in task without running it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskInfo {
    /// Gymnasium's name.
    pub name: &'static str,
    /// One sentence on what is to be done.
    pub description: &'static str,
    /// Steps after which an episode is truncated.
    pub time_limit: Option<u32>,
    /// The mean return of 100 episodes from which the task counts as solved.
    pub solved_at: Option<f32>,
    /// What an observation is.
    pub observation_space: Space,
    /// What an action is.
    pub action_space: Space,
}

/// Makes a batch of so many environments of the task that has the given name.
type MakeBatch = fn(&'static str, usize) -> Result<Box<dyn VecEnv>, EnvError>;

struct Entry {
    name: &'static str,
    description: &'static str,
    one: fn() -> Box<dyn Env>,
    batch: MakeBatch,
}

/// The one list of tasks.
static ENTRIES: [Entry; 5] = [
    entry::<CartPole>("CartPole-v1", "Balance a pole by pushing the cart it stands on left or right."),
    entry::<MountainCar>("MountainCar-v0", "Rock a weak car out of a valley by pushing left, right or not at all."),
    entry::<MountainCarContinuous>(
        "MountainCarContinuous-v0",
        "Rock a weak car out of a valley with little force in all.",
    ),
    entry::<Acrobot>("Acrobot-v1", "Swing the tip of a double pendulum up by a torque at its elbow."),
    entry::<Pendulum>("Pendulum-v1", "Swing a pendulum up and hold it there with little torque."),
];

const fn entry<E: Env + Default + 'static>(name: &'static str, description: &'static str) -> Entry {
    Entry {
        name,
        description,
        one: || Box::new(E::default()),
        batch: |name, num_envs| Ok(Box::new(Batch::new(num_envs, E::default)?.named(name))),
    }
}

static TASKS: LazyLock<Vec<TaskInfo>> = LazyLock::new(|| {
    let info = |&Entry { name, description, one, .. }: &Entry| {
        let env = one();
        TaskInfo {
            name,
            description,
            time_limit: env.time_limit(),
            solved_at: env.solved_at(),
            observation_space: env.observation_space(),
            action_space: env.action_space(),
        }
    };
    ENTRIES.iter().map(info).collect()
});

/// The built-in tasks.
pub fn tasks() -> &'static [TaskInfo] {
    &TASKS
}

/// A batch of `num_envs` environments of the built-in task `name`.
///
/// # Errors
/// [`EnvError::UnknownTask`] with the nearest name if there is no such task; [`EnvError::NoEnvironments`] if `num_envs` is
/// 0.
pub fn make(name: &str, num_envs: usize) -> Result<Box<dyn VecEnv>, EnvError> {
    let entry = find(name)?;
    (entry.batch)(entry.name, num_envs)
}

/// One environment of the built-in task `name`.
///
/// # Errors
/// [`EnvError::UnknownTask`] with the nearest name if there is no such task.
pub fn make_one(name: &str) -> Result<Box<dyn Env>, EnvError> {
    Ok((find(name)?.one)())
}

fn find(name: &str) -> Result<&'static Entry, EnvError> {
    ENTRIES
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| EnvError::UnknownTask { name: name.to_owned(), suggestion: nearest(name) })
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
            assert!(task.description.ends_with('.'), "{}", task.description);
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
            "there is no task `CartPole-v2`; did you mean `CartPole-v1`? `striatum envs` lists the tasks"
        );
    }

    #[test]
    fn no_environments_is_an_error() {
        assert_eq!(make("CartPole-v1", 0).err(), Some(EnvError::NoEnvironments));
    }
}
