//! Choice between a safe and a risky action against dopamine tone, in a policy with two pathways.

use crate::stats::Moments;
use crate::{
    Check, Clock, DualPolicy, DualRates, Expected, Experiment, Figure, Model, Options, Outcome, Panel, Plot,
    PolicyGradient, Series, Table, one_hot, parallel,
};
use core::f64::consts::FRAC_1_SQRT_2;
use striatum_rng::{Purpose, Stream};

/// The experiment.
pub(super) const RISK: Experiment = Experiment {
    name: "risk",
    about: "Dopamine tone turns one trained policy with two pathways from shunning risk to seeking it.",
    run,
};

const SEEDS: usize = 40_000;
const STEPS: usize = 2000;
const RATE: f64 = 0.1;
const BASELINE_RATE: f64 = 0.05;
const SUM_DECAY: f64 = 0.02;
const RHOS: [f64; 5] = [-1.0, -0.5, 0.0, 0.5, 1.0];
const KAPPAS: [f64; 3] = [0.0, 0.5, 1.0];
/// P(risky) of each kappa and rho.
const PUBLISHED: [[f64; 5]; 3] =
    [[0.518, 0.518, 0.518, 0.518, 0.518], [0.440, 0.479, 0.518, 0.556, 0.593], [0.366, 0.440, 0.518, 0.593, 0.661]];
const CONTROLS: [&str; 4] = ["single head", "unopposed heads", "|rho| temperature", "flipped rho"];
/// Seeds that a thread takes at a time.
const CHUNK: usize = 250;
/// Tells the random numbers of this experiment from others'.
const SERIES: u32 = 10_000;

/// What one seed gave, or the moments of all.
#[derive(Clone, Copy, Default)]
struct Seeds {
    kappas: [[Moments; RHOS.len()]; KAPPAS.len()],
    controls: [[Moments; RHOS.len()]; CONTROLS.len()],
    /// u of the risky action less that of the safe one, for each kappa.
    sum_modes: [Moments; KAPPAS.len()],
}

/// Two heads that both speak for an action, as many parameters as two pathways: `l = c [(1 + rho) x + (1 - rho) y]`.
#[derive(Clone, Copy, Default)]
struct Unopposed {
    x: [f64; 2],
    y: [f64; 2],
}

impl Unopposed {
    fn probabilities(&self, rho: f64) -> [f64; 2] {
        let logit = |i: usize| FRAC_1_SQRT_2 * ((1.0 + rho) * self.x[i] + (1.0 - rho) * self.y[i]);
        let risky = 1.0 / (1.0 + (logit(0) - logit(1)).exp());
        [1.0 - risky, risky]
    }

    fn learn(&mut self, action: usize, advantage: f64) {
        let policy = self.probabilities(0.0);
        for (i, probability) in policy.into_iter().enumerate() {
            let chosen = if i == action { 1.0 } else { 0.0 };
            let step = RATE * FRAC_1_SQRT_2 * advantage * (chosen - probability);
            self.x[i] += step;
            self.y[i] += step;
        }
    }
}

fn run(options: &Options) -> Outcome {
    let count = options.seeds.unwrap_or(SEEDS).max(1);
    let parts = parallel::map(count.div_ceil(CHUNK), options.threads, |part| {
        let mut seeds = Seeds::default();
        (part * CHUNK..((part + 1) * CHUNK).min(count))
            .for_each(|number| train(options.seed, number as u32, &mut seeds));
        seeds
    });
    let mut seeds = Seeds::default();
    for part in &parts {
        merge(seeds.kappas.as_flattened_mut(), part.kappas.as_flattened());
        merge(seeds.controls.as_flattened_mut(), part.controls.as_flattened());
        merge(&mut seeds.sum_modes, &part.sum_modes);
    }
    Outcome {
        checks: checks(&seeds),
        tables: tables(&seeds),
        figure: figure(&seeds),
        notes: vec![
            format!(
                "Action 0 pays 0.5, action 1 pays 1 or 0 with equal chance; {STEPS} steps with step size {RATE}, baseline step \
                 {BASELINE_RATE} and lambda_u {SUM_DECAY} at rho = 0, and no learning while rho varies."
            ),
            "The decay of the sum mode is not multiplied by the step size; all policies of a seed meet the same random numbers.".into(),
            "Controls: a single head has no place for a tone; two heads that both speak for an action learn alike, so that it cancels; |rho| as a temperature takes no side.".into(),
        ],
    }
}

fn merge(all: &mut [Moments], part: &[Moments]) {
    all.iter_mut().zip(part).for_each(|(all, part)| all.merge(part));
}

/// Trains every policy with the same random numbers and adds what each chooses under every tone.
fn train(seed: u64, number: u32, seeds: &mut Seeds) {
    let mut stream = Stream::new(seed, Purpose::User, number, SERIES);
    let mut duals = [DualPolicy::<2>::default(); KAPPAS.len()];
    let rates = KAPPAS.map(|kappa| DualRates { rate: RATE, kappa, sum_decay: SUM_DECAY });
    let mut unopposed = Unopposed::default();
    let gradient = PolicyGradient { rate: RATE, baseline_rate: BASELINE_RATE };
    let mut single = gradient.start::<f64>();
    let mut baselines = [0.5; KAPPAS.len() + 1];
    let clock = Clock::at(0);
    for _ in 0..STEPS {
        let (uniform, coin) = (f64::from(stream.uniform()), f64::from(stream.uniform()));
        let play = |risky: f64| if uniform < risky { (1, if coin < 0.5 { 1.0 } else { 0.0 }) } else { (0, 0.5) };
        for ((dual, rates), baseline) in duals.iter_mut().zip(&rates).zip(&mut baselines) {
            let (action, reward) = play(dual.probabilities(0.0)[1]);
            dual.learn(rates, action, reward - *baseline);
            *baseline += BASELINE_RATE * (reward - *baseline);
        }
        let baseline = &mut baselines[KAPPAS.len()];
        let (action, reward) = play(unopposed.probabilities(0.0)[1]);
        unopposed.learn(action, reward - *baseline);
        *baseline += BASELINE_RATE * (reward - *baseline);
        let policy: [f64; 2] = gradient.policy(&single, &clock);
        let (action, reward) = play(policy[1]);
        single = gradient.learn(&single, &clock, &policy, one_hot(action), reward);
    }
    for ((dual, moments), mode) in duals.iter().zip(&mut seeds.kappas).zip(&mut seeds.sum_modes) {
        add(moments, RHOS.map(|rho| dual.probabilities(rho)[1]));
        let [safe, risky] = dual.sum_mode();
        mode.add(risky - safe);
    }
    let opposed = duals[KAPPAS.len() - 1];
    let [safe, risky] = opposed.logits(0.0);
    let policy: [f64; 2] = gradient.policy(&single, &clock);
    let controls = [
        [policy[1]; RHOS.len()],
        RHOS.map(|rho| unopposed.probabilities(rho)[1]),
        RHOS.map(|rho| 1.0 / (1.0 + ((1.0 + rho.abs()) * (safe - risky)).exp())),
        RHOS.map(|rho| opposed.probabilities(-rho)[1]),
    ];
    seeds.controls.iter_mut().zip(controls).for_each(|(moments, curve)| add(moments, curve));
}

fn add(moments: &mut [Moments; RHOS.len()], curve: [f64; RHOS.len()]) {
    moments.iter_mut().zip(curve).for_each(|(moments, p)| moments.add(p));
}

fn checks(seeds: &Seeds) -> Vec<Check> {
    let mut checks = Vec::new();
    for ((kappa, published), measured) in KAPPAS.iter().zip(&PUBLISHED).zip(&seeds.kappas) {
        for ((rho, &value), measured) in RHOS.iter().zip(published).zip(measured) {
            // 2 % or 0.005, whichever is more
            let tolerance = ((0.02 * value).max(0.005) * 1e4).round() / 1e4;
            let expected = Expected::Near { value, tolerance };
            checks.push(Check::new(format!("P(risky), kappa {kappa}, rho {rho}"), expected, measured.mean()));
        }
    }
    for (name, measured) in CONTROLS.iter().zip(&seeds.controls) {
        let change = measured[RHOS.len() - 1].mean() - measured[0].mean();
        checks.push(Check::new(format!("P(risky) at rho 1 less that at -1, {name}"), Expected::Reported, change));
    }
    checks
}

fn tables(seeds: &Seeds) -> Vec<Table> {
    let mut knob = Table {
        name: String::new(),
        header: ["kappa", "rho", "published", "p_risky", "ci95"].map(String::from).to_vec(),
        rows: Vec::new(),
    };
    for ((kappa, published), measured) in KAPPAS.iter().zip(&PUBLISHED).zip(&seeds.kappas) {
        for ((rho, published), p) in RHOS.iter().zip(published).zip(measured) {
            knob.rows.push((Vec::new(), vec![*kappa, *rho, *published, p.mean(), p.half_width()]));
        }
    }
    let mut controls = Table {
        name: "controls".into(),
        header: ["control", "rho", "p_risky", "ci95"].map(String::from).to_vec(),
        rows: Vec::new(),
    };
    for (name, measured) in CONTROLS.iter().zip(&seeds.controls) {
        for (rho, p) in RHOS.iter().zip(measured) {
            controls.rows.push((vec![(*name).to_string()], vec![*rho, p.mean(), p.half_width()]));
        }
    }
    vec![knob, controls]
}

fn series(name: String, moments: &[Moments; RHOS.len()]) -> Series {
    let points = RHOS.iter().zip(moments).map(|(&rho, p)| (rho, p.mean())).collect();
    let band = moments.iter().map(|p| (p.mean() - p.half_width(), p.mean() + p.half_width())).collect();
    Series { name, points, band }
}

fn figure(seeds: &Seeds) -> Figure {
    let lines = |title: &str, series: Vec<Series>| Panel {
        title: title.into(),
        x_label: "dopamine tone rho".into(),
        y_label: "P(risky)".into(),
        categories: Vec::new(),
        plot: Plot::Lines(series),
    };
    let pathways = KAPPAS.iter().zip(&seeds.kappas).map(|(kappa, p)| series(format!("kappa {kappa}"), p)).collect();
    let mut controls: Vec<_> =
        CONTROLS.iter().zip(&seeds.controls).map(|(name, p)| series((*name).into(), p)).collect();
    controls.insert(0, series("kappa 1".into(), &seeds.kappas[KAPPAS.len() - 1]));
    let modes = &seeds.sum_modes;
    let bars = Series {
        name: "risky - safe".into(),
        points: modes.iter().enumerate().map(|(i, u)| (i as f64, u.mean())).collect(),
        band: modes.iter().map(|u| (u.mean() - u.half_width(), u.mean() + u.half_width())).collect(),
    };
    let mode = Panel {
        title: "What tone acts on: the sum mode".into(),
        x_label: "asymmetry kappa".into(),
        y_label: "g + n, risky less safe".into(),
        categories: KAPPAS.map(|kappa| kappa.to_string()).to_vec(),
        plot: Plot::Bars(vec![bars]),
    };
    let panels = vec![lines("Two pathways", pathways), lines("Controls", controls), mode];
    Figure { title: "Dopamine tone as a risk knob: 0.5 for sure against 0 or 1".into(), columns: 3, panels }
}
