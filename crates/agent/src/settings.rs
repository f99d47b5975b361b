//! What a user can set about the agent. These are sections of the run's configuration; the defaults stand here and nowhere else.

use crate::{Encoder, MemoryKind, Observation};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use striatum_kernels::{Activation, CriticKind};

/// Which algorithm trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Proximal policy optimisation (Schulman et al. 2017).
    #[default]
    Ppo,
    /// Advantage actor-critic (Mnih et al. 2016), synchronous.
    A2c,
}

/// Section `ppo`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpoSettings {
    /// Steps of each environment in a rollout.
    pub num_steps: usize,
    /// Parts that a rollout is split into; must divide `num_steps * num_envs`.
    pub minibatches: usize,
    /// Steps of the sequences that a network with memory learns from; must divide `num_steps`, and 0 is all of them.
    pub sequence_length: usize,
    /// Passes over a rollout.
    pub epochs: usize,
    /// Step size of Adam.
    pub learning_rate: f32,
    /// Whether the step size falls linearly to 0 over the run.
    pub anneal_learning_rate: bool,
    /// Discount.
    pub gamma: f32,
    /// Lambda of generalised advantage estimation.
    pub gae_lambda: f32,
    /// Clip range of the probability ratio.
    pub clip: f32,
    /// Whether the clip range falls linearly to 0 over the run.
    pub anneal_clip: bool,
    /// Clip range of the value's change; 0 is off.
    pub value_clip: f32,
    /// Weight of the value loss `1/2 mean (V - R)^2` (Stable-Baselines3's `vf_coef = 0.5` is 1.0 here).
    pub value_coef: f32,
    /// Weight of the entropy bonus.
    pub entropy_coef: f32,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f32,
    /// Whether advantages are normalised in each minibatch.
    pub normalize_advantages: bool,
    /// Approximate KL divergence beyond 1.5 times which an iteration's remaining minibatches are skipped; 0 is off.
    pub target_kl: f32,
    /// Adam's epsilon.
    pub adam_epsilon: f32,
}

impl Default for PpoSettings {
    fn default() -> Self {
        Self {
            num_steps: 128,
            minibatches: 4,
            sequence_length: 0,
            epochs: 4,
            learning_rate: 2.5e-4,
            anneal_learning_rate: true,
            gamma: 0.99,
            gae_lambda: 0.95,
            clip: 0.2,
            anneal_clip: false,
            value_clip: 0.0,
            value_coef: 0.5,
            entropy_coef: 0.01,
            max_grad_norm: 0.5,
            normalize_advantages: true,
            target_kl: 0.0,
            adam_epsilon: 1e-5,
        }
    }
}

/// The optimisers that A2C can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// RMSProp in PyTorch's form, as Stable-Baselines3's A2C has it.
    Rmsprop,
    /// Adam (Kingma & Ba 2015).
    Adam,
}

/// Section `a2c`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct A2cSettings {
    /// Steps of each environment in a rollout.
    pub num_steps: usize,
    /// Step size.
    pub learning_rate: f32,
    /// Whether the step size falls linearly to 0 over the run.
    pub anneal_learning_rate: bool,
    /// Discount.
    pub gamma: f32,
    /// Lambda of generalised advantage estimation; 1 is the n-step return.
    pub gae_lambda: f32,
    /// Weight of the value loss `1/2 mean (V - R)^2` (Stable-Baselines3's `vf_coef = 0.5` is 1.0 here).
    pub value_coef: f32,
    /// Weight of the entropy bonus.
    pub entropy_coef: f32,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f32,
    /// Whether advantages are normalised in each batch.
    pub normalize_advantages: bool,
    /// `rmsprop` or `adam`.
    pub optimizer: OptimizerKind,
    /// RMSProp's decay of the mean square.
    pub rmsprop_alpha: f32,
    /// The optimiser's epsilon.
    pub epsilon: f32,
}

impl Default for A2cSettings {
    fn default() -> Self {
        Self {
            num_steps: 5,
            learning_rate: 7e-4,
            anneal_learning_rate: false,
            gamma: 0.99,
            gae_lambda: 1.0,
            value_coef: 1.0,
            entropy_coef: 0.0,
            max_grad_norm: 0.5,
            normalize_advantages: false,
            optimizer: OptimizerKind::Rmsprop,
            rmsprop_alpha: 0.99,
            epsilon: 1e-5,
        }
    }
}

/// One pathway or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pathways {
    /// An ordinary policy head.
    #[default]
    Single,
    /// A direct ("go", D1) and an indirect ("no-go", D2) head with opposite signs.
    Dual,
}

/// Section `network`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// `mlp`, `nature-cnn`, `impala-cnn` or `minatar-cnn`; `custom` is a module of one's own.
    pub encoder: Encoder,
    /// Widths of the hidden layers, which follow the encoder.
    pub hidden: Vec<usize>,
    /// `tanh`, `relu` or `silu`.
    pub activation: Activation,
    /// Whether hidden layers are normalised before their nonlinearity.
    pub layer_norm: bool,
    /// `none`, `gru`, `lstm` or `mingru`: what is kept between steps, after the hidden layers.
    pub memory: MemoryKind,
    /// Width of the memory.
    pub memory_width: usize,
    /// Whether actor and critic share their hidden layers.
    pub shared_trunk: bool,
    /// `single` or `dual`.
    pub pathways: Pathways,
    /// Whether hidden layers start orthogonal with gain sqrt(2) and the policy head with 0.01 (else PyTorch's default, uniform).
    pub orthogonal_init: bool,
    /// Initial log standard deviation of a continuous policy.
    pub log_std_init: f32,
    /// Whether a continuous action is `tanh(u)`, rescaled to the bounds (else clipped to them).
    pub squash: bool,
    /// Whether the exploration noise depends on the state (gSDE; continuous policies only).
    pub state_dependent_exploration: bool,
    /// Steps between new exploration matrices; 0 is one a rollout.
    pub exploration_interval: usize,
}

impl NetworkSettings {
    /// Width of what the heads read.
    pub fn features(&self, observation: Observation) -> usize {
        if self.memory != MemoryKind::None {
            return self.memory_width;
        }
        let below = || self.encoder.width().unwrap_or_else(|| observation.len());
        self.hidden.last().copied().unwrap_or_else(below)
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            encoder: Encoder::Mlp,
            hidden: vec![64, 64],
            activation: Activation::Tanh,
            layer_norm: false,
            memory: MemoryKind::None,
            memory_width: 128,
            shared_trunk: false,
            pathways: Pathways::Single,
            orthogonal_init: true,
            log_std_init: 0.0,
            squash: false,
            state_dependent_exploration: false,
            exploration_interval: 0,
        }
    }
}

/// Section `critic`: what the value heads are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CriticSettings {
    /// `scalar`, or the return's distribution as `quantile`s or `expectile`s.
    pub kind: CriticKind,
    /// K, the heads of a distribution.
    pub quantiles: usize,
    /// Threshold of the quantiles' Huber loss; 0 is off.
    pub huber: f32,
    /// Whether `dopamine.kappa` goes by the distribution's upper half for the direct pathway, and by the lower one for the indirect.
    pub opponent: bool,
    /// Auxiliary value heads, which predict the return under other discounts (Masset et al. 2025, Fedus et al. 2019); 0 is off.
    pub horizons: usize,
    /// The shortest one's horizon tau, in steps: its discount is `1 - 1 / tau`.
    pub shortest_horizon: f32,
    /// The longest one's; those between are evenly spaced in `log tau`.
    pub longest_horizon: f32,
    /// Weight of the auxiliary heads' value loss, a mean over them.
    pub auxiliary_coef: f32,
}

impl Default for CriticSettings {
    fn default() -> Self {
        Self {
            kind: CriticKind::Scalar,
            quantiles: 32,
            huber: 0.0,
            opponent: false,
            horizons: 0,
            shortest_horizon: 5.0,
            longest_horizon: 200.0,
            auxiliary_coef: 0.5,
        }
    }
}

impl CriticSettings {
    /// Whether the heads are a distribution.
    pub fn is_distribution(&self) -> bool {
        self.kind != CriticKind::Scalar
    }

    /// K, the value heads.
    pub fn heads(&self) -> usize {
        if self.is_distribution() { self.quantiles } else { 1 + self.horizons }
    }

    /// Which heads of a distribution each value that advantages are estimated from is the mean of: the state's value and, for
    /// opponents, that of the upper and of the lower half. None if the critic is scalar.
    ///
    /// The mean of the return is the mean of its quantiles, but the expectile of 1/2: of those, the two in the middle, or the one.
    pub fn groups(&self) -> Vec<Range<usize>> {
        let (count, half) = (self.quantiles, self.quantiles / 2);
        let mean = match self.kind {
            CriticKind::Scalar => return Vec::new(),
            CriticKind::Quantile => 0..count,
            CriticKind::Expectile => (count - 1) / 2..count / 2 + 1,
        };
        if self.opponent { vec![mean, count - half..count, 0..half] } else { vec![mean] }
    }

    /// The discounts that advantages are estimated with, `[G]`: those of every scalar head, which are `gamma` and those of the
    /// horizons, the shortest first; or `gamma` for all means of a distribution. A single horizon is the shortest.
    pub fn discounts(&self, gamma: f32) -> Vec<f32> {
        if self.is_distribution() {
            return vec![gamma; self.groups().len()];
        }
        let [shortest, longest] = [self.shortest_horizon, self.longest_horizon].map(f64::from);
        let horizon = |i: usize| {
            // tau_i = shortest (longest / shortest)^(i / (n - 1)), gamma_i = 1 - 1 / tau_i
            let tau = shortest * (longest / shortest).powf(i as f64 / (self.horizons - 1).max(1) as f64);
            (1.0 - 1.0 / tau) as f32
        };
        std::iter::once(gamma).chain((0..self.horizons).map(horizon)).collect()
    }
}

/// How rewards are centred (Naik et al. 2024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RewardCentering {
    /// Not at all.
    #[default]
    None,
    /// The average reward is learned from TD errors.
    Td,
    /// It is a moving average of rewards.
    Mean,
}

/// Section `dopamine`: the opponent pathways' numbers (with a single pathway `tone`, `kappa` and `sum_decay` have no meaning), and the
/// tonic signals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DopamineSettings {
    /// Dopamine tone rho, -1 to 1: positive weighs the direct pathway more.
    pub tone: f32,
    /// Inverse temperature beta of a categorical policy.
    pub inverse_temperature: f32,
    /// Asymmetry kappa of learning, 0 to 1: the direct pathway learns more from positive advantages, the indirect one from negative.
    pub kappa: f32,
    /// Weight of the sum mode's decay; must be positive when `kappa` is.
    pub sum_decay: f32,
    /// Whether the average reward is subtracted from every reward, and how it is learned; for continuing tasks.
    pub reward_centering: RewardCentering,
    /// Step size of the average reward, one step a rollout.
    pub centering_rate: f32,
    /// Whether rewards may be centred in tasks whose episodes end.
    pub force_centering: bool,
    /// How strongly the inverse temperature of a categorical policy follows the rise and fall of rewards; 0 is off.
    pub tonic_gain: f32,
    /// Step size of the fast average of rollouts' mean rewards.
    pub tonic_fast: f32,
    /// Step size of the slow one; must be below `tonic_fast` where `tonic_gain` is on.
    pub tonic_slow: f32,
    /// Weight of the decay `1/2 mean |l / beta|^2` of a categorical policy's logits.
    pub logit_decay: f32,
}

impl Default for DopamineSettings {
    fn default() -> Self {
        Self {
            tone: 0.0,
            inverse_temperature: 1.0,
            kappa: 0.0,
            sum_decay: 0.0,
            reward_centering: RewardCentering::None,
            centering_rate: 0.1,
            force_centering: false,
            tonic_gain: 0.0,
            tonic_fast: 0.1,
            tonic_slow: 0.01,
            logit_decay: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CriticKind, CriticSettings};

    #[test]
    fn horizons_are_evenly_spaced_in_their_logarithm() {
        // 5, 10, 20, 40 steps: 1 - 1 / tau.
        let settings = |horizons| CriticSettings { horizons, longest_horizon: 40.0, ..Default::default() };
        let discounts = settings(4).discounts(0.98);
        for (discount, expected) in discounts.iter().zip([0.98, 0.8, 0.9, 0.95, 0.975]) {
            assert!((discount - expected).abs() < 1e-6, "{discounts:?}");
        }
        assert_eq!((discounts.len(), settings(4).heads()), (5, 5));
        assert_eq!(settings(1).discounts(0.5), [0.5, 0.8]);
        assert_eq!(settings(0).discounts(0.5), [0.5]);
        let distribution = CriticSettings { kind: CriticKind::Quantile, quantiles: 7, ..settings(0) };
        assert_eq!((distribution.discounts(0.5), distribution.heads()), (vec![0.5], 7));
        let instant = CriticSettings { horizons: 2, shortest_horizon: 1.0, longest_horizon: 1.0, ..settings(0) };
        assert_eq!(instant.discounts(0.5), [0.5, 0.0, 0.0]);
    }

    #[test]
    fn the_value_is_the_mean_of_all_quantiles_and_the_middle_expectile() {
        let groups = |kind, quantiles, opponent| -> Vec<(usize, usize)> {
            let settings = CriticSettings { kind, quantiles, opponent, ..Default::default() };
            settings.groups().iter().map(|group| (group.start, group.end)).collect()
        };
        assert_eq!(groups(CriticKind::Scalar, 8, false), []);
        assert_eq!(groups(CriticKind::Quantile, 8, false), [(0, 8)]);
        assert_eq!(groups(CriticKind::Quantile, 8, true), [(0, 8), (4, 8), (0, 4)]);
        assert_eq!(groups(CriticKind::Quantile, 7, true), [(0, 7), (4, 7), (0, 3)]);
        assert_eq!(groups(CriticKind::Expectile, 8, false), [(3, 5)]);
        assert_eq!(groups(CriticKind::Expectile, 7, true), [(3, 4), (4, 7), (0, 3)]);
        assert_eq!(groups(CriticKind::Expectile, 2, true), [(0, 2), (1, 2), (0, 1)]);
    }
}
