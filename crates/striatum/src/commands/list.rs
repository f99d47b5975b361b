//! `striatum envs` and `striatum devices`.

use super::say;
use crate::cli::{EnvsArgs, ListArgs};
use anyhow::Result;
use striatum_envs::{Pixel, Space, TaskInfo};
use striatum_train::TrainError;

pub fn envs(args: &EnvsArgs) -> Result<()> {
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

/// All that is known of a task.
fn describe(task: &TaskInfo) -> Result<()> {
    say(format_args!("{}: {}", task.name, task.description))?;
    say(format_args!("observation  {}", words(&task.observation_space)))?;
    say(format_args!("action       {}", words(&task.action_space)))?;
    say(match task.time_limit {
        _ if task.continuing => "episode      goes on for ever".to_owned(),
        Some(steps) => format!("episode      at most {steps} steps"),
        None => "episode      until the task ends it".to_owned(),
    })?;
    if let Some(threshold) = task.solved_at {
        say(format_args!("solved at    a mean return of {threshold}"))?;
    }
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
