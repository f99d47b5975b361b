//! Learners of many horizons, and when a reward comes according to them (Fedus et al. 2019; Masset et al. 2025).

use crate::nonnegative::dot;
use crate::{Rates, SerialCompound, Trial, nonnegative_least_squares};

/// Learners of one stimulus that differ in their discount only.
#[derive(Clone, Debug, PartialEq)]
pub struct Timescales {
    learners: Vec<SerialCompound>,
}

impl Timescales {
    /// `count` learners with discounts `1 - 1 / tau`, tau evenly spaced in its logarithm between two bounds.
    #[must_use]
    pub fn new(alpha: f64, lambda: f64, [shortest, longest]: [f64; 2], count: usize) -> Self {
        let horizon = |index: usize| shortest * (longest / shortest).powf(index as f64 / (count.max(2) - 1) as f64);
        let learner = |index| SerialCompound::new(Rates { alpha, gamma: 1.0 - 1.0 / horizon(index), lambda }, &[1.0]);
        Self { learners: (0..count).map(learner).collect() }
    }

    /// The discount of each learner.
    pub fn gammas(&self) -> impl Iterator<Item = f64> {
        self.learners.iter().map(|learner| learner.rates.gamma)
    }

    /// The horizon tau of each learner, in steps.
    #[must_use]
    pub fn horizons(&self) -> Vec<f64> {
        self.gammas().map(|gamma| 1.0 / (1.0 - gamma)).collect()
    }

    /// All learn from a trial with this step size.
    pub fn learn(&mut self, alpha: f64, trial: &Trial) {
        for learner in &mut self.learners {
            learner.rates.alpha = alpha;
            learner.learn(trial);
        }
    }

    /// Each learner's TD error at a step, with learning off. At the onset of a cue it is `gamma V`, which after learning is the reward
    /// times `gamma^delay`.
    #[must_use]
    pub fn responses(&self, trial: &Trial, step: usize) -> Vec<f64> {
        self.learners.iter().map(|learner| learner.probe(trial)[step]).collect()
    }

    /// How much reward comes after each of 1, 2 .. `latest` steps according to responses to a cue: the inverse of the discount functions, by
    /// non-negative least squares.
    #[must_use]
    pub fn decode(&self, responses: &[f64], latest: usize, ridge: f64) -> Vec<f64> {
        let columns: Vec<_> = (1..=latest).map(|delay| self.discounts(delay as f64)).collect();
        nonnegative_least_squares(&columns, responses, ridge)
    }

    /// The delay and size of the one reward whose responses come closest to these, by least squares over delays up to `latest` in steps of
    /// `spacing`.
    #[must_use]
    pub fn decode_single(&self, responses: &[f64], latest: f64, spacing: f64) -> (f64, f64) {
        let fit = |index: usize| {
            let discounts = self.discounts(index as f64 * spacing);
            let (product, square) = (dot(&discounts, responses), dot(&discounts, &discounts));
            // The squared error with the best size is |v|^2 - (v . d)^2 / |d|^2.
            (index as f64 * spacing, product / square, product.max(0.0).powi(2) / square)
        };
        let tried = (0..=(latest / spacing).round() as usize).map(fit);
        let (delay, size, _) = tried.max_by(|a, b| a.2.total_cmp(&b.2)).expect("a delay of 0 is tried");
        (delay, size)
    }

    /// The smallest standard deviation that an unbiased estimate of a reward's delay can have when its size is unknown as well and the responses
    /// have independent normal noise (Cramér and Rao).
    #[must_use]
    pub fn delay_bound(&self, delay: f64, size: f64, noise: f64) -> f64 {
        // Derivatives of `size gamma^delay` by size and by delay.
        let by_size = self.discounts(delay);
        let by_delay: Vec<f64> = by_size.iter().zip(self.gammas()).map(|(d, gamma)| size * gamma.ln() * d).collect();
        let (a, b, c) = (dot(&by_size, &by_size), dot(&by_size, &by_delay), dot(&by_delay, &by_delay));
        noise * (a / (a * c - b * b)).sqrt()
    }

    fn discounts(&self, delay: f64) -> Vec<f64> {
        self.gammas().map(|gamma| gamma.powf(delay)).collect()
    }
}
