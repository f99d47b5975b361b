//! Tasks whose observations do not tell the state: what was seen before has to be kept in mind.

mod cartpole_no_vel;
mod repeat_previous;

pub use cartpole_no_vel::CartPoleNoVel;
pub use repeat_previous::RepeatPrevious;
