//! The one interface through which algorithms use kernels: [`Backend`], implemented by [`Cpu`](crate::Cpu) (the mirrors) and
//! [`Gpu`](crate::Gpu) (the shaders).
//!
//! Every array has a leading agent index A: many agents are one launch. `f32` flags are 0.0 or 1.0.

use crate::{HeadLayout, KernelError};
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
    /// Clip range of the value's change; 0 is off.
    pub value_clip: f32,
    /// Weight of the value loss `mean 1/2 (V - R)^2`, summed over heads.
    pub value_coef: f32,
    /// Weight of the entropy bonus.
    pub entropy_coef: f32,
    /// Asymmetry of the pathways, 0 to 1.
    pub kappa: f32,
    /// Weight of the sum mode's decay `1/2 mean |g + n|^2`.
    pub sum_decay: f32,
    /// Keeps the size a multiple of 16 bytes.
    pub padding: f32,
}

/// The metrics that [`Backend::actor_critic_loss`] gives, each a mean over the rows that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct LossMetrics {
    /// The policy's loss, without entropy.
    pub policy_loss: f32,
    /// `1/2 (V - R)^2`, summed over heads, before its weight.
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
}

/// How many numbers [`LossMetrics`] has.
pub const LOSS_METRICS: usize = size_of::<LossMetrics>() / size_of::<f32>();

/// Arguments of [`Backend::actor_critic_loss`]: R rows an agent.
#[derive(Debug)]
pub struct LossArgs<'a, B> {
    /// What an output row means; W is its width.
    pub layout: &'a HeadLayout,
    /// A.
    pub agents: usize,
    /// R.
    pub rows: usize,
    /// `[A]`.
    pub params: &'a [LossParams],
    /// The network's outputs, `[A, R, W]`.
    pub outputs: &'a B,
    /// `[A, log_std_len]`; empty for a categorical policy.
    pub log_std: &'a B,
    /// Stored actions (`u` where squashed), `[A, R, action width]`.
    pub actions: &'a B,
    /// `log pi_old(a|s)`, `[A, R]`.
    pub log_probs: &'a B,
    /// Raw advantages, `[A, R]`.
    pub advantages: &'a B,
    /// Value targets, `[A, R, K]`.
    pub returns: &'a B,
    /// Values at the time of acting, `[A, R, K]`.
    pub values: &'a B,
    /// 1.0 where a row counts, `[A, R]`.
    pub mask: &'a B,
    /// Dopamine tone rho at the time of acting, `[A, R]`.
    pub tone: &'a B,
    /// Inverse temperature beta at the time of acting, `[A, R]`.
    pub inverse_temperature: &'a B,
    /// From [`Backend::advantage_moments`], `[A, 4]`.
    pub moments: &'a B,
    /// Output: the loss's gradient with respect to the outputs, `[A, R, W]` (0 in masked rows and feature columns).
    pub d_outputs: &'a mut B,
    /// Output: the same with kappa = 0, which is what the layers below the heads learn from, `[A, R, W]`.
    pub d_trunk: Option<&'a mut B>,
    /// Output: the gradient with respect to `log_std`, `[A, log_std_len]`.
    pub d_log_std: &'a mut B,
    /// Output: [`LossMetrics`], `[A, LOSS_METRICS]`.
    pub metrics: &'a mut B,
}

/// Numbers of an optimiser step, one set an agent. Laid out as `shaders/optimizer.wgsl` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct OptimizerParams {
    /// 0 is Adam (Kingma & Ba 2015), 1 is RMSProp (Hinton 2012, in PyTorch's form, which Stable-Baselines3 uses).
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
    /// Output: global norm before clipping, `[A]`.
    pub grad_norm: &'a mut B,
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

    /// Overwrites the first `data.len()` numbers.
    fn write(&self, buffer: &mut Self::Buffer, data: &[f32]);

    /// Overwrites the first `data.len()` numbers.
    fn write_indices(&self, buffer: &mut Self::Indices, data: &[u32]);

    /// Copies `len` numbers on the device, from `from[from_at..]` to `to[to_at..]`.
    fn copy(&self, from: &Self::Buffer, from_at: usize, to: &mut Self::Buffer, to_at: usize, len: usize);

    /// Waits for everything launched and reads the memory back.
    ///
    /// # Errors
    /// If the device was lost or ran out of memory.
    fn download(&self, buffer: &Self::Buffer) -> Result<Vec<f32>, KernelError>;

    /// `delta_t = r_t + gamma (1 - terminated_t) V(s'_t) - V(s_t)`, where `s'_t` is the final observation of a truncated episode.
    fn td_error(&self, args: TdErrorArgs<'_, Self::Buffer>);

    /// Generalised advantage estimation (Schulman et al. 2016): `A_t = delta_t + gamma lambda (1 - terminated_t) (1 - truncated_t) A_{t+1}`.
    fn gae(&self, args: GaeArgs<'_, Self::Buffer>);

    /// `out[a, i, :] = source[a, rows[a, i], :]` with `rows` `[A, R]`, `source` `[A, S, width]`, `out` `[A, R, width]`.
    fn gather(&self, agents: usize, width: usize, source: &Self::Buffer, rows: &Self::Indices, out: &mut Self::Buffer);

    /// `[A, 4]`: number of rows that count, mean, and `1 / (std + 1e-8)` (unbiased) of the advantages `[A, R]` where `mask` is set; then
    /// 0. Without `normalize` mean is 0 and the scale 1.
    fn advantage_moments(
        &self,
        agents: usize,
        normalize: bool,
        advantages: &Self::Buffer,
        mask: &Self::Buffer,
        out: &mut Self::Buffer,
    );

    /// The loss of PPO or A2C, its gradient with respect to the network's outputs, and its metrics.
    fn actor_critic_loss(&self, args: LossArgs<'_, Self::Buffer>);

    /// Clips by the global norm, then takes one step of Adam or RMSProp.
    fn optimizer_step(&self, args: OptimizerArgs<'_, Self::Buffer>);
}
