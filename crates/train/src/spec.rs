//! From spaces and settings to a network.

use crate::config::Config;
use striatum_agent::{Encoder, NetworkSpec, Observation, Pathways, RewardCentering};
use striatum_envs::{Pixel, Space, VecEnv};
use striatum_kernels::{HeadLayout, Policy};

/// A task that the settings do not fit.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SpecError {
    /// Observations are neither a box of numbers nor an image.
    #[error(
        "task `{task}` has {space} observations; networks read boxes of numbers and images: flatten or one-hot them in the task"
    )]
    Observations {
        /// The task.
        task: String,
        /// The space.
        space: &'static str,
    },
    /// An encoder of images, and observations that are none.
    #[error(
        "`network.encoder = \"{encoder}\"` reads images, and task `{task}` has {space} observations; set it to \"mlp\""
    )]
    NoImage {
        /// The task.
        task: String,
        /// The encoder.
        encoder: &'static str,
        /// The space.
        space: &'static str,
    },
    /// A module that is not in this program.
    #[error(
        "`network.encoder = \"custom\"` is a network of a program of its own, as `examples/custom_network.rs` is one: train, evaluate and \
         resume it there, or set it to \"mlp\""
    )]
    Custom,
    /// Images that an encoder cannot read.
    #[error(
        "`network.encoder = \"{encoder}\"` reads images of at least {smallest} x {smallest} pixels, and those of task `{task}` have {height} x \
         {width} in {channels} channels; {fix}"
    )]
    SmallImage {
        /// The task.
        task: String,
        /// The encoder.
        encoder: &'static str,
        /// The least height and width.
        smallest: usize,
        /// The image's channels.
        channels: usize,
        /// Its height.
        height: usize,
        /// Its width.
        width: usize,
        /// What helps.
        fix: &'static str,
    },
    /// Packed bytes have no statistics.
    #[error(
        "`normalize.observations` is for numbers, and task `{task}` has images of bytes, which networks see as 0 to 1; set it to false"
    )]
    NormalizedBytes {
        /// The task.
        task: String,
    },
    /// An action mask that does not fit.
    #[error("task `{task}` gives action masks of {mask} numbers, {what}")]
    Mask {
        /// The task.
        task: String,
        /// Width of the mask.
        mask: usize,
        /// What is wrong, and what helps.
        what: String,
    },
    /// Actions that no policy gives.
    #[error(
        "task `{task}` takes {space} actions; policies give boxes of numbers and discrete choices: flatten them in the task"
    )]
    Actions {
        /// The task.
        task: String,
        /// The space.
        space: &'static str,
    },
    /// A setting for continuous actions on a discrete task.
    #[error("`{key}` is for continuous actions, and task `{task}` has discrete ones; set it to false")]
    NotContinuous {
        /// The task.
        task: String,
        /// The setting.
        key: &'static str,
    },
    /// A setting for discrete actions on a continuous task.
    #[error("`{key}` is for discrete actions, and task `{task}` has continuous ones; set it to 0")]
    NotDiscrete {
        /// The task.
        task: String,
        /// The setting.
        key: &'static str,
    },
    /// Centred rewards change the objective of a task whose episodes end.
    #[error(
        "`dopamine.reward_centering` is for continuing tasks, and episodes of task `{task}` end: without the average reward, a longer \
         episode is worth no more than a shorter one; set it to \"none\", or `dopamine.force_centering` to true to centre all the same"
    )]
    Episodic {
        /// The task.
        task: String,
    },
    /// A squashed policy needs bounds to scale to.
    #[error(
        "`network.squash` needs bounded actions, and action {index} of task `{task}` has no bounds; set it to false"
    )]
    Unbounded {
        /// The task.
        task: String,
        /// The action's index.
        index: usize,
    },
}

/// The network that a task and the settings ask for, if the agent can be trained on the task.
///
/// # Errors
/// If the settings do not fit the task.
pub fn training_spec(config: &Config, envs: &dyn VecEnv) -> Result<NetworkSpec, SpecError> {
    may_train(config, envs)?;
    network_spec(config, envs)
}

/// Whether an agent of these settings can be trained on the task.
pub(crate) fn may_train(config: &Config, envs: &dyn VecEnv) -> Result<(), SpecError> {
    let dopamine = &config.dopamine;
    let centred = dopamine.reward_centering != RewardCentering::None;
    if centred && !dopamine.force_centering && !envs.continuing() {
        return Err(SpecError::Episodic { task: config.task.clone() });
    }
    Ok(())
}

/// The network that a task and the settings ask for.
///
/// # Errors
/// If the settings do not fit the task's spaces, or its action masks do not.
pub fn network_spec(config: &Config, envs: &dyn VecEnv) -> Result<NetworkSpec, SpecError> {
    match config.network.encoder {
        Encoder::Custom => Err(SpecError::Custom),
        _ => rows_spec(config, envs),
    }
}

/// The same whatever the encoder: what rows and heads of a network are.
pub(crate) fn rows_spec(config: &Config, envs: &dyn VecEnv) -> Result<NetworkSpec, SpecError> {
    let mask = envs.action_mask_width();
    let mut observation = observation(config, envs.observation_space())?;
    let policy = policy(config, observation, envs.action_space())?;
    if mask > 0 {
        observation = unmasked(config, observation, &policy, mask)?;
    }
    let head = HeadLayout::new(policy, config.network.pathways == Pathways::Dual, config.critic.heads());
    let head = HeadLayout { masked: mask > 0, ..head };
    Ok(NetworkSpec::new(&config.network, observation, head))
}

/// An observation without the mask at its end.
fn unmasked(config: &Config, observation: Observation, policy: &Policy, mask: usize) -> Result<Observation, SpecError> {
    let logits = policy.logits();
    let what = match observation {
        _ if policy.is_continuous() => "and takes real actions, which masks are not for".to_owned(),
        Observation::Image { .. } => "and shows images, which have no room for them".to_owned(),
        _ if mask != logits => {
            format!("and its actions have {logits} options; give a number for each option of each choice")
        }
        Observation::Numbers(all) if all <= mask => "and nothing to observe beside; observe a constant".to_owned(),
        Observation::Numbers(all) => return Ok(Observation::Numbers(all - mask)),
    };
    Err(SpecError::Mask { task: config.task.clone(), mask, what })
}

/// What an observation is to the network, a mask at its end included.
fn observation(config: &Config, observations: &Space) -> Result<Observation, SpecError> {
    let (task, encoder) = (config.task.clone(), config.network.encoder);
    let &Space::Image { channels, height, width, pixel } = observations else {
        let space = kind(observations);
        return match observations {
            Space::Box { .. } if matches!(encoder, Encoder::Mlp | Encoder::Custom) => {
                Ok(Observation::Numbers(observations.width()))
            }
            Space::Box { .. } => Err(SpecError::NoImage { task, encoder: encoder.name(), space }),
            _ => Err(SpecError::Observations { task, space }),
        };
    };
    let smallest = encoder.smallest();
    if channels == 0 || height.min(width) < smallest {
        let fix = match encoder {
            Encoder::NatureCnn => "resize them in the task, or set it to \"impala-cnn\" or \"minatar-cnn\"",
            _ => "give larger ones in the task",
        };
        let encoder = encoder.name();
        return Err(SpecError::SmallImage { task, encoder, smallest, channels, height, width, fix });
    }
    let bytes = pixel == Pixel::Byte;
    if bytes && config.normalize.observations {
        return Err(SpecError::NormalizedBytes { task });
    }
    Ok(Observation::Image { channels, height, width, bytes })
}

fn policy(config: &Config, observation: Observation, actions: &Space) -> Result<Policy, SpecError> {
    let task = || config.task.clone();
    let network = &config.network;
    let discrete = |nvec: Vec<usize>| {
        for (key, set) in [
            ("network.squash", network.squash),
            ("network.state_dependent_exploration", network.state_dependent_exploration),
        ] {
            if set {
                return Err(SpecError::NotContinuous { task: task(), key });
            }
        }
        Ok(Policy::Categorical { nvec })
    };
    Ok(match actions {
        Space::Discrete { n } => discrete(vec![*n])?,
        Space::MultiDiscrete { nvec } => discrete(nvec.clone())?,
        Space::MultiBinary { n } => discrete(vec![2; *n])?,
        Space::Image { .. } => return Err(SpecError::Actions { task: task(), space: kind(actions) }),
        Space::Box { low, high } => {
            let dopamine = [
                ("dopamine.tonic_gain", config.dopamine.tonic_gain),
                ("dopamine.logit_decay", config.dopamine.logit_decay),
            ];
            if let Some((key, _)) = dopamine.into_iter().find(|(_, value)| *value != 0.0) {
                return Err(SpecError::NotDiscrete { task: task(), key });
            }
            let unbounded = low.iter().zip(high).position(|(l, h)| !(l.is_finite() && h.is_finite()));
            if let (true, Some(index)) = (network.squash, unbounded) {
                return Err(SpecError::Unbounded { task: task(), index });
            }
            let (dims, squash) = (low.len(), network.squash);
            if network.state_dependent_exploration {
                let features = network.features(observation);
                Policy::StateDependent { dims, features, squash }
            } else {
                Policy::Gaussian { dims, squash }
            }
        }
    })
}

fn kind(space: &Space) -> &'static str {
    match space {
        Space::Box { .. } => "box",
        Space::Image { .. } => "image",
        Space::Discrete { .. } => "discrete",
        Space::MultiDiscrete { .. } => "multi-discrete",
        Space::MultiBinary { .. } => "multi-binary",
    }
}

/// Bounds of a box of actions; empty where actions are discrete.
pub fn action_bounds(actions: &Space) -> (&[f32], &[f32]) {
    match actions {
        Space::Box { low, high } => (low, high),
        _ => (&[], &[]),
    }
}
