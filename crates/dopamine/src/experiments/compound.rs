//! Two stimuli at once compete for what is left to be learned: blocking and overshadowing.

use super::panels::{bars, by_step, by_trial, panel, published, series, table};
use crate::{Cue, Experiment, Figure, Options, Outcome, Panel, Plot, Rates, SerialCompound, Trial};

pub(super) const BLOCKING: Experiment = Experiment {
    name: "blocking",
    about: "Nothing is learned of a stimulus that comes with one that already predicts the reward.",
    run: blocking,
};

pub(super) const OVERSHADOWING: Experiment = Experiment {
    name: "overshadowing",
    about: "Of two stimuli the more salient one takes most of the prediction.",
    run: overshadowing,
};

const CUE: usize = 5;
const REWARD: usize = 11;
const STEPS: usize = 20;
/// Trials of a phase of blocking; those of overshadowing are more, because B alone is learned slowly.
const BLOCKING_TRIALS: usize = 200;
const OVERSHADOWING_TRIALS: usize = 500;
const RATES: Rates = Rates::published(0.9);
const A: usize = 0;
const B: usize = 1;

/// A rewarded trial with these stimuli.
fn trial(stimuli: &[usize]) -> Trial {
    let cues = stimuli.iter().map(|&stimulus| Cue::from(stimulus, CUE)).collect();
    Trial { steps: STEPS, cues, reward: Some((REWARD, 1.0)) }
}

/// What each stimulus predicts after each of some trials.
struct Course {
    values: [Vec<f64>; 2],
    /// TD errors of the first trial of the last phase.
    first: Vec<f64>,
}

impl Course {
    fn of(saliences: [f64; 2], phases: &[&[usize]], trials: usize) -> Self {
        let mut learner = SerialCompound::new(RATES, &saliences);
        let mut course = Self { values: [Vec::new(), Vec::new()], first: Vec::new() };
        for stimuli in phases {
            let trial = trial(stimuli);
            course.first = learner.probe(&trial);
            for _ in 0..trials {
                learner.learn(&trial);
                (course.values.iter_mut().zip([A, B]))
                    .for_each(|(values, stimulus)| values.push(learner.value(stimulus)));
            }
        }
        course
    }

    fn last(&self, stimulus: usize) -> f64 {
        self.values[stimulus].last().copied().unwrap_or(0.0)
    }

    fn panel(&self, title: &str) -> Panel {
        let lines = [A, B].map(|stimulus| series(["A", "B"][stimulus], by_trial(&self.values[stimulus])));
        panel(title, "trial", "value at onset", Plot::Lines(lines.to_vec()))
    }

    fn rows(&self, label: &str) -> Vec<(Vec<String>, Vec<f64>)> {
        let row = |trial: usize| {
            (vec![label.to_owned()], vec![(trial + 1) as f64, self.values[A][trial], self.values[B][trial]])
        };
        (0..self.values[A].len()).map(row).collect()
    }
}

/// What A and B predict in the end, for each course.
fn last_values(names: &[&str], courses: &[&Course]) -> Panel {
    let bar = |stimulus: usize| {
        let values: Vec<_> = courses.iter().map(|course| course.last(stimulus)).collect();
        series(["A", "B"][stimulus], by_step(&values))
    };
    bars("In the end", "value at onset", names, vec![bar(A), bar(B)])
}

fn outcome(figure: Figure, courses: [(&str, &Course); 2], checks: Vec<crate::Check>, notes: Vec<String>) -> Outcome {
    let rows = courses.iter().flat_map(|(label, course)| course.rows(label)).collect();
    let tables = vec![table("", &["group", "trial", "value_a", "value_b"], rows)];
    Outcome { checks, tables, figure, notes }
}

fn protocol(trials: usize) -> String {
    format!(
        "TD(0.9), step size 0.1, discount 0.98, stimuli on from step {CUE}, reward at step {REWARD}, {trials} trials a phase; \
         values are of the onset, at most 0.98^5."
    )
}

fn blocking(_: &Options) -> Outcome {
    let blocked = Course::of([1.0; 2], &[&[A], &[A, B]], BLOCKING_TRIALS);
    let control = Course::of([1.0; 2], &[&[A, B]], BLOCKING_TRIALS);
    let checks = vec![
        published("value of A after A+", 0.904, blocked.values[A][BLOCKING_TRIALS - 1]),
        published("value of B after A+, then AB+", 0.0, blocked.last(B)),
        published("control AB+, value of A", 0.452, control.last(A)),
        published("control AB+, value of B", 0.452, control.last(B)),
    ];
    let errors = [("after A+", &blocked), ("control", &control)];
    let errors = errors.map(|(name, course)| series(name, by_step(&course.first)));
    let panels = vec![
        blocked.panel(&format!("A+ for {BLOCKING_TRIALS} trials, then AB+")),
        control.panel("Control: AB+"),
        panel("First trial of AB+", "step", "TD error", Plot::Lines(errors.to_vec())),
        last_values(&["A+, then AB+", "AB+"], &[&blocked, &control]),
    ];
    let figure = Figure { title: "Blocking".to_owned(), columns: 2, panels };
    outcome(figure, [("blocking", &blocked), ("control", &control)], checks, vec![protocol(BLOCKING_TRIALS)])
}

fn overshadowing(_: &Options) -> Outcome {
    let saliences = [1.0, 0.25];
    let both = Course::of(saliences, &[&[A, B]], OVERSHADOWING_TRIALS);
    let alone = Course::of(saliences, &[&[B]], OVERSHADOWING_TRIALS);
    let checks = vec![
        published("value of A, salience 4", 0.723, both.last(A)),
        published("value of B, salience 1", 0.181, both.last(B)),
        published("control, value of B trained alone (0.98^5)", 0.904, alone.last(B)),
    ];
    let panels = vec![
        both.panel("AB+, salience 4:1"),
        alone.panel("Control: B+"),
        last_values(&["AB+", "B+"], &[&both, &alone]),
    ];
    let figure = Figure { title: "Overshadowing".to_owned(), columns: 3, panels };
    let notes =
        vec![protocol(OVERSHADOWING_TRIALS), "Salience multiplies the step size: 1 for A, 0.25 for B.".to_owned()];
    outcome(figure, [("compound", &both), ("control", &alone)], checks, notes)
}
