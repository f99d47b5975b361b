//! Several agents in one launch: each is its run alone, bit for bit.

use crate::{A2C, PPO, STATE_DEPENDENT, Test, assert_same, config, gpu};

pub const TESTS: &[Test] =
    &[("an_agent_of_many_is_its_run_alone_ppo", ppo), ("an_agent_of_many_is_its_run_alone_a2c", a2c)];

fn ppo() {
    let dual: &[&str] = &["network.pathways=dual", "dopamine.sum_decay=0.01"];
    together(
        "CartPole-v1",
        &[PPO, dual],
        &[
            &[
                "seed=3",
                "ppo.learning_rate=3e-3",
                "ppo.entropy_coef=0",
                "ppo.clip=0.1",
                "ppo.gamma=0.9",
                "dopamine.kappa=0.6",
            ],
            &["seed=4", "ppo.gae_lambda=0.8", "ppo.target_kl=0.002", "ppo.value_clip=0", "dopamine.tone=-0.3"],
            &[
                "seed=5",
                "ppo.max_grad_norm=0.1",
                "ppo.value_coef=1",
                "dopamine.kappa=0.2",
                "dopamine.inverse_temperature=2",
            ],
        ],
    );
}

fn a2c() {
    together(
        "Pendulum-v1",
        &[A2C, STATE_DEPENDENT],
        &[
            &["seed=3", "a2c.optimizer=adam", "a2c.learning_rate=3e-3"],
            &["seed=4", "a2c.gae_lambda=0.7", "a2c.entropy_coef=0.1", "network.log_std_init=-1"],
            &["seed=5", "a2c.rmsprop_alpha=0.9", "a2c.gamma=0.8", "network.orthogonal_init=false"],
        ],
    );
}

#[track_caller]
fn together(task: &str, common: &[&[&str]], own: &[&[&str]]) {
    const ITERATIONS: usize = 3;
    let configs: Vec<_> = own.iter().map(|own| config(task, &[common, &[own]].concat())).collect();
    let mut all = gpu(&configs);
    for _ in 0..ITERATIONS {
        all.iterate().expect("an iteration");
    }
    let ends: Vec<_> = (0..configs.len()).map(|agent| all.checkpoint(agent).expect("a checkpoint")).collect();
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
}
