//! Gymnasium's classic control tasks, with the dynamics of Gymnasium 1.x.

mod acrobot;
mod cartpole;
mod mountain_car;
mod mountain_car_continuous;
mod pendulum;

pub use acrobot::Acrobot;
pub use cartpole::CartPole;
pub use mountain_car::MountainCar;
pub use mountain_car_continuous::MountainCarContinuous;
pub use pendulum::Pendulum;

use crate::EnvError;

/// The numbers of `state`, one for each of `names`, if that many and all finite.
pub(crate) fn numbers<const N: usize>(state: &[f64], names: [&str; N]) -> Result<[f64; N], EnvError> {
    let numbers: [f64; N] = state
        .try_into()
        .map_err(|_| EnvError::BadState(format!("it has {} numbers; give {N}: {}", state.len(), names.join(", "))))?;
    match numbers.iter().position(|x| !x.is_finite()) {
        None => Ok(numbers),
        Some(i) => Err(EnvError::BadState(format!("{} is {}; give a finite number", names[i], numbers[i]))),
    }
}
