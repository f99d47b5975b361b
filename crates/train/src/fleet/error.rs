//! Why several agents cannot be launched.

use super::MAX_AGENTS;
use crate::config::MAX_COUNT;

/// A launch that makes no sense. Each message names the argument and the fix.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum FleetError {
    /// No seed, or more than there may be agents.
    #[error("`--seeds` ({count}) must be a whole number from 1 to {MAX_AGENTS}; try 10")]
    Seeds {
        /// What was asked for.
        count: u64,
    },
    /// The last seed would be larger than a seed may be.
    #[error(
        "the last of {count} seeds from {first} on would be beyond the largest one, {MAX_COUNT}; use a smaller `--seed`"
    )]
    LastSeed {
        /// The first seed.
        first: u64,
        /// How many.
        count: u64,
    },
    /// More agents than a launch has room for.
    #[error(
        "{seeds} seeds x {variations} variations are {agents} agents, and a launch trains at most {MAX_AGENTS}; give fewer \
         `--seeds` or values of `--vary`"
    )]
    TooMany {
        /// Seeds of each variation.
        seeds: u64,
        /// Variations.
        variations: u64,
        /// Their product.
        agents: u64,
    },
    /// A `--vary` without a key, without `=`, or with an empty value.
    #[error(
        "`--vary {text}` must have the form KEY=VALUE,VALUE,..., for example `--vary ppo.learning_rate=1e-4,3e-4,1e-3`"
    )]
    Form {
        /// The argument.
        text: String,
    },
    /// A key that is the same for all agents of a launch.
    #[error("`--vary` cannot vary `{key}`; {instead}")]
    Fixed {
        /// The key.
        key: String,
        /// What to use.
        instead: String,
    },
    /// A key is varied twice.
    #[error("`--vary {key}` is given twice; give all its values in one, separated by commas")]
    KeyTwice {
        /// The key.
        key: String,
    },
    /// Two values of a key make the same agent.
    #[error("`--vary {key}` has the same value twice, `{first}` and `{second}`; give it once")]
    ValueTwice {
        /// The key.
        key: String,
        /// The value as first given.
        first: String,
        /// The value as given again.
        second: String,
    },
    /// Agents that failed while others went on.
    #[error("{} of {agents} agents failed: {}", failed.len(), failed.join(", "))]
    Failed {
        /// Their names.
        failed: Vec<String>,
        /// How many agents there were.
        agents: usize,
    },
}
