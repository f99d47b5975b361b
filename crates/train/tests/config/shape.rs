//! Which settings agents of one launch may have for themselves.

use super::{Config, KEYS, with_sets};
use std::collections::BTreeSet;

/// Two pathways, so that every setting of theirs may be set.
const BASE: [&str; 2] = ["network.pathways=dual", "dopamine.sum_decay=0.1"];

/// Every key but `task`, which no layer sets, with a value that [`BASE`] does not have: those that each agent may have for itself...
const OWN: [(&str, &str); 40] = [
    ("seed", "5"),
    ("ppo.learning_rate", "1e-2"),
    ("ppo.anneal_learning_rate", "false"),
    ("ppo.gamma", "0.5"),
    ("ppo.gae_lambda", "0.5"),
    ("ppo.clip", "0.5"),
    ("ppo.anneal_clip", "true"),
    ("ppo.value_clip", "0.5"),
    ("ppo.value_coef", "0.25"),
    ("ppo.entropy_coef", "0.5"),
    ("ppo.max_grad_norm", "1.5"),
    ("ppo.target_kl", "0.5"),
    ("ppo.adam_epsilon", "1e-3"),
    ("a2c.learning_rate", "1e-2"),
    ("a2c.anneal_learning_rate", "true"),
    ("a2c.gamma", "0.5"),
    ("a2c.gae_lambda", "0.5"),
    ("a2c.value_coef", "0.25"),
    ("a2c.entropy_coef", "0.5"),
    ("a2c.max_grad_norm", "1.5"),
    ("a2c.optimizer", "adam"),
    ("a2c.rmsprop_alpha", "0.5"),
    ("a2c.epsilon", "1e-3"),
    ("network.orthogonal_init", "false"),
    ("network.log_std_init", "-1"),
    ("critic.huber", "0.5"),
    ("critic.shortest_horizon", "3"),
    ("critic.longest_horizon", "50"),
    ("critic.auxiliary_coef", "0.25"),
    ("dopamine.tone", "0.5"),
    ("dopamine.inverse_temperature", "2"),
    ("dopamine.kappa", "0.5"),
    ("dopamine.sum_decay", "0.5"),
    ("dopamine.reward_centering", "td"),
    ("dopamine.centering_rate", "0.5"),
    ("dopamine.force_centering", "true"),
    ("dopamine.tonic_gain", "0.5"),
    ("dopamine.tonic_fast", "0.5"),
    ("dopamine.tonic_slow", "0.05"),
    ("dopamine.logit_decay", "0.5"),
];

/// ... and those that are the same for all.
const SHARED: [(&str, &str); 64] = [
    ("algo", "a2c"),
    ("engine", "fused"),
    ("device", "cpu"),
    ("total_steps", "5000"),
    ("num_envs", "16"),
    ("threads", "3"),
    ("ppo.num_steps", "64"),
    ("ppo.sequence_length", "64"),
    ("network.memory", "gru"),
    ("network.memory_width", "32"),
    ("ppo.minibatches", "8"),
    ("ppo.epochs", "7"),
    ("ppo.normalize_advantages", "false"),
    ("a2c.num_steps", "7"),
    ("a2c.normalize_advantages", "true"),
    ("network.encoder", "nature-cnn"),
    ("network.hidden", "[32, 32]"),
    ("network.activation", "relu"),
    ("network.layer_norm", "true"),
    ("network.shared_trunk", "true"),
    ("network.pathways", "single"),
    ("network.squash", "true"),
    ("network.state_dependent_exploration", "true"),
    ("network.exploration_interval", "4"),
    ("critic.kind", "quantile"),
    ("critic.quantiles", "8"),
    ("critic.opponent", "true"),
    ("critic.horizons", "4"),
    ("normalize.observations", "true"),
    ("normalize.rewards", "true"),
    ("normalize.observation_clip", "5"),
    ("normalize.reward_clip", "5"),
    ("wrappers.preset", "none"),
    ("wrappers.sticky", "0.25"),
    ("wrappers.noop_max", "30"),
    ("wrappers.frame_skip", "4"),
    ("wrappers.max_pool", "false"),
    ("wrappers.time_limit", "100"),
    ("wrappers.episodic_life", "true"),
    ("wrappers.fire_reset", "true"),
    ("wrappers.reward_sign", "true"),
    ("wrappers.reward_clip", "[-1, 1]"),
    ("wrappers.action_rescale", "true"),
    ("wrappers.resize", "84"),
    ("wrappers.grayscale", "true"),
    ("wrappers.flatten", "true"),
    ("wrappers.flatten_scale", "1"),
    ("wrappers.observation_rescale", "[-1, 1]"),
    ("wrappers.frame_stack", "4"),
    ("eval.interval", "5"),
    ("eval.episodes", "5"),
    ("eval.continuing_steps", "5"),
    ("run.checkpoint_interval", "5"),
    ("run.log_interval", "5"),
    ("run.stop_at_threshold", "true"),
    ("gym.python", "python3.11"),
    ("gym.workers", "3"),
    ("gym.imports", "['ale_py']"),
    ("gym.wrappers", "['my_module.MyWrapper']"),
    ("gym.vectorization", "sync"),
    ("gym.autoreset", "disabled"),
    ("gym.render_mode", "rgb_array"),
    ("gym.on_env_failure", "restart"),
    ("gym.timeout", "5"),
];

/// What one key alone is set over.
fn base(key: &str) -> Vec<&'static str> {
    let needed: &[&str] = if key == "critic.opponent" { &["critic.kind=quantile", "dopamine.kappa=0.5"] } else { &[] };
    [&BASE[..], needed].concat()
}

fn with(key: &str, value: &str) -> Config {
    let set = format!("{key}={value}");
    with_sets(&[&base(key)[..], &[&set]].concat()).unwrap_or_else(|error| panic!("{error}"))
}

/// A new key fails here until it has been decided, and implemented, whether agents that learn together may differ in it.
#[test]
fn every_key_is_either_an_agents_own_or_shared() {
    let placed = OWN.iter().chain(&SHARED).map(|(key, _)| *key).chain(["task"]);
    assert_eq!(placed.clone().count(), KEYS.len(), "a key is placed twice, or not at all");
    assert_eq!(placed.collect::<BTreeSet<_>>(), KEYS.iter().map(|key| key.name).collect());
}

#[test]
fn the_shape_is_what_agents_share() {
    let base = with_sets(&BASE).unwrap();
    for (key, value) in OWN {
        let other = with(key, value);
        assert_ne!(other, base, "`{key}` has this value anyway");
        assert_eq!(other.shape(), base.shape(), "`{key}`");
    }
    for (key, value) in SHARED {
        assert_ne!(with(key, value).shape(), with_sets(&self::base(key)).unwrap().shape(), "`{key}`");
    }
    let task = Config { task: "Other-v0".into(), ..base.clone() };
    assert_ne!(task.shape(), base.shape(), "`task`");
    // The shape of a shape is itself.
    assert_eq!(base.shape().shape(), base.shape());
}
