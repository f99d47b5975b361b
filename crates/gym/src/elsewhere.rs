//! Where there are no socket pairs, there are no tasks of Python's.

use crate::{Task, TaskDescription};
use striatum_envs::{EnvError, VecEnv};

fn unavailable(task: &Task) -> EnvError {
    EnvError::Unavailable(format!("task `{}` needs Unix: workers are spoken to through socket pairs", task.name))
}

/// What a task is.
///
/// # Errors
/// Always.
pub fn describe(task: &Task) -> Result<TaskDescription, EnvError> {
    Err(unavailable(task))
}

/// A batch of a task's environments.
///
/// # Errors
/// Always.
pub fn make(task: &Task, _: usize) -> Result<Box<dyn VecEnv>, EnvError> {
    Err(unavailable(task))
}
