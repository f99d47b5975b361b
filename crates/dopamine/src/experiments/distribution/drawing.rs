//! Tables and panels of what was learned, recorded and decoded.

use super::super::panels::{bars, panel, series, table};
use super::{CHANNELS, Results};
use crate::{Discrete, Figure, Interval, Panel, Plot, Series, Table};

/// Channels whose responses are drawn.
const SHOWN: [usize; 5] = [3, 9, 15, 22, 28];
const REWARD: &str = "reward (square root of µl)";

fn banded(name: &str, x: &[f64], intervals: &[Interval]) -> Series {
    let points = x.iter().zip(intervals).map(|(&x, interval)| (x, interval.mean));
    Series { band: intervals.iter().map(Interval::bounds).collect(), ..series(name, points) }
}

pub(super) fn tables(results: &Results) -> Vec<Table> {
    let channel = |index: usize| {
        let tau = results.asymmetries[index];
        let learned = [&results.quantiles[index], &results.expectiles[index], &results.learned[index]];
        let of = |interval: &Interval| [interval.mean, interval.bounds().0, interval.bounds().1];
        let exact = results.magnitudes.expectile(tau);
        (Vec::new(), [vec![(index + 1) as f64, tau], learned.map(of).concat(), vec![exact]].concat())
    };
    let header = [
        ["channel", "asymmetry"].as_slice(),
        &["quantile", "quantile_lower", "quantile_upper", "expectile", "expectile_lower", "expectile_upper"],
        &["magnitude_expectile", "magnitude_expectile_lower", "magnitude_expectile_upper", "magnitude_expectile_exact"],
    ];
    let neurons = [("distributional", &results.recordings), ("classical", &results.classical)];
    let neurons = neurons.iter().flat_map(|(label, recordings)| {
        recordings.iter().enumerate().flat_map(move |(run, recording)| {
            let neuron = move |index: usize| {
                let (tau, value) = (recording.population.asymmetries[index], recording.population.values[index]);
                let recovered = [recording.asymmetries[index], recording.reversals[index]];
                (vec![(*label).to_owned()], [vec![run as f64, tau, value], recovered.to_vec()].concat())
            };
            (0..CHANNELS).map(neuron)
        })
    });
    let decoded = results.decoded.iter().enumerate().flat_map(|(run, decoded)| {
        decoded.distribution.support.iter().map(move |&(reward, p)| (Vec::new(), vec![run as f64, reward, p]))
    });
    let neuron_header =
        ["population", "run", "asymmetry", "value", "recovered_asymmetry", "recovered_reversal_point"].as_slice();
    vec![
        table("", &header.concat(), (0..CHANNELS).map(channel).collect()),
        table("neurons", neuron_header, neurons.collect()),
        table("decoded", &["run", "reward", "probability"], decoded.collect()),
    ]
}

pub(super) fn figure(results: &Results) -> Figure {
    Figure {
        title: "A population of dopamine neurons learns a distribution of rewards".to_owned(),
        columns: 3,
        panels: vec![
            bernoulli(results),
            tuning(results),
            reversals(results),
            distribution_functions(results),
            histogram(results),
            distances(results),
        ],
    }
}

fn bernoulli(results: &Results) -> Panel {
    let lines = vec![
        banded("quantiles", &results.asymmetries, &results.quantiles),
        banded("expectiles", &results.asymmetries, &results.expectiles),
    ];
    panel("Reward 0 or 1 with equal chances", "asymmetry of the channel", "learned value", Plot::Lines(lines))
}

fn tuning(results: &Results) -> Panel {
    let recording = &results.recordings[0];
    let line = |&index: &usize| {
        let name = format!("asymmetry {:.2}", results.asymmetries[index]);
        series(name, recording.responses[index].iter().copied())
    };
    panel("Responses to seven magnitudes", REWARD, "mean response", Plot::Lines(SHOWN.iter().map(line).collect()))
}

fn reversals(results: &Results) -> Panel {
    let recovered = |name: &str, recordings: &[super::Recording]| {
        let recording = &recordings[0];
        let mut points: Vec<_> =
            recording.asymmetries.iter().copied().zip(recording.reversals.iter().copied()).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        series(name, points)
    };
    let exact = results.asymmetries.iter().map(|&tau| (tau, results.magnitudes.expectile(tau)));
    let lines = vec![
        series("exact expectiles", exact),
        recovered("recovered", &results.recordings),
        recovered("recovered, single prediction", &results.classical),
    ];
    panel("Optimistic neurons have higher reversal points", "recovered asymmetry", "reversal point", Plot::Lines(lines))
}

/// The mean of the distributions that the runs decoded.
fn mean_decoded(results: &Results) -> Discrete {
    let runs = results.decoded.len() as f64;
    let mut support: Vec<(f64, f64)> =
        results.decoded[0].distribution.support.iter().map(|&(reward, _)| (reward, 0.0)).collect();
    for decoded in &results.decoded {
        let each = support.iter_mut().zip(&decoded.distribution.support);
        each.for_each(|(mean, (_, probability))| mean.1 += probability / runs);
    }
    Discrete { support }
}

/// A distribution function as a staircase from 0 to 5.
fn staircase(name: &str, of: &Discrete) -> Series {
    let mut points = vec![(0.0, 0.0)];
    let mut below = 0.0;
    for &(reward, probability) in &of.support {
        points.push((reward, below));
        below += probability;
        points.push((reward, below));
    }
    points.push((5.0, below));
    series(name, points)
}

fn distribution_functions(results: &Results) -> Panel {
    let mean = Discrete { support: vec![(results.magnitudes.mean(), 1.0)] };
    let lines = vec![
        staircase("true", &results.magnitudes),
        staircase("decoded from responses", &mean_decoded(results)),
        staircase("the mean alone", &mean),
    ];
    panel("Distribution functions", REWARD, "probability of less or equal", Plot::Lines(lines))
}

fn histogram(results: &Results) -> Panel {
    const BINS: [&str; 10] = ["0", "0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5"];
    let bins = |name: &str, of: &Discrete| {
        let mut sums = [0.0; BINS.len()];
        for &(reward, probability) in &of.support {
            sums[((reward / 0.5) as usize).min(BINS.len() - 1)] += probability;
        }
        series(name, sums.iter().enumerate().map(|(bin, &sum)| (bin as f64, sum)))
    };
    let both = vec![bins("true", &results.magnitudes), bins("decoded from responses", &mean_decoded(results))];
    Panel {
        x_label: format!("least {REWARD} of the bin"),
        ..bars("Rewards in bins of 0.5", "probability", &BINS, both)
    }
}

fn distances(results: &Results) -> Panel {
    let distances = [
        results.over_runs(|decoded| decoded.learned),
        results.over_runs(|decoded| decoded.recorded),
        results.over_runs(|decoded| decoded.shuffled),
        Interval { mean: results.distance_of_mean(), error: 0.0 },
    ];
    let names = ["learned values", "responses", "shuffled", "mean alone"];
    let bar = banded("distance", &[0.0, 1.0, 2.0, 3.0], &distances);
    bars("Decoded against true", "distance", &names, vec![bar])
}
