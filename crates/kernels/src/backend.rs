//! The one interface through which algorithms use kernels: [`Backend`], implemented by [`Cpu`](crate::Cpu) (the mirrors) and
//! [`Gpu`](crate::Gpu) (the shaders).
//!
//! Every array has a leading agent index A: many agents are one launch. `f32` flags are 0.0 or 1.0.

use crate::{HeadLayout, KernelError, MeanHeadsArgs, RolloutStatsArgs, SrLambdaArgs};
use bytemuck::{Pod, Zeroable};

/// The shape of a rollout: A agents, K value heads, T steps, N environments an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutShape {
    /// A.
    pub agents: usize,
    /// K.
    pub heads: usize,
    /// T.
    pub steps: usize,
    /// N.
    pub envs: usize,
}

/// Arguments of [`Backend::td_error`].
#[derive(Debug)]
pub struct TdErrorArgs<'a, B> {
    /// A, K, T, N.
    pub shape: RolloutShape,
    /// Discount, `[A, K]`.
    pub gamma: &'a [f32],
    /// What is subtracted from every reward, `[A]`: 0, or the average reward of reward centering (Naik et al. 2024).
    pub average_reward: &'a [f32],
    /// `[A, T, N]`.
    pub rewards: &'a B,
    /// `[A, T, N]`.
    pub terminated: &'a B,
    /// `[A, T, N]`.
    pub truncated: &'a B,
    /// `V(s_t)`, `[A, K, T + 1, N]`; the last row is the value of the observation after the rollout.
    pub values: &'a B,
    /// `V(final observation)`, `[A, K, T, N]`; read only where `truncated` is set.
    pub final_values: &'a B,
    /// Output, `[A, K, T, N]`.
    pub deltas: &'a mut B,
}

/// Arguments of [`Backend::gae`].
#[derive(Debug)]
pub struct GaeArgs<'a, B> {
    /// A, K, T, N.
    pub shape: RolloutShape,
    /// Discount, `[A, K]`.
    pub gamma: &'a [f32],
    /// Lambda, `[A, K]`.
    pub lambda: &'a [f32],
    /// TD errors, `[A, K, T, N]`.
    pub deltas: &'a B,
    /// `[A, T, N]`.
    pub terminated: &'a B,
    /// `[A, T, N]`.
    pub truncated: &'a B,
    /// `V(s_t)`, `[A, K, T + 1, N]`.
    pub values: &'a B,
    /// Output, `[A, K, T, N]`.
    pub advantages: &'a mut B,
    /// Output, advantages + values, `[A, K, T, N]`.
    pub returns: &'a mut B,
}

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

/// The metrics that [`Backend::actor_critic_loss`] gives, each a mean over the rows that count.
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

/// Which R rows of a rollout's S make up a minibatch.
#[derive(Debug)]
pub struct Selection<'a, I> {
    /// Row numbers below S, `[A, stride]`.
    pub rows: &'a I,
    /// Row numbers an agent has in `rows`.
    pub stride: usize,
    /// The first of the R row numbers.
    pub first: usize,
}

// Derived ones would ask the same of `I`.
impl<I> Clone for Selection<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Selection<'_, I> {}

/// R rows an agent of rollouts of S rows.
#[derive(Debug)]
pub struct Minibatch<'a, B, I> {
    /// A.
    pub agents: usize,
    /// R.
    pub rows: usize,
    /// S.
    pub source_rows: usize,
    /// K.
    pub heads: usize,
    /// G, the heads that advantages are of.
    pub advantage_heads: usize,
    /// Which rows.
    pub selection: Selection<'a, I>,
    /// Stored actions (`u` where squashed), `[A, S, action width]`.
    pub actions: &'a B,
    /// `log pi_old(a|s)`, `[A, S]`.
    pub log_probs: &'a B,
    /// Raw advantages, `[A, G, S]`; the actor learns from those of the first head.
    pub advantages: &'a B,
    /// Value targets, `[A, K, S]`.
    pub returns: &'a B,
    /// Values at the time of acting, `[A, K, value_rows]`, of which the first S count.
    pub values: &'a B,
    /// At least S.
    pub value_rows: usize,
    /// 1.0 where a row counts, `[A, S]`.
    pub mask: &'a B,
    /// Dopamine tone rho at the time of acting, `[A, S]`.
    pub tone: &'a B,
    /// Inverse temperature beta at the time of acting, `[A, S]`.
    pub inverse_temperature: &'a B,
}

impl<B, I> Clone for Minibatch<'_, B, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, I> Copy for Minibatch<'_, B, I> {}

impl<B, I> Minibatch<'_, B, I> {
    pub(crate) fn assert_lengths(&self, action_width: usize, len: impl Fn(&B) -> usize, indices: impl Fn(&I) -> usize) {
        let sources = self.agents * self.source_rows;
        let a_row = [self.log_probs, self.mask, self.tone, self.inverse_temperature];
        let Selection { rows: chosen, stride, first } = self.selection;
        let long_enough = first + self.rows <= stride
            && indices(chosen) >= self.agents * stride
            && self.value_rows >= self.source_rows
            && len(self.actions) >= sources * action_width
            && a_row.into_iter().all(|buffer| len(buffer) >= sources)
            && len(self.advantages) >= sources * self.advantage_heads
            && len(self.returns) >= sources * self.heads
            && len(self.values) >= self.agents * self.heads * self.value_rows;
        assert!(long_enough, "a minibatch of {} x {} rows has too short a buffer", self.agents, self.rows);
    }
}

impl<'a, B> Minibatch<'a, B, Vec<u32>> {
    /// Which rows of its rollout an agent's are.
    pub(crate) fn chosen(&self, agent: usize) -> &'a [u32] {
        let Selection { rows, stride, first } = self.selection;
        &rows[agent * stride + first..][..self.rows]
    }
}

/// Arguments of [`Backend::actor_critic_loss`]: R rows an agent.
#[derive(Debug)]
pub struct LossArgs<'a, B, I> {
    /// What an output row means; W is its width.
    pub layout: &'a HeadLayout,
    /// `[A]`.
    pub params: &'a [LossParams],
    /// The rows, and what was stored with them.
    pub batch: Minibatch<'a, B, I>,
    /// From [`Backend::advantage_moments`], `[A, 4]`.
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
    /// Steps of the sequences that the rows are, for a network with memory: row `t * E + e` is step t of sequence e. 1 where every row
    /// stands by itself.
    pub sequence: usize,
    /// Observations as the network sees them, `[A, S, inputs]`.
    pub observations: &'a B,
    /// From [`Backend::advantage_moments`], `[A, 4]`.
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

/// Where the policy's own parameters lie among an agent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStd {
    /// Parameters an agent.
    pub stride: usize,
    /// The first one of `log_std`.
    pub at: usize,
}

/// Numbers of an optimiser step, one set an agent. Laid out as `shaders/optimizer.wgsl` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct OptimizerParams {
    /// 0 is Adam (Kingma & Ba 2015), 1 is RMSProp (Hinton 2012, in PyTorch's form, which Stable-Baselines3 uses), 2 takes no step
    /// ([`OptimizerParams::REST`]).
    pub kind: u32,
    /// Step size.
    pub learning_rate: f32,
    /// Adam's beta1; unused by RMSProp.
    pub beta1: f32,
    /// Adam's beta2, or RMSProp's alpha.
    pub beta2: f32,
    /// Added to the root.
    pub epsilon: f32,
    /// `1 - beta1^t` for Adam, 1 for RMSProp.
    pub correction1: f32,
    /// `1 - beta2^t` for Adam, 1 for RMSProp.
    pub correction2: f32,
    /// Gradients are scaled so that their global norm is at most this; infinite is off.
    pub max_grad_norm: f32,
}

/// Arguments of [`Backend::optimizer_step`]: P parameters an agent.
#[derive(Debug)]
pub struct OptimizerArgs<'a, B> {
    /// A.
    pub agents: usize,
    /// `[A]`.
    pub params: &'a [OptimizerParams],
    /// `[A, P]`.
    pub gradients: &'a B,
    /// `[A, P]`, changed.
    pub weights: &'a mut B,
    /// First moment, `[A, P]`, changed by Adam.
    pub first_moment: &'a mut B,
    /// Second moment, `[A, P]`, changed.
    pub second_moment: &'a mut B,
    /// Output: global norm before clipping, `[A]` from `grad_norm_at` on.
    pub grad_norm: &'a mut B,
    /// Where in `grad_norm` they are written.
    pub grad_norm_at: usize,
}

impl OptimizerParams {
    /// The [`kind`](Self::kind) of an agent that changes nothing.
    pub const REST: u32 = 2;
}

/// Arguments of [`Backend::take_columns`].
#[derive(Debug)]
pub struct TakeColumnsArgs<'a, B, I> {
    /// A.
    pub agents: usize,
    /// R.
    pub rows: usize,
    /// `[A, R, width]`.
    pub source: &'a B,
    /// W.
    pub width: usize,
    /// The first column taken.
    pub column: usize,
    /// K, the columns taken.
    pub columns: usize,
    /// Where a row goes, `[A, R]`; without it to `at` and on.
    pub places: Option<&'a I>,
    /// Added to the place.
    pub at: usize,
    /// `[A, K, stride]`.
    pub out: &'a mut B,
    /// S.
    pub stride: usize,
}

/// Arguments of [`Backend::unpack_bytes`].
#[derive(Debug)]
pub struct UnpackBytesArgs<'a, B> {
    /// R.
    pub rows: usize,
    /// Bytes at the start of a row, four to a number.
    pub bytes: usize,
    /// Numbers after them, which are copied.
    pub rest: usize,
    /// `[R, ceil(bytes / 4) + rest]`.
    pub source: &'a B,
    /// Output, `[R, bytes + rest]`.
    pub out: &'a mut B,
}

/// Memory and kernels of one device.
///
/// Launches are ordered; nothing is waited for except by [`download`](Self::download). Lengths are the caller's duty: a kernel
/// panics on a buffer that is too short, which only a bug in this project can cause.
pub trait Backend {
    /// `f32` memory.
    type Buffer;
    /// `u32` memory.
    type Indices;

    /// New memory holding `data`.
    fn upload(&self, data: &[f32]) -> Self::Buffer;

    /// New memory holding zeros.
    fn zeros(&self, len: usize) -> Self::Buffer;

    /// New memory holding `data`.
    fn upload_indices(&self, data: &[u32]) -> Self::Indices;

    /// Overwrites the numbers from `at` on.
    fn write(&self, buffer: &mut Self::Buffer, at: usize, data: &[f32]);

    /// Overwrites the first `data.len()` numbers.
    fn write_indices(&self, buffer: &mut Self::Indices, data: &[u32]);

    /// Waits for everything launched and reads the memory back.
    ///
    /// # Errors
    /// If the device was lost or ran out of memory.
    fn download(&self, buffer: &Self::Buffer) -> Result<Vec<f32>, KernelError>;

    /// The same for the numbers from `at` on, as many as `out` holds.
    ///
    /// # Errors
    /// As [`download`](Self::download).
    fn read(&self, buffer: &Self::Buffer, at: usize, out: &mut [f32]) -> Result<(), KernelError>;

    /// `delta_t = r_t - rbar + gamma (1 - terminated_t) V(s'_t) - V(s_t)`, where `s'_t` is the final observation of a truncated
    /// episode.
    fn td_error(&self, args: TdErrorArgs<'_, Self::Buffer>);

    /// Generalised advantage estimation (Schulman et al. 2016): `A_t = delta_t + gamma lambda (1 - terminated_t) (1 - truncated_t) A_{t+1}`.
    fn gae(&self, args: GaeArgs<'_, Self::Buffer>);

    /// `means[a, g, :]` is the mean of `values[a, k, :]` over the heads k of group g.
    fn mean_heads(&self, args: MeanHeadsArgs<'_, Self::Buffer>);

    /// Samples of the return by replacement along the trajectory (SR(lambda) of Nam, Kim & Park 2021): `Z_t[k] = r_t + gamma (1 - terminated_t) X`,
    /// where X is `Z_{t+1}[k]` with probability lambda, but at the rollout's and an episode's end, and else `theta_k(s'_t)`. The draws are
    /// those of [`Purpose::Replacement`](striatum_rng::Purpose::Replacement) at (environment, `first_step + t`), word k.
    fn sr_lambda(&self, args: SrLambdaArgs<'_, Self::Buffer>);

    /// `out[a, i, :] = source[a, chosen[a, i], :]`, with `source` `[A, S, width]` and `out` `[A, R, width]` for R `rows`.
    fn gather(
        &self,
        agents: usize,
        width: usize,
        source: &Self::Buffer,
        selection: Selection<'_, Self::Indices>,
        rows: usize,
        out: &mut Self::Buffer,
    );

    /// `out[a, i]` is where the keyed permutation of 0..rows takes i; `keys` are `[A]`, `out` is `[A, rows]`.
    fn shuffle(&self, keys: &[[u32; 2]], rows: usize, out: &mut Self::Indices);

    /// What is reported of a rollout.
    fn rollout_stats(&self, args: RolloutStatsArgs<'_, Self::Buffer>);

    /// Columns of rows, each to a line of its own: `out[a, k, at + place(r)] = source[a, r, column + k]`.
    fn take_columns(&self, args: TakeColumnsArgs<'_, Self::Buffer, Self::Indices>);

    /// Packed bytes, in memory order, as numbers from 0 to 1: each divided by 255.
    fn unpack_bytes(&self, args: UnpackBytesArgs<'_, Self::Buffer>);

    /// `[A, 4]`: number of rows that count, mean, and `1 / (std + 1e-8)` (unbiased) of the first head's advantages where the mask is
    /// set; then 0. Without `normalize` mean is 0 and the scale 1.
    fn advantage_moments(
        &self,
        batch: Minibatch<'_, Self::Buffer, Self::Indices>,
        normalize: bool,
        out: &mut Self::Buffer,
    );

    /// The loss of PPO or A2C, its gradient with respect to the network's outputs, and its metrics.
    fn actor_critic_loss(&self, args: LossArgs<'_, Self::Buffer, Self::Indices>);

    /// Clips by the global norm, then takes one step of Adam or RMSProp.
    fn optimizer_step(&self, args: OptimizerArgs<'_, Self::Buffer>);
}
