//! `striatum eval`.

use super::{environments, record, say};
use crate::cli::{EvalArgs, WhichArg};
use anyhow::Result;
use striatum_train::actor::Choice;
use striatum_train::saved::{SavedPolicy, Which};
use striatum_train::show::Program;
use striatum_train::tasks;

impl From<WhichArg> for Which {
    fn from(which: WhichArg) -> Self {
        match which {
            WhichArg::Best => Self::Best,
            WhichArg::Latest => Self::Latest,
        }
    }
}

pub fn run(args: &EvalArgs) -> Result<()> {
    record::check(&args.recording)?;
    let mut saved = SavedPolicy::load(&args.run.run, args.run.checkpoint.into())?;
    if let Some(tone) = args.tone.tone {
        saved.set_tone(tone)?;
    }
    if args.recording.record.is_some() {
        tasks::with_pictures(&mut saved.config);
    }
    let choice = if args.stochastic { Choice::Sampled(args.seed) } else { Choice::Deterministic };
    let make_envs = environments(&saved.config);
    let (evaluation, info) =
        saved.evaluate(&make_envs, (args.device, args.engine), choice, args.seed, args.episodes as usize)?;
    let program = Program { engine: (args.device, args.engine), choice, seed: args.seed, episodes: 1 };
    let record = || record::run(&saved, &make_envs, program, &args.recording);
    if args.json {
        let mut object = serde_json::to_value(&evaluation)?;
        object["task"] = saved.config.task.clone().into();
        object["steps"] = saved.steps()?.into();
        object["tone"] = saved.tone().into();
        object["device"] = info.device.into();
        object["checkpoint"] = saved.path.display().to_string().into();
        if let Some(report) = record()? {
            object["recording"] = report.json();
        }
        return say(object);
    }
    say(format_args!(
        "{} after {} steps, {} episode{} ({}{})",
        saved.config.task,
        saved.steps()?,
        evaluation.episodes,
        if evaluation.episodes == 1 { "" } else { "s" },
        if args.stochastic { "sampled actions" } else { "most probable actions" },
        args.tone.tone.map_or_else(String::new, |tone| format!(", tone {tone}"))
    ))?;
    say(format_args!(
        "return  {:.2} ± {:.2}  (min {:.2}, max {:.2})",
        evaluation.mean_return, evaluation.std_return, evaluation.min_return, evaluation.max_return
    ))?;
    say(format_args!(
        "length  {:.1} ± {:.1}  (min {}, max {})",
        evaluation.mean_length, evaluation.std_length, evaluation.min_length, evaluation.max_length
    ))?;
    record()?.map_or(Ok(()), |report| report.say())
}
