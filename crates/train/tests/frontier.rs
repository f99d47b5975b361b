//! The risk-return experiment: the same on any number of threads, and what its controls must show whatever the agents learn.

use striatum_dopamine::{Options, Outcome, Plot};
use striatum_train::dopamine::frontier;

const TONES: usize = 5;

/// A column of the table for one of the agents, tone by tone.
fn column(outcome: &Outcome, agent: &str, name: &str) -> Vec<f64> {
    let table = &outcome.tables[0];
    let at = table.header.iter().position(|own| own == name).expect("a column") - 2;
    table.rows.iter().filter(|(labels, _)| labels[0] == agent).map(|(_, numbers)| numbers[at]).collect()
}

#[test]
fn one_agent_is_moved_along_the_frontier() {
    let run = |threads| frontier(&Options { seeds: Some(2), seed: 20, threads }).expect("agents that train");
    let outcome = run(2);
    assert_eq!(outcome, run(1));
    assert_eq!((outcome.tables.len(), outcome.tables[0].rows.len()), (1, 5 * TONES));
    assert!(
        outcome.tables[0]
            .rows
            .iter()
            .all(|(labels, numbers)| labels.len() + numbers.len() == outcome.tables[0].header.len())
    );
    for panel in &outcome.figure.panels {
        let Plot::Lines(series) = &panel.plot else { panic!("{panel:?}") };
        assert!(series.len() == 5 && series.iter().all(|s| s.points.len() == TONES && s.band.len() == TONES));
    }

    let gambles = |agent| column(&outcome, agent, "gambles");
    let (own, flipped) = (gambles("opponent"), gambles("flipped"));
    assert!(own[0] + 0.1 < own[4], "the tone moves nothing: {own:?}");
    // The same agents at the opposite tone, in other episodes.
    for (own, flipped) in own.iter().zip(flipped.iter().rev()) {
        assert!((own - flipped).abs() < 0.15, "{own} against {flipped}");
    }
    // A temperature of |tone| is the same at a tone and at its opposite, and a single pathway has none.
    let temperature = gambles("temperature");
    assert!((temperature[0] - temperature[4]).abs() < 0.15 && (temperature[1] - temperature[3]).abs() < 0.15);
    let single = column(&outcome, "single", "std");
    assert!(single.iter().all(|std| (std / single[0] - 1.0).abs() < 0.1), "{single:?}");
}
