//! `striatum envs` and `striatum devices`.

use super::{say, settings};
use crate::cli::{EnvsArgs, ListArgs};
use anyhow::Result;
use striatum_envs::{Pixel, Space, TaskInfo};
use striatum_gym::{Task, TaskDescription};
use striatum_train::config::{Config, Request};
use striatum_train::{TrainError, tasks};
use toml::{Table, Value};

pub fn envs(args: &EnvsArgs) -> Result<()> {
    if let Some(name) = args.task.as_ref().filter(|name| Task::is_name(name)) {
        return bridged(name, args);
    }
    if let Some(name) = &args.task {
        let task = striatum_envs::task(name).map_err(TrainError::from)?;
        return if args.json { say(serde_json::to_string_pretty(task)?) } else { describe(task) };
    }
    let tasks = striatum_envs::tasks();
    if args.json {
        return say(serde_json::to_string_pretty(tasks)?);
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    say(format_args!("{:26}{:>7}{:>11}  {}", "TASK", "STEPS", "SOLVED AT", "WHAT"))?;
    for task in tasks {
        let (steps, solved) = (task.time_limit.map(|n| n.to_string()), task.solved_at.map(|n| n.to_string()));
        say(format_args!("{:26}{:>7}{:>11}  {}", task.name, or_dash(steps), or_dash(solved), task.description))?;
    }
    Ok(())
}

/// What a task of Python's says of itself.
fn bridged(name: &str, args: &EnvsArgs) -> Result<()> {
    let sections = settings::gym(&args.gym)?.map(|(section, table)| (section.to_owned(), Value::Table(table)));
    let request = Request { task: name.to_owned(), overrides: Table::from_iter(sections), ..Request::default() };
    let config = Config::resolve(&request).map_err(TrainError::from)?;
    let Some(task) = tasks::bridged(&config) else { return Ok(()) };
    let task = striatum_gym::describe(&task).map_err(TrainError::from)?;
    if args.json {
        return say(serde_json::to_string_pretty(&task)?);
    }
    say(format_args!("{}: a task of {}", task.name, task.versions))?;
    say(format_args!("observation  {}", words(&task.observation_space)))?;
    for (part, width) in parts(&task) {
        say(format_args!("  {part}  {width} number{}", if *width == 1 { "" } else { "s" }))?;
    }
    say(format_args!("action       {}", words(&task.action_space)))?;
    if task.action_mask > 0 {
        say("mask         tells which actions are allowed")?;
    }
    if task.lives {
        say("lives        are counted")?;
    }
    say(episode(task.time_limit))?;
    solved(task.solved_at)?;
    if task.render_modes.is_empty() {
        Ok(())
    } else {
        say(format_args!("renders      {}", task.render_modes.join(", ")))
    }
}

/// The parts of an observation, if it has several.
fn parts(task: &TaskDescription) -> &[(String, usize)] {
    if task.observation_names.len() > 1 { &task.observation_names } else { &[] }
}

fn episode(time_limit: Option<u32>) -> String {
    match time_limit {
        Some(steps) => format!("episode      at most {steps} steps"),
        None => "episode      until the task ends it".to_owned(),
    }
}

fn solved(at: Option<f32>) -> Result<()> {
    at.map_or(Ok(()), |threshold| say(format_args!("solved at    a mean return of {threshold}")))
}

/// All that is known of a task.
fn describe(task: &TaskInfo) -> Result<()> {
    say(format_args!("{}: {}", task.name, task.description))?;
    say(format_args!("observation  {}", words(&task.observation_space)))?;
    say(format_args!("action       {}", words(&task.action_space)))?;
    say(match task.continuing {
        true => "episode      goes on for ever".to_owned(),
        false => episode(task.time_limit),
    })?;
    solved(task.solved_at)?;
    task.params.iter().try_for_each(say)
}

/// A space in a few words.
fn words(space: &Space) -> String {
    match space {
        Space::Box { low, high } => {
            let (first, rest) = ((low.first(), high.first()), low.iter().zip(high));
            let bounds = match first {
                (Some(l), Some(h)) if rest.clone().all(|bounds| bounds == (l, h)) => format!("{l} to {h}"),
                _ => rest.map(|(l, h)| format!("{l} to {h}")).collect::<Vec<_>>().join(", "),
            };
            format!("{} number{}: {bounds}", low.len(), if low.len() == 1 { "" } else { "s" })
        }
        Space::Image { channels, height, width, pixel } => {
            let pixel = if *pixel == Pixel::Byte { "bytes" } else { "numbers" };
            format!("a picture of {channels} x {height} x {width} {pixel}")
        }
        Space::Discrete { n } => format!("one of {n} choices"),
        Space::MultiDiscrete { nvec } => format!("choices of {nvec:?}"),
        Space::MultiBinary { n } => format!("{n} switches"),
    }
}

pub fn devices(args: &ListArgs) -> Result<()> {
    let adapters = striatum_kernels::adapters();
    if args.json {
        return say(serde_json::to_string_pretty(&adapters)?);
    }
    say(format_args!("{:8}{:10}{:12}{}", "DEVICE", "BACKEND", "KIND", "NAME"))?;
    say(format_args!("{:8}{:10}{:12}{}", "cpu", "-", "cpu", "this processor"))?;
    for adapter in adapters {
        let kind =
            if adapter.is_software { "software".to_owned() } else { format!("{:?}", adapter.kind).to_lowercase() };
        say(format_args!(
            "{:8}{:10}{:12}{} ({})",
            format!("gpu:{}", adapter.index),
            adapter.backend,
            kind,
            adapter.name,
            adapter.driver
        ))?;
    }
    Ok(())
}
