//! What can be read from dopamine neurons' responses: reversal points, asymmetries, and the distribution behind them (Dabney et al. 2020).

use crate::{Discrete, nonnegative_least_squares};

/// How a neuron responds to rewards: not at all at its reversal point, and by different slopes to either side of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// The reward that is as good as expected.
    pub reversal: f64,
    /// The slope for better rewards.
    pub better: f64,
    /// The slope for worse rewards.
    pub worse: f64,
}

impl Tuning {
    /// Reversal points that are tried.
    const TRIED: usize = 500;

    /// The least-squares fit to mean responses `(reward, response)`, in the order of the rewards. Slopes are not negative.
    #[must_use]
    pub fn fit(responses: &[(f64, f64)]) -> Self {
        let low = responses.first().map_or(0.0, |&(reward, _)| reward);
        let high = responses.last().map_or(0.0, |&(reward, _)| reward);
        let at = |index: usize| low + (high - low) * (index as f64 + 0.5) / Self::TRIED as f64;
        let tried = (0..Self::TRIED).map(|index| Self::with_reversal(at(index), responses));
        let (tuning, _) = tried.min_by(|a, b| a.1.total_cmp(&b.1)).expect("some are tried");
        tuning
    }

    /// The best slopes for a reversal point, and the squared error that they leave.
    fn with_reversal(reversal: f64, responses: &[(f64, f64)]) -> (Self, f64) {
        let slope = |better: bool| {
            let side = responses.iter().filter(|(reward, _)| (*reward > reversal) == better);
            let sums = side.map(|(reward, response)| ((reward - reversal) * response, (reward - reversal).powi(2)));
            let (product, square) = sums.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            if square > 0.0 { (product / square).max(0.0) } else { 0.0 }
        };
        let tuning = Self { reversal, better: slope(true), worse: slope(false) };
        (tuning, responses.iter().map(|&(reward, response)| (response - tuning.response(reward)).powi(2)).sum())
    }

    /// The response to a reward.
    #[must_use]
    pub fn response(&self, reward: f64) -> f64 {
        let slope = if reward > self.reversal { self.better } else { self.worse };
        slope * (reward - self.reversal)
    }

    /// `alpha+ / (alpha+ + alpha-)`.
    #[must_use]
    pub fn asymmetry(&self) -> f64 {
        let sum = self.better + self.worse;
        if sum > 0.0 { self.better / sum } else { 0.5 }
    }
}

/// The distribution on `grid` whose expectiles come closest to some, given as `(asymmetry, expectile)`.
///
/// An expectile is where the mean of `|tau - [r < e]| (r - e)` is 0. That mean is linear in the probabilities, and the squares of all of them
/// are minimised (the imputation of Rowland et al. 2019, over probabilities of fixed rewards instead of equally likely rewards).
#[must_use]
pub fn impute(expectiles: &[(f64, f64)], grid: &[f64], ridge: f64) -> Discrete {
    /// Weight of the condition that probabilities sum to 1, which also keeps them from all being 0.
    const SUM: f64 = 100.0;
    let pull = |reward: f64, (tau, expectile): (f64, f64)| {
        let scale = if reward > expectile { tau } else { 1.0 - tau };
        scale * (reward - expectile)
    };
    let column = |&reward: &f64| expectiles.iter().map(|&channel| pull(reward, channel)).chain([SUM]).collect();
    let columns: Vec<Vec<f64>> = grid.iter().map(column).collect();
    let target: Vec<f64> = vec![0.0; expectiles.len()].into_iter().chain([SUM]).collect();
    let weights = nonnegative_least_squares(&columns, &target, ridge);
    let sum: f64 = weights.iter().sum();
    Discrete { support: grid.iter().zip(weights).map(|(&reward, weight)| (reward, weight / sum)).collect() }
}
