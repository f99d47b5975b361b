//! What can be wrong with a configuration. Each message names the key and the fix.

use std::path::PathBuf;
use striatum_envs::EnvError;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file of `--config` cannot be read.
    #[error("cannot read the configuration file `{}` ({source}); give --config a readable TOML file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A text is not TOML.
    #[error("{origin} is not valid TOML; correct this:\n{source}")]
    Syntax {
        /// Where the text came from.
        origin: String,
        /// The parser's message, with line and column.
        source: toml::de::Error,
    },
    /// A `--set` without a key or without `=`.
    #[error("`--set {text}` must have the form KEY=VALUE, for example `--set ppo.clip=0.1`")]
    Set {
        /// The argument.
        text: String,
    },
    /// A key that does not exist.
    #[error("unknown key `{key}` in {origin}; {hint}")]
    UnknownKey {
        /// The full dotted key.
        key: String,
        /// Where it stands.
        origin: String,
        /// The keys nearest to it.
        hint: String,
    },
    /// A value of the wrong type, or a word that is not among the choices.
    #[error("`{key}` in {origin} must be {expected}, not {found}")]
    WrongType {
        /// The full dotted key.
        key: String,
        /// Where it stands.
        origin: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A value outside its range.
    #[error("`{key}` ({value}) must be {allowed}; try {fix}")]
    OutOfRange {
        /// The full dotted key.
        key: String,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: String,
        /// A value that is allowed: the key's default.
        fix: String,
    },
    /// An argument for a task that does not declare its parameters.
    #[error(
        "`env.{name}` is for built-in tasks, and `{task}` is none (`striatum envs` lists them); \
         set its parameters where the task is made"
    )]
    ForeignParam {
        /// The parameter.
        name: String,
        /// The task.
        task: String,
    },
    /// An argument that cannot be given to Python.
    #[error("`env.{name}` is for the constructor of Python's `{task}`, and must be {expected}")]
    Argument {
        /// The argument.
        name: String,
        /// The task.
        task: String,
        /// What it must be.
        expected: &'static str,
    },
    /// An argument that the task does not take.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// PPO's minibatches do not divide the rollout.
    #[error("`ppo.minibatches` ({minibatches}) must divide `ppo.num_steps * num_envs` ({samples}); try {fix}")]
    Minibatches {
        /// How many were asked for.
        minibatches: usize,
        /// Samples of a rollout.
        samples: usize,
        /// The nearest number that divides them.
        fix: usize,
    },
    /// States of a memory that no machine has room for.
    #[error(
        "`network.memory_width` ({width}) makes {numbers} numbers that a rollout of {samples} samples remembers, and there is room for \
         {max}; try {fix}, or fewer `num_envs`"
    )]
    Remembered {
        /// Width of the memory.
        width: usize,
        /// Numbers of all states of a rollout.
        numbers: usize,
        /// Samples of a rollout.
        samples: usize,
        /// The most numbers.
        max: usize,
        /// A width that fits.
        fix: usize,
    },
    /// Sequences that do not divide the rollout's steps.
    #[error("`ppo.sequence_length` ({length}) must divide `ppo.num_steps` ({steps}); try {fix}, or 0 for all of them")]
    SequenceLength {
        /// The length asked for.
        length: usize,
        /// Steps of a rollout.
        steps: usize,
        /// The nearest length that divides them.
        fix: usize,
    },
    /// PPO's minibatches do not divide the sequences of a network with memory.
    #[error(
        "`ppo.minibatches` ({minibatches}) must divide the {sequences} sequences that a network with memory learns from, which are \
         `num_envs * ppo.num_steps / ppo.sequence_length`; try {fix}, or shorter sequences"
    )]
    SequenceMinibatches {
        /// How many were asked for.
        minibatches: usize,
        /// Sequences of a rollout.
        sequences: usize,
        /// The nearest number that divides them.
        fix: usize,
    },
    /// A rollout of more samples than the kernels can index.
    #[error(
        "`{algo}.num_steps * num_envs` ({samples}) must be at most {max}; \
         try `{algo}.num_steps` {fix} or fewer `num_envs`"
    )]
    RolloutTooLarge {
        /// The section of the algorithm.
        algo: &'static str,
        /// Samples of a rollout.
        samples: usize,
        /// The most that are allowed.
        max: usize,
        /// The most steps that are allowed with this many environments.
        fix: usize,
    },
    /// Advantages cannot be normalised within one sample.
    #[error(
        "`{algo}.normalize_advantages` needs at least 2 samples in each batch, but there is 1; \
         use {change} `{key}`, more `num_envs`, or `{algo}.normalize_advantages` false"
    )]
    SingleSample {
        /// The section of the algorithm.
        algo: &'static str,
        /// How to change `key`: `fewer` or `more`.
        change: &'static str,
        /// The first key to change.
        key: &'static str,
    },
    /// A key that only two pathways give a meaning.
    #[error(
        "`{key}` ({value}) has no meaning with `network.pathways` \"single\"; \
         set `network.pathways` to \"dual\" or `{key}` to 0"
    )]
    SinglePathway {
        /// The full dotted key.
        key: &'static str,
        /// Its value.
        value: f32,
    },
    /// Horizons in the wrong order.
    #[error(
        "`critic.shortest_horizon` ({shortest}) must be at most `critic.longest_horizon` ({longest}); swap the two"
    )]
    Horizons {
        /// The value of `critic.shortest_horizon`.
        shortest: f32,
        /// The value of `critic.longest_horizon`.
        longest: f32,
    },
    /// Auxiliary heads beside a distribution.
    #[error(
        "`critic.horizons` ({horizons}) goes with `critic.kind` \"scalar\" only; set `critic.horizons` to 0 or \
         `critic.kind` to \"scalar\""
    )]
    HorizonsOfDistribution {
        /// The value of `critic.horizons`.
        horizons: usize,
    },
    /// Rewards less their average for a distribution, whose targets are drawn from rewards as they are.
    #[error(
        "`dopamine.reward_centering` goes with `critic.kind` \"scalar\" only; set `dopamine.reward_centering` to \"none\" or \
         `critic.kind` to \"scalar\""
    )]
    CentredDistribution,
    /// A clipped value loss for a distribution.
    #[error(
        "`ppo.value_clip` ({clip}) goes with `critic.kind` \"scalar\" only; set `ppo.value_clip` to 0 or \
         `critic.kind` to \"scalar\""
    )]
    ValueClip {
        /// The value of `ppo.value_clip`.
        clip: f32,
    },
    /// Opponents without what they differ in.
    #[error("`critic.opponent` (true) needs {needs}; set that, or `critic.opponent` to false")]
    Opponent {
        /// What it needs.
        needs: &'static str,
    },
    /// Asymmetric learning without the decay that bounds the pathways' sum.
    #[error("`dopamine.sum_decay` (0) must be above 0 when `dopamine.kappa` ({kappa}) is; try 0.01")]
    SumDecay {
        /// The value of `dopamine.kappa`.
        kappa: f32,
    },
    /// A slow average that is not slower than the fast one.
    #[error(
        "`dopamine.tonic_slow` ({slow}) must be below `dopamine.tonic_fast` ({fast}) when `dopamine.tonic_gain` ({gain}) is above 0; \
         try 0.01 and 0.1"
    )]
    TonicRates {
        /// The value of `dopamine.tonic_gain`.
        gain: f32,
        /// The value of `dopamine.tonic_fast`.
        fast: f32,
        /// The value of `dopamine.tonic_slow`.
        slow: f32,
    },
}
