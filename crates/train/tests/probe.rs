//! A probe shows what the agent's own network makes of the episodes of an evaluation.

use std::sync::atomic::AtomicBool;
use striatum_agent::{Pathways, RewardCentering};
use striatum_envs::{Batch, Env, EnvError, Space, Step, Stream, VecEnv};
use striatum_train::TrainError;
use striatum_train::actor::Choice;
use striatum_train::config::{Config, DeviceChoice, EngineChoice, Request};
use striatum_train::probe::Probe;
use striatum_train::run::{RunOptions, train};
use striatum_train::saved::{SavedPolicy, Which};

/// Goes round four places; the observation is the place, and the last of an episode that is cut is its first again.
#[derive(Clone)]
struct Round {
    place: u8,
    /// Whether the third step ends in a terminal state, before the fourth is the last.
    terminates: bool,
}

impl Env for Round {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 3.0)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }
    fn time_limit(&self) -> Option<u32> {
        Some(4)
    }
    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.place = 0;
        observation[0] = 0.0;
    }
    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let reward = 1.0 + 10.0 * f32::from(self.place);
        self.place = (self.place + 1) % 4;
        observation[0] = f32::from(self.place);
        Step { reward, terminated: self.terminates && self.place == 3, truncated: false }
    }
    fn state(&self) -> Vec<f64> {
        vec![f64::from(self.place)]
    }
    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.place = state[0] as u8;
        observation[0] = state[0] as f32;
        Ok(())
    }
}

/// A short run's policy.
fn trained(config: Config, make_envs: &dyn Fn(usize) -> Result<Box<dyn VecEnv>, TrainError>) -> SavedPolicy {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let options = RunOptions { out: out.clone(), stop_after: None, interrupted: &AtomicBool::new(false), quiet: true };
    train(config, make_envs, &options).unwrap();
    SavedPolicy::load(&out, Which::Latest).unwrap()
}

/// Trains on [`Round`] and holds every TD error of two episodes beside its definition.
fn check_td_errors([terminates, scaled, centred]: [bool; 3]) {
    let make_envs = move |count| -> Result<Box<dyn VecEnv>, TrainError> {
        Ok(Box::new(Batch::new(count, || Round { place: 0, terminates })?))
    };
    let mut config = Config { task: "Round".into(), total_steps: 1024, num_envs: 4, ..Default::default() };
    (config.ppo.num_steps, config.eval.episodes, config.device) = (32, 2, DeviceChoice::Cpu);
    (config.normalize.observations, config.normalize.rewards) = (true, scaled);
    (config.network.pathways, config.dopamine.tone) = (Pathways::Dual, 0.25);
    if centred {
        (config.dopamine.reward_centering, config.dopamine.force_centering) = (RewardCentering::Td, true);
    }
    let gamma = config.gamma();
    let saved = trained(config, &make_envs);
    let probe = Probe::of(&saved, &make_envs, 7, 2).unwrap();

    let length = if terminates { 3 } else { 4 };
    assert_eq!((probe.steps.len(), probe.tone, probe.reward_scale.is_some()), (2 * length, Some(0.25), scaled));
    let scale = probe.reward_scale.unwrap_or(1.0);
    assert!(!scaled || (0.0..0.5).contains(&scale), "{scale}");
    assert_eq!(probe.average_reward.is_some(), centred);
    let average = probe.average_reward.unwrap_or(0.0);
    assert!(!centred || average.abs() > 0.01, "{average}");
    for (i, step) in probe.steps.iter().enumerate() {
        let (at, last) = (i % length, i % length == length - 1);
        assert_eq!((step.episode, step.step, step.reward), (i / length, at, 1.0 + 10.0 * at as f32));
        assert_eq!((step.terminated, step.truncated), (last && terminates, last && !terminates));
        let clipped = if scaled { (step.reward * scale).clamp(-10.0, 10.0) } else { step.reward };
        assert!((step.learned_reward - (clipped - average)).abs() < 1e-5, "{step:?}");
        let next = match (last, terminates) {
            (false, _) => probe.steps[i + 1].value,
            (true, true) => 0.0,
            // The last observation is the first one.
            (true, false) => probe.steps[0].value,
        };
        let expected = step.learned_reward + gamma * next - step.value;
        assert!((step.td_error - expected).abs() < 1e-4 * (1.0 + step.value.abs()), "{step:?}: {expected}");
        // pi = softmax(c [(1 + rho) g - (1 - rho) n])
        let pathways = step.direct.iter().zip(&step.indirect);
        let weights: Vec<f32> = pathways.map(|(g, n)| (0.5_f32.sqrt() * (1.25 * g - 0.75 * n)).exp()).collect();
        let sum: f32 = weights.iter().sum();
        assert!(step.policy.len() == 3 && step.policy.iter().zip(&weights).all(|(p, w)| (p - w / sum).abs() < 1e-5));
    }
    assert!(probe.steps[1].value != probe.steps[0].value, "{:?}", probe.steps);
}

#[test]
fn td_errors_are_those_of_training() {
    for case in 0..8 {
        check_td_errors([1, 2, 4].map(|bit| case & bit != 0));
    }
}

#[test]
fn episodes_are_those_of_an_evaluation_for_every_distribution() {
    let short = ["total_steps=1024", "num_envs=4", "ppo.num_steps=32", "eval.episodes=2", "device=cpu"];
    let cases: [(&str, &[&str]); 8] = [
        ("Pendulum-continuing-v0", &["eval.continuing_steps=50", "dopamine.reward_centering=td"]),
        ("CartPole-v1", &["critic.kind=quantile", "critic.quantiles=5"]),
        ("CartPole-v1", &["critic.horizons=3", "network.pathways=dual"]),
        ("CartPole-v1", &["network.pathways=dual", "dopamine.tone=-0.5", "normalize.observations=true"]),
        ("CartPole-v1", &["network.pathways=single"]),
        ("Pendulum-v1", &["normalize.rewards=true", "network.state_dependent_exploration=false"]),
        ("Pendulum-v1", &["network.state_dependent_exploration=true", "network.pathways=dual"]),
        ("MountainCarContinuous-v0", &["network.state_dependent_exploration=false", "network.squash=true"]),
    ];
    for (task, own) in cases {
        let sets = short.iter().chain(own).map(|set| (*set).to_owned()).collect();
        let config = Config::resolve(&Request { task: task.to_owned(), sets, ..Default::default() }).unwrap();
        let make_envs = |count| -> Result<Box<dyn VecEnv>, TrainError> { Ok(striatum_envs::make(task, count)?) };
        let saved = trained(config, &make_envs);
        let probe = Probe::of(&saved, &make_envs, 3, 3).unwrap();
        let engine = (DeviceChoice::Cpu, EngineChoice::Auto);
        let (evaluation, _) = saved.evaluate(&make_envs, engine, Choice::Deterministic, 3, 3).unwrap();
        let total: f64 = probe.steps.iter().map(|step| f64::from(step.reward)).sum();
        assert!((total / 3.0 - evaluation.mean_return).abs() < 1e-6 * total.abs(), "{task}: {total}, {evaluation:?}");
        assert_eq!(probe.steps.len(), (3.0 * evaluation.mean_length).round() as usize, "{task}");
        assert_eq!(probe.steps.iter().filter(|step| step.terminated || step.truncated).count(), 3);

        let continuous = task != "CartPole-v1";
        for step in &probe.steps {
            assert_eq!(step.indirect.len(), if probe.tone.is_some() { step.direct.len() } else { 0 });
            assert_eq!(step.std.len(), if continuous { 1 } else { 0 });
            assert!(step.std.iter().all(|&std| std > 0.0 && std.is_finite()), "{step:?}");
            assert!(continuous || (step.policy.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{step:?}");
        }
        let table = probe.table();
        assert!(
            table.rows.iter().all(|(labels, numbers)| labels.len() + numbers.len() == table.header.len()),
            "{table:?}"
        );
        assert!(
            table.header.contains(&if continuous { "std_0" } else { "probability_1" }.to_owned()),
            "{:?}",
            table.header
        );
        let titles: Vec<_> = probe.figure().panels.into_iter().map(|panel| panel.title).collect();
        assert_eq!(titles.contains(&"Indirect pathway".to_owned()), probe.tone.is_some(), "{titles:?}");
        assert_eq!(titles[2].contains("scaled"), probe.reward_scale.is_some(), "{titles:?}");
    }
}
