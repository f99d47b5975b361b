//! `striatum envs` and `striatum devices`.

use super::say;
use crate::cli::ListArgs;
use anyhow::Result;

pub fn envs(args: &ListArgs) -> Result<()> {
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
