//! Agents side by side, and what their rewards come to.

use crate::config::{Config, Request};
use crate::error::TrainError;
use crate::statistics::Aggregate;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use striatum_dopamine::{Options, Series, Table};
use striatum_kernels::Backend;

/// Points of a learning curve.
const POINTS: usize = 25;

/// The share of a run, at its end, whose rewards are its final performance.
const FINAL: f64 = 0.1;

/// Agents that differ in their seed alone.
pub(super) struct Group {
    /// Mean reward a step of every rollout, one curve a seed.
    curves: Vec<Vec<f64>>,
    /// Environment steps of a rollout.
    steps: usize,
}

/// The fused CPU engine's settings for a built-in task.
pub(super) fn settings(task: &str, sets: &[&[&str]]) -> Result<Config, TrainError> {
    let engine = ["device=cpu", "engine=fused", "threads=1"];
    let sets = sets.iter().copied().flatten().chain(&engine).map(|&set| set.to_owned()).collect();
    Ok(Config::resolve(&Request { task: task.to_owned(), sets, ..Request::default() })?)
}

/// Trains agents of every configuration, as many of each as `options` asks for or `seeds`, and keeps nothing but their rewards.
pub(super) fn train(configs: &[Config], seeds: usize, options: &Options) -> Result<Vec<Group>, TrainError> {
    let seeds = options.seeds.unwrap_or(seeds).max(1);
    let next = AtomicUsize::new(0);
    let curves = Mutex::new(vec![Vec::new(); configs.len() * seeds]);
    let work = || -> Result<(), TrainError> {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let Some(config) = configs.get(job / seeds) else { return Ok(()) };
            let config = Config { seed: options.seed.wrapping_add((job % seeds) as u64), ..config.clone() };
            let curve = rewards(config).inspect_err(|_| next.store(configs.len() * seeds, Ordering::Relaxed))?;
            curves.lock().unwrap_or_else(PoisonError::into_inner)[job] = curve;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (1..options.threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let join =
            |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p));
        threads.into_iter().map(join).fold(own, Result::and)
    })?;
    let mut curves = curves.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
    let group = |config: &Config| Group {
        curves: curves.by_ref().take(seeds).collect(),
        steps: config.num_steps() * config.num_envs,
    };
    Ok(configs.iter().map(group).collect())
}

/// Mean reward a step of every rollout of one agent.
fn rewards(config: Config) -> Result<Vec<f64>, TrainError> {
    let (task, env) = (config.task.clone(), config.env.clone());
    let make = |count| Ok(striatum_envs::make_with(&task, count, &env)?);
    let (trainer, _) = crate::engine::open_trainer(vec![config], &make)?;
    crate::with_trainer!(trainer, trainer => to_the_end(trainer))
}

fn to_the_end<B: Backend>(mut trainer: crate::trainer::Trainer<B>) -> Result<Vec<f64>, TrainError> {
    let mut rewards = Vec::new();
    while !trainer.sessions()[0].is_finished() {
        trainer.iterate()?;
        rewards.push(trainer.iteration(0)?.rollout.reward_mean);
    }
    Ok(rewards)
}

impl Group {
    /// Over the seeds, of the mean reward a step in some rollouts, less an offset.
    fn of(&self, rollouts: Range<usize>, offset: f64) -> Aggregate {
        let mean = |curve: &Vec<f64>| curve[rollouts.clone()].iter().sum::<f64>() / rollouts.len() as f64 - offset;
        let means: Vec<f64> = self.curves.iter().map(mean).collect();
        let alone = Aggregate { iqm: means[0], low: None, high: None, mean: means[0], std: 0.0 };
        Aggregate::of(&means).unwrap_or(alone)
    }

    fn rollouts(&self) -> usize {
        self.curves[0].len()
    }

    /// Over the seeds, of the whole run.
    pub fn overall(&self) -> Aggregate {
        self.of(0..self.rollouts(), 0.0)
    }

    /// Over the seeds, of the end of the run, less an offset.
    pub fn last(&self, offset: f64) -> Aggregate {
        let count = ((FINAL * self.rollouts() as f64).round() as usize).max(1);
        self.of(self.rollouts() - count..self.rollouts(), offset)
    }

    /// The learning curve: interquartile means over the seeds with their 95 % bootstrap intervals, less an offset.
    pub fn series(&self, name: impl Into<String>, offset: f64) -> Series {
        let (all, count) = (self.rollouts(), POINTS.min(self.rollouts()));
        let mut series = Series { name: name.into(), ..Series::default() };
        for point in 0..count {
            let rollouts = all * point / count..all * (point + 1) / count;
            let steps = rollouts.end * self.steps;
            let aggregate = self.of(rollouts, offset);
            series.points.push((steps as f64, aggregate.iqm));
            series.band.push(interval(&aggregate).unwrap_or((aggregate.iqm, aggregate.iqm)));
        }
        series
    }
}

/// The 95 % bootstrap interval; a single run has none.
pub(super) fn interval(aggregate: &Aggregate) -> Option<(f64, f64)> {
    aggregate.low.zip(aggregate.high)
}

/// The numbers of a row of a table: interquartile mean, interval, mean, and standard deviation over the seeds.
pub(super) fn numbers(aggregate: &Aggregate) -> Vec<f64> {
    let (low, high) = interval(aggregate).unwrap_or((f64::NAN, f64::NAN));
    vec![aggregate.iqm, low, high, aggregate.mean, aggregate.std]
}

/// What [`numbers`] gives.
pub(super) const NUMBERS: [&str; 5] = ["iqm", "low", "high", "mean", "std"];

pub(super) fn table(name: &str, header: &[&[&str]], rows: impl Iterator<Item = (Vec<String>, Vec<f64>)>) -> Table {
    let header = header.concat().into_iter().map(str::to_owned).collect();
    Table { name: name.to_owned(), header, rows: rows.collect() }
}
