//! What the decay of logits and the tonic temperature do to PPO where the best choice changes.

use super::agents::{Group, NUMBERS, numbers, settings, table, train};
use crate::error::TrainError;
use striatum_dopamine::{Check, Expected, Figure, Options, Outcome, Panel, Plot};

const SEEDS: usize = 10;

/// Four arms, .8 and .2, as in the tabular experiment: 1000 steps an episode, the best arm changes every 100. 64 steps an iteration.
const COMMON: &[&str] = &[
    "total_steps=80000",
    "num_envs=8",
    "env.steps=1000",
    "env.reversal=100",
    "ppo.num_steps=8",
    "ppo.minibatches=1",
    "ppo.epochs=4",
    "ppo.learning_rate=3e-2",
    "ppo.anneal_learning_rate=false",
    "ppo.entropy_coef=0",
    "network.hidden=[16]",
];

const TONIC: &str = "dopamine.tonic_gain=1";
const WEAK: &str = "dopamine.logit_decay=0.03";
const STRONG: &str = "dopamine.logit_decay=0.1";

/// The agents, and what they have beside [`COMMON`].
const ARMS: [(&str, &[&str]); 5] = [
    ("PPO", &[]),
    ("+ decay .03", &[WEAK]),
    ("+ decay .03 + tonic", &[WEAK, TONIC]),
    ("+ decay .1", &[STRONG]),
    ("+ decay .1 + tonic", &[STRONG, TONIC]),
];

/// PPO on `Bandit-v0` with reversals, without and with what should help it to change its mind. Nothing was published for it: whatever comes
/// out is reported.
///
/// # Errors
/// If an agent cannot be trained.
pub fn deep_reversal(options: &Options) -> Result<Outcome, TrainError> {
    let configs = ARMS.map(|(_, own)| settings("Bandit-v0", &[COMMON, own]));
    let configs = configs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let groups = train(&configs, SEEDS, options)?;
    let arms: Vec<(&str, &Group)> = ARMS.iter().map(|&(name, _)| name).zip(&groups).collect();
    let report = |&(name, group): &(&str, &Group)| {
        Check::new(format!("{name}: reward a step over the whole run"), Expected::Reported, group.overall().iqm)
    };
    let rows = arms.iter().map(|(name, group)| (vec![(*name).to_owned()], numbers(&group.overall())));
    Ok(Outcome {
        checks: arms.iter().map(report).collect(),
        tables: vec![table("", &[&["agent"][..], &NUMBERS], rows)],
        figure: Figure {
            title: "PPO on a bandit with reversals".to_owned(),
            columns: 1,
            panels: vec![Panel {
                title: "Bandit-v0, four arms of .8 and .2, a reversal every 100 steps".to_owned(),
                x_label: "environment steps".to_owned(),
                y_label: "reward a step".to_owned(),
                categories: Vec::new(),
                plot: Plot::Lines(arms.iter().map(|(name, group)| group.series(*name, 0.0)).collect()),
            }],
        },
        notes: NOTES.map(str::to_owned).to_vec(),
    })
}

/// What a reader should know.
const NOTES: [&str; 3] = [
    "Rewards a step of training, chance is .35 and the best arm .8; interquartile means over the seeds with their 95 % bootstrap intervals.",
    "Chosen on seeds 1000 to 1005: plain PPO's best step size of .003, .01 and .03, which all agents have; of the decays 0, .01, .03, .1 and .3 \
     the best one without tonic temperature (.1) and the best one with it (.03). Its gain stayed 1.",
    "Published for the tabular agent only (policy gradient .375, with decay .639, with both .660): here nothing is checked.",
];
