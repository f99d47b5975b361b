//! What the configuration refuses, and in which words.

use super::*;
use std::ops::Bound::{Excluded, Included, Unbounded};

/// The error of these `--set` arguments, as the user reads it.
fn error_of(sets: &[&str]) -> String {
    match with_sets(sets) {
        Ok(_) => panic!("{sets:?} must be refused"),
        Err(error) => error.to_string(),
    }
}

fn with_file(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    Config::resolve(&Request { file: Some(path), ..request() })
}

// Wrong types.

/// Values that are of the wrong type for a kind.
fn wrong_types(kind: Kind) -> Vec<Value> {
    let text = |text: &str| Value::String(text.to_owned());
    let mut wrong = match kind {
        Kind::Text => vec![Value::Integer(3), Value::Boolean(true)],
        Kind::Flag => vec![text("maybe"), Value::Integer(1)],
        Kind::OneOf(_) | Kind::Device => vec![text("tpu"), text(""), Value::Integer(0), text("gpu:-1"), text("gpu:x")],
        Kind::AnyText => vec![Value::Integer(3), Value::Boolean(true)],
        Kind::Texts => vec![text("one"), Value::Integer(3), Value::Array(vec![Value::Integer(1)])],
        Kind::Whole { .. } => vec![text("many"), Value::Float(1.5), Value::Integer(-1), Value::Boolean(false)],
        Kind::Real { .. } => vec![text("much"), Value::Boolean(true), text("")],
        Kind::Size { .. } => vec![text("large"), Value::Integer(-1), Value::Array(vec![text("a")])],
        Kind::Range => vec![text("wide"), Value::Float(1.5), Value::Array(vec![text("a")])],
        Kind::Widths { .. } => {
            vec![Value::Integer(64), Value::Array(vec![text("a")]), Value::Array(vec![Value::Integer(-1)])]
        }
    };
    if !matches!(kind, Kind::Text | Kind::AnyText) {
        // A date is text enough.
        wrong.push(Value::Datetime("2020-01-01".parse().unwrap()));
    }
    wrong.push(Value::Table(Table::from_iter([("x".to_owned(), Value::Integer(1))])));
    if !matches!(kind, Kind::Widths { .. } | Kind::Size { .. } | Kind::Range) {
        wrong.push(Value::Array(vec![Value::Integer(1), Value::Integer(2)]));
    }
    wrong
}

#[test]
fn every_key_refuses_every_wrong_type_and_says_what_it_may_be() {
    for key in KEYS {
        for value in wrong_types(key.kind) {
            let (section, name) = key.split();
            let mut table = Table::from_iter([(name.to_owned(), value.clone())]);
            if !section.is_empty() {
                table = Table::from_iter([(section.to_owned(), Value::Table(table))]);
            }
            let set = format!("{}={value}", key.name);
            let expected = format!("must be {}, not ", key.kind);
            let by_flag =
                Config::resolve(&Request { overrides: table.clone(), ..request() }).map_err(|e| e.to_string());
            let by_file = with_file(&table.to_string()).map_err(|e| e.to_string());
            for (message, place) in [
                (error_of(&[&set]), format!("`--set {set}`")),
                (by_flag.unwrap_err(), "the command line".to_owned()),
                (by_file.unwrap_err(), "mine.toml`".to_owned()),
            ] {
                assert!(message.starts_with(&format!("`{}` in ", key.name)), "{set}: {message}");
                assert!(message.contains(&expected) && message.contains(&place), "{set}: {message}");
            }
        }
    }
}

#[test]
fn a_wrong_type_reads_well() {
    assert_eq!(
        error_of(&["ppo.clip=big"]),
        "`ppo.clip` in `--set ppo.clip=big` must be a finite number above 0, not the text \"big\""
    );
    assert_eq!(error_of(&["algo=sac"]), "`algo` in `--set algo=sac` must be `ppo` or `a2c`, not the text \"sac\"");
    assert_eq!(error_of(&["ppo=3"]), "`ppo` in `--set ppo=3` must be a section of keys such as `ppo.num_steps`, not 3");
}

// Ranges.

/// Values just outside and just inside a kind's range.
fn edges(kind: Kind) -> (Vec<String>, Vec<String>) {
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    match kind {
        Kind::Text => outside.push("' '".to_owned()),
        Kind::Texts => {
            outside.push("['a', ' ']".to_owned());
            inside.extend(["[]".to_owned(), "['a', 'b']".to_owned()]);
        }
        Kind::Flag | Kind::OneOf(_) | Kind::Device | Kind::AnyText => {}
        Kind::Whole { min, max } => {
            outside.extend(min.checked_sub(1).map(|n| n.to_string()));
            outside.extend(i64::try_from(max + 1).ok().map(|n| n.to_string()));
            inside.extend([min.to_string(), max.to_string()]);
        }
        Kind::Real { min, max } => {
            outside.extend(["nan", "inf", "-inf", "1e300"].map(str::to_owned));
            for (bound, beyond) in [(min, -1e-6), (max, 1e-6)] {
                match bound {
                    Included(edge) => {
                        outside.push(format!("{:?}", edge + beyond));
                        inside.push(format!("{edge:?}"));
                    }
                    Excluded(edge) => {
                        outside.extend([format!("{edge:?}"), format!("{:?}", edge + beyond)]);
                        inside.push(format!("{:?}", edge - beyond));
                    }
                    Unbounded => inside.push("1e30".to_owned()),
                }
            }
        }
        Kind::Size { side } => {
            outside.extend(["[3]", "[3, 0]", "[3, 3, 3]"].map(str::to_owned));
            outside.extend([format!("[1, {}]", side + 1), "0".to_owned(), (side + 1).to_string()]);
            inside.extend(["[]".to_owned(), format!("[1, {side}]"), side.to_string()]);
        }
        Kind::Range => {
            let lists = ["[1]", "[1, 1]", "[2, 1]", "[-inf, 1]", "[0, nan]", "[0, 1e300]", "[1, 2, 3]"];
            outside.extend(lists.map(str::to_owned));
            inside.extend(["[]", "[-1, 1.5]", "[-1e30, 1e30]"].map(str::to_owned));
        }
        Kind::Widths { layers, width } => {
            outside.extend(["[0]".to_owned(), format!("[64, {}]", width + 1), format!("{:?}", vec![1; layers + 1])]);
            inside.extend(["[]".to_owned(), format!("{:?}", vec![width; layers])]);
        }
    }
    (outside, inside)
}

#[test]
fn every_key_refuses_what_is_out_of_its_range_and_takes_its_edges() {
    for key in KEYS {
        let (outside, inside) = edges(key.kind);
        for value in outside {
            let set = format!("{}={value}", key.name);
            // The task of the request wins over every layer.
            let error = match key.name {
                "task" => Config::resolve(&Request { task: " ".to_owned(), ..Request::default() }).unwrap_err(),
                _ => with_sets(&[&set]).expect_err(&set),
            };
            let message = error.to_string();
            assert!(message.starts_with(&format!("`{}` (", key.name)), "{set}: {message}");
            assert!(message.contains(&format!(") must be {}; try ", key.kind)), "{set}: {message}");
        }
        for value in inside {
            let set = format!("{}={value}", key.name);
            let result = with_sets(&[&set]);
            assert!(!matches!(result, Err(ConfigError::OutOfRange { .. } | ConfigError::WrongType { .. })), "{set}");
        }
    }
}

#[test]
fn ranges_are_what_the_formulas_need() {
    for set in [
        "num_envs=0",
        "num_envs=1048577",
        "total_steps=0",
        "eval.episodes=0",
        "ppo.num_steps=0",
        "ppo.minibatches=0",
        "ppo.epochs=0",
        "ppo.learning_rate=0",
        "ppo.learning_rate=-1e-3",
        "ppo.learning_rate=inf",
        "ppo.gamma=1.5",
        "ppo.gamma=nan",
        "ppo.gae_lambda=-0.1",
        "ppo.clip=0.0",
        "ppo.value_clip=-0.1",
        "ppo.max_grad_norm=0",
        "ppo.target_kl=-1",
        "a2c.gamma=1.01",
        "a2c.rmsprop_alpha=1",
        "a2c.epsilon=0",
        "network.hidden=[64, 0]",
        "network.hidden=[1025]",
        "network.hidden=[1,1,1,1,1,1,1,1,1]",
        "critic.quantiles=1",
        "critic.quantiles=65",
        "critic.huber=-1",
        "critic.horizons=65",
        "critic.shortest_horizon=0.5",
        "critic.longest_horizon=0.5",
        "critic.auxiliary_coef=-1",
        "dopamine.tone=1.1",
        "dopamine.kappa=-0.5",
        "dopamine.inverse_temperature=0",
        "dopamine.centering_rate=0",
        "dopamine.centering_rate=1.5",
        "dopamine.tonic_gain=-1",
        "dopamine.tonic_fast=0",
        "dopamine.tonic_slow=1.01",
        "dopamine.logit_decay=-0.1",
        "normalize.observation_clip=0",
        "normalize.reward_clip=-1",
    ] {
        assert!(matches!(with_sets(&[set]), Err(ConfigError::OutOfRange { .. })), "{set}");
    }
    assert_eq!(error_of(&["ppo.gamma=1.5"]), "`ppo.gamma` (1.5) must be a number from 0 to 1; try 0.99");
    assert_eq!(error_of(&["num_envs=0"]), "`num_envs` (0) must be a whole number from 1 to 1048576; try 8");
}

#[test]
fn a_config_made_by_hand_is_validated_too() {
    for config in [
        Config { seed: u64::MAX, ..Config::default() },
        Config { num_envs: usize::MAX, ..Config::default() },
        Config { ppo: PpoSettings { gamma: f32::NAN, ..PpoSettings::default() }, ..Config::default() },
    ] {
        assert!(matches!(config.validate(), Err(ConfigError::OutOfRange { .. })));
        assert!(Config::from_toml(&config.to_toml(), "the text").is_err(), "printed, but not taken back");
    }
}

// Rules between keys.

#[test]
fn minibatches_must_divide_the_rollout() {
    let message = |minibatches: &str| error_of(&["num_envs=32", "ppo.num_steps=128", minibatches]);
    assert_eq!(
        message("ppo.minibatches=5"),
        "`ppo.minibatches` (5) must divide `ppo.num_steps * num_envs` (4096); try 4"
    );
    assert!(message("ppo.minibatches=7").ends_with("try 8"));
    assert!(message("ppo.minibatches=6").ends_with("try 4"), "of two equally near, the smaller");
    assert!(message("ppo.minibatches=16777216").ends_with("try 4096"));
    with_sets(&["algo=a2c", "ppo.minibatches=5"]).expect("A2C has no minibatches");
}

#[test]
fn sequences_divide_the_rollout_and_minibatches_the_sequences() {
    let message = |sets: &[&str]| error_of(&[&["network.memory=gru"], sets].concat());
    assert_eq!(
        message(&["ppo.sequence_length=48"]),
        "`ppo.sequence_length` (48) must divide `ppo.num_steps` (128); try 32, or 0 for all of them"
    );
    assert!(message(&["ppo.sequence_length=500"]).contains("try 128"));
    assert_eq!(
        message(&["num_envs=6", "ppo.minibatches=4"]),
        "`ppo.minibatches` (4) must divide the 6 sequences that a network with memory learns from, which are \
         `num_envs * ppo.num_steps / ppo.sequence_length`; try 3, or shorter sequences"
    );
    with_sets(&["network.memory=gru", "num_envs=6", "ppo.sequence_length=64"]).expect("12 sequences");
    with_sets(&["network.memory=lstm", "num_envs=6", "algo=a2c"]).expect("A2C takes a rollout whole");
    with_sets(&["ppo.sequence_length=48"]).expect("without memory there are no sequences");
    let wide = message(&["num_envs=131072", "network.memory_width=1024"]);
    assert!(wide.starts_with("`network.memory_width` (1024) makes 34359738368 numbers"), "{wide}");
    assert!(wide.ends_with("try 32, or fewer `num_envs`"), "{wide}");
}

#[test]
fn a_rollout_is_neither_too_large_nor_a_single_sample() {
    let large = error_of(&["num_envs=1048576", "ppo.num_steps=17"]);
    assert_eq!(
        large,
        "`ppo.num_steps * num_envs` (17825792) must be at most 16777216; try `ppo.num_steps` 16 or fewer `num_envs`"
    );
    with_sets(&["num_envs=1048576", "ppo.num_steps=16"]).unwrap();
    let single = error_of(&["num_envs=1", "ppo.minibatches=128"]);
    assert!(single.contains("fewer `ppo.minibatches`"), "{single}");
    with_sets(&["num_envs=1", "ppo.minibatches=128", "ppo.normalize_advantages=false"]).unwrap();
    let single = error_of(&["algo=a2c", "num_envs=1", "a2c.num_steps=1", "a2c.normalize_advantages=true"]);
    assert!(single.contains("`a2c.normalize_advantages`") && single.contains("`a2c.num_steps`"), "{single}");
}

#[test]
fn dopamine_needs_two_pathways_and_kappa_needs_decay() {
    let single = error_of(&["dopamine.tone=0.5"]);
    assert!(single.starts_with("`dopamine.tone` (0.5) has no meaning with `network.pathways` \"single\""), "{single}");
    assert!(error_of(&["dopamine.kappa=0.5"]).starts_with("`dopamine.kappa` (0.5)"));
    with_sets(&["network.pathways=dual", "dopamine.tone=0.5"]).unwrap();
    let decay = error_of(&["network.pathways=dual", "dopamine.kappa=0.5"]);
    assert_eq!(decay, "`dopamine.sum_decay` (0) must be above 0 when `dopamine.kappa` (0.5) is; try 0.01");
    with_sets(&["network.pathways=dual", "dopamine.kappa=0.5", "dopamine.sum_decay=0.01"]).unwrap();
}

#[test]
fn horizons_are_in_order() {
    assert_eq!(
        error_of(&["critic.shortest_horizon=50", "critic.longest_horizon=20"]),
        "`critic.shortest_horizon` (50) must be at most `critic.longest_horizon` (20); swap the two"
    );
    with_sets(&["critic.horizons=3", "critic.shortest_horizon=20", "critic.longest_horizon=20"]).unwrap();
}

#[test]
fn a_distribution_has_no_horizons_no_value_clip_and_no_centring() {
    for kind in ["quantile", "expectile"] {
        let kind = format!("critic.kind={kind}");
        with_sets(&[&kind]).unwrap();
        assert_eq!(
            error_of(&[&kind, "critic.horizons=4"]),
            "`critic.horizons` (4) goes with `critic.kind` \"scalar\" only; set `critic.horizons` to 0 or `critic.kind` to \
             \"scalar\""
        );
        assert_eq!(
            error_of(&[&kind, "ppo.value_clip=0.2"]),
            "`ppo.value_clip` (0.2) goes with `critic.kind` \"scalar\" only; set `ppo.value_clip` to 0 or `critic.kind` to \
             \"scalar\""
        );
        assert_eq!(
            error_of(&[&kind, "dopamine.reward_centering=td"]),
            "`dopamine.reward_centering` goes with `critic.kind` \"scalar\" only; set `dopamine.reward_centering` to \"none\" or \
             `critic.kind` to \"scalar\""
        );
        with_sets(&[&kind, "ppo.value_clip=0.2", "algo=a2c"]).expect("A2C clips no values");
    }
}

#[test]
fn opponents_need_two_pathways_that_differ_and_halves() {
    let sets = [
        "critic.kind=quantile",
        "network.pathways=dual",
        "dopamine.kappa=0.5",
        "dopamine.sum_decay=0.1",
        "critic.opponent=true",
    ];
    with_sets(&sets).unwrap();
    let without = |i: usize| {
        let rest: Vec<&str> = sets.iter().enumerate().filter(|(n, _)| *n != i).map(|(_, set)| *set).collect();
        error_of(&rest)
    };
    assert_eq!(
        without(0),
        "`critic.opponent` (true) needs `critic.kind` \"quantile\" or \"expectile\"; set that, or `critic.opponent` to false"
    );
    assert!(without(1).starts_with("`dopamine.kappa` (0.5)"), "{}", without(1));
    let [kind, pathways, _, _, opponent] = sets;
    assert!(error_of(&[kind, opponent]).contains("needs `network.pathways` \"dual\""));
    assert!(error_of(&[kind, pathways, opponent]).contains("needs a `dopamine.kappa` above 0"));
}

#[test]
fn the_slow_average_is_slower_than_the_fast_one() {
    let slow = error_of(&["dopamine.tonic_gain=0.5", "dopamine.tonic_fast=0.01"]);
    assert_eq!(
        slow,
        "`dopamine.tonic_slow` (0.01) must be below `dopamine.tonic_fast` (0.01) when `dopamine.tonic_gain` (0.5) is above 0; \
         try 0.01 and 0.1"
    );
    error_of(&["dopamine.tonic_gain=1", "dopamine.tonic_slow=0.5"]);
    with_sets(&["dopamine.tonic_gain=1", "dopamine.tonic_slow=0.05"]).unwrap();
    with_sets(&["dopamine.tonic_slow=0.5"]).expect("without a gain there is nothing to compare");
}

// Unknown names.

#[test]
fn unknown_names_get_the_nearest_key() {
    for (set, key, hint) in [
        ("sed=1", "sed", "did you mean `seed`?"),
        ("num_env=1", "num_env", "did you mean `num_envs`?"),
        ("ppo.clp=0.1", "ppo.clp", "did you mean `ppo.clip`?"),
        ("clip=0.1", "clip", "did you mean `ppo.clip`?"),
        ("a2c.clip=0.1", "a2c.clip", "did you mean `ppo.clip`?"),
        ("gamma=0.9", "gamma", "did you mean `ppo.gamma` or `a2c.gamma`?"),
        ("network.hiden=[1]", "network.hiden", "did you mean `network.hidden`?"),
        ("dopamin.tone=0", "dopamin.tone", "did you mean `dopamine.tone`?"),
        ("ppo.clip.low=0", "ppo.clip.low", "did you mean `ppo.clip`?"),
        ("pp={}", "pp", "did you mean `ppo`?"),
        ("zzzz=0", "zzzz", "`striatum config TASK` prints every key"),
    ] {
        assert_eq!(error_of(&[set]), format!("unknown key `{key}` in `--set {set}`; {hint}"));
    }
}

#[test]
fn unknown_names_in_every_section_of_a_file_are_refused_in_full() {
    for section in ["ppo", "a2c", "network", "critic", "dopamine", "normalize", "eval", "run"] {
        let message = with_file(&format!("[{section}]\nnonsense = 1\n")).unwrap_err().to_string();
        assert!(message.starts_with(&format!("unknown key `{section}.nonsense` in ")), "{message}");
        assert!(message.contains("mine.toml"), "{message}");
    }
    let text = Config::default().to_toml().replace("seed = 0", "sead = 0");
    let message = Config::from_toml(&text, "`config.toml`").unwrap_err().to_string();
    assert_eq!(message, "unknown key `sead` in `config.toml`; did you mean `seed`?");
    let flag = Request { overrides: toml::toml! { nonsense = 1 }, ..request() };
    assert!(Config::resolve(&flag).unwrap_err().to_string().starts_with("unknown key `nonsense` in the command line"));
}

// Parameters of tasks.

/// The error of these settings for a built-in task.
fn env_error(task: &str, sets: &[&str]) -> String {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let request = Request { task: task.to_owned(), sets, ..Request::default() };
    Config::resolve(&request).expect_err("refused").to_string()
}

#[test]
fn parameters_are_checked_against_their_task() {
    assert_eq!(
        env_error("Bandit-v0", &["env.arms=many"]),
        "`env.arms` (\"many\") of task `Bandit-v0` must be a whole number from 2 to 64; try 4"
    );
    assert!(env_error("Bandit-v0", &["env.arms=1"]).starts_with("`env.arms` (1) of task `Bandit-v0` must be "));
    assert!(env_error("Bandit-v0", &["env.best=nan"]).starts_with("`env.best` (nan) of task"));
    let unknown = env_error("Bandit-v0", &["env.amrs=3"]);
    assert!(
        unknown.contains("has no parameter `env.amrs`; did you mean `env.arms`? it has:\n  env.arms = 4"),
        "{unknown}"
    );
    assert!(env_error("Bandit-v0", &["env.arms.x=3"]).contains("has no parameter `env.arms.x`"));
    assert!(env_error("CartPole-v1", &["env.gravity=3"]).contains("has no parameter `env.gravity`; it has none"));
    assert_eq!(
        error_of(&["env.size=3"]),
        "`env.size` is for built-in tasks, and `Custom-v0` is none (`striatum envs` lists them); \
         set its parameters where the task is made"
    );
    let section = env_error("Bandit-v0", &["env=3"]);
    assert!(section.starts_with("`env` in `--set env=3` must be a section of the task's parameters"), "{section}");
    assert!(env_error("Bandit-v0", &["evn.arms=3"]).contains("unknown key `evn.arms`"));
    let text = "task = \"Bandit-v0\"\n[env]\narms = 70\n";
    let file = Config::from_toml(text, "the text").unwrap_err().to_string();
    assert!(file.starts_with("`env.arms` (70)"), "{file}");
    for value in ["2020-01-01", "{x = 1}", "[[1]]"] {
        assert!(env_error("Bandit-v0", &[&format!("env.arms={value}")]).contains("must be a whole number"), "{value}");
    }
}

// What is not even a setting.

#[test]
fn a_malformed_set_is_refused() {
    for set in ["seed", "", "=1", ".=1", "ppo.=1", ".clip=1", "ppo..clip=1"] {
        let message = error_of(&[set]);
        assert!(message.starts_with(&format!("`--set {set}` must have the form KEY=VALUE")), "{message}");
    }
    let deep = format!("{}=1", vec!["a"; 100_000].join("."));
    assert!(matches!(with_sets(&[&deep]), Err(ConfigError::UnknownKey { .. })));
    assert!(error_of(&["seed="]).contains("not the text \"\""));
    assert!(error_of(&["network.hidden=[1,"]).contains("not the text \"[1,\""));
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_named() {
    let path = PathBuf::from("no/such/file.toml");
    let missing = Config::resolve(&Request { file: Some(path.clone()), ..request() }).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the configuration file `"), "{missing}");
    assert!(missing.contains(&path.display().to_string()) && missing.contains("--config"), "{missing}");

    let folder = tempfile::tempdir().unwrap();
    let directory = Request { file: Some(folder.path().to_owned()), ..request() };
    assert!(matches!(Config::resolve(&directory), Err(ConfigError::File { .. })));

    let malformed = with_file("seed = 1\nnum_envs = = 2\n").unwrap_err().to_string();
    assert!(malformed.contains("mine.toml` is not valid TOML") && malformed.contains("line 2"), "{malformed}");
    assert!(matches!(with_file("seed = 1\nseed = 2\n"), Err(ConfigError::Syntax { .. })), "a key twice");
    assert!(matches!(with_file("seed = 99999999999999999999\n"), Err(ConfigError::Syntax { .. })));
}

#[test]
fn devices_are_words() {
    for text in ["auto", "cpu", "gpu", "gpu:0", "gpu:12"] {
        assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
    }
    for text in ["", "GPU", "gpu:", "gpu:-1", "gpu:1.5", "gpu:99999999999999999999", "cuda:0"] {
        let message = text.parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(message.contains("`gpu:N`") && message.contains("gpu:0"), "{message}");
    }
}
