//! The configuration: defaults, layers, presets and the commented TOML; in `refused`, every error; in `shape`, what
//! agents of one launch share.

#[path = "config/refused.rs"]
mod refused;
#[path = "config/shape.rs"]
mod shape;

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use striatum_agent::{
    A2cSettings, Algorithm, CriticSettings, DopamineSettings, NetworkSettings, Pathways, PpoSettings,
};
use striatum_train::config::*;
use toml::{Table, Value};

/// A request for a task without a preset.
fn request() -> Request {
    Request { task: "Custom-v0".to_owned(), ..Request::default() }
}

fn with_sets(sets: &[&str]) -> Result<Config, ConfigError> {
    Config::resolve(&Request { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..request() })
}

/// The dotted names of a table's leaves.
fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => {
                all.extend(section.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())))
            }
            _ => all.push((name.clone(), value.clone())),
        }
    }
    all
}

// Defaults, documentation and the commented TOML.

#[test]
fn defaults_stand_in_one_place() {
    let empty: Config = toml::from_str("").unwrap();
    assert_eq!(empty, Config::default());
    let config = Config::resolve(&request()).unwrap();
    assert_eq!(config, Config { task: "Custom-v0".to_owned(), ..Config::default() });
    assert_eq!(config.ppo, PpoSettings::default());
    assert_eq!(config.a2c, A2cSettings::default());
    assert_eq!(config.network, NetworkSettings::default());
    assert_eq!(config.critic, CriticSettings::default());
    assert_eq!(config.dopamine, DopamineSettings::default());
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    let table = Table::try_from(Config::default()).unwrap();
    let present: BTreeSet<String> = leaves(&table).into_iter().map(|(name, _)| name).collect();
    let documented: BTreeSet<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(present, documented);
    assert_eq!(KEYS.len(), documented.len(), "no key twice");
    for key in KEYS {
        assert!(key.doc.ends_with('.') && !key.doc.contains('\n'), "{}", key.name);
    }
}

#[test]
fn every_listed_word_is_accepted_and_every_accepted_word_is_listed() {
    for key in KEYS {
        let Kind::OneOf(words) = key.kind else { continue };
        for word in words {
            with_sets(&[&format!("{}={word}", key.name)]).unwrap();
        }
        let (section, name) = key.split();
        let line = format!("{name} = \"nonsense\"");
        let text = if section.is_empty() { line } else { format!("[{section}]\n{line}") };
        let message = toml::from_str::<Config>(&text).unwrap_err().to_string();
        let (_, accepted) = message.split_once("expected ").unwrap();
        assert_eq!(accepted.matches('`').count(), 2 * words.len(), "{}: {accepted}", key.name);
    }
}

#[test]
fn toml_has_each_key_once_under_its_comment() {
    let text = Config::default().to_toml();
    let lines: Vec<&str> = text.lines().collect();
    for key in KEYS {
        let (_, name) = key.split();
        let comment = format!("# {} ({})", key.doc, key.kind);
        let mut at = lines.iter().enumerate().filter(|(_, line)| **line == comment).map(|(i, _)| i);
        assert!(at.any(|i| lines[i + 1].starts_with(&format!("{name} = "))), "{}", key.name);
    }
    assert!(text.contains("learning_rate = 0.00025\n"), "the shortest form of an f32:\n{text}");
    assert!(text.contains("\nhidden = [64, 64]\n"));
    assert_eq!(text.matches("\n[").count(), 10, "ten sections");
}

#[test]
fn toml_parses_back_to_an_equal_config_with_further_comments_too() {
    let config = Config {
        task: "gym:\"odd\" \\ name".to_owned(),
        algo: Algorithm::A2c,
        engine: EngineChoice::Burn,
        device: DeviceChoice::Gpu(Some(3)),
        seed: i64::MAX as u64,
        network: NetworkSettings { hidden: vec![], pathways: Pathways::Dual, ..NetworkSettings::default() },
        ..Config::default()
    };
    let text = config.to_toml();
    assert_eq!(Config::from_toml(&text, "the text").unwrap(), config);
    let commented = text.replace("\n[", "\n# mine\n[") + "# the end\n";
    assert_eq!(Config::from_toml(&commented, "the text").unwrap(), config);
}

#[test]
fn atari_games_get_cleanrl_s_wrappers_unless_told_otherwise() {
    use striatum_envs::wrappers::{WrapperPreset, WrapperSettings};
    let of = |task: &str, sets: &[&str]| {
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        Config::resolve(&Request { task: task.to_owned(), sets, ..Request::default() }).unwrap().wrappers
    };
    assert_eq!(of("Custom-v0", &["wrappers.preset=atari"]), WrapperSettings::atari());
    let auto = WrapperSettings { preset: WrapperPreset::Auto, ..WrapperSettings::atari() };
    assert_eq!(of("gym:ALE/Breakout-v5", &[]), auto);
    assert_eq!(of("Custom-v0", &[]), WrapperSettings::default());
    let game = Config::resolve(&Request { task: "gym:ALE/Pong-v5".to_owned(), ..Request::default() }).unwrap();
    assert_eq!(game.env.get("frameskip").and_then(|skip| skip.as_u64()), Some(1));
    assert_eq!(game.env.get("repeat_action_probability").and_then(|p| p.as_f64()), Some(0.0));
    assert_eq!((game.ppo.clip, game.network.encoder), (0.1, striatum_agent::Encoder::NatureCnn));
    let none = of("gym:ALE/Breakout-v5", &["wrappers.preset=none", "wrappers.frame_stack=2"]);
    assert_eq!((none.frame_skip, none.frame_stack), (1, 2));
    let asked = of("Custom-v0", &["wrappers.preset=atari", "wrappers.resize=64"]);
    assert_eq!((asked.noop_max, &asked.resize[..]), (30, &[64, 64][..]));
}

proptest! {
    #[test]
    fn any_valid_numbers_survive_toml(
        seed in 0..=i64::MAX as u64, gamma in 0.0f32..=1.0, rate in 1e-30f32..1e30, tone in -1.0f32..=1.0,
        hidden in prop::collection::vec(1usize..=1024, 0..=8), epsilon in prop::num::f32::POSITIVE,
    ) {
        let mut config = Config { seed, ..Config::default() };
        config.ppo.gamma = gamma;
        config.ppo.learning_rate = rate;
        config.a2c.epsilon = epsilon;
        config.network = NetworkSettings { hidden, pathways: Pathways::Dual, ..config.network };
        config.dopamine.tone = tone;
        prop_assume!(config.validate().is_ok());
        prop_assert_eq!(Config::from_toml(&config.to_toml(), "the text").unwrap(), config);
    }
}

// Parameters of tasks.

fn bandit(sets: &[&str]) -> Config {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    Config::resolve(&Request { task: "Bandit-v0".to_owned(), sets, ..Request::default() }).unwrap()
}

#[test]
fn parameters_are_filled_in_documented_and_survive_toml() {
    let config = bandit(&["env.arms=6", "env.best=0.123456789012", "env.probabilities=[]", "env={reversal = 100}"]);
    let get = |name| config.env.get(name).cloned();
    assert_eq!(get("arms"), Some(6.into()));
    assert_eq!(get("best"), Some(0.123456789012.into()));
    assert_eq!((get("reversal"), get("other")), (Some(100.into()), Some(0.2.into())), "a section, and a default");
    let text = config.to_toml();
    for line in [
        "[env]",
        "# Number of arms. (a whole number from 2 to 64)\narms = 6",
        "best = 0.123456789012",
        "probabilities = []",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
    assert_eq!(Config::from_toml(&text, "the text").unwrap(), config);
    assert!(!Config::default().to_toml().contains("[env]"), "CartPole has no parameters");
    let by_hand = Config { task: "Bandit-v0".to_owned(), ..Config::default() };
    by_hand.validate().expect("left out is the default");
    assert!(by_hand.to_toml().contains("\narms = 4\n"));
}

#[test]
fn agents_of_one_launch_share_the_tasks_parameters() {
    assert_ne!(bandit(&["env.best=0.7"]).shape(), bandit(&[]).shape());
    assert_eq!(bandit(&["env.best=0.8", "seed=4"]).shape(), bandit(&[]).shape());
}

// Layers.

#[test]
fn each_layer_wins_over_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, "num_envs = 2\nseed = 2\n[ppo]\nclip = 0.3\ngamma = 0.5\n").unwrap();
    let request = Request {
        task: "CartPole-v1".to_owned(),
        preset: Some("num_envs = 1\nseed = 1\nthreads = 1\n[ppo]\nclip = 0.4\nepochs = 1".to_owned()),
        file: Some(file),
        sets: ["seed=3", "ppo.clip=0.2", "seed=4", "ppo.clip = 0.1"].map(str::to_owned).to_vec(),
        overrides: Table::from_iter([("seed".to_owned(), 5.into()), ("total_steps".to_owned(), 5.into())]),
        varied: vec!["total_steps=6".to_owned()],
        algo: None,
    };
    let config = Config::resolve(&request).unwrap();
    assert_eq!((config.threads, config.ppo.epochs), (1, 1), "the preset over the defaults");
    assert_eq!((config.num_envs, config.ppo.gamma), (2, 0.5), "the file over the preset");
    assert_eq!(config.ppo.clip, 0.1, "the last --set over the file");
    assert_eq!(config.seed, 5, "the explicit flag over all of these");
    assert_eq!(config.total_steps, 6, "what a launch varies over the flag");
    assert_eq!(config.ppo.num_steps, PpoSettings::default().num_steps, "the rest of a section stays");
}

#[test]
fn the_task_and_the_algorithm_of_the_command_line_win() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, "task = \"Acrobot-v1\"\nalgo = \"ppo\"\n").unwrap();
    let request = Request {
        task: "Pendulum-v1".to_owned(),
        algo: Some(Algorithm::A2c),
        file: Some(file),
        sets: vec!["task=CartPole-v1".to_owned()],
        ..Request::default()
    };
    let config = Config::resolve(&request).unwrap();
    assert_eq!((config.task.as_str(), config.algo), ("Pendulum-v1", Algorithm::A2c));
    let preset: Config = toml::from_str(preset("Pendulum-v1", Algorithm::A2c).unwrap()).unwrap();
    assert_eq!(config.a2c, preset.a2c, "and choose the preset");
}

#[test]
fn the_preset_follows_an_algorithm_set_in_any_layer() {
    let acrobot = |sets: &[&str], overrides| {
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        Config::resolve(&Request { task: "Acrobot-v1".to_owned(), sets, overrides, ..Request::default() }).unwrap()
    };
    let a2c = acrobot(&["algo=a2c"], Table::new());
    assert_eq!(a2c, acrobot(&[], toml::toml! { algo = "a2c" }));
    assert_eq!(a2c.total_steps, 500_000);
    assert_eq!(acrobot(&["algo=a2c"], toml::toml! { algo = "ppo" }), acrobot(&[], Table::new()));
}

#[test]
fn set_takes_toml_values_and_bare_words() {
    let config = with_sets(&[
        "device=gpu:1",
        "network.activation=relu",
        "network.hidden=[32, 16]",
        "ppo.clip=1",
        "total_steps=1_000",
        "task='x = y'",
        "a2c={gamma = 0.5}",
        "a2c.epsilon=1e-3",
    ])
    .unwrap();
    assert_eq!(config.device, DeviceChoice::Gpu(Some(1)));
    assert_eq!(config.network.activation, striatum_kernels::Activation::Relu);
    assert_eq!(config.network.hidden, [32, 16]);
    assert_eq!((config.ppo.clip, config.total_steps), (1.0, 1000));
    assert_eq!((config.a2c.gamma, config.a2c.epsilon), (0.5, 1e-3));
}

// Presets.

#[test]
fn every_preset_is_valid_and_holds_only_what_differs() {
    assert_eq!(PRESETS.len(), 55);
    let defaults: Vec<_> = leaves(&Table::try_from(Config::default()).unwrap());
    for (task, algo, text) in PRESETS {
        let request = Request { task: (*task).to_owned(), algo: Some(*algo), ..Request::default() };
        let config = Config::resolve(&request).unwrap_or_else(|error| panic!("{task} {algo:?}: {error}"));
        assert_eq!((config.task.as_str(), config.algo), (*task, *algo));
        assert!(text.starts_with("# "), "{task} {algo:?} says where its numbers come from");
        // Through f32 and back, so that 0.1 written as text equals the default 0.1.
        let written = leaves(&text.parse().unwrap());
        let resolved = leaves(&Table::try_from(&config).unwrap());
        for (name, _) in written {
            let value =
                |all: &[(String, Value)]| all.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            assert_ne!(value(&resolved), value(&defaults), "{task} {algo:?}: `{name}` is the default");
            assert!(!matches!((algo, name.split_once('.')), (Algorithm::Ppo, Some(("a2c", _)))), "{task}: `{name}`");
            assert!(!matches!((algo, name.split_once('.')), (Algorithm::A2c, Some(("ppo", _)))), "{task}: `{name}`");
        }
    }
}

#[test]
fn every_file_of_configs_is_built_in() {
    let files = |folder: &str| -> Vec<String> {
        let path = Path::new("../../configs").join(folder);
        let files = std::fs::read_dir(path).unwrap();
        files.map(|entry| format!("{folder}{}", entry.unwrap().file_name().into_string().unwrap())).collect()
    };
    let all = files("").into_iter().chain(files("MinAtar/"));
    let found: BTreeSet<String> = all.filter(|name| name.ends_with(".toml")).collect();
    let algo = |algo: &Algorithm| format!("{algo:?}").to_lowercase();
    let file = |task: &str| task.trim_start_matches("gym:").to_owned();
    assert_eq!(found, PRESETS.iter().map(|(task, a, _)| format!("{}.{}.toml", file(task), algo(a))).collect());
    assert_eq!(preset("gym:CartPole-v1", Algorithm::Ppo), preset("CartPole-v1", Algorithm::Ppo));
    assert!(preset("CartPole-v0", Algorithm::Ppo).is_none());
}
