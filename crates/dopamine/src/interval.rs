//! What independent runs say together.

use crate::stats::{Moments, NORMAL_95};

/// A mean over independent runs with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Its standard error; 0 for a single run.
    pub error: f64,
}

impl Interval {
    /// The mean of some runs.
    #[must_use]
    pub fn of(runs: &[f64]) -> Self {
        let moments: Moments = runs.iter().copied().collect();
        Self { mean: moments.mean(), error: moments.error() }
    }

    /// The bounds of the interval, by the normal distribution.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        (self.mean - NORMAL_95 * self.error, self.mean + NORMAL_95 * self.error)
    }
}
