//! The one interface through which algorithms use kernels: [`Backend`], implemented by [`Cpu`](crate::Cpu) (the mirrors) and
//! [`Gpu`](crate::Gpu) (the shaders).
//!
//! Every array has a leading agent index A: many agents are one launch. `f32` flags are 0.0 or 1.0.

use crate::{
    GaeArgs, KernelError, LossArgs, MeanHeadsArgs, Minibatch, OptimizerArgs, RolloutStatsArgs, Selection, SrLambdaArgs,
    TakeColumnsArgs, TdErrorArgs, UnpackBytesArgs,
};

/// Memory and kernels of one device.
///
/// Launches are ordered; nothing is waited for except by [`download`](Self::download), [`read`](Self::read) and
/// [`finish_read`](Self::finish_read). Lengths are the caller's duty: a kernel
/// panics on a buffer that is too short, which only a bug in this project can cause.
pub trait Backend {
    /// `f32` memory.
    type Buffer;
    /// `u32` memory.
    type Indices;
    /// Numbers on their way to the host.
    type Reading: Default;

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

    /// Starts to copy the first `len` numbers of each (buffer, len), as they are after everything launched so far, to the host, one after
    /// the other. It does not wait, and what is launched later may change the buffers.
    fn begin_read(&self, parts: &[(&Self::Buffer, usize)], reading: &mut Self::Reading);

    /// Waits for what [`begin_read`](Self::begin_read) started, though not for what was launched later; the numbers, none without such
    /// a start.
    ///
    /// # Errors
    /// As [`download`](Self::download).
    fn finish_read<'a>(&self, reading: &'a mut Self::Reading) -> Result<&'a [f32], KernelError>;

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
