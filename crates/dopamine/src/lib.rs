//! Dopamine as reward prediction error: exact tabular models, and the classical experiments that they reproduce.
//!
//! An experiment is a function of [`Options`] and gives an [`Outcome`]: numbers beside the published ones, tables, and a [`Figure`] as
//! data. Nothing here reads or writes files; the `striatum dopamine` command prints, draws and saves.

mod bandit;
mod conditioning;
mod decoding;
mod dual;
mod experiment;
mod experiments;
mod figure;
mod interval;
mod nonnegative;
mod number;
mod parallel;
mod population;
mod simulate;
mod stats;
mod tabular;
mod timescales;
mod tonic;
mod vigour;

pub use bandit::Bandit;
pub use conditioning::{Cue, Rates, SerialCompound, Trial};
pub use decoding::{Tuning, impute};
pub use dual::{DualPolicy, DualRates};
pub use experiment::{Check, Expected, Experiment, Options, Outcome, Table};
pub use experiments::EXPERIMENTS;
pub use figure::{Band, Figure, Heatmap, Panel, Plot, Series};
pub use interval::Interval;
pub use nonnegative::nonnegative_least_squares;
pub use number::Number;
pub use population::{Code, Discrete, Population};
pub use tabular::{Clock, Model, Opal, PolicyGradient, QLearner, State, Tone, Ucb, one_hot};
pub use timescales::Timescales;
pub use tonic::{Tonic, TonicLearner, TonicRates};
pub use vigour::Presser;
