//! Settings that are built in for a task and an algorithm: the files of `configs/`, which hold only what differs from
//! the defaults.

use striatum_agent::Algorithm;
use striatum_envs::wrappers::WrapperPreset;

macro_rules! presets {
    ($($task:literal),*; $($of_ppo:literal),*; $($bridged:literal),*) => {
        /// Every built-in preset: its task, its algorithm and its TOML text.
        pub const PRESETS: &[(&str, Algorithm, &str)] = &[$(
            ($task, Algorithm::Ppo, include_str!(concat!("../../../../configs/", $task, ".ppo.toml"))),
            ($task, Algorithm::A2c, include_str!(concat!("../../../../configs/", $task, ".a2c.toml"))),
        )* $(
            ($of_ppo, Algorithm::Ppo, include_str!(concat!("../../../../configs/", $of_ppo, ".ppo.toml"))),
        )* $(
            (concat!("gym:", $bridged), Algorithm::Ppo, include_str!(concat!("../../../../configs/", $bridged, ".ppo.toml"))),
        )*];
    };
}

presets!(
    "CartPole-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Acrobot-v1",
    "Pendulum-v1",
    "Pendulum-continuing-v0",
    "Bandit-v0",
    "Conditioning-v0",
    "RiskyChoice-v0",
    "CliffGamble-v0",
    "Vigour-v0",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
    "CliffWalking-v1",
    "CliffWalkingSlippery-v1",
    "Taxi-v3",
    "Taxi-v4",
    "Blackjack-v1",
    "MinAtar/Breakout-v1",
    "MinAtar/Asterix-v1",
    "MinAtar/Freeway-v1",
    "MinAtar/Seaquest-v1",
    "MinAtar/SpaceInvaders-v1";
    "CartPoleNoVel-v1",
    "RepeatPrevious-v0";
    "ALE",
    "LunarLander-v3",
    "LunarLanderContinuous-v3",
    "BipedalWalker-v3",
    "HalfCheetah-v5",
    "Hopper-v5",
    "Walker2d-v5"
);

/// The built-in preset of a task and an algorithm; other tasks use the defaults. A built-in task keeps its preset when it is Gymnasium's
/// that is asked for. All games of the Arcade Learning Environment share one.
#[must_use]
pub fn preset(task: &str, algo: Algorithm) -> Option<&'static str> {
    let of = |task: &str| PRESETS.iter().find(|preset| (preset.0, preset.1) == (task, algo)).map(|preset| preset.2);
    let task = if task.starts_with(ALE) { "gym:ALE" } else { task };
    of(task).or_else(|| of(task.strip_prefix("gym:")?))
}

/// How the games of the Arcade Learning Environment begin.
const ALE: &str = "gym:ALE/";

/// CleanRL's wrappers.
macro_rules! atari {
    () => {
        include_str!("../../../../configs/wrappers/atari.toml")
    };
}

/// The settings that a preset of wrappers stands for, if it has any for the task. Where the game itself would repeat actions, it is told not
/// to.
#[must_use]
pub fn wrapper_preset(task: &str, preset: WrapperPreset) -> Option<&'static str> {
    match preset {
        WrapperPreset::None => None,
        _ if task.starts_with(ALE) => {
            Some(concat!(atari!(), "\n[env]\nframeskip = 1\nrepeat_action_probability = 0.0\n"))
        }
        WrapperPreset::Auto => None,
        WrapperPreset::Atari => Some(atari!()),
    }
}
