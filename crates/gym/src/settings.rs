//! What is asked for: a task of Python's, and how its workers run.

use serde::{Deserialize, Serialize};
use striatum_envs::{Params, Space};

/// What happens when a worker fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The run ends with an error.
    #[default]
    Stop,
    /// The worker is started anew, and its episodes count as cut.
    Restart,
}

/// Who steps the environments of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vectorization {
    /// The worker itself, one by one: the fastest.
    #[default]
    None,
    /// Gymnasium's `SyncVectorEnv`.
    Sync,
    /// Gymnasium's `AsyncVectorEnv`, with processes of its own.
    Async,
    /// The task's own vector environment.
    VectorEntryPoint,
}

/// When a vector environment resets an environment whose episode has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Autoreset {
    /// As the vector environment does it.
    #[default]
    Default,
    /// In the next step, whose action is ignored.
    NextStep,
    /// In the step that ends the episode.
    SameStep,
    /// Never: the worker resets it.
    Disabled,
}

/// Section `gym` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GymSettings {
    /// The Python; if empty, that of the active virtual environment, else `python3`.
    pub python: String,
    /// Worker processes; 0 is one a core.
    pub workers: usize,
    /// Modules to import first, which register tasks.
    pub imports: Vec<String>,
    /// Wrappers by import path, innermost first.
    pub wrappers: Vec<String>,
    /// Who steps the environments of a worker.
    pub vectorization: Vectorization,
    /// When a vector environment resets environments.
    pub autoreset: Autoreset,
    /// Gymnasium's render mode; if empty, none.
    pub render_mode: String,
    /// What happens when a worker fails.
    pub on_env_failure: OnFailure,
    /// Seconds after which a worker that does not answer counts as hanging.
    pub timeout: f32,
}

impl Default for GymSettings {
    fn default() -> Self {
        Self {
            python: String::new(),
            workers: 0,
            imports: Vec::new(),
            wrappers: Vec::new(),
            vectorization: Vectorization::default(),
            autoreset: Autoreset::default(),
            render_mode: String::new(),
            on_env_failure: OnFailure::default(),
            timeout: 60.0,
        }
    }
}

/// A task of Python's, of Gymnasium (`gym:ID`) or EnvPool (`envpool:ID`).
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name, such as `gym:LunarLander-v3`.
    pub name: String,
    /// How its workers run.
    pub settings: GymSettings,
    /// Arguments of its constructor.
    pub arguments: Params,
    /// How many environments share the workers.
    pub num_envs: usize,
}

impl Task {
    /// Whether this is the name of a task of Python's.
    pub fn is_name(name: &str) -> bool {
        matches!(name.split_once(':'), Some(("gym" | "envpool", _)))
    }

    /// Worker processes of all environments together: no more than there are environments.
    pub fn workers(&self) -> usize {
        let workers = match self.settings.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        workers.min(self.num_envs).max(1)
    }

    /// The prefix of the name: `gym` or `envpool`.
    pub fn kind(&self) -> &str {
        self.name.split_once(':').map_or("gym", |(kind, _)| kind)
    }

    /// The name without its prefix.
    pub fn id(&self) -> &str {
        self.name.split_once(':').map_or(&*self.name, |(_, id)| id)
    }
}

/// What a task of Python's says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskDescription {
    /// Its name.
    pub name: String,
    /// Steps after which an episode is truncated.
    pub time_limit: Option<u32>,
    /// The mean return of 100 episodes from which it counts as solved.
    pub solved_at: Option<f32>,
    /// What an observation is.
    pub observation_space: Space,
    /// What the numbers of an observation are called, in order: names and how many numbers each has.
    pub observation_names: Vec<(String, usize)>,
    /// What an action is.
    pub action_space: Space,
    /// How many choices the mask of allowed actions tells of; 0 if there is no mask.
    pub action_mask: usize,
    /// Whether it counts lives.
    pub lives: bool,
    /// Render modes that it knows.
    pub render_modes: Vec<String>,
    /// The versions of Gymnasium and Python.
    pub versions: String,
}
