//! A population of value channels that learn a distribution (Dabney et al. 2020).

/// What the channels come to stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Quantiles: a step up or down, whatever the size of the error.
    Quantile,
    /// Expectiles: steps in proportion to the error.
    Expectile,
}

/// Channels with step sizes of their own for better and for worse than expected.
///
/// The asymmetry `tau = alpha+ / (alpha+ + alpha-)` of a channel says which quantile or expectile it learns.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// What the channels learn.
    pub code: Code,
    /// Asymmetry of each channel, between 0 and 1.
    pub asymmetries: Vec<f64>,
    /// What each channel expects.
    pub values: Vec<f64>,
}

impl Population {
    /// Channels that all expect the same.
    #[must_use]
    pub fn new(code: Code, asymmetries: Vec<f64>, value: f64) -> Self {
        Self { code, values: vec![value; asymmetries.len()], asymmetries }
    }

    /// Asymmetries in the middle of equal parts of the unit interval.
    #[must_use]
    pub fn midpoints(channels: usize) -> Vec<f64> {
        (0..channels).map(|index| (index as f64 + 0.5) / channels as f64).collect()
    }

    /// Learns from a sample of the target: the reward at the end of a trial, else the reward plus a discounted sample of what follows.
    pub fn learn(&mut self, rate: f64, target: f64) {
        for (value, &tau) in self.values.iter_mut().zip(&self.asymmetries) {
            // alpha+ = rate tau, alpha- = rate (1 - tau)
            *value += rate * response(self.code, tau, target - *value);
        }
    }

    /// What dopamine neurons of each channel report at a target: the error, scaled by the channel's step size for its sign.
    pub fn responses(&self, target: f64) -> impl Iterator<Item = f64> {
        let (code, channels) = (self.code, self.values.iter().zip(&self.asymmetries));
        channels.map(move |(value, &tau)| response(code, tau, target - value))
    }
}

fn response(code: Code, tau: f64, error: f64) -> f64 {
    let scale = if error > 0.0 { tau } else { 1.0 - tau };
    match code {
        Code::Quantile if error == 0.0 => 0.0,
        Code::Quantile => scale * error.signum(),
        Code::Expectile => scale * error,
    }
}

/// Some rewards and how likely they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Discrete {
    /// `(reward, probability)`, in the order of the rewards.
    pub support: Vec<(f64, f64)>,
}

impl Discrete {
    /// The reward at a uniform number in `[0, 1)`.
    #[must_use]
    pub fn at(&self, uniform: f64) -> f64 {
        let mut below = 0.0;
        let reached = |&&(_, probability): &&(f64, f64)| {
            below += probability;
            uniform < below
        };
        self.support.iter().find(reached).or(self.support.last()).map_or(0.0, |&(reward, _)| reward)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.support.iter().map(|(reward, probability)| reward * probability).sum()
    }

    /// The expectile of `tau`: where `tau E[(r - e)+] = (1 - tau) E[(e - r)+]`.
    #[must_use]
    pub fn expectile(&self, tau: f64) -> f64 {
        // Given the rewards above it, the expectile is a weighted mean; its fixed point is reached in as many steps as there are rewards.
        let mut expectile = self.mean();
        for _ in 0..=self.support.len() {
            let weigh = |&(reward, probability): &(f64, f64)| {
                let weight = probability * if reward > expectile { tau } else { 1.0 - tau };
                (weight, weight * reward)
            };
            let (weight, sum) = self.support.iter().map(weigh).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            expectile = sum / weight;
        }
        expectile
    }

    /// The 1-Wasserstein distance: the area between the two distribution functions.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        let signed = |of: &Self, sign: f64| of.support.iter().map(move |&(at, p)| (at, sign * p)).collect::<Vec<_>>();
        let mut steps = [signed(self, 1.0), signed(other, -1.0)].concat();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut difference = 0.0;
        let area = |pair: &[(f64, f64)]| {
            difference += pair[0].1;
            f64::abs(difference) * (pair[1].0 - pair[0].0)
        };
        steps.windows(2).map(area).sum()
    }
}
