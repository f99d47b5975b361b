//! Policy gradients whose temperature follows the reward of late.

use crate::tabular::softmax;

/// How a [`TonicLearner`] learns; 0 turns a part off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TonicRates {
    /// Step size of the logits.
    pub rate: f64,
    /// Step size of the baseline.
    pub baseline_rate: f64,
    /// Weight of the entropy bonus.
    pub entropy: f64,
    /// Share of the logits that is lost every step.
    pub decay: f64,
    /// Sensitivity k of the temperature to the tonic signal.
    pub tonic: f64,
}

/// A fast average of rewards beside a slow one, from the first reward on, and their variance around the slow one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tonic {
    fast: f64,
    slow: f64,
    variance: f64,
    started: bool,
}

impl Tonic {
    const FAST: f64 = 0.1;
    const SLOW: f64 = 0.01;

    /// `clip(exp(k (r_f - r_s) / sigma_r), 1/4, 4)`: an inverse temperature that falls, so that actions are explored, when rewards do.
    #[must_use]
    pub fn beta(&self, k: f64) -> f64 {
        (k * (self.fast - self.slow) / self.variance.max(1e-6).sqrt()).exp().clamp(0.25, 4.0)
    }

    /// Takes a reward in.
    pub fn learn(&mut self, reward: f64) {
        if !self.started {
            (self.fast, self.slow, self.started) = (reward, reward, true);
        }
        let surprise = reward - self.slow;
        self.fast += Self::FAST * (reward - self.fast);
        self.slow += Self::SLOW * surprise;
        self.variance += Self::SLOW * (surprise * surprise - self.variance);
    }
}

impl Default for Tonic {
    /// Before the first reward: the variance is that of a fair coin.
    fn default() -> Self {
        Self { fast: 0.0, slow: 0.0, variance: 0.25, started: false }
    }
}

/// REINFORCE with a baseline, an entropy bonus, logit decay and tonic temperature:
///
/// ```text
/// pi = softmax(beta theta)
/// theta_i <- (1 - d) theta_i + a [(r - b) (1[i = chosen] - pi_i) + e dH/dz_i],  dH/dz_i = -pi_i (ln pi_i + H)
/// ```
///
/// The temperature acts on choices alone: the step is that of logits z = beta theta.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TonicLearner<const A: usize> {
    /// Logits before the temperature.
    pub theta: [f64; A],
    /// The baseline b.
    pub baseline: f64,
    /// The averages that set the temperature.
    pub tonic: Tonic,
}

impl<const A: usize> Default for TonicLearner<A> {
    fn default() -> Self {
        Self { theta: [0.0; A], baseline: 0.5, tonic: Tonic::default() }
    }
}

impl<const A: usize> TonicLearner<A> {
    /// The inverse temperature.
    #[must_use]
    pub fn beta(&self, rates: &TonicRates) -> f64 {
        if rates.tonic == 0.0 { 1.0 } else { self.tonic.beta(rates.tonic) }
    }

    /// The probability of each action.
    #[must_use]
    pub fn policy(&self, rates: &TonicRates) -> [f64; A] {
        let beta = self.beta(rates);
        softmax(self.theta.map(|theta| beta * theta))
    }

    /// Learns from the reward of `action`, which `policy` chose.
    pub fn learn(&mut self, rates: &TonicRates, policy: &[f64; A], action: usize, reward: f64) {
        let delta = reward - self.baseline;
        self.baseline += rates.baseline_rate * delta;
        let log = |p: f64| if p > 0.0 { p.ln() } else { 0.0 };
        let entropy = if rates.entropy == 0.0 { 0.0 } else { -policy.iter().map(|&p| p * log(p)).sum::<f64>() };
        for (i, &p) in policy.iter().enumerate() {
            let chosen = if i == action { 1.0 } else { 0.0 };
            let bonus = if rates.entropy == 0.0 { 0.0 } else { -rates.entropy * p * (log(p) + entropy) };
            self.theta[i] = (1.0 - rates.decay) * self.theta[i] + rates.rate * (delta * (chosen - p) + bonus);
        }
        self.tonic.learn(reward);
    }
}
