//! Means and their confidence intervals.

/// Count, sum and sum of squares of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    pub(crate) fn add(&mut self, x: f64) {
        self.count += 1.0;
        self.sum += x;
        self.squares += x * x;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Standard error of the mean; 0 for a single number.
    pub(crate) fn error(&self) -> f64 {
        let variance = (self.squares / self.count - self.mean() * self.mean()).max(0.0);
        (variance / (self.count - 1.0).max(1.0)).sqrt()
    }

    /// Half the width of the mean's 95 % confidence interval, by the normal distribution.
    pub(crate) fn half_width(&self) -> f64 {
        NORMAL_95 * self.error()
    }
}

/// Standard deviations of a normal distribution to either side that hold 95 % of it.
pub(crate) const NORMAL_95: f64 = 1.959_964;

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut moments = Self::default();
        numbers.into_iter().for_each(|x| moments.add(x));
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_error_by_hand() {
        // 1, 2, 3, 4: mean 2.5; sample variance (2.25 + .25 + .25 + 2.25) / 3 = 5/3; error sqrt(5/3 / 4)
        let mut moments: Moments = [1.0, 2.0].into_iter().collect();
        moments.merge(&[3.0, 4.0].into_iter().collect());
        assert_eq!(moments.mean(), 2.5);
        assert!((moments.error() - (5.0_f64 / 12.0).sqrt()).abs() < 1e-15);
    }
}
