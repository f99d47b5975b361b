//! From seeds and variations to agents.

use super::{Agent, FleetError, MAX_AGENTS};
use crate::config::{Config, MAX_COUNT, Request};
use crate::error::TrainError;

/// A key and the values that it takes.
struct Axis {
    key: String,
    values: Vec<String>,
}

/// The agents of a launch: every combination of the values of `vary` (each `KEY=VALUE,VALUE,...`, over every setting of `request`)
/// with `seeds` seeds from the configured one on, variation by variation. A comma within brackets or quotes separates no values.
///
/// # Errors
/// [`FleetError`], or as [`Config::resolve`].
pub fn plan(request: &Request, seeds: u64, vary: &[String]) -> Result<Vec<Agent>, TrainError> {
    let axes = vary.iter().map(|text| Axis::parse(text)).collect::<Result<Vec<_>, _>>()?;
    check_keys(&axes)?;
    check_counts(&axes, seeds)?;
    let variations = variations(&axes);
    let configs = configs(request, &axes, &variations)?;
    let last = configs[0].seed.checked_add(seeds - 1).filter(|&last| last <= MAX_COUNT);
    let last = last.ok_or(FleetError::LastSeed { first: configs[0].seed, count: seeds })?;
    let agents = configs.iter().zip(&variations).flat_map(|(config, choice)| {
        let axes = &axes;
        (config.seed..=last).map(move |seed| Agent {
            name: name(axes, choice, seed),
            variation: assignments(axes, choice).collect::<Vec<_>>().join(", "),
            config: Config { seed, ..config.clone() },
        })
    });
    Ok(agents.collect())
}

impl Axis {
    fn parse(text: &str) -> Result<Self, FleetError> {
        let malformed = || FleetError::Form { text: text.to_owned() };
        let (key, values) = text.split_once('=').ok_or_else(malformed)?;
        let key = key.trim();
        let values: Vec<String> = split(values).into_iter().map(|value| value.trim().to_owned()).collect();
        if key.split('.').any(str::is_empty) || values.iter().any(String::is_empty) {
            return Err(malformed());
        }
        Ok(Self { key: key.to_owned(), values })
    }

    /// The key's last part.
    fn short(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or(&self.key)
    }
}

/// The parts between commas that stand outside of brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut from, mut parts) = (0_i32, None, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if open == letter => quote = None,
            (_, Some(_)) => {}
            ('[', None) => depth += 1,
            (']', None) => depth -= 1,
            (',', None) if depth <= 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn check_keys(axes: &[Axis]) -> Result<(), FleetError> {
    for (at, axis) in axes.iter().enumerate() {
        let instead = match axis.key.as_str() {
            "seed" => "use `--seeds N`, or `--seed A..B`".to_owned(),
            "task" => "a launch is of one task; start one for each".to_owned(),
            "device" | "engine" => format!("a launch has one; use `--{}`", axis.key),
            "threads" => "results do not depend on it; use `--threads` for the whole launch".to_owned(),
            key if key.starts_with("run.") => format!("it changes no result; use `--set {key}=VALUE`"),
            _ => String::new(),
        };
        if !instead.is_empty() {
            return Err(FleetError::Fixed { key: axis.key.clone(), instead });
        }
        if axes[..at].iter().any(|before| before.key == axis.key) {
            return Err(FleetError::KeyTwice { key: axis.key.clone() });
        }
    }
    Ok(())
}

fn check_counts(axes: &[Axis], seeds: u64) -> Result<(), FleetError> {
    if seeds == 0 || axes.is_empty() && seeds > MAX_AGENTS {
        return Err(FleetError::Seeds { count: seeds });
    }
    let variations = axes.iter().fold(1_u64, |product, axis| product.saturating_mul(axis.values.len() as u64));
    let agents = variations.saturating_mul(seeds);
    if agents > MAX_AGENTS {
        return Err(FleetError::TooMany { seeds, variations, agents });
    }
    Ok(())
}

/// Every combination, as the index of each axis' value; the last axis goes round first.
fn variations(axes: &[Axis]) -> Vec<Vec<usize>> {
    axes.iter().fold(vec![Vec::new()], |prefixes, axis| {
        let longer = |prefix: Vec<usize>| {
            (0..axis.values.len()).map(move |value| prefix.iter().copied().chain([value]).collect::<Vec<_>>())
        };
        prefixes.into_iter().flat_map(longer).collect()
    })
}

/// `ppo.learning_rate=1e-3` and so on, of one variation.
fn assignments(axes: &[Axis], choice: &[usize]) -> impl Iterator<Item = String> {
    axes.iter().zip(choice).map(|(axis, &value)| format!("{}={}", axis.key, axis.values[value]))
}

/// The configuration of each variation; no two are the same.
fn configs(request: &Request, axes: &[Axis], variations: &[Vec<usize>]) -> Result<Vec<Config>, TrainError> {
    let mut configs: Vec<Config> = Vec::with_capacity(variations.len());
    let mut request = request.clone();
    if axes.iter().any(|axis| axis.key == "algo") {
        // An explicit algorithm would win.
        request.algo = None;
    }
    for choice in variations {
        request.varied = assignments(axes, choice).collect();
        let config = Config::resolve(&request)?;
        if let Some(before) = configs.iter().position(|before| *before == config) {
            return Err(value_twice(axes, &variations[before], choice).into());
        }
        configs.push(config);
    }
    Ok(configs)
}

fn value_twice(axes: &[Axis], before: &[usize], again: &[usize]) -> FleetError {
    // Two variations differ somewhere.
    let at = before.iter().zip(again).position(|(a, b)| a != b).unwrap_or(0);
    let value = |choice: &[usize]| axes[at].values[choice[at]].clone();
    FleetError::ValueTwice { key: axes[at].key.clone(), first: value(before), second: value(again) }
}

/// `learning_rate=1e-3,seed3`: letters that every system takes in a file's name.
fn name(axes: &[Axis], choice: &[usize], seed: u64) -> String {
    let mut parts = Vec::new();
    for (at, (axis, &value)) in axes.iter().zip(choice).enumerate() {
        let alone = axes.iter().enumerate().all(|(other, axis)| other == at || axis.short() != axes[at].short());
        parts.push(format!("{}={}", if alone { axis.short() } else { &axis.key }, plain(&axis.values[value])));
    }
    parts.push(format!("seed{seed}"));
    parts.join(",")
}

/// A value in letters, digits and `.+-_`: `[64, 64]` is `64-64`.
fn plain(value: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || ".+-_".contains(letter);
    let parts: Vec<&str> = value.split(|letter| !safe(letter)).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seeds: u64, vary: &[&str]) -> Result<Vec<Agent>, String> {
        let request = Request { task: "CartPole-v1".into(), sets: vec!["seed=5".into()], ..Request::default() };
        let vary: Vec<String> = vary.iter().map(|&text| text.to_owned()).collect();
        plan(&request, seeds, &vary).map_err(|error| error.to_string())
    }

    fn names(agents: &[Agent]) -> Vec<&str> {
        agents.iter().map(|agent| agent.name.as_str()).collect()
    }

    #[test]
    fn seeds_count_up_from_the_configured_one() {
        let agents = of(3, &[]).unwrap();
        assert_eq!(names(&agents), ["seed5", "seed6", "seed7"]);
        assert_eq!(agents.iter().map(|agent| agent.config.seed).collect::<Vec<_>>(), [5, 6, 7]);
        assert!(agents.iter().all(|agent| agent.variation.is_empty()));
        assert_eq!(agents[1].config, Config { seed: 6, ..agents[0].config.clone() });
    }

    #[test]
    fn variations_are_the_cross_product() {
        let agents = of(2, &["ppo.learning_rate=1e-3, 1e-4", "network.hidden=[16, 16],[8]"]).unwrap();
        assert_eq!(
            names(&agents),
            [
                "learning_rate=1e-3,hidden=16-16,seed5",
                "learning_rate=1e-3,hidden=16-16,seed6",
                "learning_rate=1e-3,hidden=8,seed5",
                "learning_rate=1e-3,hidden=8,seed6",
                "learning_rate=1e-4,hidden=16-16,seed5",
                "learning_rate=1e-4,hidden=16-16,seed6",
                "learning_rate=1e-4,hidden=8,seed5",
                "learning_rate=1e-4,hidden=8,seed6",
            ]
        );
        let last = &agents[7];
        assert_eq!(last.variation, "ppo.learning_rate=1e-4, network.hidden=[8]");
        assert_eq!((last.config.ppo.learning_rate, &last.config.network.hidden[..]), (1e-4, &[8][..]));
    }

    #[test]
    fn a_variation_wins_over_every_setting_and_takes_its_own_preset() {
        let mut request = Request { task: "CartPole-v1".into(), algo: Some(crate_algo()), ..Request::default() };
        request.overrides = toml::toml! { num_envs = 4 };
        let agents = plan(&request, 1, &["num_envs=8".into(), "algo=ppo,a2c".into()]).unwrap();
        assert!(agents.iter().all(|agent| agent.config.num_envs == 8));
        assert_eq!(agents.iter().map(|agent| agent.config.algo_name()).collect::<Vec<_>>(), ["ppo", "a2c"]);
        let alone = Request { algo: None, sets: vec!["algo=a2c".into(), "num_envs=8".into()], ..request };
        let alone = Request { overrides: toml::Table::new(), ..alone };
        assert_eq!(agents[1].config, Config::resolve(&alone).unwrap());
    }

    fn crate_algo() -> striatum_agent::Algorithm {
        striatum_agent::Algorithm::Ppo
    }

    #[test]
    fn names_hold_nothing_that_a_system_refuses() {
        let both = of(1, &["ppo.gamma=0.9", "a2c.gamma=0.8"]).unwrap();
        assert_eq!(names(&both), ["ppo.gamma=0.9,a2c.gamma=0.8,seed5"]);
        for (value, expected) in [("\"a b\"", "a-b"), ("[]", "none"), ("-1", "-1"), ("[64, 32]", "64-32")] {
            assert_eq!(plain(value), expected);
        }
        assert_eq!(split("a,[1,2],\"b,c\",'d,',e"), ["a", "[1,2]", "\"b,c\"", "'d,'", "e"]);
    }

    #[test]
    fn what_makes_no_launch_is_refused_with_the_fix() {
        let most = 1 << 11;
        for (seeds, vary, parts) in [
            (0, &[][..], &["`--seeds` (0)", "try 10"][..]),
            (most, &[], &["`--seeds` (2048)", "1024"]),
            (u64::MAX, &["ppo.clip=0.1,0.2"], &["agents", "1024"]),
            (513, &["ppo.clip=0.1,0.2"], &["513 seeds x 2 variations are 1026 agents", "at most 1024"]),
            (1, &["ppo.clip"], &["`--vary ppo.clip` must have the form"]),
            (1, &["ppo.clip="], &["KEY=VALUE,VALUE"]),
            (1, &["ppo.clip=0.1,,0.2"], &["KEY=VALUE,VALUE"]),
            (1, &["=0.1"], &["KEY=VALUE,VALUE"]),
            (1, &["ppo.cilp=0.1"], &["unknown key `ppo.cilp` in `--vary ppo.cilp=0.1`", "did you mean `ppo.clip`"]),
            (1, &["ppo.clip=0.1,wide"], &["`ppo.clip` in `--vary ppo.clip=wide`", "must be "]),
            (1, &["ppo.clip=0.1,-1"], &["`ppo.clip` (-1", "must be "]),
            (1, &["network.hidden=[8,8"], &["`network.hidden`", "must be a list"]),
            (1, &["seed=1,2"], &["cannot vary `seed`", "`--seeds N`"]),
            (1, &["task=A,B"], &["cannot vary `task`"]),
            (1, &["device=cpu,gpu"], &["cannot vary `device`", "`--device`"]),
            (1, &["engine=fused,burn"], &["cannot vary `engine`", "`--engine`"]),
            (1, &["threads=1,2"], &["cannot vary `threads`", "`--threads`"]),
            (1, &["run.log_interval=1,2"], &["cannot vary `run.log_interval`", "`--set run.log_interval=VALUE`"]),
            (1, &["ppo.clip=0.1", "ppo.clip=0.2"], &["`--vary ppo.clip` is given twice"]),
            (1, &["ppo.clip=0.1,0.2", "ppo.gamma=0.9,0.90"], &["`--vary ppo.gamma`", "`0.9` and `0.90`"]),
        ] {
            let error = of(seeds, vary).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{vary:?}: {error}");
        }
        let request = Request { task: "T".into(), sets: vec![format!("seed={}", MAX_COUNT - 1)], ..Request::default() };
        assert_eq!(plan(&request, 2, &[]).unwrap().len(), 2);
        assert!(plan(&request, 3, &[]).unwrap_err().to_string().contains("largest"));
    }
}
