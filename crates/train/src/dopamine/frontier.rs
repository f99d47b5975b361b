//! Risk and return: one trained agent, played at several dopamine tones.

use super::play::{Player, Returns};
use crate::config::{Config, Request};
use crate::error::TrainError;
use crate::statistics::{Aggregate, confidence_interval};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use striatum_dopamine::{Check, Expected, Figure, Options, Outcome, Panel, Plot, Series, Table};

const TASK: &str = "CliffGamble-v0";
const SEEDS: usize = 10;

/// The tones that agents are played at; they were trained at 0.
const TONES: [f32; 5] = [-1.0, -0.5, 0.0, 0.5, 1.0];

/// The same for every agent.
const COMMON: &[&str] = &[
    "algo=ppo",
    "device=cpu",
    "engine=fused",
    "threads=1",
    "num_envs=64",
    "total_steps=200000",
    "ppo.num_steps=32",
    "ppo.minibatches=4",
    "ppo.epochs=4",
    "ppo.learning_rate=3e-3",
    "ppo.gamma=1",
    "ppo.gae_lambda=0.6",
    "ppo.entropy_coef=0.1",
    "network.hidden=[32]",
    "normalize.rewards=true",
    "env.toll=2.2",
];

/// Two pathways; the decay of their sum bounds what they learn.
const DUAL: &[&str] = &["network.pathways=dual", "dopamine.sum_decay=0.005"];

/// What is trained, one agent a seed of each: with opponent pathways, with two that learn alike, and with one.
const TRAINED: [&[&[&str]]; 3] = [&[COMMON, DUAL, &["dopamine.kappa=0.5"]], &[COMMON, DUAL], &[COMMON]];

/// How the agents are played: a name, what it is, which agents, and tone and inverse temperature for each of [`TONES`].
struct Arm {
    name: &'static str,
    about: &'static str,
    trained: usize,
    gains: fn(f32) -> (f32, f32),
}

const ARMS: [Arm; 5] = [
    Arm { name: "opponent", about: "opponent pathways", trained: 0, gains: |tone| (tone, 1.0) },
    Arm { name: "flipped", about: "sign of the tone flipped", trained: 0, gains: |tone| (-tone, 1.0) },
    Arm {
        name: "temperature",
        about: "|tone| as inverse temperature only",
        trained: 0,
        gains: |tone| (0.0, 1.0 + tone.abs()),
    },
    Arm { name: "summed", about: "two pathways, kappa 0", trained: 1, gains: |tone| (tone, 1.0) },
    Arm { name: "single", about: "single pathway", trained: 2, gains: |_| (0.0, 1.0) },
];

/// What an agent comes to at each tone.
type Row = [Returns; TONES.len()];

/// One agent with opponent pathways a seed, trained on `CliffGamble-v0` at tone 0 and played at each of five tones, with four controls. The
/// ways to the goal have nearly the same mean and differ in variance: the tone should move the agent along this frontier.
///
/// # Errors
/// If an agent cannot be trained.
pub fn frontier(options: &Options) -> Result<Outcome, TrainError> {
    let seeds = options.seeds.unwrap_or(SEEDS).max(1);
    let arms = play_all(seeds, options)?;
    Ok(Outcome {
        checks: checks(&arms),
        tables: tables(&arms),
        figure: figure(&arms),
        notes: NOTES.map(str::to_owned).to_vec(),
    })
}

/// What a reader should know.
const NOTES: [&str; 5] = [
    "Each agent is trained once, at tone 0 and inverse temperature 1, and then played for 10 000 episodes with sampled actions at each \
     tone; its weights stay as they are. Gambles and falls are counted in the first 2000 of them.",
    "A toll of 2 makes both ways worth the same to whoever makes no mistake. Agents that sample their actions make some, and more on \
     the longer way: a toll of 2.2 leaves them about indifferent. Settings were chosen on the seeds 1000 to 1009, after a first search \
     with another cost of falling that used 0 to 3. An agent that never finds the goal is counted as the others are.",
    "Means over the seeds with 95 % bootstrap intervals of the interquartile mean; a seed's standard deviation is that of its returns.",
    "`summed` has exactly the parameters of `opponent`, `single` a policy head less; a single pathway has no tone, so that its curve \
     shows the noise of the measurement.",
    "`flipped` plays the same agents at the opposite tone in other episodes; `temperature` plays them at tone 0 with the inverse temperature \
     1 + |tone|.",
];

/// Trains every agent and plays it in all of its arms.
fn play_all(seeds: usize, options: &Options) -> Result<Vec<Vec<Row>>, TrainError> {
    let configs = TRAINED.iter().map(|sets| config(sets)).collect::<Result<Vec<_>, _>>()?;
    let jobs = configs.len() * seeds;
    let next = AtomicUsize::new(0);
    let played = Mutex::new(vec![vec![Row::default(); seeds]; ARMS.len()]);
    let work = || -> Result<(), TrainError> {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let Some(config) = configs.get(job / seeds) else { return Ok(()) };
            let (trained, index) = (job / seeds, job % seeds);
            let seed = options.seed + index as u64;
            let rows = play(Config { seed, ..config.clone() }, trained)
                .inspect_err(|_| next.store(jobs, Ordering::Relaxed))?;
            let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
            rows.into_iter().for_each(|(arm, row)| played[arm][index] = row);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (1..options.threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let ends = threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ends.fold(own, Result::and)
    })?;
    Ok(played.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn config(sets: &[&[&str]]) -> Result<Config, TrainError> {
    let sets = sets.iter().copied().flatten().map(|&set| set.to_owned()).collect();
    Ok(Config::resolve(&Request { task: TASK.to_owned(), sets, ..Request::default() })?)
}

/// Trains one agent and plays it in each arm that is of its kind.
fn play(config: Config, trained: usize) -> Result<Vec<(usize, Row)>, TrainError> {
    let seed = config.seed;
    let mut player = Player::train(config)?;
    let arms = ARMS.iter().enumerate().filter(|(_, arm)| arm.trained == trained);
    arms.map(|(index, arm)| {
        let mut row = Row::default();
        for (at, (returns, tone)) in row.iter_mut().zip(TONES).enumerate() {
            let (tone, inverse_temperature) = (arm.gains)(tone);
            // Every measurement has episodes of its own.
            let episodes =
                seed.wrapping_mul((ARMS.len() * TONES.len()) as u64).wrapping_add((index * TONES.len() + at) as u64);
            *returns = player.play(tone, inverse_temperature, episodes)?;
        }
        Ok((index, row))
    })
    .collect()
}

/// One number of every seed at a tone.
fn column(played: &[Row], tone: usize, of: Number) -> Vec<f64> {
    played.iter().map(|row| of(&row[tone])).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean over the seeds at each tone.
fn means(played: &[Row], of: Number) -> [f64; TONES.len()] {
    std::array::from_fn(|tone| mean(&column(played, tone, of)))
}

/// Spearman's correlation of numbers with their place, all numbers being different.
fn rank_correlation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let squares = values.iter().enumerate().map(|(place, value)| {
        let rank = values.iter().filter(|other| *other < value).count();
        (rank as f64 - place as f64).powi(2)
    });
    1.0 - 6.0 * squares.sum::<f64>() / (n * (n * n - 1.0))
}

/// By how much the standard deviation of the highest tone exceeds that of the lowest, a seed.
fn rises(played: &[Row]) -> Vec<f64> {
    played.iter().map(|row| row[TONES.len() - 1].std - row[0].std).collect()
}

fn checks(arms: &[Vec<Row>]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (arm, played) in ARMS.iter().zip(arms) {
        let (correlation, rises) = (rank_correlation(&means(played, |r| r.std)), rises(played));
        let (low, high) = confidence_interval(&rises).unwrap_or((f64::NAN, f64::NAN));
        let is_claimed = arm.name == "opponent";
        let name = arm.about;
        let claim = |expected| if is_claimed { expected } else { Expected::Reported };
        // One seed has no interval.
        let above_0 = if rises.len() > 1 { claim(Expected::AtLeast(0.0)) } else { Expected::Reported };
        let what = "std of returns";
        checks.push(Check::new(format!("{name}: rank correlation of tone and {what}"), claim(near(1.0)), correlation));
        checks.push(Check::new(
            format!("{name}: rise of the {what} from tone -1 to 1"),
            Expected::Reported,
            mean(&rises),
        ));
        checks.push(Check::new(format!("{name}: its interval's lower end"), above_0, low));
        checks.push(Check::new(format!("{name}: its interval's upper end"), Expected::Reported, high));
    }
    checks
}

fn near(value: f64) -> Expected {
    Expected::Near { value, tolerance: 1e-9 }
}

type Number = fn(&Returns) -> f64;

/// What is measured of returns: a name, and where it stands.
const NUMBERS: [(&str, Number); 4] =
    [("std", |r| r.std), ("mean", |r| r.mean), ("gambles", |r| r.gambles), ("falls", |r| r.falls)];

fn tables(arms: &[Vec<Row>]) -> Vec<Table> {
    let mut rows = Vec::new();
    for (arm, played) in ARMS.iter().zip(arms) {
        for (at, tone) in TONES.iter().enumerate() {
            let numbers = NUMBERS.iter().flat_map(|(_, of)| {
                let values = column(played, at, *of);
                let interval = confidence_interval(&values).unwrap_or((f64::NAN, f64::NAN));
                [mean(&values), interval.0, interval.1]
            });
            rows.push((vec![arm.name.to_owned(), tone.to_string()], numbers.collect()));
        }
    }
    let ends = NUMBERS.iter().flat_map(|(name, _)| ["", "_low", "_high"].map(|end| format!("{name}{end}")));
    let header = ["agent", "tone"].map(str::to_owned).into_iter().chain(ends).collect();
    vec![Table { name: String::new(), header, rows }]
}

/// A curve over the tones: interquartile means of the seeds with their intervals.
fn series(name: &str, played: &[Row], of: Number) -> Series {
    let mut series = Series { name: name.to_owned(), ..Series::default() };
    for (at, &tone) in TONES.iter().enumerate() {
        let values = column(played, at, of);
        let iqm = Aggregate::of(&values).map_or(f64::NAN, |aggregate| aggregate.iqm);
        series.points.push((tone.into(), iqm));
        series.band.push(confidence_interval(&values).unwrap_or((iqm, iqm)));
    }
    series
}

fn figure(arms: &[Vec<Row>]) -> Figure {
    let panel = |title: &str, y_label: &str, of: Number| Panel {
        title: title.to_owned(),
        x_label: "dopamine tone".to_owned(),
        y_label: y_label.to_owned(),
        categories: Vec::new(),
        plot: Plot::Lines(ARMS.iter().zip(arms).map(|(arm, played)| series(arm.about, played, of)).collect()),
    };
    Figure {
        title: "One agent, five tones: risk and return on CliffGamble-v0".to_owned(),
        columns: 2,
        panels: vec![
            panel("Risk", "standard deviation of returns", |r: &Returns| r.std),
            panel("Return", "mean return", |r: &Returns| r.mean),
            panel("Gambles", "gambling cells an episode", |r: &Returns| r.gambles),
            panel("Falls", "falls an episode", |r: &Returns| r.falls),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlations_worked_by_hand() {
        assert_eq!(rank_correlation(&[1.0, 2.0, 5.0, 7.0, 9.0]), 1.0);
        assert_eq!(rank_correlation(&[9.0, 7.0, 5.0, 2.0, 1.0]), -1.0);
        // Ranks 0 2 1 3 4: squares 0 + 1 + 1, 1 - 6 x 2 / (5 x 24) = 0.9.
        assert_eq!(rank_correlation(&[1.0, 5.0, 2.0, 7.0, 9.0]), 0.9);
    }
}
