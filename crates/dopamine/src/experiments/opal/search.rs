//! The best settings of a grid, and what they are worth on other simulations.

use super::settings::Setting;
use crate::parallel;
use crate::simulate::{Areas, Draws, HORIZONS, blocks};
use crate::stats::{Moments, NORMAL_95};
use core::ops::Range;

/// Rich and lean.
const BANDITS: usize = 2;

/// Blocks of simulations whose results are held at a time.
const BATCH: usize = 64;

/// What an area is read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Criterion {
    pub(super) bandits: &'static [usize],
    /// Place in [`HORIZONS`].
    pub(super) horizon: usize,
}

/// Rich, lean and both, after each of [`HORIZONS`].
pub(super) const CRITERIA: [[Criterion; 3]; HORIZONS.len()] = [at(0), at(1)];

/// Rich and lean together after each of [`HORIZONS`].
pub(super) const BOTH: [Criterion; HORIZONS.len()] = [CRITERIA[0][2], CRITERIA[1][2]];

const fn at(horizon: usize) -> [Criterion; 3] {
    const fn of(bandits: &'static [usize], horizon: usize) -> Criterion {
        Criterion { bandits, horizon }
    }
    [of(&[0], horizon), of(&[1], horizon), of(&[0, 1], horizon)]
}

impl Criterion {
    pub(super) fn trials(&self) -> usize {
        HORIZONS[self.horizon]
    }

    /// "rich", "lean" or "both".
    pub(super) fn bandit(&self) -> &'static str {
        match self.bandits {
            [0] => "rich",
            [1] => "lean",
            _ => "both",
        }
    }
}

/// What one setting reached with rich and lean arms.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Score {
    pub(super) bandits: [Areas; BANDITS],
}

impl Score {
    pub(super) fn area(&self, criterion: &Criterion) -> f64 {
        self.moments(criterion).map(Moments::mean).sum()
    }

    /// Its standard error; the bandits are independent.
    pub(super) fn error(&self, criterion: &Criterion) -> f64 {
        self.moments(criterion).map(|m| m.error() * m.error()).sum::<f64>().sqrt()
    }

    /// Half the width of its 95 % confidence interval.
    pub(super) fn half_width(&self, criterion: &Criterion) -> f64 {
        NORMAL_95 * self.error(criterion)
    }

    fn moments(&self, criterion: &Criterion) -> impl Iterator<Item = &Moments> {
        criterion.bandits.iter().map(|&bandit| &self.bandits[bandit].areas[criterion.horizon])
    }

    fn merge(&mut self, bandit: usize, more: &Areas) {
        let mine = &mut self.bandits[bandit];
        mine.areas.iter_mut().zip(&more.areas).for_each(|(mine, more)| mine.merge(more));
        mine.curve.resize(more.curve.len(), Moments::default());
        mine.curve.iter_mut().zip(&more.curve).for_each(|(mine, more)| mine.merge(more));
    }
}

/// Simulations to be run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) simulations: usize,
    pub(super) trials: usize,
    /// Plans of different series share no random numbers.
    pub(super) series: u32,
    pub(super) keep_curves: bool,
}

impl Plan {
    /// Scores of settings with `A` arms.
    pub(super) fn run<const A: usize>(&self, settings: &[Setting]) -> Vec<Score> {
        let mut scores = vec![Score::default(); settings.len()];
        self.run_blocks::<A>(&mut scores.iter_mut().zip(settings).collect::<Vec<_>>(), 0..blocks(self.simulations));
        scores
    }

    /// Scores of the settings that are still among the best eighth, by any of the criteria, after a quarter of the simulations.
    pub(super) fn race<const A: usize>(&self, settings: &[Setting], criteria: &[Criterion]) -> Vec<(Setting, Score)> {
        let all = blocks(self.simulations);
        let first = all.div_ceil(4);
        let mut scores = vec![Score::default(); settings.len()];
        self.run_blocks::<A>(&mut scores.iter_mut().zip(settings).collect::<Vec<_>>(), 0..first);
        let mut stays = vec![false; settings.len()];
        let places = settings.len().div_ceil(8);
        for criterion in criteria {
            let mut order: Vec<usize> = (0..settings.len()).collect();
            order.sort_by(|&a, &b| scores[b].area(criterion).total_cmp(&scores[a].area(criterion)));
            order[..places].iter().for_each(|&i| stays[i] = true);
        }
        let runners = settings.iter().copied().zip(scores).zip(stays);
        let mut runners: Vec<_> = runners.filter_map(|(runner, stays)| stays.then_some(runner)).collect();
        let mut entries: Vec<_> = runners.iter_mut().map(|(setting, score)| (score, &*setting)).collect();
        self.run_blocks::<A>(&mut entries, first..all);
        runners
    }

    fn run_blocks<const A: usize>(&self, entries: &mut [(&mut Score, &Setting)], range: Range<usize>) {
        for first in range.clone().step_by(BATCH) {
            self.run_batch::<A>(entries, first..(first + BATCH).min(range.end));
        }
    }

    fn run_batch<const A: usize>(&self, entries: &mut [(&mut Score, &Setting)], range: Range<usize>) {
        let settings: Vec<Setting> = entries.iter().map(|(_, setting)| **setting).collect();
        let pays = [0.8, 0.3].map(|best: f32| core::array::from_fn(|arm| if arm == 0 { best } else { best - 0.1 }));
        // Each thread takes one block of one bandit with all settings, so that its random numbers stay in the cache.
        let results = parallel::map(range.len() * BANDITS, self.threads, |item| {
            let (block, bandit) = (range.start + item / BANDITS, item % BANDITS);
            let environment = self.series * 1000 + (bandit * 100 + A) as u32;
            let draws = Draws::new(self.seed, environment, block, self.simulations, self.trials);
            let run = |setting: &Setting| setting.simulate::<A>(pays[bandit], &draws, self.keep_curves);
            settings.iter().map(run).collect::<Vec<_>>()
        });
        for (item, areas) in results.iter().enumerate() {
            entries.iter_mut().zip(areas).for_each(|((score, _), areas)| score.merge(item % BANDITS, areas));
        }
    }
}
