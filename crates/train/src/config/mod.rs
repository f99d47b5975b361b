//! The configuration of a run: defaults, presets, files and overrides, resolved to one validated [`Config`].
//!
//! Layers, each over the one before: [`Config::default`], the [preset of wrappers](wrapper_preset), the built-in [`preset`] of the task and
//! algorithm, the file of `--config`, each `--set KEY=VALUE` in order, and the explicit flags.

mod choice;
mod error;
mod keys;
mod kind;
mod layers;
mod presets;
mod validate;
mod write;

pub use choice::{DeviceChoice, EngineChoice, ParseDeviceError, ParseEngineError};
pub use error::ConfigError;
pub use keys::{KEYS, Key};
pub use kind::{Kind, MAX_COUNT};
pub use presets::{PRESETS, preset, wrapper_preset};

use layers::Layer;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use striatum_agent::{A2cSettings, Algorithm, CriticSettings, DopamineSettings, NetworkSettings, PpoSettings};
use striatum_envs::Params;
use striatum_envs::wrappers::WrapperSettings;
use striatum_gym::GymSettings;
use toml::Table;

/// Everything that decides a run's result, and how it is watched. [`KEYS`] documents each key and its range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The task: a built-in name, `gym:` and Gymnasium's, or what the runs of a task of your own are called.
    pub task: String,
    /// The algorithm; only its own section applies.
    pub algo: Algorithm,
    /// What computes the networks.
    pub engine: EngineChoice,
    /// Where to train.
    pub device: DeviceChoice,
    /// Seed of everything random.
    pub seed: u64,
    /// Environment steps of the run, all environments together.
    pub total_steps: u64,
    /// Environments that are stepped together.
    pub num_envs: usize,
    /// Threads of the CPU engine; 0 is one a core.
    pub threads: usize,
    /// PPO.
    pub ppo: PpoSettings,
    /// A2C.
    pub a2c: A2cSettings,
    /// The networks.
    pub network: NetworkSettings,
    /// The value heads.
    pub critic: CriticSettings,
    /// The opponent pathways.
    pub dopamine: DopamineSettings,
    /// Running normalisation.
    pub normalize: NormalizeSettings,
    /// Wrappers around the environments.
    pub wrappers: WrapperSettings,
    /// Evaluation during training.
    pub eval: EvalSettings,
    /// Checkpoints and early stop.
    pub run: RunSettings,
    /// Workers of a task of Python's.
    pub gym: GymSettings,
    /// Arguments for the parameters of a built-in task, which declares them, or of a Python task's constructor.
    pub env: Params,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            task: "CartPole-v1".to_owned(),
            algo: Algorithm::default(),
            engine: EngineChoice::default(),
            device: DeviceChoice::default(),
            seed: 0,
            total_steps: 1_000_000,
            num_envs: 8,
            threads: 0,
            ppo: PpoSettings::default(),
            a2c: A2cSettings::default(),
            network: NetworkSettings::default(),
            critic: CriticSettings::default(),
            dopamine: DopamineSettings::default(),
            normalize: NormalizeSettings::default(),
            wrappers: WrapperSettings::default(),
            eval: EvalSettings::default(),
            run: RunSettings::default(),
            gym: GymSettings::default(),
            env: Params::default(),
        }
    }
}

/// Section `normalize`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NormalizeSettings {
    /// Whether observations are centred and scaled by their running statistics.
    pub observations: bool,
    /// Whether rewards are divided by the running standard deviation of the discounted return.
    pub rewards: bool,
    /// Normalised observations are clipped to plus and minus this.
    pub observation_clip: f32,
    /// Normalised rewards are clipped to plus and minus this.
    pub reward_clip: f32,
}

impl Default for NormalizeSettings {
    fn default() -> Self {
        Self { observations: false, rewards: false, observation_clip: 10.0, reward_clip: 10.0 }
    }
}

/// Section `eval`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalSettings {
    /// Environment steps between evaluations; 0 is only at the end.
    pub interval: u64,
    /// Episodes of an evaluation.
    pub episodes: usize,
    /// Steps that count as an episode where a task goes on for ever.
    pub continuing_steps: u32,
}

impl Default for EvalSettings {
    fn default() -> Self {
        Self { interval: 25_000, episodes: 10, continuing_steps: 1000 }
    }
}

/// Section `run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunSettings {
    /// Environment steps between checkpoints; 0 is only at the end and when interrupted.
    pub checkpoint_interval: u64,
    /// Environment steps between the points of learning curves; 0 is one an iteration.
    pub log_interval: u64,
    /// Whether the run ends once the task counts as solved.
    pub stop_at_threshold: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { checkpoint_interval: 100_000, log_interval: 1_000, stop_at_threshold: false }
    }
}

/// What the user asked for, before it is resolved.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The task; it wins over every layer.
    pub task: String,
    /// The algorithm, if given explicitly; it wins over every layer.
    pub algo: Option<Algorithm>,
    /// TOML text in place of the built-in preset, for a task that brings its own.
    pub preset: Option<String>,
    /// The file of `--config`.
    pub file: Option<PathBuf>,
    /// The arguments of `--set`, each `KEY=VALUE`, later ones winning.
    pub sets: Vec<String>,
    /// The explicit flags, as a table shaped like the configuration.
    pub overrides: Table,
    /// What a launch of several agents varies, each `KEY=VALUE`; it wins over every layer but `task` and `algo`.
    pub varied: Vec<String>,
}

impl Config {
    /// Resolves a request: lays the layers over each other and validates the result.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read, a layer is malformed, or a key is unknown, of a wrong type or out of
    /// its range.
    pub fn resolve(request: &Request) -> Result<Self, ConfigError> {
        // The preset lies below what the user wrote, but which preset it is depends on that.
        let mut asked = Table::new();
        for layer in user_layers(request)? {
            layer.apply(&mut asked)?;
        }
        let algo = request.algo.unwrap_or(layers::read(&asked, "the settings")?.algo);

        let mut table = Table::new();
        if let Some(text) = wrapper_preset(&request.task, layers::read(&asked, "the settings")?.wrappers.preset) {
            Layer::parse("the preset of wrappers", text)?.apply(&mut table)?;
        }
        if let Some(text) = request.preset.as_deref().or_else(|| preset(&request.task, algo)) {
            Layer::parse(format!("the preset of {}", request.task), text)?.apply(&mut table)?;
        }
        layers::merge(&mut table, asked);

        let config = Self { task: request.task.clone(), algo, ..layers::read(&table, "the settings")? };
        config.completed()
    }
}

/// What the user wrote, lowest layer first.
fn user_layers(request: &Request) -> Result<Vec<Layer>, ConfigError> {
    let mut layers = Vec::new();
    if let Some(path) = &request.file {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.clone(), source })?;
        layers.push(Layer::parse(format!("`{}`", path.display()), &text)?);
    }
    for text in &request.sets {
        layers.push(Layer::from_assignment("--set", text)?);
    }
    layers.push(Layer::new("the command line", request.overrides.clone()));
    for text in &request.varied {
        layers.push(Layer::from_assignment("--vary", text)?);
    }
    Ok(layers)
}
