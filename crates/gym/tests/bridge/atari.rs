//! Real games through the bridge and the wrappers, beside CleanRL's wrappers in the same Python.

use super::Test;
use crate::common::{has_modules, python};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;
use striatum_envs::wrappers::{WrapperSettings, wrap};
use striatum_envs::{Params, StepBuffers};
use striatum_gym::{GymSettings, Task, make};

pub const TESTS: &[Test] = &[("atari_games_are_cleanrl_s_frame_by_frame", games_are_cleanrl_s)];

/// Whether there are Atari games, and what CleanRL's wrappers are made of.
pub fn is_there() -> bool {
    has_modules("ale_py, cv2, gymnasium, stable_baselines3")
}

/// Reward, terminated, truncated, and sums of the observation and of the last one of an episode.
type Row = (f32, u8, u8, u32, Option<u32>);

/// What `record_atari.py play` prints.
fn played(game: &str, steps: usize, count: usize, seed: u64) -> (Vec<u32>, Vec<Vec<Row>>) {
    let script = Path::new("../../scripts/record_atari.py");
    let numbers = [steps as u64, count as u64, seed].map(|number| number.to_string());
    let output = Command::new(python()).arg(script).args(["play", game]).args(numbers).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let first = Vec::deserialize(&mut serde_json::Deserializer::from_slice(lines.next().unwrap())).unwrap();
    (first, lines.map(|line| serde_json::from_slice(line).unwrap()).collect())
}

/// Adler-32 (RFC 1950) of a row of packed bytes.
fn adler(row: &[f32]) -> u32 {
    let bytes = bytemuck::cast_slice::<f32, u8>(row).iter();
    let (a, b) = bytes.fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    b << 16 | a
}

fn games_are_cleanrl_s() {
    // Breakout has lives and FIRE; random play loses a life every few steps in Asterix, which has no FIRE.
    for (game, steps) in [("ALE/Breakout-v5", 1500), ("ALE/Asterix-v5", 700)] {
        same_as_cleanrl(game, steps, 2, 7);
    }
}

fn same_as_cleanrl(game: &str, steps: usize, count: usize, seed: u64) {
    let task = Task {
        name: format!("gym:{game}"),
        settings: GymSettings {
            python: python().display().to_string(),
            imports: vec!["ale_py".to_owned()],
            workers: 2,
            ..GymSettings::default()
        },
        arguments: Params::default().with("frameskip", 1).with("repeat_action_probability", 0.0),
        num_envs: count,
    };
    let mut envs = wrap(Box::new(make(&task, count).unwrap()), &WrapperSettings::atari()).unwrap();
    let (width, choices) = (envs.observation_space().width(), envs.action_names().len());
    let (mut observations, mut finals) = (vec![0.0; count * width], vec![0.0; count * width]);
    let [mut rewards, mut terminated, mut truncated] = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
    let (first, rows) = played(game, steps, count, seed);
    assert_eq!(rows.len(), steps);
    envs.reset(seed, 0, &mut observations).unwrap();
    let row = |rows: &[f32], env: usize| adler(&rows[env * width..(env + 1) * width]);
    assert_eq!((0..count).map(|env| row(&observations, env)).collect::<Vec<_>>(), first, "{game}");
    let (mut ends, mut games) = (0, 0.0);
    for (step, expected) in rows.iter().enumerate() {
        let action = |lane: usize| ((step * (2 * lane + 3) + step / 7) % choices) as f32;
        let actions: Vec<f32> = (0..count).map(action).collect();
        let out = StepBuffers {
            observations: &mut observations,
            rewards: &mut rewards,
            terminated: &mut terminated,
            truncated: &mut truncated,
            final_observations: &mut finals,
        };
        envs.step(&actions, out).unwrap();
        for (env, &(reward, ended, cut, seen, last)) in expected.iter().enumerate() {
            let name = format!("{game}, environment {env} at step {step}");
            assert_eq!((rewards[env], terminated[env], truncated[env]), (reward, ended.into(), cut.into()), "{name}");
            assert_eq!(row(&observations, env), seen, "{name}");
            last.into_iter().for_each(|last| assert_eq!(row(&finals, env), last, "the last of {name}"));
            ends += ended;
        }
        games += envs.account().unwrap().ends.iter().sum::<f32>();
    }
    assert!(ends > 4 && games > 1.0, "{game}: {ends} episodes and {games} games ended");
}
