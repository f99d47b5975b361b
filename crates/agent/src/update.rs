//! What an update reports, whatever the algorithm.

use striatum_kernels::{KernelError, LossMetrics};

/// An update failed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The device failed.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Loss or gradient became NaN or infinite; the weights before it were kept.
    #[error(
        "the gradient is not finite (norm {norm}) in optimiser step {step}; a lower `learning_rate`, or normalised \
         observations and rewards, may help"
    )]
    NotFinite {
        /// Optimiser step, counted from 1.
        step: u64,
        /// The norm.
        norm: f32,
    },
}

/// Means over the minibatches of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UpdateMetrics {
    /// Means of the loss's metrics.
    pub loss: LossMetrics,
    /// Mean global norm of the gradient before clipping.
    pub grad_norm: f32,
    /// `|ratio - 1|` in the first minibatch: rounding apart, 0.
    pub first_ratio_deviation: f32,
    /// Optimiser steps taken; fewer than planned where the KL limit stopped the update.
    pub optimizer_steps: usize,
}

/// Averages what the minibatches reported; `first_step` is the optimiser step of the first one.
pub(crate) fn summarize(
    metrics: &[LossMetrics],
    grad_norms: &[f32],
    first_step: u64,
) -> Result<UpdateMetrics, UpdateError> {
    if let Some(i) = grad_norms.iter().position(|norm| !norm.is_finite()) {
        return Err(UpdateError::NotFinite { step: first_step + i as u64, norm: grad_norms[i] });
    }
    let count = metrics.len().max(1) as f32;
    let mut sums = [0.0_f32; striatum_kernels::LOSS_METRICS];
    for row in metrics {
        let row: [f32; striatum_kernels::LOSS_METRICS] = bytemuck::cast(*row);
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x / count);
    }
    Ok(UpdateMetrics {
        loss: bytemuck::cast(sums),
        grad_norm: grad_norms.iter().sum::<f32>() / count,
        first_ratio_deviation: metrics.first().map_or(0.0, |m| m.ratio_deviation),
        optimizer_steps: metrics.len(),
    })
}
