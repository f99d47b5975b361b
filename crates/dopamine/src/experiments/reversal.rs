//! Tonic temperature in a bandit whose best arm moves on.

use crate::stats::Moments;
use crate::{
    Bandit, Check, Expected, Experiment, Figure, Options, Outcome, Panel, Plot, Series, Table, TonicLearner,
    TonicRates, parallel,
};
use striatum_rng::{Purpose, Stream};

/// The experiment.
pub(super) const REVERSAL: Experiment = Experiment {
    name: "reversal",
    about: "A temperature that follows the reward of late finds the new best arm sooner after a reversal.",
    run,
};

const ARMS: usize = 4;
const STEPS: usize = 1000;
const PERIOD: usize = 100;
/// Runs that a result is the mean of; a quarter as many, others, choose the settings.
const RUNS: usize = 1000;
/// Runs that a thread takes at a time.
const CHUNK: usize = 50;
/// Random numbers of the runs that choose settings, and of those that are reported; no other experiment has them.
const TUNING: u32 = 11_000;
const RESULT: u32 = 11_001;

/// A learner of the table.
struct Learner {
    name: &'static str,
    published: Option<f64>,
    /// Its 12 settings, given what was chosen for the learners before.
    settings: fn(&[TonicRates]) -> Vec<TonicRates>,
}

const PLAIN: TonicRates = TonicRates { rate: 1.0, baseline_rate: 0.1, entropy: 0.0, decay: 0.0, tonic: 0.0 };
/// The place of logit decay in [`LEARNERS`].
const DECAY: usize = 2;

const LEARNERS: [Learner; 6] = [
    Learner {
        name: "policy gradient",
        published: Some(0.375),
        settings: |_| {
            let rates = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0];
            rates.map(|rate| TonicRates { rate, ..PLAIN }).to_vec()
        },
    },
    Learner {
        name: "+ entropy",
        published: Some(0.559),
        settings: |_| by_rate([0.05, 0.1, 0.2, 0.3], |rate, entropy| TonicRates { rate, entropy, ..PLAIN }),
    },
    Learner {
        name: "+ decay",
        published: Some(0.639),
        settings: |_| by_rate([0.01, 0.02, 0.05, 0.1], |rate, decay| TonicRates { rate, decay, ..PLAIN }),
    },
    Learner {
        name: "+ decay + tonic",
        published: Some(0.660),
        settings: |chosen| {
            let strengths = [0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0];
            strengths.map(|tonic| TonicRates { tonic, ..chosen[DECAY] }).to_vec()
        },
    },
    Learner {
        name: "+ tonic",
        published: None,
        settings: |_| by_rate([0.5, 1.0, 2.0, 4.0], |rate, tonic| TonicRates { rate, tonic, ..PLAIN }),
    },
    Learner {
        name: "+ both, tuned together",
        published: None,
        settings: |_| {
            let rates = [(1.0, 0.02), (1.0, 0.05), (2.0, 0.02), (2.0, 0.05)];
            let strengths = |(rate, decay)| [0.5, 1.0, 2.0].map(|tonic| TonicRates { rate, decay, tonic, ..PLAIN });
            rates.into_iter().flat_map(strengths).collect()
        },
    },
];

fn by_rate(values: [f64; 4], rates: fn(f64, f64) -> TonicRates) -> Vec<TonicRates> {
    [0.5, 1.0, 2.0].into_iter().flat_map(|rate| values.map(|value| rates(rate, value))).collect()
}

/// What runs of one setting gave.
#[derive(Clone, Default)]
struct Summary {
    reward: Moments,
    /// P(best arm) and beta by step since the last reversal, the first period left out.
    recovery: Vec<[Moments; 2]>,
}

impl Summary {
    fn merge(&mut self, other: &Self) {
        self.reward.merge(&other.reward);
        self.recovery.resize(other.recovery.len(), Default::default());
        for (mine, other) in self.recovery.iter_mut().zip(&other.recovery) {
            mine.iter_mut().zip(other).for_each(|(mine, other)| mine.merge(other));
        }
    }
}

fn run(options: &Options) -> Outcome {
    let runs = options.seeds.unwrap_or(RUNS).max(1);
    let mut chosen: Vec<TonicRates> = Vec::new();
    for learner in &LEARNERS {
        let settings = (learner.settings)(&chosen);
        let tried = simulate(options, TUNING, runs.div_ceil(4), &settings);
        let reward = |i: &usize| tried[*i].reward.mean();
        let best = (0..settings.len()).max_by(|a, b| reward(a).total_cmp(&reward(b))).unwrap_or(0);
        chosen.push(settings[best]);
    }
    let results = simulate(options, RESULT, runs, &chosen);
    Outcome { checks: checks(&results), tables: tables(&chosen, &results), figure: figure(&results), notes: notes() }
}

/// Summaries of settings, each of so many runs.
fn simulate(options: &Options, series: u32, runs: usize, settings: &[TonicRates]) -> Vec<Summary> {
    let bandit = Bandit::reversing(ARMS, 0.8, 0.2, PERIOD);
    let parts = runs.div_ceil(CHUNK);
    let done = parallel::map(parts * settings.len(), options.threads, |item| {
        let (rates, part) = (&settings[item / parts], item % parts);
        let mut summary = Summary::default();
        for run in part * CHUNK..((part + 1) * CHUNK).min(runs) {
            let stream = Stream::new(options.seed, Purpose::User, run as u32, series);
            play(&bandit, rates, stream, &mut summary);
        }
        summary
    });
    let merge = |parts: &[Summary]| {
        let mut all = Summary::default();
        parts.iter().for_each(|part| all.merge(part));
        all
    };
    done.chunks(parts).map(merge).collect()
}

/// One run.
fn play(bandit: &Bandit, rates: &TonicRates, mut stream: Stream, summary: &mut Summary) {
    let mut learner = TonicLearner::<ARMS>::default();
    let mut total = 0.0;
    let mut recovery = [[0.0; 2]; PERIOD];
    for step in 0..STEPS {
        let policy = learner.policy(rates);
        if bandit.reversals(step) > 0 {
            let [best, beta] = &mut recovery[step % PERIOD];
            *best += policy[bandit.best(step)];
            *beta += learner.beta(rates);
        }
        let (mut left, mut action) = (f64::from(stream.uniform()), 0);
        while action + 1 < ARMS && left >= policy[action] {
            left -= policy[action];
            action += 1;
        }
        let reward = bandit.pay(action, step, f64::from(stream.uniform()));
        total += reward;
        learner.learn(rates, &policy, action, reward);
    }
    summary.reward.add(total / STEPS as f64);
    summary.recovery.resize(PERIOD, Default::default());
    let periods = (STEPS / PERIOD - 1) as f64;
    for (moments, sums) in summary.recovery.iter_mut().zip(recovery) {
        moments.iter_mut().zip(sums).for_each(|(moments, sum)| moments.add(sum / periods));
    }
}

fn checks(results: &[Summary]) -> Vec<Check> {
    let check = |(learner, result): (&Learner, &Summary)| {
        let expected = learner.published.map_or(Expected::Reported, |value| Expected::Near {
            value,
            tolerance: (0.02 * value * 1e4).round() / 1e4,
        });
        Check::new(format!("mean reward, {}", learner.name), expected, result.reward.mean())
    };
    let mut checks: Vec<_> = LEARNERS.iter().zip(results).map(check).collect();
    let tonic = results[DECAY + 1].reward.mean();
    checks.push(Check::new("mean reward, + decay + tonic", Expected::AtLeast(0.65), tonic));
    checks
}

fn notes() -> Vec<String> {
    [
        "Four arms: one pays with probability .8, the others with .2, and every 100 of 1000 steps the next arm is the one; always knowing \
         it pays .8, chance .35.",
        "The published hyperparameters are not known. Every learner has 12 settings, chosen by runs that are not in the results; decay + \
         tonic keeps the step size and decay that were chosen without tonic, so that its gain is the temperature's alone.",
    ]
    .map(String::from)
    .to_vec()
}

fn tables(chosen: &[TonicRates], results: &[Summary]) -> Vec<Table> {
    let header = ["learner", "rate", "entropy", "decay", "tonic", "mean_reward", "ci95"];
    let row = |((learner, rates), result): ((&Learner, &TonicRates), &Summary)| {
        let (reward, ci) = (result.reward.mean(), result.reward.half_width());
        (vec![learner.name.to_string()], vec![rates.rate, rates.entropy, rates.decay, rates.tonic, reward, ci])
    };
    let rows = LEARNERS.iter().zip(chosen).zip(results).map(row).collect();
    let table = Table { name: String::new(), header: header.map(String::from).to_vec(), rows };

    let names = LEARNERS.iter().map(|learner| format!("p_best {}", learner.name));
    let names = names.chain(LEARNERS.iter().map(|learner| format!("beta {}", learner.name)));
    let row = |step: usize| {
        let of = |i: usize| results.iter().map(move |result| result.recovery[step][i].mean());
        (Vec::new(), std::iter::once(step as f64).chain(of(0)).chain(of(1)).collect())
    };
    let header = std::iter::once("steps_since_reversal".to_string()).chain(names).collect();
    vec![table, Table { name: "recovery".into(), header, rows: (0..PERIOD).map(row).collect() }]
}

fn figure(results: &[Summary]) -> Figure {
    let names: Vec<String> = LEARNERS.iter().map(|learner| learner.name.to_string()).collect();
    let published = LEARNERS.iter().enumerate().filter_map(|(i, learner)| Some((i as f64, learner.published?)));
    let rewards: Vec<&Moments> = results.iter().map(|result| &result.reward).collect();
    let measured = Series {
        name: "measured".into(),
        points: rewards.iter().enumerate().map(|(i, reward)| (i as f64, reward.mean())).collect(),
        band: rewards.iter().map(|m| (m.mean() - m.half_width(), m.mean() + m.half_width())).collect(),
    };
    let bars = vec![Series { name: "published".into(), points: published.collect(), band: Vec::new() }, measured];
    let curve = |arm: usize, number: usize| {
        let moments = results[arm].recovery.iter().map(|step| step[number]);
        let points = moments.clone().enumerate().map(|(step, m)| (step as f64, m.mean())).collect();
        let band = moments.map(|m| (m.mean() - m.half_width(), m.mean() + m.half_width())).collect();
        Series { name: names[arm].clone(), points, band }
    };
    let lines = |title: &str, y_label: &str, series: Vec<Series>| Panel {
        title: title.into(),
        x_label: "steps since the reversal".into(),
        y_label: y_label.into(),
        categories: Vec::new(),
        plot: Plot::Lines(series),
    };
    let reward = Panel {
        title: "Mean reward of 1000 steps".into(),
        x_label: String::new(),
        y_label: "reward a step".into(),
        categories: names.clone(),
        plot: Plot::Bars(bars),
    };
    let tonic = (0..LEARNERS.len()).filter(|&arm| arm > DECAY).map(|arm| curve(arm, 1)).collect();
    let panels = vec![
        reward,
        lines("After a reversal", "P(best arm)", (0..=DECAY + 1).map(|arm| curve(arm, 0)).collect()),
        lines("Tonic temperature", "inverse temperature beta", tonic),
    ];
    Figure { title: "Tonic temperature: a fall in reward explores".into(), columns: 3, panels }
}
