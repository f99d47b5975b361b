//! OpAL and OpAL* beside UCB, Q-learning and policy gradients, with rich and with lean arms.

mod report;
mod search;
mod settings;

use crate::simulate::HORIZONS;
use crate::{Experiment, Opal, Options, Outcome, PolicyGradient, Tone};
use search::{BOTH, CRITERIA, Criterion, Plan, Score};
use settings::{LEARNERS, Learner, Setting};

/// The experiment.
pub(super) const OPAL: Experiment = Experiment {
    name: "opal",
    about: "Opponent actors with dynamic dopamine find the best of six arms, rich or lean, with one setting (Jaskir and Frank 2023).",
    run,
};

/// Simulations a setting, as in the paper.
const SIMULATIONS: usize = 1000;

/// How many times as many after each of [`HORIZONS`]: with a thousand, areas at 100 trials differ from one search to the next by as much
/// as the tolerance.
const MORE: [usize; 2] = [4, 1];

/// [`Plan::series`] of searches, of what they found, and of the ablation.
const SEARCH: u32 = 0;
const FRESH: u32 = 1;
const ABLATION: u32 = 2;

/// One number of the table.
struct Cell {
    criterion: Criterion,
    published: f64,
    /// What won.
    setting: Setting,
    /// In the simulations in which it won.
    best: Score,
    /// In others.
    fresh: Score,
}

/// One learner with one number of arms.
struct Row {
    learner: &'static Learner,
    arms: usize,
    cells: Vec<Cell>,
}

/// A line of the ablation, at 100 trials.
struct Ablation {
    name: &'static str,
    /// Published sum of the areas with rich and lean arms.
    published: f64,
    setting: Setting,
    score: Score,
}

fn run(options: &Options) -> Outcome {
    let simulations = options.seeds.unwrap_or(SIMULATIONS).max(1);
    let (seed, threads) = (options.seed, options.threads);
    let plan = Plan { seed, threads, simulations, trials: HORIZONS[1], series: FRESH, keep_curves: false };
    let six = LEARNERS.iter().map(|learner| row::<6>(&plan, learner, &learner.published[0]));
    let two = LEARNERS.iter().map(|learner| row::<2>(&plan, learner, &learner.published[1]));
    let rows: Vec<Row> = six.chain(two).collect();
    report::outcome(&rows, &ablations(&plan))
}

/// Searches a learner's grid and tries what won on other simulations.
fn row<const A: usize>(plan: &Plan, learner: &'static Learner, published: &[[f64; 3]; 2]) -> Row {
    let grid = (learner.grid)();
    let mut cells = Vec::new();
    for (horizon, criteria) in CRITERIA.iter().enumerate() {
        let simulations = MORE[horizon] * plan.simulations;
        let search = Plan { series: SEARCH, simulations, trials: HORIZONS[horizon], ..*plan };
        let finalists = search.race::<A>(&grid, criteria);
        for (criterion, &published) in criteria.iter().zip(&published[horizon]) {
            let area = |(_, score): &(Setting, Score)| score.area(criterion);
            let winner = finalists.iter().max_by(|a, b| area(a).total_cmp(&area(b))).cloned();
            cells.extend(winner.map(|(setting, best)| Cell {
                criterion: *criterion,
                published,
                setting,
                best,
                fresh: Score::default(),
            }));
        }
    }
    let fresh = Plan { simulations: 4 * plan.simulations, keep_curves: true, ..*plan };
    let settings: Vec<_> = cells.iter().map(|cell| cell.setting).collect();
    cells.iter_mut().zip(fresh.run::<A>(&settings)).for_each(|(cell, score)| cell.fresh = score);
    Row { learner, arms: A, cells }
}

/// What each part of OpAL* adds at the setting (.05, 1, 2), with many simulations and nothing chosen but the policy gradient's step.
fn ablations(plan: &Plan) -> Vec<Ablation> {
    let plan = Plan { simulations: 20 * plan.simulations, series: ABLATION, trials: HORIZONS[0], ..*plan };
    let star = Opal::star(0.05, 1.0, 2.0);
    let temperature = Opal { tone: Tone::Temperature, ..star };
    let opals = [
        ("OpAL* at (.05, 1, 2)", 68.4, star),
        ("Hebbian G and N, rho = 0", 66.1, Opal::plain(0.05, 1.0, 2.0)),
        ("Hebbian G and N, rho", 66.6, star),
        ("Hebbian G and N, |rho| as temperature", 66.2, temperature),
    ];
    let gradients = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0].map(|rate| PolicyGradient { rate, baseline_rate: 0.1 });
    let mut settings = opals.map(|(_, _, opal)| Setting::Opal(opal)).to_vec();
    settings.extend(gradients.map(Setting::PolicyGradient));
    let scores = plan.run::<6>(&settings);
    let both = &BOTH[0];
    let gradient = (opals.len()..settings.len()).max_by(|&a, &b| scores[a].area(both).total_cmp(&scores[b].area(both)));
    let line = |name, published, i: usize| Ablation { name, published, setting: settings[i], score: scores[i].clone() };
    let mut lines: Vec<_> =
        opals.iter().enumerate().map(|(i, &(name, published, _))| line(name, published, i)).collect();
    lines.extend(gradient.map(|i| line("policy gradient, best of 7 step sizes", 59.4, i)));
    lines
}
