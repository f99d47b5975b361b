//! The steps of a probe as a table.

use super::{Probe, Step};
use striatum_dopamine::Table;
use striatum_kernels::Policy;

/// What belongs to every logit or dimension: `2` for one choice, `0_2` for option 2 of choice 0.
pub(super) fn columns(policy: &Policy) -> Vec<String> {
    match policy {
        Policy::Categorical { nvec } if nvec.len() > 1 => {
            let options = |(choice, n): (usize, &usize)| (0..*n).map(move |option| format!("{choice}_{option}"));
            nvec.iter().enumerate().flat_map(options).collect()
        }
        policy => (0..policy.logits()).map(|i| i.to_string()).collect(),
    }
}

pub(super) fn table(probe: &Probe) -> Table {
    let columns = columns(&probe.policy);
    let fixed = ["episode", "step", "reward", "learned_reward", "value", "td_error", "terminated", "truncated"];
    let mut header: Vec<String> = fixed.map(str::to_owned).to_vec();
    header.extend((0..probe.policy.action_width()).map(|i| format!("action_{i}")));
    let named = |name: &'static str| columns.iter().map(move |column| format!("{name}_{column}"));
    header.extend(named("direct"));
    if probe.tone.is_some() {
        header.extend(named("indirect"));
    }
    match probe.policy.is_continuous() {
        true => header.extend(named("mean").chain(named("std"))),
        false => header.extend(named("probability")),
    }
    Table { name: String::new(), header, rows: probe.steps.iter().map(|step| (Vec::new(), row(step))).collect() }
}

fn row(step: &Step) -> Vec<f64> {
    let flag = |flag: bool| f64::from(u8::from(flag));
    let mut row = vec![step.episode as f64, step.step as f64];
    row.extend([step.reward, step.learned_reward, step.value, step.td_error].map(shortest));
    row.extend([flag(step.terminated), flag(step.truncated)]);
    let parts = [&step.action, &step.direct, &step.indirect, &step.policy, &step.std];
    row.extend(parts.into_iter().flatten().map(|&x| shortest(x)));
    row
}

/// The double that is written with the digits of a single.
fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::NAN)
}
