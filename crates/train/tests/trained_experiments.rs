//! The experiments with trained agents: what they give, and that threads do not change it.

use striatum_dopamine::{Expected, Options, Outcome, Plot};
use striatum_train::dopamine::{centering, deep_reversal};

fn options(seeds: usize, threads: usize) -> Options {
    Options { seeds: Some(seeds), seed: 3, threads }
}

/// Every row of a table has as many numbers as its header has columns, and every curve is within its band.
#[track_caller]
fn assert_whole(outcome: &Outcome, rows: &[usize]) {
    assert_eq!(outcome.tables.iter().map(|table| table.rows.len()).collect::<Vec<_>>(), rows);
    for table in &outcome.tables {
        for (labels, numbers) in &table.rows {
            assert_eq!(labels.len() + numbers.len(), table.header.len(), "{:?}", table.header);
        }
    }
    for panel in &outcome.figure.panels {
        let Plot::Lines(series) = &panel.plot else { panic!("{}: no curves", panel.title) };
        for series in series {
            assert!(!series.name.is_empty() && series.points.len() == 25 && series.band.len() == 25, "{}", panel.title);
            assert!(series.points.is_sorted_by(|a, b| a.0 < b.0), "{}: {:?}", panel.title, series.points);
            for ((_, mean), (low, high)) in series.points.iter().zip(&series.band) {
                assert!(low <= mean && mean <= high, "{}: {mean} in {low} to {high}", series.name);
            }
        }
    }
}

#[test]
fn reversals_are_the_same_on_any_number_of_threads() {
    let outcome = deep_reversal(&options(2, 1)).expect("agents that train");
    assert_eq!(deep_reversal(&options(2, 3)).expect("agents that train"), outcome);
    assert_whole(&outcome, &[5]);
    assert!(outcome.checks.iter().all(|check| check.expected == Expected::Reported));
    // Chance is .35; nobody is far below it or above the best arm.
    assert!(outcome.checks.iter().all(|check| (0.3..0.8).contains(&check.measured)), "{:?}", outcome.checks);
    assert_ne!(deep_reversal(&Options { seed: 4, ..options(2, 2) }).expect("agents that train"), outcome);
}

#[test]
fn centred_agents_of_one_seed_have_no_interval_to_compare() {
    let outcome = centering(&options(1, 2)).expect("agents that train");
    assert_whole(&outcome, &[9, 9 * 25]);
    assert!(outcome.passed() && outcome.checks.iter().all(|check| check.expected == Expected::Reported));
    assert_eq!(outcome.figure.panels.len(), 3);
}
