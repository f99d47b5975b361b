//! How fast to act: an average-reward learner that chooses its latency (Niv, Daw, Joel & Dayan 2007).

use striatum_rng::Stream;

/// A learner that presses a lever again and again, and chooses how long each press takes.
///
/// A press of latency tau costs `cost / tau`, and all the while the average reward is forgone: its error is
/// `delta = reward - cost / tau - rbar tau`. It is largest at `tau = sqrt(cost / rbar)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Presser {
    /// What can be chosen.
    pub latencies: Vec<f64>,
    /// The error to expect of each latency.
    pub values: Vec<f64>,
    /// The average reward `rbar` of a unit of time, costs taken off.
    pub average: f64,
    /// How strictly the best latency is chosen.
    pub beta: f64,
    /// The step size of values.
    pub alpha: f64,
}

impl Presser {
    /// A learner that knows nothing; latencies are evenly spaced in their logarithm.
    #[must_use]
    pub fn new([shortest, longest]: [f64; 2], count: usize, beta: f64, alpha: f64) -> Self {
        let latency = |index: usize| shortest * (longest / shortest).powf(index as f64 / (count.max(2) - 1) as f64);
        Self { latencies: (0..count).map(latency).collect(), values: vec![0.0; count], average: 0.0, beta, alpha }
    }

    /// The probability of each latency: a softmax of the values.
    #[must_use]
    pub fn policy(&self) -> Vec<f64> {
        let best = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut policy: Vec<f64> = self.values.iter().map(|value| (self.beta * (value - best)).exp()).collect();
        let sum: f64 = policy.iter().sum();
        policy.iter_mut().for_each(|probability| *probability /= sum);
        policy
    }

    /// Presses once and learns, the average reward with this step size; gives the latency.
    pub fn press(&mut self, reward: f64, cost: f64, rate: f64, stream: &mut Stream) -> f64 {
        let uniform = f64::from(stream.uniform());
        let mut below = 0.0;
        let reached = |probability: f64| {
            below += probability;
            uniform < below
        };
        let chosen = self.policy().into_iter().position(reached).unwrap_or(self.latencies.len() - 1);
        self.learn(chosen, reward, cost, rate);
        self.latencies[chosen]
    }

    /// Learns from a press of a latency, the average reward with this step size.
    pub fn learn(&mut self, chosen: usize, reward: f64, cost: f64, rate: f64) {
        let latency = self.latencies[chosen];
        // delta = r - C / tau - rbar tau; rbar += rate delta; Q(tau) += alpha (delta - Q(tau))
        let error = reward - cost / latency - self.average * latency;
        self.average += rate * error;
        self.values[chosen] += self.alpha * (error - self.values[chosen]);
    }

    /// The latency of the highest value.
    #[must_use]
    pub fn preferred(&self) -> f64 {
        let best = (0..self.values.len()).max_by(|&a, &b| self.values[a].total_cmp(&self.values[b]));
        best.map_or(0.0, |index| self.latencies[index])
    }

    /// The geometric mean of the latencies that the policy chooses.
    #[must_use]
    pub fn typical(&self) -> f64 {
        self.policy().iter().zip(&self.latencies).map(|(p, latency)| p * latency.ln()).sum::<f64>().exp()
    }

    /// Reward, costs taken off, in a unit of time under the present policy.
    #[must_use]
    pub fn reward_rate(&self, reward: f64, cost: f64) -> f64 {
        let policy = self.policy();
        let mean = |of: &dyn Fn(f64) -> f64| policy.iter().zip(&self.latencies).map(|(p, &l)| p * of(l)).sum::<f64>();
        mean(&|latency| reward - cost / latency) / mean(&|latency| latency)
    }
}
