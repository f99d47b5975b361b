//! What can go wrong in an environment.

/// An environment's error; each names the environment and the fix.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum EnvError {
    /// No built-in task has this name.
    #[error("there is no task `{name}`; {}`striatum envs` lists the tasks, and `gym:{name}` is Gymnasium's", suggestion.as_ref().map(|s| format!("did you mean `{s}`? ")).unwrap_or_default())]
    UnknownTask {
        /// The name asked for.
        name: String,
        /// The nearest name there is.
        suggestion: Option<String>,
    },
    /// The task has no such parameter.
    #[error("task `{task}` has no parameter `env.{name}`; {hint}")]
    UnknownParam {
        /// The task.
        task: &'static str,
        /// The parameter asked for.
        name: String,
        /// The nearest parameter there is, and all of them.
        hint: String,
    },
    /// An argument that a parameter may not have.
    #[error("`env.{name}` ({value}) of task `{task}` must be {allowed}; try {fix}")]
    BadParam {
        /// The task.
        task: &'static str,
        /// The parameter.
        name: &'static str,
        /// Its argument.
        value: String,
        /// What it may be.
        allowed: String,
        /// An argument that is allowed.
        fix: String,
    },
    /// A batch of no environments.
    #[error("`num_envs` is 0; give at least 1")]
    NoEnvironments,
    /// A reward or an observation is NaN or infinite.
    #[error(
        "environment {env} gave {what} = {value} at step {step} of its episode {episode}; rewards and observations must be finite"
    )]
    NotFinite {
        /// Index of the environment in its batch.
        env: usize,
        /// Episode of that environment, counted from 0.
        episode: u32,
        /// Step in the episode, counted from 1; 0 is the reset.
        step: u32,
        /// `reward` or `observation[i]`.
        what: String,
        /// The number.
        value: f32,
    },
    /// An action mask that leaves nothing to choose.
    #[error(
        "environment {env} allows no option of action {choice} in step {step}; its action mask must allow at least one of them"
    )]
    NothingAllowed {
        /// Index of the environment in its batch.
        env: usize,
        /// Step of the batch, counted from 0.
        step: u32,
        /// Which of the action's choices.
        choice: usize,
    },
    /// A task that is made outside this program cannot be had; the message says why, and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// A task outside this program failed; the message names environment and cause.
    #[error("{0}")]
    Failed(String),
    /// Something was asked of one environment of a batch that only steps as a whole.
    #[error(
        "these environments step together only; frame skip, no-op, fire and life wrappers need environments of their own"
    )]
    Together,
    /// A wrapper that does not fit the task.
    #[error("`wrappers.{key}` needs {needs}, and this task has {has}; {fix}")]
    Wrapper {
        /// The setting.
        key: &'static str,
        /// What it needs.
        needs: String,
        /// What there is in its place.
        has: String,
        /// What helps.
        fix: String,
    },
    /// An observation that is none of the choices of its space.
    #[error("environment {env} observed {value} as choice {index} among {n}; choices are whole numbers counted from 0")]
    NoChoice {
        /// Index of the environment in its batch.
        env: usize,
        /// Which of the observation's choices.
        index: usize,
        /// What was observed.
        value: f32,
        /// The number of options.
        n: usize,
    },
    /// A state that cannot be set.
    #[error("the state does not fit: {0}")]
    BadState(String),
    /// An action outside the space.
    #[error("the action does not fit: {0}")]
    BadAction(String),
}
