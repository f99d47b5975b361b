//! Opening tasks. What a task is gets asked once a process; the worker that told it becomes the first of the first batch.

use crate::worker::{Description, Worker, order, python_of};
use crate::{GymEnvs, Task, TaskDescription};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use striatum_envs::EnvError;

/// A task that was asked, and the worker that told, if nobody has taken it.
struct Known {
    description: Arc<Description>,
    spare: Option<Worker>,
}

/// Every task that was asked, by all that decides what it is.
fn known() -> &'static Mutex<HashMap<String, Known>> {
    static KNOWN: OnceLock<Mutex<HashMap<String, Known>>> = OnceLock::new();
    KNOWN.get_or_init(Mutex::default)
}

fn key(task: &Task) -> String {
    format!("{} {}", python_of(task).display(), order(task))
}

/// What a task is.
///
/// # Errors
/// [`EnvError::Unavailable`] if there is no such Python, package or task; [`EnvError::Failed`] if the task fails.
pub fn describe(task: &Task) -> Result<TaskDescription, EnvError> {
    Ok(ask(task)?.of_task(&task.name))
}

/// A batch of `count` environments of a task. Its workers start when it is first reset.
///
/// # Errors
/// As [`describe`]; [`EnvError::NoEnvironments`] if `count` is 0.
pub fn make(task: &Task, count: usize) -> Result<GymEnvs, EnvError> {
    if count == 0 {
        return Err(EnvError::NoEnvironments);
    }
    Ok(GymEnvs::new(task.clone(), ask(task)?, count))
}

fn ask(task: &Task) -> Result<Arc<Description>, EnvError> {
    let mut known = known().lock().unwrap_or_else(PoisonError::into_inner);
    let key = key(task);
    if let Some(known) = known.get(&key) {
        return Ok(Arc::clone(&known.description));
    }
    let mut worker = Worker::start(task)?;
    let description = Arc::new(worker.describe(task)?);
    known.insert(key, Known { description: Arc::clone(&description), spare: Some(worker) });
    Ok(description)
}

/// The worker that told what the task is, once.
pub(crate) fn take_spare(task: &Task) -> Option<Worker> {
    known().lock().unwrap_or_else(PoisonError::into_inner).get_mut(&key(task))?.spare.take()
}
