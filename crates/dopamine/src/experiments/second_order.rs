//! A stimulus that predicts only another one is learned for a while, then both are lost.

use super::panels::{by_step, by_trial, counted, error_map, error_rows, panel, published, series, table};
use crate::{Cue, Experiment, Figure, Options, Outcome, Plot, Rates, SerialCompound, Trial};

pub(super) const SECOND_ORDER: Experiment = Experiment {
    name: "second-order",
    about: "A stimulus that predicts only another one is learned for a while, then both are lost.",
    run,
};

const A: usize = 0;
const B: usize = 1;
const B_ON: usize = 5;
const A_ON: usize = 11;
const REWARD: usize = 17;
const STEPS: usize = 22;
const FIRST_PHASE: usize = 500;
const SECOND_PHASE: usize = 400;

fn run(_: &Options) -> Outcome {
    let first = Trial { steps: STEPS, cues: vec![Cue::from(A, A_ON)], reward: Some((REWARD, 1.0)) };
    // B goes off when A comes on, and there is no reward any more.
    let b = Cue { stimulus: B, onset: B_ON, duration: A_ON - B_ON };
    let second = Trial { cues: vec![b, Cue::from(A, A_ON)], reward: None, ..first.clone() };
    let mut learner = SerialCompound::new(Rates::published(0.0), &[1.0; 2]);
    for _ in 0..FIRST_PHASE {
        learner.learn(&first);
    }
    let learned = learner.value(A);
    let (mut errors, mut of_a, mut of_b) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SECOND_PHASE {
        errors.push(learner.learn(&second));
        of_a.push(learner.value(A));
        of_b.push(learner.value(B));
    }
    let peak = (0..SECOND_PHASE).rev().max_by(|&i, &j| of_b[i].total_cmp(&of_b[j])).unwrap_or(0);
    let checks = vec![
        published("value of A after A+", 0.904, learned),
        published("largest value of B", 0.581, of_b[peak]),
        counted("trial after which it is largest, counted from 0", 82, peak),
        published("value of B in the end", 0.0, learner.value(B)),
    ];
    let value_row = |trial: usize| (Vec::new(), vec![(trial + 1) as f64, of_a[trial], of_b[trial]]);
    let shown = [0, peak, SECOND_PHASE - 1];
    let traces = shown.map(|trial| series(format!("trial {}", trial + 1), by_step(&errors[trial])));
    let values = vec![series("A", by_trial(&of_a)), series("B", by_trial(&of_b))];
    let panels = vec![
        panel("Predictions", "trial of B, then A", "value at onset", Plot::Lines(values)),
        panel("Single trials", "step", "TD error", Plot::Lines(traces.to_vec())),
        error_map("TD errors", &errors),
    ];
    Outcome {
        checks,
        tables: vec![
            table("", &["trial", "value_a", "value_b"], (0..SECOND_PHASE).map(value_row).collect()),
            table("errors", &["phase", "trial", "step", "td_error"], error_rows("second", &errors)),
        ],
        figure: Figure { title: "Second-order conditioning: A+, then B, A without reward".to_owned(), columns: 3, panels },
        notes: vec![
            format!(
                "TD(0), step size 0.1, discount 0.98; {FIRST_PHASE} trials of A (step {A_ON}) with reward (step {REWARD}), then \
                 {SECOND_PHASE} of B (steps {B_ON} to {}) and A (from step {A_ON}) without.",
                A_ON - 1
            ),
            "The published trial counts from 0: the value is largest after 83 trials. Of delays from 1 to 12 steps only 6 and 6 give \
             the published value near it."
                .to_owned(),
        ],
    }
}
