//! Settings that are built in for a task and an algorithm: the files of `configs/`, which hold only what differs from
//! the defaults.

use striatum_agent::Algorithm;

macro_rules! presets {
    ($($task:literal),*) => {
        /// Every built-in preset: its task, its algorithm and its TOML text.
        pub const PRESETS: &[(&str, Algorithm, &str)] = &[$(
            ($task, Algorithm::Ppo, include_str!(concat!("../../../../configs/", $task, ".ppo.toml"))),
            ($task, Algorithm::A2c, include_str!(concat!("../../../../configs/", $task, ".a2c.toml"))),
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
    "CartPoleNoVel-v1",
    "RepeatPrevious-v0",
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
    "MinAtar/SpaceInvaders-v1"
);

/// The built-in preset of a task and an algorithm; other tasks use the defaults.
#[must_use]
pub fn preset(task: &str, algo: Algorithm) -> Option<&'static str> {
    PRESETS.iter().find(|preset| (preset.0, preset.1) == (task, algo)).map(|preset| preset.2)
}
