//! The loss of the value heads: each by itself, or a distribution's.

use super::{Loss, Row};
use crate::CriticKind;
use crate::distribution::Density;
use crate::lanes::LANES;

impl<D: Density> Loss<D> {
    /// The gradient with respect to the values; the losses of the first head and of the others, a mean, before their weights.
    pub(super) fn values(&mut self, row: &Row<'_>, d_output: &mut [f32]) -> [f32; 2] {
        if self.params.critic != CriticKind::Scalar as u32 {
            return [self.distribution(row, d_output), 0.0];
        }
        let columns = self.columns.values_at..self.columns.features_at;
        let auxiliary = (columns.len() - 1).max(1) as f32;
        let [values, returns] = [row.values, row.returns].map(|(numbers, stride)| numbers.iter().step_by(stride));
        let heads = row.output[columns.clone()].iter().zip(values).zip(returns);
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

    /// The gradient with respect to a distribution's heads; its loss before its weight, a mean over heads and targets.
    fn distribution(&mut self, row: &Row<'_>, d_output: &mut [f32]) -> f32 {
        let (returns, stride) = row.returns;
        self.targets.iter_mut().zip(returns.iter().step_by(stride)).for_each(|(target, &z)| *target = z);
        let columns = self.columns.values_at..self.columns.features_at;
        let (heads, huber) = (columns.len() as f32, self.params.huber);
        let weight = self.params.value_coef * self.inverse_count;
        let is_quantile = self.params.critic == CriticKind::Quantile as u32;
        let mut sum = 0.0;
        for (i, (d, &theta)) in d_output[columns.clone()].iter_mut().zip(&row.output[columns]).enumerate() {
            let tau = (i as f32 + 0.5) / heads;
            let (loss, slope) = match is_quantile {
                true => quantile_term(tau, huber, theta, &self.targets),
                false => expectile_term(tau, theta, &self.targets),
            };
            *d = weight * (slope / heads);
            sum += loss;
        }
        sum / heads
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

/// `(loss, d loss / dtheta)` of the quantile tau, means over targets: `|tau - 1[u < 0]| rho(u)` with `u = target - theta`, where rho is
/// `|u|`, or Huber's function of threshold k divided by k (Dabney et al. 2018).
fn quantile_term(tau: f32, huber: f32, theta: f32, targets: &[f32]) -> (f32, f32) {
    if huber > 0.0 {
        return asymmetric_term(tau, theta, targets, |u| {
            // 1/2 u^2 / k where |u| <= k, else |u| - k/2
            let c = u.clamp(-huber, huber);
            (c.abs() * (u.abs() - 0.5 * c.abs()) / huber, c / huber)
        });
    }
    asymmetric_term(tau, theta, targets, |u| (u.abs(), if u == 0.0 { 0.0 } else { u.signum() }))
}

/// The same of the expectile tau, where rho is `u^2` (Newey & Powell 1987).
fn expectile_term(tau: f32, theta: f32, targets: &[f32]) -> (f32, f32) {
    asymmetric_term(tau, theta, targets, |u| (u * u, 2.0 * u))
}

/// Means of `|tau - 1[u < 0]| rho(u)` and of its slope in theta; `rho` gives its value and its slope in u.
#[inline(always)]
fn asymmetric_term(tau: f32, theta: f32, targets: &[f32], rho: impl Fn(f32) -> (f32, f32)) -> (f32, f32) {
    let term = |target: f32| {
        let u = target - theta;
        let weight = if u < 0.0 { 1.0 - tau } else { tau };
        let (loss, push) = rho(u);
        (weight * loss, -weight * push)
    };
    // Independent partial sums, which become vector instructions.
    let (mut losses, mut slopes) = ([0.0; LANES], [0.0; LANES]);
    let (whole, rest) = targets.as_chunks::<LANES>();
    for targets in whole {
        for (i, &target) in targets.iter().enumerate() {
            let (loss, slope) = term(target);
            losses[i] += loss;
            slopes[i] += slope;
        }
    }
    for (i, &target) in rest.iter().enumerate() {
        let (loss, slope) = term(target);
        losses[i] += loss;
        slopes[i] += slope;
    }
    let share = 1.0 / targets.len() as f32;
    (share * losses.iter().sum::<f32>(), share * slopes.iter().sum::<f32>())
}
