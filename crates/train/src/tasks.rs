//! From a configuration to environments.

use crate::config::Config;
use crate::error::TrainError;
use striatum_envs::wrappers::wrap;
use striatum_envs::{EnvError, VecEnv};
use striatum_gym::{Autoreset, Task, Vectorization};

/// A batch of `count` environments of the task that a configuration names, built-in or Python's, with its parameters and wrappers.
///
/// # Errors
/// If there is no such task, or it cannot be made, or a wrapper does not fit it.
pub fn make(config: &Config, count: usize) -> Result<Box<dyn VecEnv>, TrainError> {
    let batch = match bridged(config) {
        Some(task) => Box::new(striatum_gym::make(&task, count)?),
        None => striatum_envs::make_with(&config.task, count, &config.env)?,
    };
    Ok(wrap(batch, &config.wrappers)?)
}

/// The task of Python's that a configuration names, if it names one.
pub fn bridged(config: &Config) -> Option<Task> {
    Task::is_name(&config.task).then(|| Task {
        name: config.task.clone(),
        settings: config.gym.clone(),
        arguments: config.env.clone(),
        num_envs: config.num_envs,
    })
}

/// Has environments of Python's draw themselves, which they do only if they are made for it.
pub fn with_pictures(config: &mut Config) {
    if Task::is_name(&config.task) && config.gym.render_mode.is_empty() {
        config.gym.render_mode = "rgb_array".to_owned();
        // A vector environment does not tell what the end of an episode looked like.
        config.gym.vectorization = Vectorization::None;
        config.gym.autoreset = Autoreset::Default;
    }
}

/// Whether a name can be a task's: that of a built-in one, or one of Python's, whatever Python has.
///
/// # Errors
/// [`EnvError::UnknownTask`] with the nearest name.
pub fn check_name(name: &str) -> Result<(), EnvError> {
    if Task::is_name(name) { Ok(()) } else { striatum_envs::task(name).map(|_| ()) }
}
