//! Learners that keep a few numbers an arm.
//!
//! Every learner is written once, for [`Number`]: in `f64` it is the exact model that tests work by hand; in `f32` many independent
//! simulations are computed side by side. A learner is a value that holds its parameters; what it has learned is a [`State`].
//!
//! ```
//! use striatum_dopamine::{Clock, Model, Opal, one_hot};
//! let opal = Opal::star(0.05, 1.0, 2.0);
//! let start = opal.start::<f64>();
//! let policy: [f64; 2] = opal.policy(&start, &Clock::at(0));
//! assert_eq!(policy, [0.5, 0.5]);
//! let rewarded = opal.learn(&start, &Clock::at(0), &policy, one_hot(1), 1.0);
//! assert!(opal.policy(&rewarded, &Clock::at(1))[1] > 0.5);
//! ```

mod baselines;
mod opal;

use crate::Number;
use crate::number::pick;

pub use baselines::{PolicyGradient, QLearner, Ucb};
pub use opal::{Opal, Tone};

/// What a learner knows: `R` numbers for each of `A` arms, and one that belongs to no arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State<X, const A: usize, const R: usize> {
    /// `[R][A]` numbers; what they are is the learner's.
    pub arms: [[X; A]; R],
    /// What belongs to no arm.
    pub shared: X,
}

/// The time of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock<F> {
    /// Trials before this one.
    pub trial: F,
    /// Natural logarithm of the trial's number, counted from 1.
    pub log: F,
}

impl<F: Number> Clock<F> {
    /// The trial after `trial` others.
    #[must_use]
    pub fn at(trial: usize) -> Self {
        Self { trial: F::of(trial as f64), log: F::of((trial as f64 + 1.0).ln()) }
    }
}

/// A learner with `A` arms that remembers `R` numbers an arm.
pub trait Model<const A: usize, const R: usize>: Copy + Send + Sync {
    /// What it knows before the first trial.
    fn start<F: Number>(&self) -> State<F, A, R>;

    /// With which probability it chooses each arm.
    fn policy<F: Number>(&self, state: &State<F, A, R>, clock: &Clock<F>) -> [F; A];

    /// What it knows after it chose one arm by `policy` and got `reward`.
    fn learn<F: Number>(
        &self,
        state: &State<F, A, R>,
        clock: &Clock<F>,
        policy: &[F; A],
        chosen: [bool; A],
        reward: F,
    ) -> State<F, A, R>;
}

/// The choice of `arm`.
#[must_use]
pub fn one_hot<const A: usize>(arm: usize) -> [bool; A] {
    core::array::from_fn(|i| i == arm)
}

/// The arm in whose share of `[0, 1)` the number lies; the last one if rounding left none.
#[inline(always)]
pub(crate) fn choose<F: Number, const A: usize>(policy: &[F; A], uniform: F) -> [bool; A] {
    let mut chosen = [false; A];
    let mut sum = F::of(0.0);
    let mut below = false;
    for arm in 0..A {
        sum = sum + policy[arm];
        let here = uniform < sum || arm == A - 1;
        chosen[arm] = here && !below;
        below = here;
    }
    chosen
}

/// The number that belongs to the chosen arm.
#[inline(always)]
pub(crate) fn at<F: Number, const A: usize>(numbers: &[F; A], chosen: &[bool; A]) -> F {
    let mut found = F::of(0.0);
    for arm in 0..A {
        found = pick(chosen[arm], numbers[arm], found);
    }
    found
}

/// `p_i = exp(x_i) / sum_j exp(x_j)`.
#[inline(always)]
pub(crate) fn softmax<F: Number, const A: usize>(x: [F; A]) -> [F; A] {
    let mut most = x[0];
    for &number in &x[1..] {
        most = number.at_least(most);
    }
    let mut p = x;
    let mut sum = F::of(0.0);
    for number in &mut p {
        *number = (*number - most).exp_of_negative();
        sum = sum + *number;
    }
    let scale = F::of(1.0) / sum;
    for number in &mut p {
        *number = *number * scale;
    }
    p
}
