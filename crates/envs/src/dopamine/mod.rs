//! Small tasks about dopamine: conditioning, choices under risk, reversals, vigour, and a task without an end.

mod bandit;
mod cliff_gamble;
mod conditioning;
mod pendulum_continuing;
mod risky_choice;
mod vigour;

pub use bandit::Bandit;
pub use cliff_gamble::CliffGamble;
pub use conditioning::Conditioning;
pub use pendulum_continuing::PendulumContinuing;
pub use risky_choice::RiskyChoice;
pub use vigour::Vigour;

use crate::{EnvError, Stream};
use std::ops::RangeInclusive;

/// Whether something of this probability happens.
fn happens(probability: f64, rng: &mut Stream) -> bool {
    f64::from(rng.uniform()) < probability
}

/// A whole number of a state.
pub(crate) fn whole(name: &str, value: f64, range: RangeInclusive<i64>) -> Result<i64, EnvError> {
    let number = value as i64;
    if value.fract() == 0.0 && range.contains(&number) {
        return Ok(number);
    }
    let (first, last) = (range.start(), range.end());
    Err(EnvError::BadState(format!("{name} is {value}; give a whole number from {first} to {last}")))
}
