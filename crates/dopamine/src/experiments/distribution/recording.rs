//! Responses of a trained population, and what is recovered from them.

use crate::{Discrete, Population, Tuning, impute};
use striatum_rng::Stream;

/// How often a reward is given for each half of a recording.
const REPEATS: usize = 40;
/// Standard deviation of a single response.
const NOISE: f64 = 0.2;
/// Rewards that a decoded distribution may have: 0, 0.1 .. 5.
const GRID: usize = 51;
const SPACING: f64 = 0.1;
/// How strongly probabilities are held small: more where the responses are noisy.
const RIDGE_LEARNED: f64 = 1e-3;
const RIDGE_RECORDED: f64 = 1e-1;

/// What is recovered from a population's responses to every reward.
pub(super) struct Recording {
    pub(super) population: Population,
    /// Mean responses of each channel, `(reward, response)`, in the first half of the recording.
    pub(super) responses: Vec<Vec<(f64, f64)>>,
    /// Reversal points from the first half of the recording, asymmetries from the second: no noise is common to both.
    pub(super) reversals: Vec<f64>,
    pub(super) asymmetries: Vec<f64>,
}

impl Recording {
    pub(super) fn of(population: Population, rewards: &Discrete, mut stream: Stream) -> Self {
        let responses = mean_responses(&population, rewards, &mut stream);
        let others = mean_responses(&population, rewards, &mut stream);
        let reversals = responses.iter().map(|responses| Tuning::fit(responses).reversal).collect();
        let asymmetries = others.iter().map(|responses| Tuning::fit(responses).asymmetry()).collect();
        Self { population, responses, reversals, asymmetries }
    }

    /// The rank correlation of reversal points and asymmetries.
    pub(super) fn correlation(&self) -> f64 {
        let (a, b) = (ranks(&self.reversals), ranks(&self.asymmetries));
        // Ranks without ties have the same mean and variance: 1 - 6 sum d^2 / (n (n^2 - 1)).
        let n = a.len() as f64;
        let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
        1.0 - 6.0 * squares / (n * (n * n - 1.0))
    }

    /// `(asymmetry, reversal point)` of each channel.
    fn recovered(&self) -> Vec<(f64, f64)> {
        self.asymmetries.iter().copied().zip(self.reversals.iter().copied()).collect()
    }
}

fn mean_responses(population: &Population, rewards: &Discrete, stream: &mut Stream) -> Vec<Vec<(f64, f64)>> {
    let mut means = vec![Vec::new(); population.values.len()];
    for &(reward, _) in &rewards.support {
        for (means, response) in means.iter_mut().zip(population.responses(reward)) {
            let noise: f64 = (0..REPEATS).map(|_| NOISE * f64::from(stream.normal())).sum();
            means.push((reward, response + noise / REPEATS as f64));
        }
    }
    means
}

/// The place of each number in their order; of equal ones the earlier comes first.
fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    let mut ranks = vec![0.0; numbers.len()];
    order.iter().enumerate().for_each(|(rank, &index)| ranks[index] = rank as f64);
    ranks
}

/// Distributions decoded from a population, and their distances from the true one.
pub(super) struct Decoded {
    /// From what the channels learned and their true asymmetries.
    pub(super) learned: f64,
    /// From what was recovered from responses.
    pub(super) recorded: f64,
    pub(super) distribution: Discrete,
    /// From recovered reversal points with asymmetries in random order.
    pub(super) shuffled: f64,
}

impl Decoded {
    pub(super) fn of(recording: &Recording, rewards: &Discrete, mut stream: Stream) -> Self {
        let grid: Vec<f64> = (0..GRID).map(|index| index as f64 * SPACING).collect();
        let population = &recording.population;
        let learned = population.asymmetries.iter().copied().zip(population.values.iter().copied()).collect::<Vec<_>>();
        let recovered = recording.recovered();
        let mut shuffled = recovered.clone();
        for last in (1..shuffled.len()).rev() {
            let other = stream.below(last as u32 + 1) as usize;
            (shuffled[last].0, shuffled[other].0) = (shuffled[other].0, shuffled[last].0);
        }
        let distribution = impute(&recovered, &grid, RIDGE_RECORDED);
        Self {
            learned: rewards.distance(&impute(&learned, &grid, RIDGE_LEARNED)),
            recorded: rewards.distance(&distribution),
            shuffled: rewards.distance(&impute(&shuffled, &grid, RIDGE_RECORDED)),
            distribution,
        }
    }
}

pub(super) fn note() -> String {
    format!(
        "Rewards of seven magnitudes count as the square root of their microlitres. Responses are errors times a channel's step size, with \
         noise of standard deviation {NOISE}, {REPEATS} for each magnitude and half of the recording; reversal points come from one half, \
         asymmetries from the other."
    )
}
