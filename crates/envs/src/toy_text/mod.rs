//! Gymnasium's toy text tasks, with the dynamics of Gymnasium 1.x.

mod blackjack;
mod cliff_walking;
mod frozen_lake;
#[cfg(test)]
mod parity;
mod taxi;

pub(crate) use blackjack::Blackjack;
pub(crate) use cliff_walking::CliffWalking;
pub(crate) use frozen_lake::FrozenLake;
pub(crate) use taxi::Taxi;

use crate::chance::Chance;

/// What an action may lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Outcome {
    probability: f64,
    state: usize,
    reward: f32,
    terminated: bool,
}

/// All that an action may lead to: one outcome, or three.
#[derive(Clone, Copy, Debug)]
struct Outcomes {
    list: [Outcome; 3],
    count: usize,
}

impl Outcomes {
    fn one(outcome: Outcome) -> Self {
        Self { list: [outcome; 3], count: 1 }
    }

    fn all(&self) -> &[Outcome] {
        &self.list[..self.count]
    }

    /// One of them, by one uniform number.
    fn draw(&self, chance: &mut impl Chance) -> Outcome {
        let (unit, mut sum) = (chance.unit(), 0.0);
        let drawn = self.all().iter().find(|outcome| {
            sum += outcome.probability;
            sum > unit
        });
        *drawn.unwrap_or(&self.list[0])
    }
}

impl From<[Outcome; 3]> for Outcomes {
    fn from(list: [Outcome; 3]) -> Self {
        Self { list, count: 3 }
    }
}
