//! What independent runs say together.

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
        let n = runs.len() as f64;
        let mean = runs.iter().sum::<f64>() / n;
        let squares: f64 = runs.iter().map(|run| (run - mean).powi(2)).sum();
        Self { mean, error: if runs.len() > 1 { (squares / (n - 1.0) / n).sqrt() } else { 0.0 } }
    }

    /// The bounds of the interval, by the normal distribution.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        (self.mean - 1.96 * self.error, self.mean + 1.96 * self.error)
    }
}
