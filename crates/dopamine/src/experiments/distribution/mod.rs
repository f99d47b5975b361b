//! A population of dopamine neurons learns the distribution of rewards (Dabney et al. 2020).

mod drawing;
mod recording;

use crate::{Check, Code, Discrete, Expected, Experiment, Interval, Options, Outcome, Population};
use recording::{Decoded, Recording};
use striatum_rng::{Purpose, Stream};

pub(super) const DISTRIBUTION: Experiment = Experiment {
    name: "distribution",
    about: "A population of dopamine neurons learns the distribution of rewards, which can be decoded (Dabney et al. 2020).",
    run,
};

const SEEDS: usize = 10;
const CHANNELS: usize = 32;
/// The step size of trial n is `RATE / (1 + n / HALVED)`.
const RATE: f64 = 0.1;
const BERNOULLI_HALVED: f64 = 100.0;
const BERNOULLI_TRIALS: usize = 200_000;
/// Extreme channels need longer, because few of seven magnitudes lie beyond what they expect.
const MAGNITUDE_HALVED: f64 = 500.0;
const MAGNITUDE_TRIALS: usize = 100_000;
/// The task with variable magnitudes: microlitres, and in how many of 121 trials.
const MAGNITUDES: [(f64, f64); 7] =
    [(0.1, 8.0), (0.3, 11.0), (1.2, 18.0), (2.5, 34.0), (5.0, 23.0), (10.0, 17.0), (20.0, 10.0)];

/// Lanes of random numbers, with the seed as the index.
#[derive(Clone, Copy)]
enum Lane {
    Bernoulli,
    Magnitudes,
    Recording,
    ClassicalRecording,
    Order,
}

impl Lane {
    fn stream(self, options: &Options, run: usize) -> Stream {
        Stream::new(options.seed, Purpose::User, self as u32, run as u32)
    }
}

/// The utilities of the seven magnitudes: their square roots, so that small rewards differ as well as large ones.
fn magnitudes() -> Discrete {
    Discrete { support: MAGNITUDES.iter().map(|&(microlitres, trials)| (microlitres.sqrt(), trials / 121.0)).collect() }
}

fn learn(population: &mut Population, rewards: &Discrete, (trials, halved): (usize, f64), mut stream: Stream) {
    for trial in 0..trials {
        let rate = RATE / (1.0 + trial as f64 / halved);
        population.learn(rate, rewards.at(f64::from(stream.uniform())));
    }
}

/// What all runs say of each channel.
fn by_channel(runs: &[Vec<f64>]) -> Vec<Interval> {
    let channel = |index: usize| Interval::of(&runs.iter().map(|run| run[index]).collect::<Vec<_>>());
    (0..CHANNELS).map(channel).collect()
}

/// Everything that is reported.
struct Results {
    asymmetries: Vec<f64>,
    /// Rewards of 0 or 1 with equal chances.
    quantiles: Vec<Interval>,
    expectiles: Vec<Interval>,
    /// Rewards of seven magnitudes.
    magnitudes: Discrete,
    learned: Vec<Interval>,
    recordings: Vec<Recording>,
    /// Neurons of a single prediction.
    classical: Vec<Recording>,
    decoded: Vec<Decoded>,
}

impl Results {
    fn of(options: &Options) -> Self {
        let runs = options.seeds.unwrap_or(SEEDS).max(1);
        let asymmetries = Population::midpoints(CHANNELS);
        let coin = Discrete { support: vec![(0.0, 0.5), (1.0, 0.5)] };
        let bernoulli = |code: Code| {
            let run = |run: usize| {
                let mut population = Population::new(code, asymmetries.clone(), 0.5);
                learn(
                    &mut population,
                    &coin,
                    (BERNOULLI_TRIALS, BERNOULLI_HALVED),
                    Lane::Bernoulli.stream(options, run),
                );
                population.values
            };
            by_channel(&(0..runs).map(run).collect::<Vec<_>>())
        };
        let magnitudes = magnitudes();
        let trained = |asymmetries: &[f64]| {
            let run = |run: usize| {
                let mut population = Population::new(Code::Expectile, asymmetries.to_vec(), magnitudes.mean());
                learn(
                    &mut population,
                    &magnitudes,
                    (MAGNITUDE_TRIALS, MAGNITUDE_HALVED),
                    Lane::Magnitudes.stream(options, run),
                );
                population
            };
            (0..runs).map(run).collect::<Vec<_>>()
        };
        let record = |populations: Vec<Population>, lane: Lane| {
            let run = |(run, population)| Recording::of(population, &magnitudes, lane.stream(options, run));
            populations.into_iter().enumerate().map(run).collect::<Vec<_>>()
        };
        let recordings = record(trained(&asymmetries), Lane::Recording);
        let classical = record(trained(&[0.5; CHANNELS]), Lane::ClassicalRecording);
        let decode = |(run, recording)| Decoded::of(recording, &magnitudes, Lane::Order.stream(options, run));
        let learned = recordings.iter().map(|recording| recording.population.values.clone());
        Self {
            quantiles: bernoulli(Code::Quantile),
            expectiles: bernoulli(Code::Expectile),
            learned: by_channel(&learned.collect::<Vec<_>>()),
            decoded: recordings.iter().enumerate().map(decode).collect(),
            asymmetries,
            magnitudes,
            recordings,
            classical,
        }
    }

    /// The distance that knowing only the mean leaves.
    fn distance_of_mean(&self) -> f64 {
        self.magnitudes.distance(&Discrete { support: vec![(self.magnitudes.mean(), 1.0)] })
    }

    fn over_runs(&self, of: impl Fn(&Decoded) -> f64) -> Interval {
        Interval::of(&self.decoded.iter().map(of).collect::<Vec<_>>())
    }

    /// The largest of some differences over all channels.
    fn largest(&self, learned: &[Interval], difference: impl Fn(f64, f64) -> f64) -> f64 {
        let each = learned.iter().zip(&self.asymmetries).map(|(learned, &tau)| difference(learned.mean, tau).abs());
        each.fold(0.0, f64::max)
    }

    fn checks(&self) -> Vec<Check> {
        let quantile = self.largest(&self.quantiles, |learned, tau| learned - f64::from(tau > 0.5));
        let expectile = self.largest(&self.expectiles, |learned, tau| learned - tau);
        let magnitude = |learned: f64, tau: f64| learned / self.magnitudes.expectile(tau) - 1.0;
        let correlation = Interval::of(&self.recordings.iter().map(Recording::correlation).collect::<Vec<_>>());
        let control = Interval::of(&self.classical.iter().map(Recording::correlation).collect::<Vec<_>>());
        // A rank correlation of independent numbers has variance 1 / (n - 1).
        let chance = 4.0 / ((CHANNELS - 1) as f64 * self.classical.len() as f64).sqrt();
        let share = |of: fn(&Decoded) -> f64| self.over_runs(of).mean / self.distance_of_mean();
        let published = Expected::Near { value: 0.0, tolerance: 0.005 };
        vec![
            Check::new("Bernoulli(.5), largest difference of a quantile from 0 (tau < .5) or 1", published, quantile),
            Check::new("Bernoulli(.5), largest difference of an expectile from tau", published, expectile),
            Check::new(
                "seven magnitudes, largest relative difference of an expectile from the exact one",
                Expected::AtMost(0.02),
                self.largest(&self.learned, magnitude),
            ),
            // 0.45 has p < .01 with 32 neurons.
            Check::new(
                "rank correlation of recovered reversal points and asymmetries",
                Expected::AtLeast(0.45),
                correlation.mean,
            ),
            Check::new(
                "the same of neurons with a single prediction",
                Expected::Near { value: 0.0, tolerance: chance },
                control.mean,
            ),
            Check::new(
                "distance of the distribution decoded from learned values, beside that of the mean alone",
                Expected::AtMost(0.5),
                share(|decoded| decoded.learned),
            ),
            Check::new(
                "distance of the distribution decoded from recorded responses, beside that of the mean alone",
                Expected::AtMost(0.5),
                share(|decoded| decoded.recorded),
            ),
            Check::new(
                "the same with asymmetries in random order",
                Expected::Reported,
                share(|decoded| decoded.shuffled),
            ),
        ]
    }
}

fn run(options: &Options) -> Outcome {
    let results = Results::of(options);
    Outcome {
        checks: results.checks(),
        tables: drawing::tables(&results),
        figure: drawing::figure(&results),
        notes: vec![
            format!(
                "{} runs of {CHANNELS} channels; the step size of trial n is {RATE} / (1 + n / {BERNOULLI_HALVED}) over {BERNOULLI_TRIALS} trials \
                 with rewards of 0 or 1, {RATE} / (1 + n / {MAGNITUDE_HALVED}) over {MAGNITUDE_TRIALS} with seven magnitudes.",
                results.recordings.len()
            ),
            recording::note(),
            "Distances are 1-Wasserstein: the area between two distribution functions.".to_owned(),
        ],
    }
}
