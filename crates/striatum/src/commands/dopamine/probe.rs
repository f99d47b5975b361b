//! `striatum dopamine probe`.

use super::{files, heading, note, say};
use crate::cli::ProbeArgs;
use crate::commands::environments;
use anyhow::Result;
use striatum_train::probe::{Probe, Step};
use striatum_train::saved::SavedPolicy;

/// Steps that are printed.
const SURPRISES: usize = 5;

/// The name of its files.
const NAME: &str = "probe";

pub fn run(args: &ProbeArgs) -> Result<()> {
    let mut saved = SavedPolicy::load(&args.run.run, args.run.checkpoint.into())?;
    if let Some(tone) = args.tone.tone {
        saved.set_tone(tone)?;
    }
    files::make_folder(&args.out)?;
    let probe = Probe::of(&saved, &environments(&saved.config), args.seed, args.episodes as usize)?;
    let written = files::write(&args.out, NAME, &probe.figure(), &[probe.table()])?;
    say(surprises(&probe.steps))?;
    if let Some(scale) = probe.reward_scale {
        note(format_args!("values and TD errors are of rewards times {scale}, as in training"));
    }
    if let Some(average) = probe.average_reward {
        note(format_args!("values and TD errors are of rewards less their average of {average}, as in training"));
    }
    let names: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    note(format_args!("wrote {}", names.join(", ")));
    Ok(())
}

/// The steps of the largest TD errors.
fn surprises(steps: &[Step]) -> String {
    let mut steps: Vec<&Step> = steps.iter().collect();
    steps.sort_by(|a, b| b.td_error.abs().total_cmp(&a.td_error.abs()));
    let row = |cells: [String; 6]| {
        let [error, episode, step, reward, value, end] = cells;
        format!("{error:>16}{episode:>9}{step:>7}{reward:>10}{value:>10}  {end}").trim_end().to_owned()
    };
    let names = ["LARGEST TD ERROR", "EPISODE", "STEP", "REWARD", "VALUE", "END"];
    let mut lines = vec![heading(&row(names.map(str::to_owned)))];
    lines.extend(steps.into_iter().take(SURPRISES).map(|step| {
        let end = match (step.terminated, step.truncated) {
            (true, _) => "terminated",
            (_, true) => "truncated",
            _ => "",
        };
        row([
            format!("{:+.4}", step.td_error),
            step.episode.to_string(),
            step.step.to_string(),
            format!("{:.4}", step.reward),
            format!("{:.3}", step.value),
            end.to_owned(),
        ])
    }));
    lines.join("\n")
}
