//! Aggregates over the runs of one task: the interquartile mean with a stratified bootstrap confidence interval, as Agarwal et al. 2021,
//! "Deep reinforcement learning at the edge of the statistical precipice", recommend for few runs.

use serde::Serialize;
use striatum_rng::{Purpose, Stream};

/// Resamples of a bootstrap.
pub const RESAMPLES: u32 = 10_000;

/// The share of a bootstrap's resamples that its interval covers.
pub const CONFIDENCE: f64 = 0.95;

/// The share of the values that the interquartile mean leaves out at either end.
const TRIMMED: f64 = 0.25;

/// Seed of the bootstrap's draws: the same values always give the same interval.
const SEED: u64 = 0;

/// What several runs come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Aggregate {
    /// Interquartile mean.
    pub iqm: f64,
    /// Lower end of its 95 % bootstrap confidence interval; one run has none.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Mean.
    pub mean: f64,
    /// Standard deviation (population).
    pub std: f64,
}

impl Aggregate {
    /// Of one value a run; none if there is no run.
    pub fn of(values: &[f64]) -> Option<Self> {
        let iqm = interquartile_mean(values)?;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        let (low, high) = confidence_interval(values).unzip();
        Some(Self { iqm, low, high, mean, std: variance.sqrt() })
    }
}

/// The mean of the middle half of the values, none if there are none. Of n values, n / 4 are left out at either end, a part of a value
/// where that is no whole number: of ten, two and a half.
pub fn interquartile_mean(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    (!sorted.is_empty()).then(|| middle_mean(&sorted, &vec![1; sorted.len()]))
}

/// The [`CONFIDENCE`] percentile interval of the interquartile mean over [`RESAMPLES`] bootstrap resamples; none for fewer than two
/// values. A stratified bootstrap draws within each task; the values are of one task, which is one stratum.
pub fn confidence_interval(values: &[f64]) -> Option<(f64, f64)> {
    let sorted = sorted(values);
    let count = u32::try_from(sorted.len()).ok().filter(|&count| count >= 2)?;
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|resample| {
            let mut stream = Stream::new(SEED, Purpose::User, resample, 0);
            let mut drawn = vec![0; sorted.len()];
            (0..count).for_each(|_| drawn[stream.below(count) as usize] += 1);
            middle_mean(&sorted, &drawn)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Some((quantile(&means, (1.0 - CONFIDENCE) / 2.0), quantile(&means, (1.0 + CONFIDENCE) / 2.0)))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The interquartile mean of sorted values of which each occurs as often as `times` says.
fn middle_mean(sorted: &[f64], times: &[u32]) -> f64 {
    let count: f64 = times.iter().copied().map(f64::from).sum();
    let (first, last) = (TRIMMED * count, (1.0 - TRIMMED) * count);
    let (mut from, mut sum) = (0.0, 0.0);
    for (value, &times) in sorted.iter().zip(times) {
        let to = from + f64::from(times);
        // The value covers [from, to) of the sorted sample, and counts with what of it lies in [first, last).
        sum += value * (to.min(last) - from.max(first)).max(0.0);
        from = to;
    }
    sum / (last - first)
}

/// The quantile of sorted values, on the straight line between the two around it.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETURNS: [f64; 10] = [21.0, 480.0, 96.5, 333.0, 250.0, 500.0, 187.25, 410.0, 64.0, 500.0];

    #[test]
    fn the_interquartile_mean_weighs_the_values_at_its_edges() {
        // Sorted: 21, 64, 96.5 | 187.25, 250, 333, 410 | 480, 500, 500. Two and a half go at either end:
        // (96.5 / 2 + 187.25 + 250 + 333 + 410 + 480 / 2) / 5 = 1468.5 / 5.
        assert_eq!(interquartile_mean(&RETURNS), Some(293.7));
        // Five values, 1.25 go at either end: (0.75 * 2 + 4 + 0.75 * 8) / 2.5.
        assert_eq!(interquartile_mean(&[16.0, 1.0, 4.0, 8.0, 2.0]), Some(4.6));
        // Four: the outer two go.
        assert_eq!(interquartile_mean(&[1e9, 2.0, 4.0, -1e9]), Some(3.0));
        assert_eq!([&[][..], &[7.0], &[1.0, 2.0]].map(interquartile_mean), [None, Some(7.0), Some(1.5)]);
    }

    #[test]
    fn the_confidence_interval_agrees_with_numpy() {
        // Ten million resamples by numpy.random.default_rng and numpy.percentile give 128.55 and 447.00; ten thousand of them scatter by 2.
        let (low, high) = confidence_interval(&RETURNS).unwrap();
        assert!((low - 128.55).abs() < 4.0 && (high - 447.0).abs() < 4.0, "{low} to {high}");
        assert_eq!(confidence_interval(&RETURNS), Some((low, high)));
        let mut shuffled = RETURNS;
        shuffled.reverse();
        assert_eq!(confidence_interval(&shuffled), Some((low, high)));
    }

    /// Of two values a resample has the lower mean, the middle or the upper one with chances 1/4, 1/2, 1/4.
    #[test]
    fn an_interval_of_two_values_is_their_range() {
        assert_eq!(confidence_interval(&[10.0, 20.0]), Some((10.0, 20.0)));
        assert_eq!((confidence_interval(&[10.0]), confidence_interval(&[])), (None, None));
        assert_eq!(confidence_interval(&[5.0; 8]), Some((5.0, 5.0)));
    }

    #[test]
    fn quantiles_lie_between_values() {
        // As numpy.percentile([0, 10, 20, 40], [0, 25, 50, 90, 100]) gives them.
        let values = [0.0, 10.0, 20.0, 40.0];
        let found = [0.0, 0.25, 0.5, 0.9, 1.0].map(|share| quantile(&values, share));
        assert!(found.iter().zip([0.0, 7.5, 15.0, 34.0, 40.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
    }

    #[test]
    fn an_aggregate_of_three_runs() {
        // Of 1, 2 and 6: 0.75 go at either end, (0.25 * 1 + 2 + 0.25 * 6) / 1.5 = 2.5; mean 3, variance (4 + 1 + 9) / 3.
        let aggregate = Aggregate::of(&[6.0, 1.0, 2.0]).unwrap();
        assert_eq!((aggregate.iqm, aggregate.mean), (2.5, 3.0));
        assert!((aggregate.std - (14.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((aggregate.low, aggregate.high), (Some(1.0), Some(6.0)));
        let one = Aggregate::of(&[6.0]).unwrap();
        assert_eq!((one.iqm, one.low, one.high, one.std), (6.0, None, None, 0.0));
        assert_eq!(Aggregate::of(&[]), None);
    }
}
