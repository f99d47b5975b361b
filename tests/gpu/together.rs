//! Several agents in one launch: each is its run alone, bit for bit.

use crate::{A2C, DUAL, PPO, QUANTILES, STATE_DEPENDENT, Test, assert_same, config, gpu};
use striatum::train::checkpoint::Checkpoint;

pub const TESTS: &[Test] = &[
    ("an_agent_of_many_is_its_run_alone_ppo", ppo),
    ("an_agent_of_many_is_its_run_alone_a2c", a2c),
    ("an_agent_of_many_is_its_run_alone_with_quantiles", quantiles),
];

/// Every setting that agents may have for themselves differs somewhere.
fn ppo() {
    let dual: &[&str] = &["network.pathways=dual", "dopamine.sum_decay=0.01", "critic.horizons=3"];
    let first: &[&str] = &[
        "seed=3",
        "ppo.learning_rate=3e-3",
        "ppo.anneal_learning_rate=false",
        "ppo.entropy_coef=0",
        "ppo.clip=0.1",
        "ppo.gamma=0.9",
        "dopamine.kappa=0.6",
        "dopamine.reward_centering=td",
        "dopamine.force_centering=true",
        "dopamine.logit_decay=0.05",
    ];
    let second: &[&str] = &[
        "seed=4",
        "ppo.gae_lambda=0.8",
        "ppo.target_kl=0.0002",
        "ppo.value_clip=0",
        "dopamine.tone=-0.3",
        "dopamine.tonic_gain=2",
        "critic.longest_horizon=20",
    ];
    let third: &[&str] = &[
        "seed=5",
        "ppo.max_grad_norm=0.1",
        "ppo.value_coef=1",
        "critic.auxiliary_coef=0.1",
        "critic.shortest_horizon=2",
        "ppo.anneal_clip=false",
        "ppo.adam_epsilon=1e-3",
        "dopamine.kappa=0.2",
        "dopamine.sum_decay=0.1",
        "dopamine.inverse_temperature=2",
        "dopamine.reward_centering=mean",
        "dopamine.centering_rate=0.3",
        "dopamine.force_centering=true",
        "dopamine.tonic_gain=0.5",
        "dopamine.tonic_fast=0.3",
        "dopamine.tonic_slow=0.2",
    ];
    let ends = together("CartPole-v1", &[PPO, dual], &[first, second, third]);
    let steps = ends.each_ref().map(|end| end.counters["optimizer_steps"]);
    assert!(steps[1] < steps[0] && steps[0] == steps[2], "the KL limit stops nobody: {steps:?}");
}

fn a2c() {
    let first: &[&str] = &["seed=3", "a2c.optimizer=adam", "a2c.learning_rate=3e-3", "a2c.epsilon=1e-3"];
    let second: &[&str] = &[
        "seed=4",
        "a2c.gae_lambda=0.7",
        "a2c.entropy_coef=0.1",
        "a2c.anneal_learning_rate=false",
        "network.log_std_init=-1",
    ];
    let third: &[&str] = &[
        "seed=5",
        "a2c.rmsprop_alpha=0.9",
        "a2c.gamma=0.8",
        "a2c.value_coef=0.2",
        "a2c.max_grad_norm=0.1",
        "network.orthogonal_init=false",
    ];
    together("Pendulum-v1", &[A2C, STATE_DEPENDENT], &[first, second, third]);
}

fn quantiles() {
    let first: &[&str] = &["seed=3", "critic.huber=0.5", "ppo.gamma=0.9"];
    let second: &[&str] = &["seed=4", "critic.huber=0", "ppo.gae_lambda=0.5"];
    let third: &[&str] = &["seed=5", "dopamine.kappa=0.6"];
    together("CartPole-v1", &[PPO, DUAL, QUANTILES, &["critic.opponent=true"]], &[first, second, third]);
}

#[track_caller]
fn together(task: &str, common: &[&[&str]], own: &[&[&str]; 3]) -> [Checkpoint; 3] {
    const ITERATIONS: usize = 3;
    let configs = own.map(|own| config(task, &[common, &[own]].concat()));
    let mut all = gpu(&configs);
    for _ in 0..ITERATIONS {
        all.iterate().expect("an iteration");
    }
    let ends = [0, 1, 2].map(|agent| all.checkpoint(agent).expect("a checkpoint"));
    for (agent, config) in configs.iter().enumerate() {
        let mut alone = gpu(std::slice::from_ref(config));
        for _ in 0..ITERATIONS {
            alone.iterate().expect("an iteration");
        }
        let name = format!("{task}, agent {agent}");
        let outcomes = [alone.iteration(0), all.iteration(agent)].map(|iteration| {
            let iteration = iteration.expect("finite gradients");
            (iteration.update, iteration.rollout, iteration.learning_rate)
        });
        assert_eq!(outcomes[0], outcomes[1], "{name}");
        assert_same(&name, &alone.checkpoint(0).expect("a checkpoint"), &ends[agent]);
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert!(ends[a].tensors["value.weight"] != ends[b].tensors["value.weight"], "agents {a} and {b} are the same");
    }
    ends
}
