//! What the loss, and a network's whole pass with it, are given and give.

use crate::{HeadLayout, Minibatch, OptimizerArgs, OptimizerParams};
use bytemuck::{Pod, Zeroable};

/// What the policy's loss is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Objective {
    /// The clipped surrogate of PPO (Schulman et al. 2017).
    Clipped = 0,
    /// The policy gradient of A2C (Mnih et al. 2016): `-A log pi(a|s)`.
    PolicyGradient = 1,
}

/// Numbers of the loss, one set an agent. Laid out as `shaders/actor_critic_loss.wgsl` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct LossParams {
    /// An [`Objective`].
    pub objective: u32,
    /// Clip range of the ratio.
    pub clip: f32,
    /// Clip range of the change of a scalar critic's values; 0 is off.
    pub value_clip: f32,
    /// Weight of the first head's value loss `mean 1/2 (V - R)^2`, or of the distribution's.
    pub value_coef: f32,
    /// Weight of the entropy bonus.
    pub entropy_coef: f32,
    /// Asymmetry of the pathways, 0 to 1.
    pub kappa: f32,
    /// Weight of the sum mode's decay `1/2 mean |g + n|^2`.
    pub sum_decay: f32,
    /// Weight of the decay of a categorical policy's logits at inverse temperature 1, `1/2 mean |l / beta|^2`.
    pub logit_decay: f32,
    /// Weight of the value loss of the auxiliary heads, which is a mean over them.
    pub auxiliary_coef: f32,
    /// A [`CriticKind`](crate::CriticKind). A distribution's loss is a sum over heads i and a mean over targets j of
    /// `|tau_i - 1[u < 0]| rho(u)` with `u = target_j - theta_i`, where rho is `|u|` for quantiles and `u^2` for expectiles.
    pub critic: u32,
    /// The quantiles' Huber threshold k: rho is `u^2 / 2k` where `|u| <= k` and `|u| - k/2` beyond; 0 is off.
    pub huber: f32,
    /// 1 if kappa goes by the signs of the second head's advantage for the direct pathway, and the third's for the indirect one.
    pub opponent: u32,
}

/// The metrics that [`Backend::actor_critic_loss`](crate::Backend::actor_critic_loss) gives, each a mean over the rows that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct LossMetrics {
    /// The policy's loss, without entropy.
    pub policy_loss: f32,
    /// `1/2 (V - R)^2` of the first head, or the distribution's loss, before its weight.
    pub value_loss: f32,
    /// Entropy of the policy (of `u`, before a squash).
    pub entropy: f32,
    /// `(ratio - 1) - log ratio` (Schulman's estimator).
    pub approx_kl: f32,
    /// The share of rows whose ratio is outside the clip range.
    pub clip_fraction: f32,
    /// The share of rows whose raw advantage is positive.
    pub positive_fraction: f32,
    /// Mean of g over its columns.
    pub direct_mean: f32,
    /// Mean of g^2 over its columns.
    pub direct_square: f32,
    /// Mean of n over its columns (0 with a single pathway).
    pub indirect_mean: f32,
    /// Mean of n^2 over its columns.
    pub indirect_square: f32,
    /// Mean of `|g + n|^2`, summed over columns (0 with a single pathway).
    pub sum_mode: f32,
    /// Mean of `|ratio - 1|`: 0 in the first minibatch of an iteration.
    pub ratio_deviation: f32,
    /// `1/2 (V - R)^2`, a mean over the auxiliary heads, before its weight (0 without any).
    pub auxiliary_value_loss: f32,
    /// Mean of w_G, what the policy's gradient is multiplied by on its way into g: 1 + kappa where the advantage that routes it (as
    /// normalised) is positive, else 1 - kappa; 1 with a single pathway.
    pub direct_weight: f32,
    /// Mean of w_N, the same on its way into n, with the opposite sign of kappa.
    pub indirect_weight: f32,
}

/// How many numbers [`LossMetrics`] has.
pub const LOSS_METRICS: usize = size_of::<LossMetrics>() / size_of::<f32>();

/// Arguments of [`Backend::actor_critic_loss`](crate::Backend::actor_critic_loss): R rows an agent.
#[derive(Debug)]
pub struct LossArgs<'a, B, I> {
    /// What an output row means; W is its width.
    pub layout: &'a HeadLayout,
    /// `[A]`.
    pub params: &'a [LossParams],
    /// The rows, and what was stored with them.
    pub batch: Minibatch<'a, B, I>,
    /// From [`Backend::advantage_moments`](crate::Backend::advantage_moments), `[A, 4]`.
    pub moments: &'a B,
    /// The network's outputs, `[A, R, W]`.
    pub outputs: &'a B,
    /// Where `log_std` lies.
    pub log_std: LogStd,
    /// Parameters, `[A, log_std.stride]`.
    pub weights: &'a B,
    /// Output: the loss's gradient with respect to the outputs, `[A, R, W]` (0 in masked rows and feature columns).
    pub d_outputs: &'a mut B,
    /// Output: the same with kappa = 0, which is what the layers below the heads learn from, `[A, R, W]`.
    pub d_trunk: Option<&'a mut B>,
    /// Output: the gradient with respect to `log_std` at its place in `[A, log_std.stride]`; the rest is left alone.
    pub gradients: &'a mut B,
    /// Output: [`LossMetrics`], `[A, LOSS_METRICS]` from `metrics_at` on.
    pub metrics: &'a mut B,
    /// Where in `metrics` they are written.
    pub metrics_at: usize,
}

/// What a network needs to differentiate the loss of a minibatch.
#[derive(Debug)]
pub struct PassArgs<'a, B, I> {
    /// What an output row means.
    pub layout: &'a HeadLayout,
    /// `[A]`.
    pub params: &'a [LossParams],
    /// The rows, and what was stored with them.
    pub batch: Minibatch<'a, B, I>,
    /// Whether this is the first pass over the rollout that they are of: what a network keeps of one is taken up anew.
    pub is_first: bool,
    /// Steps of the sequences that the rows are, for a network with memory: row `t * E + e` is step t of sequence e. 1 where every row
    /// stands by itself.
    pub sequence: usize,
    /// Observations as the network sees them, `[A, S, inputs]`.
    pub observations: &'a B,
    /// From [`Backend::advantage_moments`](crate::Backend::advantage_moments), `[A, 4]`.
    pub moments: &'a B,
    /// Where `log_std` lies.
    pub log_std: LogStd,
    /// Parameters, `[A, P]`: those that the network has loaded.
    pub weights: &'a B,
    /// Output: the loss's gradient with respect to the parameters, `[A, P]`.
    pub gradients: &'a mut B,
    /// Output: [`LossMetrics`], `[A, LOSS_METRICS]` from `metrics_at` on.
    pub metrics: &'a mut B,
    /// Where in `metrics` they are written.
    pub metrics_at: usize,
}

impl<B, I> PassArgs<'_, B, I> {
    /// Whether some agent's heads learn from another gradient than what is below them.
    pub fn is_asymmetric(&self) -> bool {
        self.layout.dual && self.params.iter().any(|params| params.kappa != 0.0)
    }
}

/// What a network needs for a gradient step on a minibatch, which is a [pass](Self::pass) and an [optimiser step](Self::optimizer).
#[derive(Debug)]
pub struct StepArgs<'a, B, I> {
    /// As [`PassArgs::layout`].
    pub layout: &'a HeadLayout,
    /// As [`PassArgs::params`], `[A]`.
    pub params: &'a [LossParams],
    /// As [`PassArgs::batch`].
    pub batch: Minibatch<'a, B, I>,
    /// As [`PassArgs::is_first`].
    pub is_first: bool,
    /// As [`PassArgs::sequence`].
    pub sequence: usize,
    /// As [`PassArgs::observations`], `[A, S, inputs]`.
    pub observations: &'a B,
    /// As [`PassArgs::moments`], `[A, 4]`.
    pub moments: &'a B,
    /// As [`PassArgs::log_std`].
    pub log_std: LogStd,
    /// Output: as [`PassArgs::metrics`], `[A, LOSS_METRICS]` from `metrics_at` on.
    pub metrics: &'a mut B,
    /// Where in `metrics` they are written.
    pub metrics_at: usize,
    /// Output: the loss's gradient with respect to the parameters, `[A, P]`, before clipping.
    pub gradients: &'a mut B,
    /// As [`OptimizerArgs::params`], `[A]`.
    pub optimizer: &'a [OptimizerParams],
    /// Parameters, `[A, P]`: those that the network has loaded, changed.
    pub weights: &'a mut B,
    /// As [`OptimizerArgs::first_moment`], `[A, P]`, changed by Adam.
    pub first_moment: &'a mut B,
    /// As [`OptimizerArgs::second_moment`], `[A, P]`, changed.
    pub second_moment: &'a mut B,
    /// Output: global norm before clipping, `[A]` from `grad_norm_at` on.
    pub grad_norm: &'a mut B,
    /// Where in `grad_norm` they are written.
    pub grad_norm_at: usize,
}

impl<B, I> StepArgs<'_, B, I> {
    /// Its pass.
    pub fn pass(&mut self) -> PassArgs<'_, B, I> {
        PassArgs {
            layout: self.layout,
            params: self.params,
            batch: self.batch,
            is_first: self.is_first,
            sequence: self.sequence,
            observations: self.observations,
            moments: self.moments,
            log_std: self.log_std,
            weights: &*self.weights,
            gradients: &mut *self.gradients,
            metrics: &mut *self.metrics,
            metrics_at: self.metrics_at,
        }
    }

    /// Its optimiser step.
    pub fn optimizer(&mut self) -> OptimizerArgs<'_, B> {
        OptimizerArgs {
            agents: self.batch.agents,
            params: self.optimizer,
            gradients: &*self.gradients,
            weights: &mut *self.weights,
            first_moment: &mut *self.first_moment,
            second_moment: &mut *self.second_moment,
            grad_norm: &mut *self.grad_norm,
            grad_norm_at: self.grad_norm_at,
        }
    }
}

/// Where the policy's own parameters lie among an agent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStd {
    /// Parameters an agent.
    pub stride: usize,
    /// The first one of `log_std`.
    pub at: usize,
}
