//! Value heads beyond one learn what they stand for, on tasks whose returns are known.

mod common;

use common::{metrics, train};
use striatum::agent::{Learner, PpoSettings};
use striatum::envs::{Batch, Env, EnvError, Space, Step, Stream, VecEnv};
use striatum::kernels::{Cpu, CriticKind};
use striatum::train::TrainError;
use striatum::train::config::Config;
use striatum::train::engine::{AnyTrainer, open_trainer};
use striatum::train::trainer::Trainer;
use tempfile::tempdir;

/// A reward of 1 for every step, for ever; episodes are cut after 20 steps, which the values must not see.
#[derive(Default)]
struct Steady;

impl Env for Steady {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn time_limit(&self) -> Option<u32> {
        Some(20)
    }
    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        observation[0] = 1.0;
    }
    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        observation[0] = 1.0;
        Step { reward: 1.0, terminated: false, truncated: false }
    }
    fn state(&self) -> Vec<f64> {
        Vec::new()
    }
    fn set_state(&mut self, _: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        observation[0] = 1.0;
        Ok(())
    }
}

/// LENGTH steps, then a reward of 0 or 1 with even chances; an observation says which step it is.
#[derive(Default)]
struct Coin<const LENGTH: usize>(usize);

impl<const LENGTH: usize> Coin<LENGTH> {
    fn observe(&self, observation: &mut [f32]) {
        observation.fill(0.0);
        observation[self.0] = 1.0;
    }
}

impl<const LENGTH: usize> Env for Coin<LENGTH> {
    fn observation_space(&self) -> Space {
        Space::uniform_box(LENGTH, 0.0, 1.0)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.0 = 0;
        self.observe(observation);
    }
    fn step(&mut self, _: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        if self.0 + 1 == LENGTH {
            self.observe(observation);
            let reward = if rng.uniform() < 0.5 { 0.0 } else { 1.0 };
            return Step { reward, terminated: true, truncated: false };
        }
        self.0 += 1;
        self.observe(observation);
        Step { reward: 0.0, terminated: false, truncated: false }
    }
    fn state(&self) -> Vec<f64> {
        vec![self.0 as f64]
    }
    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.0 = state[0] as usize;
        self.observe(observation);
        Ok(())
    }
}

/// A trainer on the CPU with a linear network.
fn trainer<E: Env + 'static>(mut config: Config, make: fn() -> E) -> Trainer<Cpu> {
    config.network.hidden = Vec::new();
    config.device = "cpu".parse().expect("a device");
    config.validate().expect("valid settings");
    let make = |count| -> Result<Box<dyn VecEnv>, TrainError> { Ok(Box::new(Batch::new(count, make)?)) };
    match open_trainer(vec![config], &make).expect("a trainer").0 {
        AnyTrainer::Cpu(trainer) => trainer,
        AnyTrainer::Gpu(_) => panic!("the CPU was asked for"),
    }
}

/// The value heads' outputs at the first observation of an episode, in which the first number is 1.
fn values(learner: &mut Learner<Cpu>) -> Vec<f32> {
    let (head, mut observation) = (learner.spec().head.clone(), vec![0.0; learner.spec().inputs()]);
    observation[0] = 1.0;
    let outputs = learner.predict(&observation).expect("outputs");
    outputs[head.values_at()..head.features_at()].to_vec()
}

/// Trains to the end; the values then.
fn learned(mut trainer: Trainer<Cpu>) -> Vec<f32> {
    while !trainer.sessions()[0].is_finished() {
        trainer.iterate().expect("an iteration");
    }
    values(trainer.learner())
}

#[test]
fn every_horizon_learns_the_return_of_its_discount() {
    let mut config = Config {
        total_steps: 1 << 17,
        ppo: PpoSettings { num_steps: 64, epochs: 10, learning_rate: 0.02, gamma: 0.9, ..Default::default() },
        ..Default::default()
    };
    (config.critic.horizons, config.critic.shortest_horizon, config.critic.longest_horizon) = (3, 1.0, 16.0);
    // sum_t gamma^t = 1 / (1 - gamma) = tau: 10 of the main head, then 1, 4 and 16.
    let values = learned(trainer(config, Steady::default));
    for (value, tau) in values.iter().zip([10.0, 1.0, 4.0, 16.0_f32]) {
        assert!((value - tau).abs() < 0.02 * tau, "{values:?}");
    }
}

/// A distribution of 8 heads for [`Coin`].
fn coin(kind: CriticKind, total_steps: u64, gamma: f32, gae_lambda: f32) -> Config {
    let ppo = PpoSettings {
        num_steps: 64,
        minibatches: 1,
        learning_rate: 0.02,
        value_coef: 1.0,
        gamma,
        gae_lambda,
        ..Default::default()
    };
    let mut config = Config { total_steps, num_envs: 32, ppo, ..Default::default() };
    (config.critic.kind, config.critic.quantiles) = (kind, 8);
    config
}

#[test]
fn quantiles_of_a_coin_are_its_two_sides() {
    let values = learned(trainer(coin(CriticKind::Quantile, 1 << 19, 0.9, 0.95), Coin::<1>::default));
    for (value, side) in values.iter().zip([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0_f32]) {
        assert!((value - side).abs() < 0.05, "{values:?}");
    }
}

#[test]
fn expectiles_of_a_coin_are_their_tau() {
    // E|tau - 1[X < e]| (X - e) = 0: tau (1 - e) / 2 = (1 - tau) e / 2, so e = tau.
    let values = learned(trainer(coin(CriticKind::Expectile, 1 << 19, 0.9, 0.95), Coin::<1>::default));
    for (i, value) in values.iter().enumerate() {
        assert!((value - (i as f32 + 0.5) / 8.0).abs() < 0.03, "{values:?}");
    }
}

/// Two steps before the coin is tossed its sides are 0 and gamma^2, whatever lambda: samples keep the spread that a mix of returns and
/// means would lose.
#[test]
fn quantiles_keep_their_spread_through_time() {
    for lambda in [0.0, 0.5, 1.0] {
        let values = learned(trainer(coin(CriticKind::Quantile, 1 << 20, 0.9, lambda), Coin::<3>::default));
        for (value, side) in values.iter().zip([0.0, 0.0, 0.0, 0.0, 0.81, 0.81, 0.81, 0.81_f32]) {
            assert!((value - side).abs() < 0.08, "lambda {lambda}: {values:?}");
        }
    }
}

#[test]
fn the_auxiliary_loss_is_reported_where_there_is_one() {
    let folder = tempdir().expect("a folder");
    let args = "CartPole-v1 --quiet --device cpu --total-steps 512 --set run.log_interval=0 --set eval.interval=0";
    for (horizons, reported) in [(0, false), (3, true)] {
        let run = folder.path().join(horizons.to_string());
        train(&format!("{args} --set critic.horizons={horizons}"), &run).ok();
        for line in metrics(&run, "iteration") {
            let loss = line.get("losses/auxiliary_value_loss").and_then(|loss| loss.as_f64());
            assert_eq!(loss.is_some_and(|loss| loss > 0.0), reported, "{line}");
            assert!(line["losses/value_loss"].as_f64().is_some_and(|loss| loss > 0.0), "{line}");
        }
    }
}
