//! The richer the surroundings, the faster the press (Niv et al. 2007).

use super::panels::{panel, series, table};
use crate::{Check, Expected, Experiment, Figure, Interval, Options, Outcome, Plot, Presser, Series, Table};
use striatum_rng::{Purpose, Stream};

pub(super) const VIGOUR: Experiment = Experiment {
    name: "vigour",
    about: "The higher the average reward, the faster the action: latency sqrt(C / rbar) (Niv et al. 2007).",
    run,
};

const SEEDS: usize = 10;
const REWARDS: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
const COST: f64 = 1.0;
const RANGE: [f64; 2] = [0.05, 40.0];
const LATENCIES: usize = 60;
const BETA: f64 = 8.0;
const ALPHA: f64 = 0.1;
const PRESSES: usize = 40_000;
/// The step size of the average reward at press n is `RATE / (1 + n / HALVED)`.
const RATE: f64 = 0.1;
const HALVED: f64 = 200.0;
/// Presses whose mean is a point of a curve.
const BLOCK: usize = 200;

/// All runs with one reward.
struct Learned {
    reward: f64,
    pressers: Vec<Presser>,
    /// Mean latency and average reward of each block of presses, in the first run.
    course: Vec<(f64, f64)>,
}

impl Learned {
    fn of(index: usize, reward: f64, options: &Options) -> Self {
        let mut course = Vec::new();
        let run = |run: usize| {
            let mut presser = Presser::new(RANGE, LATENCIES, BETA, ALPHA);
            let mut stream = Stream::new(options.seed, Purpose::User, index as u32, run as u32);
            let mut sum = 0.0;
            for press in 0..PRESSES {
                sum += presser.press(reward, COST, RATE / (1.0 + press as f64 / HALVED), &mut stream);
                if run == 0 && (press + 1) % BLOCK == 0 {
                    course.push((sum / BLOCK as f64, presser.average));
                    sum = 0.0;
                }
            }
            presser
        };
        let pressers = (0..options.seeds.unwrap_or(SEEDS).max(1)).map(run).collect();
        Self { reward, pressers, course }
    }

    fn over_runs(&self, of: impl Fn(&Presser) -> f64) -> Interval {
        Interval::of(&self.pressers.iter().map(of).collect::<Vec<_>>())
    }

    /// The mean of a number over runs.
    fn mean(&self, of: impl Fn(&Presser) -> f64) -> f64 {
        self.over_runs(of).mean
    }

    fn checks(&self) -> [Check; 3] {
        let reward = self.reward;
        let optimum = self.mean(optimum);
        // The value falls evenly to both sides of the optimum in the logarithm of the latency: the best one on the grid is the nearest.
        let half_spacing = (RANGE[1] / RANGE[0]).powf(0.5 / (LATENCIES - 1) as f64);
        let nearest = Expected::Near { value: optimum, tolerance: optimum * (half_spacing - 1.0) };
        let within = |value: f64, share: f64| Expected::Near { value, tolerance: share * value };
        let rate = self.mean(|presser| presser.reward_rate(reward, COST));
        [
            Check::new(
                format!("reward {reward}, average reward learned, beside that of the policy"),
                within(rate, 0.05),
                self.mean(|presser| presser.average),
            ),
            Check::new(
                format!("reward {reward}, best latency, beside sqrt(C / rbar)"),
                nearest,
                self.mean(Presser::preferred),
            ),
            Check::new(
                format!("reward {reward}, typical latency, beside sqrt(C / rbar)"),
                within(optimum, 0.02),
                self.mean(Presser::typical),
            ),
        ]
    }
}

/// The best latency for the average reward that was learned.
fn optimum(presser: &Presser) -> f64 {
    (COST / presser.average).sqrt()
}

fn run(options: &Options) -> Outcome {
    let learned: Vec<_> =
        REWARDS.iter().enumerate().map(|(index, &reward)| Learned::of(index, reward, options)).collect();
    Outcome {
        checks: learned.iter().flat_map(Learned::checks).collect(),
        tables: tables(&learned),
        figure: figure(&learned),
        notes: vec![
            format!(
                "Cost {COST} / latency a press, {LATENCIES} latencies from {} to {}, softmax with inverse temperature {BETA}, \
                 {PRESSES} presses, {} runs.",
                RANGE[0],
                RANGE[1],
                learned[0].pressers.len()
            ),
            "The typical latency is the geometric mean of the policy's; the best one may differ from the formula by half the grid's \
             spacing."
                .to_owned(),
        ],
    }
}

fn tables(learned: &[Learned]) -> Vec<Table> {
    let run = |learned: &Learned| {
        let row = |(run, presser): (usize, &Presser)| {
            let latencies = [presser.preferred(), presser.typical(), optimum(presser)];
            (Vec::new(), [vec![learned.reward, run as f64, presser.average], latencies.to_vec()].concat())
        };
        learned.pressers.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    let course = |learned: &Learned| {
        let row = |(block, &(latency, average)): (usize, &(f64, f64))| {
            (Vec::new(), vec![learned.reward, ((block + 1) * BLOCK) as f64, latency, average])
        };
        learned.course.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    let header = ["reward", "run", "average_reward", "best_latency", "typical_latency", "formula"];
    vec![
        table("", &header, learned.iter().flat_map(run).collect()),
        table(
            "course",
            &["reward", "press", "mean_latency", "average_reward"],
            learned.iter().flat_map(course).collect(),
        ),
    ]
}

/// A curve for each reward.
fn curves(learned: &[Learned], of: impl Fn(&Learned) -> Vec<(f64, f64)>) -> Plot {
    Plot::Lines(learned.iter().map(|learned| series(format!("reward {}", learned.reward), of(learned))).collect())
}

fn figure(learned: &[Learned]) -> Figure {
    const PRESSES_AXIS: &str = "press";
    let blocks = |of: fn(&(f64, f64)) -> f64| {
        move |learned: &Learned| {
            let points = learned.course.iter().enumerate();
            points.map(|(block, course)| (((block + 1) * BLOCK) as f64, of(course))).collect()
        }
    };
    let policy = |learned: &Learned| {
        let policies: Vec<_> = learned.pressers.iter().map(Presser::policy).collect();
        let mean = |index: usize| policies.iter().map(|policy| policy[index]).sum::<f64>() / policies.len() as f64;
        let points = learned.pressers[0].latencies.iter().enumerate();
        points.map(|(index, &latency)| (latency, mean(index))).filter(|(latency, _)| *latency < 8.0).collect()
    };
    Figure {
        title: "The higher the average reward, the faster the action".to_owned(),
        columns: 2,
        panels: vec![
            panel("Latency", "average reward a second", "latency (s)", Plot::Lines(latencies(learned))),
            panel("Learned policies", "latency (s)", "probability", curves(learned, policy)),
            panel(
                "Latencies while learning",
                PRESSES_AXIS,
                "mean latency (s)",
                curves(learned, blocks(|course| course.0)),
            ),
            panel(
                "Average reward",
                PRESSES_AXIS,
                "average reward a second",
                curves(learned, blocks(|course| course.1)),
            ),
        ],
    }
}

/// Learned latencies over the average reward, beside the formula.
fn latencies(learned: &[Learned]) -> Vec<Series> {
    let rates: Vec<f64> = learned.iter().map(|learned| learned.mean(|presser| presser.average)).collect();
    let (low, high) = (rates[0], rates[rates.len() - 1]);
    let formula = (0..=100).map(|index| {
        let rate = low * (high / low).powf(f64::from(index) / 100.0);
        (rate, (COST / rate).sqrt())
    });
    let measured = |name: &str, of: fn(&Presser) -> f64| {
        let latencies: Vec<Interval> = learned.iter().map(|learned| learned.over_runs(of)).collect();
        let points = rates.iter().zip(&latencies).map(|(&rate, latency)| (rate, latency.mean));
        Series { band: latencies.iter().map(Interval::bounds).collect(), ..series(name, points) }
    };
    vec![
        series("sqrt(C / rbar)", formula),
        measured("best latency learned", Presser::preferred),
        measured("typical latency", Presser::typical),
    ]
}
