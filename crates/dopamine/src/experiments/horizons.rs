//! When a reward comes, read from learners of many horizons (Masset et al. 2025; Fedus et al. 2019).

use super::panels::{panel, series, table};
use crate::{Check, Cue, Expected, Experiment, Figure, Interval, Options, Outcome, Panel, Plot, Series, Table};
use crate::{Timescales, Trial};
use striatum_rng::{Purpose, Stream};

pub(super) const HORIZONS: Experiment = Experiment {
    name: "horizons",
    about: "Learners of many horizons together know when a reward comes and how large it is (Masset et al. 2025).",
    run,
};

/// Runs with noise of their own.
const SEEDS: usize = 100;
const RANGE: [f64; 2] = [5.0, 200.0];
const LEARNERS: usize = 24;
const TRIALS: usize = 300;
const DELAYS: [usize; 8] = [2, 5, 10, 15, 20, 30, 40, 60];
/// Delays at which a reward may be found, and the spacing of those that are tried for a single one.
const LATEST: usize = 100;
const SPACING: f64 = 0.05;
/// Standard deviation of a recorded response.
const NOISE: f64 = 0.01;
/// A small early reward and a larger later one that are worth the same to the learner in the middle of the horizons.
const EARLY: usize = 10;
const LATE: usize = 40;

/// What was learned of a reward after a delay.
struct Delayed {
    delay: usize,
    size: f64,
    responses: Vec<f64>,
    /// The mean delay by the decoded rewards, and their sum.
    decoded: (f64, f64),
    /// Delays found in noisy responses, one a run.
    noisy: Vec<f64>,
    /// The standard deviation that they cannot be below.
    bound: f64,
}

fn untrained() -> Timescales {
    Timescales::new(0.1, 1.0, RANGE, LEARNERS)
}

fn trial(delay: usize, size: f64, steps: usize) -> Trial {
    Trial { steps, cues: vec![Cue::from(0, 0)], reward: Some((delay, size)) }
}

/// The mean delay of decoded rewards, and their sum.
fn centre(rewards: &[f64]) -> (f64, f64) {
    let sum: f64 = rewards.iter().sum();
    (rewards.iter().enumerate().map(|(index, reward)| (index + 1) as f64 * reward).sum::<f64>() / sum, sum)
}

impl Delayed {
    fn of(index: usize, delay: usize, size: f64, options: &Options) -> Self {
        let trial = trial(delay, size, delay + 1);
        let mut learners = untrained();
        (0..TRIALS).for_each(|_| learners.learn(0.1, &trial));
        let responses = learners.responses(&trial, 0);
        let find = |run: usize| {
            let mut stream = Stream::new(options.seed, Purpose::User, index as u32, run as u32);
            let noisy =
                responses.iter().map(|response| response + NOISE * f64::from(stream.normal())).collect::<Vec<_>>();
            learners.decode_single(&noisy, LATEST as f64, SPACING).0
        };
        Self {
            delay,
            size,
            decoded: centre(&learners.decode(&responses, LATEST, 0.0)),
            noisy: (0..options.seeds.unwrap_or(SEEDS).max(1)).map(find).collect(),
            bound: learners.delay_bound(delay as f64, size, NOISE),
            responses,
        }
    }

    /// The largest difference of a response from the discounted reward.
    fn unlearned(&self) -> f64 {
        let exact = untrained().gammas().map(|gamma| self.size * gamma.powi(self.delay as i32)).collect::<Vec<_>>();
        self.responses.iter().zip(exact).map(|(response, exact)| (response - exact).abs()).fold(0.0, f64::max)
    }

    /// The root mean square error of the delays found in noise.
    fn error(&self) -> f64 {
        let square = |found: &f64| (found - self.delay as f64).powi(2);
        (self.noisy.iter().map(square).sum::<f64>() / self.noisy.len() as f64).sqrt()
    }
}

/// Everything that is reported.
struct Results {
    learners: Timescales,
    delayed: Vec<Delayed>,
    early: Delayed,
    late: Delayed,
    /// Responses of a learner of a single horizon to both.
    single: [f64; 2],
    /// Decoded from a cue whose reward comes early or late with equal chances.
    either: Vec<f64>,
}

impl Results {
    fn of(options: &Options) -> Self {
        let delayed =
            DELAYS.iter().enumerate().map(|(index, &delay)| Delayed::of(index, delay, 1.0, options)).collect();
        let single = Timescales::new(0.1, 1.0, [(RANGE[0] * RANGE[1]).sqrt(); 2], 1);
        let gamma = single.gammas().next().unwrap_or(0.0);
        let size = gamma.powi(EARLY as i32 - LATE as i32);
        let respond = |delay: usize, size: f64| {
            let (mut learner, trial) = (single.clone(), trial(delay, size, delay + 1));
            (0..TRIALS).for_each(|_| learner.learn(0.1, &trial));
            learner.responses(&trial, 0)[0]
        };
        let mut learners = untrained();
        let either = [trial(EARLY, 1.0, LATE + 1), trial(LATE, 1.0, LATE + 1)];
        for number in 0..TRIALS {
            // Step size 1 / n makes every value the mean of what followed.
            learners.learn(1.0 / (number + 1) as f64, &either[number % 2]);
        }
        Self {
            delayed,
            early: Delayed::of(DELAYS.len(), EARLY, 1.0, options),
            late: Delayed::of(DELAYS.len() + 1, LATE, size, options),
            single: [respond(EARLY, 1.0), respond(LATE, size)],
            either: learners.decode(&learners.responses(&either[0], 0), LATEST, 0.0),
            learners,
        }
    }

    /// The largest of a number over all delays.
    fn largest(&self, of: impl Fn(&Delayed) -> f64) -> f64 {
        self.delayed.iter().map(of).fold(0.0, f64::max)
    }

    /// The mean response of all learners, by delay.
    fn mean_responses(&self) -> Vec<(f64, f64)> {
        let mean = |delayed: &Delayed| delayed.responses.iter().sum::<f64>() / LEARNERS as f64;
        self.delayed.iter().map(|delayed| (delayed.delay as f64, mean(delayed))).collect()
    }

    fn checks(&self) -> Vec<Check> {
        let runs = self.early.noisy.len() as f64;
        let near = |value: f64, tolerance: f64| Expected::Near { value, tolerance };
        let rate = |pair: &[(f64, f64)]| (pair[0].1 / pair[1].1).ln() / (pair[1].0 - pair[0].0);
        let means = self.mean_responses();
        let mut checks = vec![
            Check::new(
                "largest difference of a cue response from gamma^delay",
                near(0.0, 1e-9),
                self.largest(Delayed::unlearned),
            ),
            Check::new(
                "decoded delay, largest error (half a step of the decoded times)",
                Expected::AtMost(0.5),
                self.largest(|delayed| (delayed.decoded.0 - delayed.delay as f64).abs()),
            ),
            Check::new(
                "decoded size of a reward of 1, largest error",
                Expected::AtMost(0.02),
                self.largest(|delayed| (delayed.decoded.1 - 1.0).abs()),
            ),
            // The root mean square of n normal errors has a relative standard deviation of 1 / sqrt(2 n).
            Check::new(
                "with noise, largest error of the delay beside the Cramér-Rao bound",
                Expected::AtMost(1.0 + 4.0 / (2.0 * runs).sqrt()),
                self.largest(|delayed| delayed.error() / delayed.bound),
            ),
            Check::new(
                "one horizon: difference between a small early reward and a large late one",
                near(0.0, 1e-9),
                self.single[1] - self.single[0],
            ),
        ];
        for (name, delayed) in [("early", &self.early), ("late", &self.late)] {
            let (delay, size) = delayed.decoded;
            checks.push(Check::new(
                format!("many horizons: delay of the {name} one"),
                near(delayed.delay as f64, 0.5),
                delay,
            ));
            checks.push(Check::new(
                format!("many horizons: size of the {name} one"),
                near(delayed.size, 0.02 * delayed.size),
                size,
            ));
        }
        for delay in [EARLY, LATE] {
            let what = format!("reward after {EARLY} or {LATE} steps, half each: decoded after {delay}");
            checks.push(Check::new(what, near(0.5, 0.01), self.either[delay - 1]));
        }
        checks.push(Check::new(
            "discount rate of all together, from the last delays to the first (an exponential: 1)",
            Expected::AtMost(1.0),
            rate(&means[means.len() - 2..]) / rate(&means[..2]),
        ));
        checks
    }
}

fn run(options: &Options) -> Outcome {
    let results = Results::of(options);
    Outcome {
        checks: results.checks(),
        tables: tables(&results),
        figure: figure(&results),
        notes: vec![
            format!(
                "{LEARNERS} learners with discounts 1 - 1 / tau, tau from {} to {} steps; TD(1), {TRIALS} trials; a response is the TD error at \
                 the cue.",
                RANGE[0], RANGE[1]
            ),
            format!(
                "Rewards are decoded after 1 .. {LATEST} steps by non-negative least squares. Noise has standard deviation {NOISE}, in {} runs, \
                 where the best single reward is looked for; its error may exceed the bound by four of its standard deviations.",
                results.early.noisy.len()
            ),
        ],
    }
}

fn tables(results: &Results) -> Vec<Table> {
    let decoded = |delayed: &Delayed| {
        let found = Interval::of(&delayed.noisy);
        let (delay, size) = delayed.decoded;
        let noisy = [found.mean, found.bounds().0, found.bounds().1, delayed.error(), delayed.bound];
        (Vec::new(), [vec![delayed.delay as f64, delayed.size, delay, size], noisy.to_vec()].concat())
    };
    let horizons = results.learners.horizons();
    let all = || results.delayed.iter().chain([&results.early, &results.late]);
    let response = |delayed: &Delayed| {
        let row =
            |(&tau, &response): (&f64, &f64)| (Vec::new(), vec![delayed.delay as f64, delayed.size, tau, response]);
        horizons.iter().zip(&delayed.responses).map(row).collect::<Vec<_>>()
    };
    let either =
        results.either.iter().enumerate().map(|(index, &reward)| (Vec::new(), vec![(index + 1) as f64, reward]));
    let header = [
        ["delay", "size", "decoded_delay", "decoded_size"].as_slice(),
        &["noisy_delay", "noisy_delay_lower", "noisy_delay_upper", "noisy_error", "cramer_rao_bound"],
    ];
    vec![
        table("", &header.concat(), all().map(decoded).collect()),
        table("responses", &["delay", "size", "horizon", "response"], all().flat_map(response).collect()),
        table("either", &["delay", "decoded_reward"], either.collect()),
    ]
}

fn figure(results: &Results) -> Figure {
    let horizons = results.learners.horizons();
    let curve =
        |name: String, delayed: &Delayed| series(name, horizons.iter().copied().zip(delayed.responses.iter().copied()));
    let shown = [0, 2, 4, 6, 7].map(|index| &results.delayed[index]);
    let responses = shown.map(|delayed| curve(format!("delay {}", delayed.delay), delayed));
    let same = vec![
        curve(format!("1 after {EARLY} steps"), &results.early),
        curve(format!("{:.2} after {LATE} steps", results.late.size), &results.late),
    ];
    let either = results.either.iter().enumerate().map(|(index, &reward)| ((index + 1) as f64, reward));
    let axis = "horizon of the learner (steps)";
    let title = format!("Equal at a horizon of {:.1}, told apart by many", (RANGE[0] * RANGE[1]).sqrt());
    Figure {
        title: "Learners of many horizons know when a reward comes".to_owned(),
        columns: 3,
        panels: vec![
            panel("Responses to the cue", axis, "TD error at the cue", Plot::Lines(responses.to_vec())),
            times(results),
            errors(results),
            panel(title, axis, "TD error at the cue", Plot::Lines(same)),
            panel(
                format!("Reward after {EARLY} or {LATE} steps, decoded"),
                "steps after the cue",
                "decoded reward",
                Plot::Lines(vec![series("reward", either)]),
            ),
            discounting(results),
        ],
    }
}

fn times(results: &Results) -> Panel {
    let found: Vec<_> = results.delayed.iter().map(|delayed| Interval::of(&delayed.noisy)).collect();
    let points = |of: &dyn Fn(&Delayed) -> f64| {
        results.delayed.iter().map(|delayed| (delayed.delay as f64, of(delayed))).collect::<Vec<_>>()
    };
    let noisy = points(&|delayed| Interval::of(&delayed.noisy).mean);
    let lines = vec![
        series("true", points(&|delayed| delayed.delay as f64)),
        series("decoded", points(&|delayed| delayed.decoded.0)),
        Series { band: found.iter().map(Interval::bounds).collect(), ..series("with noise", noisy) },
    ];
    panel("Decoded time of the reward", "true delay (steps)", "decoded delay (steps)", Plot::Lines(lines))
}

fn errors(results: &Results) -> Panel {
    let points =
        |of: fn(&Delayed) -> f64| results.delayed.iter().map(move |delayed| (delayed.delay as f64, of(delayed)));
    let lines =
        vec![series("error with noise", points(Delayed::error)), series("Cramér-Rao bound", points(|d| d.bound))];
    panel("Precision", "true delay (steps)", "error of the delay (steps)", Plot::Lines(lines))
}

/// The mean of many exponentials falls like none of them: fast at first, then slowly.
fn discounting(results: &Results) -> Panel {
    let means = results.mean_responses();
    let (first, mean) = means[0];
    let gamma = 1.0 - 1.0 / (RANGE[0] * RANGE[1]).sqrt();
    let exponential = (first as usize..=DELAYS[DELAYS.len() - 1]).map(|delay| {
        let delay = delay as f64;
        (delay, mean * gamma.powf(delay - first))
    });
    let lines = vec![series("mean of all learners", means.iter().copied()), series("one horizon", exponential)];
    panel("Discounting", "delay (steps)", "response", Plot::Lines(lines))
}
