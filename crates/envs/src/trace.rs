//! Stepping one environment by hand from a given internal state.

use crate::{Env, EnvError, Space, make_one};
use serde::Serialize;
use serde_json::Value;
use striatum_rng::{Purpose, Stream};

/// What one action led to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceStep {
    /// The observation after the step.
    pub observation: Vec<f32>,
    /// The reward of the step.
    pub reward: f32,
    /// Whether the state after the step is terminal.
    pub terminated: bool,
    /// Whether the time limit is reached; as in Gymnasium also where `terminated` is true.
    pub truncated: bool,
}

/// Takes `actions` one after the other in one environment of the built-in task `task`, from the internal `state`.
///
/// `state` has the layout of Gymnasium's `env.unwrapped.state`, each action is a row of the task's action space. The end
/// of an episode does not stop or reset the environment: its dynamics go on, and the flags are computed for every step.
/// Actions outside a box are taken as they are, as Gymnasium does. Random dynamics draw with seed 0.
///
/// # Errors
/// [`EnvError::UnknownTask`], [`EnvError::BadState`], [`EnvError::BadAction`] with the position of the action, or
/// [`EnvError::NotFinite`] where the numbers overflow.
pub fn trace(task: &str, state: &[f64], actions: &[Vec<f32>]) -> Result<Vec<TraceStep>, EnvError> {
    trace_env(&mut *make_one(task)?, state, actions)
}

/// [`trace`] in an environment that is there already.
///
/// # Errors
/// As [`trace`].
pub fn trace_env(env: &mut dyn Env, state: &[f64], actions: &[Vec<f32>]) -> Result<Vec<TraceStep>, EnvError> {
    let (action_space, time_limit) = (env.action_space(), env.time_limit());
    let mut observation = vec![0.0; env.observation_space().width()];
    env.set_state(state, &mut observation)?;
    actions
        .iter()
        .enumerate()
        .map(|(i, action)| {
            check_action(&action_space, i, action)?;
            let index = i as u32;
            let step = env.step(action, &mut Stream::new(0, Purpose::Dynamics, 0, index), &mut observation);
            let count = index.saturating_add(1);
            check_finite(count, step.reward, &observation)?;
            Ok(TraceStep {
                observation: observation.clone(),
                reward: step.reward,
                terminated: step.terminated,
                truncated: step.truncated || time_limit.is_some_and(|limit| count >= limit),
            })
        })
        .collect()
}

/// Reads a state, a JSON list of numbers such as `[0.0, 0.1]`.
///
/// # Errors
/// [`EnvError::BadState`] if `json` is anything else.
pub fn parse_state(json: &str) -> Result<Vec<f64>, EnvError> {
    serde_json::from_str(json)
        .map_err(|error| EnvError::BadState(format!("give a JSON list of numbers such as [0.0, 0.1]: {error}")))
}

/// Reads actions, a JSON list with one row of numbers an action, `[[0.5], [0.1]]`; where a row has one number it may
/// stand alone, `[0, 1, 1]`.
///
/// # Errors
/// [`EnvError::BadAction`] if `json` is anything else, or with the position (counted from 0) of an action that is not in
/// `space`: one of wrong width, or a choice that does not exist. Numbers outside a box's bounds are accepted.
pub fn parse_actions(space: &Space, json: &str) -> Result<Vec<Vec<f32>>, EnvError> {
    let shape = if space.width() == 1 { "[0, 1, 1]" } else { "[[0.5, 0.1], [0.2, 0.3]]" };
    let list: Vec<Value> = serde_json::from_str(json)
        .map_err(|error| EnvError::BadAction(format!("give a JSON list of actions such as {shape}: {error}")))?;
    list.iter()
        .enumerate()
        .map(|(i, value)| {
            let row = match value {
                Value::Array(numbers) => {
                    numbers.iter().map(|number| parse_number(i, number)).collect::<Result<_, _>>()?
                }
                number => vec![parse_number(i, number)?],
            };
            check_action(space, i, &row)?;
            Ok(row)
        })
        .collect()
}

fn parse_number(i: usize, value: &Value) -> Result<f32, EnvError> {
    let number = value.as_f64().ok_or_else(|| EnvError::BadAction(format!("action {i}: {value} is not a number")))?;
    Ok(number as f32)
}

/// Whether `action`, the `i`-th, may be taken in `space`.
fn check_action(space: &Space, i: usize, action: &[f32]) -> Result<(), EnvError> {
    let width = space.width();
    if action.len() != width {
        return Err(EnvError::BadAction(format!("action {i} has {} numbers; give {width}", action.len())));
    }
    for (j, &value) in action.iter().enumerate() {
        let choices = match space {
            Space::Box { .. } | Space::Image { .. } if value.is_finite() => continue,
            Space::Box { .. } | Space::Image { .. } => {
                return Err(EnvError::BadAction(format!(
                    "action {i}: {value} is not a finite number in single precision"
                )));
            }
            Space::Discrete { n } => *n,
            Space::MultiDiscrete { nvec } => nvec[j],
            Space::MultiBinary { .. } => 2,
        };
        if value.fract() != 0.0 || !(0.0..choices as f32).contains(&value) {
            let last = choices.saturating_sub(1);
            return Err(EnvError::BadAction(format!("action {i}: {value} is not a whole number in 0..={last}")));
        }
    }
    Ok(())
}

fn check_finite(step: u32, reward: f32, observation: &[f32]) -> Result<(), EnvError> {
    let error = |what, value| Err(EnvError::NotFinite { env: 0, episode: 0, step, what, value });
    if !reward.is_finite() {
        return error("reward".to_owned(), reward);
    }
    match observation.iter().position(|x| !x.is_finite()) {
        Some(i) => error(format!("observation[{i}]"), observation[i]),
        None => Ok(()),
    }
}
