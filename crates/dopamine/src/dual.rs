//! The dual-pathway policy of one state: a direct ("go") and an indirect ("no-go") number for each action.

use crate::tabular::softmax;
use core::f64::consts::FRAC_1_SQRT_2;

/// How a [`DualPolicy`] learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualRates {
    /// Step size.
    pub rate: f64,
    /// Asymmetry kappa in 0..=1: how much more the direct pathway learns from what is better than expected, the indirect one from what
    /// is worse.
    pub kappa: f64,
    /// Decay lambda_u of the sum mode u = g + n: every step descends the gradient of `(lambda_u / 2) mean u^2`, apart from the step size.
    pub sum_decay: f64,
}

/// `pi = softmax(c [(1 + rho) g - (1 - rho) n])`, c = 1/sqrt(2), with dopamine tone rho.
///
/// ```
/// use striatum_dopamine::{DualPolicy, DualRates};
/// let mut policy = DualPolicy::<2>::default();
/// let rates = DualRates { rate: 0.1, kappa: 1.0, sum_decay: 0.02 };
/// policy.learn(&rates, 1, 0.5); // Action 1 was better than expected:
/// assert!(policy.probabilities(1.0)[1] > policy.probabilities(0.0)[1]); // more so under high dopamine.
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualPolicy<const A: usize> {
    /// The direct pathway, g.
    pub go: [f64; A],
    /// The indirect pathway, n.
    pub no_go: [f64; A],
}

impl<const A: usize> Default for DualPolicy<A> {
    fn default() -> Self {
        Self { go: [0.0; A], no_go: [0.0; A] }
    }
}

impl<const A: usize> DualPolicy<A> {
    /// The logits under dopamine tone `rho`.
    #[must_use]
    pub fn logits(&self, rho: f64) -> [f64; A] {
        core::array::from_fn(|i| FRAC_1_SQRT_2 * ((1.0 + rho) * self.go[i] - (1.0 - rho) * self.no_go[i]))
    }

    /// The probability of each action under dopamine tone `rho`.
    #[must_use]
    pub fn probabilities(&self, rho: f64) -> [f64; A] {
        softmax(self.logits(rho))
    }

    /// The sum mode u = g + n, which tone acts on.
    #[must_use]
    pub fn sum_mode(&self) -> [f64; A] {
        core::array::from_fn(|i| self.go[i] + self.no_go[i])
    }

    /// One step of policy gradient at rho = 0, after `action` turned out `advantage` better than expected.
    pub fn learn(&mut self, rates: &DualRates, action: usize, advantage: f64) {
        let (more, less) = (1.0 + rates.kappa, 1.0 - rates.kappa);
        let (go_weight, no_go_weight) = if advantage > 0.0 { (more, less) } else { (less, more) };
        let policy = self.probabilities(0.0);
        for (i, probability) in policy.into_iter().enumerate() {
            let chosen = if i == action { 1.0 } else { 0.0 };
            // J_i, the gradient of advantage * ln pi(action) with respect to logit i
            let gradient = advantage * (chosen - probability);
            let decay = rates.sum_decay / A as f64 * (self.go[i] + self.no_go[i]);
            self.go[i] += rates.rate * FRAC_1_SQRT_2 * go_weight * gradient - decay;
            self.no_go[i] -= rates.rate * FRAC_1_SQRT_2 * no_go_weight * gradient + decay;
        }
    }
}
