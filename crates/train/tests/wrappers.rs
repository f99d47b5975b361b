//! What is reported of a wrapped task: the task's own returns and episodes.

use std::sync::atomic::AtomicBool;
use striatum_envs::wrappers::wrap;
use striatum_envs::{Batch, Env, EnvError, Space, Step, Stream, VecEnv};
use striatum_train::TrainError;
use striatum_train::actor::Choice;
use striatum_train::config::{Config, DeviceChoice, EngineChoice, Request};
use striatum_train::run::{RunOptions, train};
use striatum_train::saved::{SavedPolicy, Which};

/// Observes the number of its step, a choice among 6, and ends after the fifth; each is worth 7.
#[derive(Clone, Debug, Default)]
struct Five(u32);

impl Env for Five {
    fn observation_space(&self) -> Space {
        Space::Discrete { n: 6 }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.0 = 0;
        observation[0] = 0.0;
    }

    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        self.0 += 1;
        observation[0] = self.0 as f32;
        Step { reward: 7.0, terminated: self.0 == 5, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.0.into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.0 = state[0] as u32;
        observation[0] = self.0 as f32;
        Ok(())
    }
}

#[test]
fn returns_are_the_task_s_whatever_is_learned_from() {
    // With a skip of 2 an episode has three steps, worth 14, 14 and 7, of which the agent sees signs.
    let sets = ["total_steps=1200", "ppo.num_steps=30", "device=cpu", "eval.interval=0", "run.log_interval=0"];
    let wrappers = ["wrappers.frame_skip=2", "wrappers.reward_sign=true", "wrappers.frame_stack=2"];
    let sets = sets.iter().chain(&wrappers).map(|set| (*set).to_owned()).collect();
    let config = Config::resolve(&Request { task: "Five-v0".to_owned(), sets, ..Default::default() }).unwrap();
    let make_envs = |count| -> Result<Box<dyn VecEnv>, TrainError> {
        Ok(wrap(Box::new(Batch::new(count, Five::default)?), &config.wrappers)?)
    };
    assert_eq!(make_envs(1).unwrap().observation_space(), &Space::uniform_box(12, 0.0, 1.0));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let options = RunOptions { out: out.clone(), stop_after: None, interrupted: &AtomicBool::new(false), quiet: true };
    let summary = train(config.clone(), &make_envs, &options).unwrap();
    assert_eq!((summary.episodic_return, summary.best_return), (Some(35.0), Some(35.0)));
    assert_eq!(summary.episodes, 400);
    let saved = SavedPolicy::load(&out, Which::Latest).unwrap();
    let engine = (DeviceChoice::Cpu, EngineChoice::Auto);
    let (evaluation, _) = saved.evaluate(&make_envs, engine, Choice::Deterministic, 1, 4).unwrap();
    assert_eq!((evaluation.mean_return, evaluation.mean_length), (35.0, 3.0));
}
