//! Spikes around a reward that was not predicted, one that was, and one that was left out (Schultz, Dayan & Montague 1997, figure 1).

use super::panels::{panel, published, series, table};
use crate::{Check, Cue, Expected, Experiment, Figure, Options, Outcome, Panel, Plot, Rates, SerialCompound, Trial};
use striatum_rng::{Purpose, Stream};

pub(super) const SCHULTZ: Experiment = Experiment {
    name: "schultz",
    about: "An unpredicted reward, a learned cue and an omitted reward, as spikes and as TD errors (Schultz et al. 1997, figure 1).",
    run,
};

const CUE: usize = 5;
const REWARD: usize = 15;
const STEPS: usize = 25;
/// Trials of learning before the recording.
const LEARNING: usize = 500;
/// Recorded trials of each kind.
const RECORDED: usize = 20;
/// Seconds a step: cue and reward are a second apart.
const STEP_SECONDS: f64 = 0.1;
const BINS_A_STEP: usize = 2;
/// Spikes a second of a neuron at rest, and how many more there are for an error of 1.
const BASELINE: f64 = 5.0;
const GAIN: f64 = 40.0;

/// One column of the figure.
struct Condition {
    name: &'static str,
    errors: Vec<f64>,
    /// Seconds from the cue to each spike, by trial.
    spikes: Vec<Vec<f64>>,
}

impl Condition {
    fn record(name: &'static str, index: usize, errors: Vec<f64>, options: &Options) -> Self {
        let trials = options.seeds.unwrap_or(RECORDED).max(1);
        let spikes = |trial| spikes(&errors, &mut Stream::new(options.seed, Purpose::User, index as u32, trial as u32));
        let spikes = (0..trials).map(spikes).collect();
        Self { name, errors, spikes }
    }

    /// `(middle of the bin in seconds, spikes a second)`.
    fn histogram(&self) -> Vec<(f64, f64)> {
        let width = STEP_SECONDS / BINS_A_STEP as f64;
        let mut counts = vec![0_u32; self.errors.len() * BINS_A_STEP];
        let last = counts.len() - 1;
        for spike in self.spikes.iter().flatten() {
            counts[(((spike - seconds(0)) / width) as usize).min(last)] += 1;
        }
        let rate = |count: u32| f64::from(count) / (width * self.spikes.len() as f64);
        let middle = |bin: usize| seconds(0) + (bin as f64 + 0.5) * width;
        counts.iter().enumerate().map(|(bin, &count)| (middle(bin), rate(count))).collect()
    }

    /// Spikes a second within a step, over all trials.
    fn rate(&self, step: usize) -> f64 {
        let within = |spike: &&f64| (seconds(step)..seconds(step + 1)).contains(*spike);
        self.spikes.iter().flatten().filter(within).count() as f64 / (STEP_SECONDS * self.spikes.len() as f64)
    }

    /// The rate of a step beside that of the published TD error, within four standard deviations of a Poisson count.
    fn rate_check(&self, what: &str, step: usize, error: f64) -> Check {
        let value = rate(error);
        let tolerance = 4.0 * (value / (STEP_SECONDS * self.spikes.len() as f64)).sqrt();
        Check::new(format!("{what} (spikes/s)"), Expected::Near { value, tolerance }, self.rate(step))
    }
}

/// Seconds from the cue to the start of a step.
fn seconds(step: usize) -> f64 {
    (step as f64 - CUE as f64) * STEP_SECONDS
}

/// Spikes a second of a neuron that reports an error; it cannot fire less than not at all.
fn rate(error: f64) -> f64 {
    (BASELINE + GAIN * error).max(0.0)
}

/// Spikes of a trial: a Poisson process whose rate is constant within a step.
fn spikes(errors: &[f64], stream: &mut Stream) -> Vec<f64> {
    let mut wait = || -(1.0 - f64::from(stream.uniform())).ln();
    let mut spikes = Vec::new();
    let mut due = wait();
    for (step, &error) in errors.iter().enumerate() {
        let rate = rate(error);
        let mut at = 0.0;
        while due < rate * (STEP_SECONDS - at) {
            at += due / rate;
            spikes.push(seconds(step) + at);
            due = wait();
        }
        due -= rate * (STEP_SECONDS - at);
    }
    spikes
}

fn run(options: &Options) -> Outcome {
    let rates = Rates::published(0.0);
    let surprise = Trial { steps: STEPS, cues: Vec::new(), reward: Some((REWARD, 1.0)) };
    let predicted = Trial { cues: vec![Cue::from(0, CUE)], ..surprise.clone() };
    let naive = SerialCompound::new(rates, &[1.0]).learn(&surprise);
    let mut learner = SerialCompound::new(rates, &[1.0]);
    for _ in 0..LEARNING {
        learner.learn(&predicted);
    }
    let conditions = [
        Condition::record("No prediction, reward at 1 s", 0, naive, options),
        Condition::record("Cue at 0 s, reward at 1 s", 1, learner.probe(&predicted), options),
        Condition::record("Cue at 0 s, no reward", 2, learner.probe(&predicted.unrewarded()), options),
    ];
    let [first, learned, omitted] = &conditions;
    let checks = vec![
        published("TD error at the first unpredicted reward", 1.0, first.errors[REWARD]),
        published("after learning, TD error at the cue (0.98^10)", 0.817, learned.errors[CUE]),
        published("after learning, TD error at the reward", 0.0, learned.errors[REWARD]),
        published("reward omitted, TD error at its time", -1.0, omitted.errors[REWARD]),
        published("reward omitted, TD error at the cue", 0.817, omitted.errors[CUE]),
        first.rate_check("firing after the unpredicted reward", REWARD, 1.0),
        learned.rate_check("firing after the learned cue", CUE, 0.817),
        learned.rate_check("firing after the predicted reward", REWARD, 0.0),
        omitted.rate_check("firing when the reward is omitted", REWARD, -1.0),
    ];
    Outcome { checks, tables: tables(&conditions), figure: figure(&conditions), notes: notes(first.spikes.len()) }
}

fn notes(recorded: usize) -> Vec<String> {
    vec![
        format!(
            "TD(0), step size 0.1, discount 0.98, {LEARNING} trials of learning; a step is 0.1 s; errors were probed with learning off."
        ),
        format!(
            "Spikes of {recorded} trials a condition are Poisson draws at {BASELINE} + {GAIN} x TD error spikes a second, at least 0; \
             their checks allow four standard deviations. `--seeds` sets the number of trials."
        ),
    ]
}

fn tables(conditions: &[Condition]) -> Vec<crate::Table> {
    let rows = |of: fn(&Condition) -> Vec<Vec<f64>>| {
        let labelled = |condition: &Condition| {
            of(condition).into_iter().map(|row| (vec![condition.name.to_owned()], row)).collect::<Vec<_>>()
        };
        conditions.iter().flat_map(labelled).collect()
    };
    let errors = rows(|condition| {
        condition.errors.iter().enumerate().map(|(step, &error)| vec![seconds(step), error, rate(error)]).collect()
    });
    let histogram = rows(|condition| condition.histogram().into_iter().map(|(at, rate)| vec![at, rate]).collect());
    let spikes = rows(|condition| {
        let of_trial = |(trial, spikes): (usize, &Vec<f64>)| {
            spikes.iter().map(|&spike| vec![(trial + 1) as f64, spike]).collect::<Vec<_>>()
        };
        condition.spikes.iter().enumerate().flat_map(of_trial).collect()
    });
    vec![
        table("", &["condition", "seconds", "td_error", "expected_rate"], errors),
        table("histogram", &["condition", "seconds", "rate"], histogram),
        table("spikes", &["condition", "trial", "seconds"], spikes),
    ]
}

fn figure(conditions: &[Condition]) -> Figure {
    let row = |make: fn(&Condition) -> Panel| conditions.iter().map(make).collect::<Vec<_>>();
    let histograms = row(|condition| {
        let bars = Plot::Bars(vec![series("rate", condition.histogram())]);
        panel(condition.name, "time from the cue (s)", "spikes/s", bars)
    });
    let rasters = row(|condition| {
        let of_trial =
            |(trial, spikes): (usize, &Vec<f64>)| spikes.iter().map(|&spike| (spike, trial)).collect::<Vec<_>>();
        let marks = condition.spikes.iter().enumerate().flat_map(of_trial).collect();
        let raster = Plot::Raster { marks, trials: condition.spikes.len() };
        panel("Spikes", "time from the cue (s)", "trial", raster)
    });
    let errors = row(|condition| {
        // A staircase: an error lasts for its step.
        let stair = |(step, &error): (usize, &f64)| [(seconds(step), error), (seconds(step + 1), error)];
        let points = condition.errors.iter().enumerate().flat_map(stair);
        panel("TD error", "time from the cue (s)", "TD error", Plot::Lines(vec![series("TD error", points)]))
    });
    let title = "Dopamine neurons report errors of reward prediction".to_owned();
    Figure { title, columns: conditions.len(), panels: [histograms, rasters, errors].concat() }
}
