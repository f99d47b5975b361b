//! Every experiment reproduces what was published, and says the same each time.

use std::collections::HashSet;
use striatum_dopamine::{EXPERIMENTS, Experiment, Options, Outcome, Plot, Series};

const OPTIONS: Options = Options { seeds: None, seed: 0, threads: 1 };

fn find(name: &str) -> &'static Experiment {
    EXPERIMENTS.iter().find(|experiment| experiment.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

fn passed(name: &str) -> Outcome {
    let outcome = (find(name).run)(&OPTIONS);
    for check in &outcome.checks {
        println!(
            "{}: {} {} ({})",
            if check.passed() { "ok" } else { "MISSED" },
            check.what,
            check.measured,
            check.expected
        );
    }
    assert!(outcome.passed(), "{name}");
    outcome
}

fn series_are_whole(series: &[Series], panel: &str) {
    assert!(!series.is_empty(), "{panel}");
    for series in series {
        assert!(!series.points.is_empty(), "{panel}: {}", series.name);
        assert!(series.points.iter().all(|(x, y)| x.is_finite() && y.is_finite()), "{panel}: {}", series.name);
        assert!(series.points.is_sorted_by(|a, b| a.0 <= b.0), "{panel}: {}", series.name);
        assert!(series.band.is_empty() || series.band.len() == series.points.len(), "{panel}: {}", series.name);
    }
}

/// What is drawn and written is whole: no empty series, no number that is not one, no ragged row, no name twice.
fn is_whole(outcome: &Outcome) {
    for panel in &outcome.figure.panels {
        match &panel.plot {
            Plot::Lines(series) | Plot::Bars(series) => series_are_whole(series, &panel.title),
            Plot::Raster { marks, trials } => assert!(marks.iter().all(|(x, trial)| x.is_finite() && trial < trials)),
            Plot::Heatmap(map) => {
                assert_eq!(map.values.len() % map.width, 0, "{}", panel.title);
                assert!(map.values.iter().all(|value| value.is_finite()), "{}", panel.title);
            }
        }
    }
    let names: HashSet<&str> = outcome.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names.len(), outcome.tables.len());
    for table in &outcome.tables {
        let whole = |(labels, numbers): &(Vec<String>, Vec<f64>)| labels.len() + numbers.len() == table.header.len();
        assert!(!table.rows.is_empty() && table.rows.iter().all(whole), "{}", table.name);
    }
    assert_eq!(outcome.figure.panels.len() % outcome.figure.columns, 0);
}

#[test]
fn schultz() {
    let outcome = passed("schultz");
    is_whole(&outcome);
    assert_eq!((outcome.figure.columns, outcome.figure.panels.len()), (3, 9));
    assert_eq!(outcome, passed("schultz"), "the same seed gives the same spikes");
    let other = (find("schultz").run)(&Options { seed: 1, ..OPTIONS });
    assert_ne!(outcome.tables[2], other.tables[2], "another seed gives other spikes");
    assert_eq!(outcome.tables[0], other.tables[0], "errors do not depend on the seed");
}

#[test]
fn shift() {
    is_whole(&passed("shift"));
}

#[test]
fn blocking() {
    is_whole(&passed("blocking"));
}

#[test]
fn overshadowing() {
    is_whole(&passed("overshadowing"));
}

#[test]
fn extinction() {
    is_whole(&passed("extinction"));
}

#[test]
fn second_order() {
    is_whole(&passed("second-order"));
}
