//! What the opponent learners are compared with.

use super::{Clock, Model, State, at, softmax};
use crate::Number;
use crate::number::pick;

/// Upper confidence bound on sample means: `argmax Q_i + c sqrt(ln t / n_i)`, arms never tried first, equals at random (Auer et al. 2002).
///
/// The rows of the state are n, how often each arm was chosen, and how often it paid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ucb {
    /// The bonus c.
    pub bonus: f64,
}

impl<const A: usize> Model<A, 2> for Ucb {
    #[inline(always)]
    fn start<F: Number>(&self) -> State<F, A, 2> {
        State { arms: [[F::of(0.0); A]; 2], shared: F::of(0.0) }
    }

    #[inline(always)]
    fn policy<F: Number>(&self, state: &State<F, A, 2>, clock: &Clock<F>) -> [F; A] {
        let (zero, one) = (F::of(0.0), F::of(1.0));
        let scale = F::of(self.bonus * self.bonus) * clock.log;
        let [counts, paid] = &state.arms;
        let mut values = *counts;
        let mut most = zero;
        for arm in 0..A {
            let bound = paid[arm] / counts[arm] + (scale / counts[arm]).root();
            values[arm] = pick(counts[arm] > zero, bound, F::of(1e30));
            most = values[arm].at_least(most);
        }
        let mut equals = zero;
        for value in &mut values {
            *value = pick(*value == most, one, zero);
            equals = equals + *value;
        }
        for value in &mut values {
            *value = *value / equals;
        }
        values
    }

    #[inline(always)]
    fn learn<F: Number>(
        &self,
        state: &State<F, A, 2>,
        _clock: &Clock<F>,
        _policy: &[F; A],
        chosen: [bool; A],
        reward: F,
    ) -> State<F, A, 2> {
        let (zero, one) = (F::of(0.0), F::of(1.0));
        let mut next = *state;
        let [counts, paid] = &mut next.arms;
        for arm in 0..A {
            counts[arm] = counts[arm] + pick(chosen[arm], one, zero);
            paid[arm] = paid[arm] + pick(chosen[arm], reward, zero);
        }
        next
    }
}

/// Q-learning with a softmax policy: `Q_c += a (r - Q_c)`, `P = softmax(b Q)`, Q from 0.5.
///
/// The row of the state is Q.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QLearner {
    /// Step size a.
    pub rate: f64,
    /// Inverse temperature b.
    pub beta: f64,
}

impl<const A: usize> Model<A, 1> for QLearner {
    #[inline(always)]
    fn start<F: Number>(&self) -> State<F, A, 1> {
        State { arms: [[F::of(0.5); A]], shared: F::of(0.0) }
    }

    #[inline(always)]
    fn policy<F: Number>(&self, state: &State<F, A, 1>, _clock: &Clock<F>) -> [F; A] {
        let mut act = state.arms[0];
        for number in &mut act {
            *number = *number * F::of(self.beta);
        }
        softmax(act)
    }

    #[inline(always)]
    fn learn<F: Number>(
        &self,
        state: &State<F, A, 1>,
        _clock: &Clock<F>,
        _policy: &[F; A],
        chosen: [bool; A],
        reward: F,
    ) -> State<F, A, 1> {
        let mut next = *state;
        let [q] = &mut next.arms;
        let step = F::of(self.rate) * (reward - at(q, &chosen));
        for arm in 0..A {
            q[arm] = q[arm] + pick(chosen[arm], step, F::of(0.0));
        }
        next
    }
}

/// REINFORCE with a baseline (Williams 1992; Sutton and Barto 2018, section 2.8):
/// `theta_i += a (r - b) (1[i = c] - P_i)`, `b += a_b (r - b)`, `P = softmax(theta)`, b from 0.5.
///
/// The row of the state is theta, the shared number b.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyGradient {
    /// Step size a.
    pub rate: f64,
    /// The baseline's step size a_b.
    pub baseline_rate: f64,
}

impl<const A: usize> Model<A, 1> for PolicyGradient {
    #[inline(always)]
    fn start<F: Number>(&self) -> State<F, A, 1> {
        State { arms: [[F::of(0.0); A]], shared: F::of(0.5) }
    }

    #[inline(always)]
    fn policy<F: Number>(&self, state: &State<F, A, 1>, _clock: &Clock<F>) -> [F; A] {
        softmax(state.arms[0])
    }

    #[inline(always)]
    fn learn<F: Number>(
        &self,
        state: &State<F, A, 1>,
        _clock: &Clock<F>,
        policy: &[F; A],
        chosen: [bool; A],
        reward: F,
    ) -> State<F, A, 1> {
        let (zero, one) = (F::of(0.0), F::of(1.0));
        let mut next = *state;
        let [theta] = &mut next.arms;
        let delta = reward - state.shared;
        for arm in 0..A {
            theta[arm] = theta[arm] + F::of(self.rate) * delta * (pick(chosen[arm], one, zero) - policy[arm]);
        }
        next.shared = state.shared + F::of(self.baseline_rate) * delta;
        next
    }
}
