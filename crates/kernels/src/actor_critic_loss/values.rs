//! The loss of the value heads: each by itself, or a distribution's.

use super::distribution::Distribution;
use super::{Loss, Row};
use crate::CriticKind;
use crate::distribution::Density;

impl<D: Density> Loss<D> {
    /// The gradient with respect to the values; the losses of the first head and of the others, a mean, before their weights.
    pub(super) fn values(&mut self, row: &Row<'_>, d_output: &mut [f32]) -> [f32; 2] {
        if self.params.critic != CriticKind::Scalar as u32 {
            return [self.distribution(row, d_output), 0.0];
        }
        let columns = self.columns.values_at..self.columns.features_at;
        let auxiliary = (columns.len() - 1).max(1) as f32;
        let heads = row.output[columns.clone()].iter().zip(row.values).zip(row.returns);
        let weights = [self.params.value_coef, self.params.auxiliary_coef / auxiliary].map(|w| w * self.inverse_count);
        let mut losses = [0.0; 2];
        for (k, (d, ((&value, &old), &target))) in d_output[columns].iter_mut().zip(heads).enumerate() {
            let (loss, slope) = value_term(self.params.value_clip, value, old, target);
            let part = usize::from(k > 0);
            *d = weights[part] * slope;
            losses[part] += loss;
        }
        [losses[0], losses[1] / auxiliary]
    }

    /// The gradient with respect to a distribution's heads; its loss before its weight.
    fn distribution(&mut self, row: &Row<'_>, d_output: &mut [f32]) -> f32 {
        let columns = self.columns.values_at..self.columns.features_at;
        self.targets[..columns.len()].copy_from_slice(row.returns);
        let is_quantile = self.params.critic == CriticKind::Quantile as u32;
        let mut loss = 0.0;
        let job = Distribution {
            kind: if is_quantile { CriticKind::Quantile } else { CriticKind::Expectile },
            huber: self.params.huber,
            thetas: &row.output[columns.clone()],
            targets: &self.targets,
            weight: self.params.value_coef * self.inverse_count,
            d_thetas: &mut d_output[columns],
            loss: &mut loss,
        };
        // SAFETY: the machine runs the level, which was detected; the job checks the lengths of its slices.
        unsafe { self.level.run(job) };
        loss
    }
}

/// `(loss, d loss / dV)` of one value head: `1/2 (V - R)^2`, or the greater of that and the same with `V`'s change clipped.
fn value_term(clip: f32, value: f32, old_value: f32, target: f32) -> (f32, f32) {
    let error = value - target;
    let free = 0.5 * error * error;
    let change = value - old_value;
    if clip > 0.0 && change.abs() > clip {
        let clipped_error = old_value + change.clamp(-clip, clip) - target;
        let clipped = 0.5 * clipped_error * clipped_error;
        // The clipped value does not depend on V.
        if clipped > free {
            return (clipped, 0.0);
        }
    }
    (free, error)
}
