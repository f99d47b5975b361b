//! The policy's objective of one row.

use crate::{LossParams, Objective};

/// A log ratio is clamped to this before its exponential; outside it has no gradient.
pub(super) const LOG_RATIO_LIMIT: f32 = 20.0;

/// The policy's part of one row.
pub(super) struct PolicyTerm {
    pub loss: f32,
    /// d loss / d log pi(a|s).
    pub slope: f32,
    pub ratio: f32,
    pub log_ratio: f32,
}

impl PolicyTerm {
    /// From `log pi(a|s)` now and at the time of acting, and the advantage.
    pub fn new(params: &LossParams, log_prob: f32, old_log_prob: f32, advantage: f32) -> Self {
        let raw = log_prob - old_log_prob;
        let log_ratio = raw.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT);
        let ratio = log_ratio.exp();
        let (loss, slope) = if params.objective == Objective::PolicyGradient as u32 {
            (-advantage * log_prob, -advantage)
        } else {
            let clipped_ratio = ratio.clamp(1.0 - params.clip, 1.0 + params.clip);
            let (free, clipped) = (-advantage * ratio, -advantage * clipped_ratio);
            // The gradient flows through the ratio where that is the greater of the two, or inside the range, where they are equal.
            // Where something is not a number, it goes on, so that the norm of the gradient shows it.
            let stopped = free < clipped || (raw != log_ratio && !raw.is_nan());
            (free.max(clipped), if stopped { 0.0 } else { -advantage * ratio })
        };
        Self { loss, slope, ratio, log_ratio }
    }
}
