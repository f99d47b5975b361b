//! A learned prediction fades when the reward stays away.

use super::panels::{by_step, by_trial, error_map, error_rows, panel, published, series, table};
use crate::{Cue, Experiment, Figure, Options, Outcome, Plot, Rates, SerialCompound, Trial};

pub(super) const EXTINCTION: Experiment =
    Experiment { name: "extinction", about: "A learned prediction fades when the reward stays away.", run };

const CUE: usize = 5;
const REWARD: usize = 11;
const STEPS: usize = 20;
const ACQUISITION: usize = 200;
const EXTINCTION_TRIALS: usize = 100;

fn run(_: &Options) -> Outcome {
    let rewarded = Trial { steps: STEPS, cues: vec![Cue::from(0, CUE)], reward: Some((REWARD, 1.0)) };
    let unrewarded = rewarded.unrewarded();
    let mut learner = SerialCompound::new(Rates::published(0.9), &[1.0]);
    let (mut errors, mut values) = (Vec::new(), Vec::new());
    for trial in [vec![&rewarded; ACQUISITION], vec![&unrewarded; EXTINCTION_TRIALS]].concat() {
        errors.push(learner.learn(trial));
        values.push(learner.value(0));
    }
    let checks = vec![
        published(format!("value of the cue after {ACQUISITION} rewarded trials"), 0.904, values[ACQUISITION - 1]),
        published(format!("value of the cue after {EXTINCTION_TRIALS} unrewarded trials"), 0.0, learner.value(0)),
        published("TD error at the omitted reward, first unrewarded trial", -1.0, errors[ACQUISITION][REWARD]),
    ];
    let value_row = |(trial, &value): (usize, &f64)| (Vec::new(), vec![(trial + 1) as f64, value]);
    let shown =
        [("last rewarded", ACQUISITION - 1), ("first unrewarded", ACQUISITION), ("10th unrewarded", ACQUISITION + 9)];
    let traces = shown.map(|(name, trial)| series(name, by_step(&errors[trial])));
    let panels = vec![
        panel("Prediction", "trial", "value at onset", Plot::Lines(vec![series("cue", by_trial(&values))])),
        panel("Single trials", "step", "TD error", Plot::Lines(traces.to_vec())),
        error_map("TD errors", &errors),
    ];
    let (acquired, extinguished) = errors.split_at(ACQUISITION);
    let rows = [error_rows("acquisition", acquired), error_rows("extinction", extinguished)].concat();
    Outcome {
        checks,
        tables: vec![
            table("", &["trial", "value"], values.iter().enumerate().map(value_row).collect()),
            table("errors", &["phase", "trial", "step", "td_error"], rows),
        ],
        figure: Figure { title: format!("Extinction after {ACQUISITION} rewarded trials"), columns: 3, panels },
        notes: vec![format!(
            "TD(0.9), step size 0.1, discount 0.98, cue on from step {CUE}, reward at step {REWARD}, which is left out for \
             {EXTINCTION_TRIALS} trials."
        )],
    }
}
