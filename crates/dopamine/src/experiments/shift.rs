//! The burst's move from the reward to the cue, by lambda (Amo et al. 2022).

use super::panels::{by_step, by_trial, counted, error_map, error_rows, panel, published, series, table};
use crate::{Cue, Experiment, Figure, Options, Outcome, Plot, Rates, SerialCompound, Trial};
use std::ops::RangeInclusive;

pub(super) const SHIFT: Experiment = Experiment {
    name: "shift",
    about: "The burst moves from the reward to the cue, gradually or at once, by lambda (Amo et al. 2022).",
    run,
};

const CUE: usize = 5;
const REWARD: usize = 15;
const STEPS: usize = 20;
const TRIALS: usize = 200;
/// Steps between cue and reward, without the one next to either: what a burst on its way must cross.
const MIDDLE: RangeInclusive<usize> = CUE + 2..=REWARD - 2;
/// Published: the step of the largest error in some trials, lambda 0.
const PEAKS: [(usize, usize); 5] = [(1, 15), (10, 15), (50, 11), (100, 5), (200, 5)];
/// Published: the largest error of any trial in the middle of the delay, by lambda.
const LARGEST: [(f64, f64); 4] = [(0.0, 0.274), (0.5, 0.147), (0.9, 0.035), (1.0, 0.0)];

/// TD errors of all trials of a learner.
struct Course {
    lambda: f64,
    errors: Vec<Vec<f64>>,
}

impl Course {
    fn of(lambda: f64) -> Self {
        let trial = Trial { steps: STEPS, cues: vec![Cue::from(0, CUE)], reward: Some((REWARD, 1.0)) };
        let mut learner = SerialCompound::new(Rates::published(lambda), &[1.0]);
        Self { lambda, errors: (0..TRIALS).map(|_| learner.learn(&trial)).collect() }
    }

    /// A number of each trial.
    fn by_trial(&self, of: fn(&[f64]) -> f64) -> Vec<f64> {
        self.errors.iter().map(|errors| of(errors)).collect()
    }

    fn peak_rows(&self) -> Vec<(Vec<String>, Vec<f64>)> {
        let row = |(trial, errors): (usize, &Vec<f64>)| {
            let step = peak(errors);
            (vec![self.lambda.to_string()], vec![(trial + 1) as f64, step as f64, errors[step]])
        };
        self.errors.iter().enumerate().map(row).collect()
    }
}

/// The step of the largest error, the first of them where there are several.
fn peak(errors: &[f64]) -> usize {
    (0..errors.len()).rev().max_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or(0)
}

fn largest_in_middle(errors: &[f64]) -> f64 {
    errors[MIDDLE].iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn run(_: &Options) -> Outcome {
    let courses = LARGEST.map(|(lambda, _)| Course::of(lambda));
    let plain = &courses[0].errors;
    let mut checks: Vec<_> = PEAKS
        .iter()
        .map(|&(trial, step)| {
            let what = format!("lambda 0, step of the largest TD error in trial {trial}");
            counted(what, step, peak(&plain[trial - 1]))
        })
        .collect();
    for (course, (lambda, value)) in courses.iter().zip(LARGEST) {
        let largest = course.by_trial(largest_in_middle).into_iter().fold(f64::NEG_INFINITY, f64::max);
        checks.push(published(format!("lambda {lambda}, largest TD error in mid-delay"), value, largest));
    }
    let rows = courses.iter().flat_map(|course| error_rows(&course.lambda.to_string(), &course.errors)).collect();
    let peaks = courses.iter().flat_map(Course::peak_rows).collect();
    Outcome {
        checks,
        tables: vec![
            table("", &["lambda", "trial", "step", "td_error"], rows),
            table("peaks", &["lambda", "trial", "step", "td_error"], peaks),
        ],
        figure: figure(&courses),
        notes: vec![
            format!(
                "Cue at step {CUE}, reward at step {REWARD}, step size 0.1, discount 0.98; trials are counted from 1."
            ),
            format!("Mid-delay is steps {} to {}, without those next to cue and reward.", MIDDLE.start(), MIDDLE.end()),
        ],
    }
}

fn figure(courses: &[Course]) -> Figure {
    let map = |course: &Course| error_map(format!("TD errors, lambda {}", course.lambda), &course.errors);
    let mut panels: Vec<_> = courses.iter().map(map).collect();
    for course in [&courses[0], &courses[2]] {
        let trace = |&(trial, _): &(usize, usize)| series(format!("trial {trial}"), by_step(&course.errors[trial - 1]));
        let traces = Plot::Lines(PEAKS.iter().map(trace).collect());
        panels.push(panel(format!("Single trials, lambda {}", course.lambda), "step", "TD error", traces));
    }
    let lines = |of: fn(&[f64]) -> f64| {
        let line = |course: &Course| series(format!("lambda {}", course.lambda), by_trial(&course.by_trial(of)));
        Plot::Lines(courses.iter().map(line).collect())
    };
    let step = |errors: &[f64]| peak(errors) as f64;
    panels.push(panel("Where the burst is", "trial", "step of the largest TD error", lines(step)));
    panels.push(panel("The burst on its way", "trial", "largest TD error in mid-delay", lines(largest_in_middle)));
    Figure {
        title: format!("The burst's move from the reward (step {REWARD}) to the cue (step {CUE})"),
        columns: 4,
        panels,
    }
}
