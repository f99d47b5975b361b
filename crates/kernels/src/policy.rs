//! What a network's output row means: which columns are which pathway, value head or feature.

use serde::{Deserialize, Serialize};

/// The distribution that actions are drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Policy {
    /// One or several independent choices; the `i`-th is among `nvec[i]`. An action is one whole number a choice.
    Categorical {
        /// The number of choices of each component.
        nvec: Vec<usize>,
    },
    /// A diagonal normal distribution with a standard deviation that does not depend on the state.
    Gaussian {
        /// Dimensions of an action.
        dims: usize,
        /// Whether the action is `tanh(u)`; `u` is what is stored and what the density is computed from.
        squash: bool,
    },
    /// Generalised state-dependent exploration (Raffin, Kober & Stulp 2022): the noise is a linear function of the features,
    /// `sigma_d^2 = sum_h features_h^2 exp(2 log_std[h][d]) + 1e-6`. No gradient flows into the features through sigma.
    StateDependent {
        /// Dimensions of an action.
        dims: usize,
        /// Width of the features, which stand at the end of an output row.
        features: usize,
        /// Whether the action is `tanh(u)`.
        squash: bool,
    },
}

impl Policy {
    /// Numbers in a stored action row.
    pub fn action_width(&self) -> usize {
        match self {
            Self::Categorical { nvec } => nvec.len(),
            Self::Gaussian { dims, .. } | Self::StateDependent { dims, .. } => *dims,
        }
    }

    /// Columns of one pathway: logits, or means.
    pub fn logits(&self) -> usize {
        match self {
            Self::Categorical { nvec } => nvec.iter().sum(),
            Self::Gaussian { dims, .. } | Self::StateDependent { dims, .. } => *dims,
        }
    }

    /// Length of the `log_std` parameter: 0, `dims`, or `features * dims` (feature-major).
    pub fn log_std_len(&self) -> usize {
        match self {
            Self::Categorical { .. } => 0,
            Self::Gaussian { dims, .. } => *dims,
            Self::StateDependent { dims, features, .. } => dims * features,
        }
    }

    /// Width of the features column block: 0 without state-dependent exploration.
    pub fn features(&self) -> usize {
        match self {
            Self::StateDependent { features, .. } => *features,
            _ => 0,
        }
    }

    /// Whether actions are real numbers.
    pub fn is_continuous(&self) -> bool {
        !matches!(self, Self::Categorical { .. })
    }

    /// Whether the action is `tanh(u)`.
    pub fn squashes(&self) -> bool {
        matches!(self, Self::Gaussian { squash: true, .. } | Self::StateDependent { squash: true, .. })
    }
}

/// Columns of an output row: `[g | n (dual only) | values | features (state-dependent exploration only) | mask (if masked) | state']`.
///
/// The mask has a column a logit, above 0 where an option is allowed: a network copies it from the end of its observation. An option that is
/// not allowed has probability 0, and nothing is learned for its logits. The state is that which a network with memory goes on with.
///
/// With two pathways the net logits (or means) are `c * beta * [(1 + rho) g - (1 - rho) n]`, `c = 1/sqrt(2)`; with one they are
/// `beta * g`. `beta` (inverse temperature) acts on categorical policies only; `rho` (dopamine tone) on two pathways only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadLayout {
    /// The distribution that actions are drawn from.
    pub policy: Policy,
    /// Whether there are two pathways, direct (g) and indirect (n), or g alone.
    pub dual: bool,
    /// The number of value heads, at least 1. The first one of a scalar critic is what the actor learns from, and the mean of a
    /// distribution's.
    pub value_heads: usize,
    /// Whether a categorical policy's rows say which options are allowed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub masked: bool,
    /// Width of a memory's state; 0 without memory.
    #[serde(default, skip_serializing_if = "is_default")]
    pub carried: usize,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What the value heads are, and so what their loss is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u32)]
pub enum CriticKind {
    /// Each head is the mean of returns of its own.
    #[default]
    Scalar = 0,
    /// Head i of K is the return's quantile `tau_i = (i + 1/2) / K` (Dabney et al. 2018).
    Quantile = 1,
    /// Head i is the return's expectile tau_i (Rowland et al. 2019).
    Expectile = 2,
}

/// The most heads of a critic that is not scalar.
pub const MAX_QUANTILES: usize = 64;

/// `1 / sqrt(2)`, which makes two pathways of equal variance as wide as one.
pub const PATHWAY_SCALE: f32 = core::f32::consts::FRAC_1_SQRT_2;

/// A log standard deviation is clamped to this range; outside it has only the gradient that leads back.
pub const LOG_STD_RANGE: [f32; 2] = [-20.0, 2.0];

impl HeadLayout {
    /// Rows without mask and state.
    pub fn new(policy: Policy, dual: bool, value_heads: usize) -> Self {
        Self { policy, dual, value_heads, masked: false, carried: 0 }
    }

    /// First column of the indirect pathway (equal to [`values_at`](Self::values_at) when there is none).
    pub fn indirect_at(&self) -> usize {
        self.policy.logits()
    }

    /// First column of the value heads.
    pub fn values_at(&self) -> usize {
        self.policy.logits() * if self.dual { 2 } else { 1 }
    }

    /// First column of the features.
    pub fn features_at(&self) -> usize {
        self.values_at() + self.value_heads
    }

    /// First column of the mask.
    pub fn mask_at(&self) -> usize {
        self.features_at() + self.policy.features()
    }

    /// Width of the mask: 0 if all options are always allowed.
    pub fn mask_width(&self) -> usize {
        if self.masked { self.policy.logits() } else { 0 }
    }

    /// First column of the memory's new state.
    pub fn carried_at(&self) -> usize {
        self.mask_at() + self.mask_width()
    }

    /// Width of an output row.
    pub fn width(&self) -> usize {
        self.carried_at() + self.carried
    }
}
