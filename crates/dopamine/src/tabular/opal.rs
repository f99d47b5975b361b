//! OpAL (Collins and Frank 2014, Psychological Review 121) and OpAL* (Jaskir and Frank 2023, eLife 12:e85107).

use super::{Clock, Model, State, at, softmax};
use crate::Number;
use crate::number::pick;

/// What dopamine at the time of choice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It shifts weight from one pathway to the other: `b_G = b max(0, 1 + rho)`, `b_N = b max(0, 1 - rho)`.
    Opposed,
    /// The control without opponency, a temperature: `b_G = b_N = b (1 + |rho|)`.
    Temperature,
}

/// An opponent actor learner: a critic V for every arm and two actors, G (direct pathway, what speaks for the arm) and N (indirect,
/// what speaks against it).
///
/// ```text
/// Act_i = b_G G_i - b_N N_i ;  P = softmax(Act)
/// delta = r - V_c ;  V_c += a_c delta ;  G_c = max(0, G_c (1 + a delta)) ;  N_c = max(0, N_c (1 - a delta))
/// ```
///
/// for the chosen arm c alone; G and N start at 1, V at 0.5. A meta-critic counts rewards and omissions of all arms together, each from
/// 1; their shares of one arm, counts / A, are a Beta distribution of mean mu and variance v (the first trial takes the counts
/// undivided, as the authors' program does). It sets dopamine, `rho = k (mu - 0.5)` where `|mu - 0.5| > phi sqrt(v)`, else 0, and anneals
/// the actors' rate, `a = a_0 / (1 + 1 / (10 T v))`.
///
/// The rows of the state are G, N and V; the shared number counts rewards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opal {
    /// The critic's step size a_c.
    pub critic_rate: f64,
    /// The actors' step size a_0 before annealing.
    pub actor_rate: f64,
    /// Inverse temperature b.
    pub beta: f64,
    /// How strongly the meta-critic sets dopamine; 0 is OpAL.
    pub k: f64,
    /// Standard deviations from 0.5 that the mean reward must have before dopamine changes.
    pub phi: f64,
    /// Annealing T: the smaller, the sooner the actors rest.
    pub annealing: f64,
    /// Whether updates are multiplied by G and N themselves.
    pub hebbian: bool,
    /// What dopamine does.
    pub tone: Tone,
}

impl Opal {
    /// OpAL*: k 20, phi 1, T 10.
    #[must_use]
    pub fn star(critic_rate: f64, actor_rate: f64, beta: f64) -> Self {
        let (k, phi, annealing) = (20.0, 1.0, 10.0);
        Self { critic_rate, actor_rate, beta, k, phi, annealing, hebbian: true, tone: Tone::Opposed }
    }

    /// OpAL with the same annealing: dopamine stays at 0 (OpAL+ in the paper's program).
    #[must_use]
    pub fn plain(critic_rate: f64, actor_rate: f64, beta: f64) -> Self {
        Self { k: 0.0, ..Self::star(critic_rate, actor_rate, beta) }
    }

    /// OpAL* whose updates are not multiplied by G and N.
    #[must_use]
    pub fn without_hebb(critic_rate: f64, actor_rate: f64, beta: f64) -> Self {
        Self { hebbian: false, ..Self::star(critic_rate, actor_rate, beta) }
    }

    /// Mean and variance of the meta-critic's Beta distribution of `rewards` in the trials before this one.
    #[inline(always)]
    fn meta_critic<F: Number>(rewards: F, clock: &Clock<F>, arms: usize) -> (F, F) {
        let (zero, one) = (F::of(0.0), F::of(1.0));
        let count = clock.trial + F::of(2.0);
        let shared_out = pick(clock.trial > zero, F::of(arms as f64), one);
        let mean = (rewards + one) * (one / count);
        // Var Beta(a, b) = mu (1 - mu) / (a + b + 1)
        (mean, mean * (one - mean) * (one / (count / shared_out + one)))
    }

    /// Dopamine at the time of choice, rho.
    #[inline(always)]
    fn dopamine<F: Number>(&self, mean: F, variance: F) -> F {
        let distance = mean - F::of(0.5);
        // Whole counts make both sides equal now and then, which is not for rounding to decide.
        let sure = distance * distance > F::of(self.phi * self.phi * (1.0 + 1e-6)) * variance;
        pick(sure, F::of(self.k) * distance, F::of(0.0))
    }
}

impl<const A: usize> Model<A, 3> for Opal {
    #[inline(always)]
    fn start<F: Number>(&self) -> State<F, A, 3> {
        State { arms: [[F::of(1.0); A], [F::of(1.0); A], [F::of(0.5); A]], shared: F::of(0.0) }
    }

    #[inline(always)]
    fn policy<F: Number>(&self, state: &State<F, A, 3>, clock: &Clock<F>) -> [F; A] {
        let (zero, one) = (F::of(0.0), F::of(1.0));
        let (mean, variance) = Self::meta_critic(state.shared, clock, A);
        let rho = self.dopamine(mean, variance);
        let size = rho.at_least(zero - rho);
        let opposed = self.tone == Tone::Opposed;
        let go = F::of(self.beta) * (one + pick(opposed, rho, size)).at_least(zero);
        let no_go = F::of(self.beta) * (one + pick(opposed, zero - rho, size)).at_least(zero);
        let [g, n, _] = &state.arms;
        let mut act = *g;
        for arm in 0..A {
            act[arm] = go * g[arm] - no_go * n[arm];
        }
        softmax(act)
    }

    #[inline(always)]
    fn learn<F: Number>(
        &self,
        state: &State<F, A, 3>,
        clock: &Clock<F>,
        _policy: &[F; A],
        chosen: [bool; A],
        reward: F,
    ) -> State<F, A, 3> {
        let (zero, one) = (F::of(0.0), F::of(1.0));
        let (_, variance) = Self::meta_critic(state.shared, clock, A);
        let mut next = *state;
        let [g, n, v] = &mut next.arms;
        let delta = reward - at(v, &chosen);
        // a_0 / (1 + 1 / x) = a_0 x / (1 + x)
        let x = F::of(10.0 * self.annealing) * variance;
        let step = F::of(self.actor_rate) * x / (one + x) * delta;
        for arm in 0..A {
            let step = pick(chosen[arm], step, zero);
            v[arm] = v[arm] + pick(chosen[arm], F::of(self.critic_rate) * delta, zero);
            g[arm] = (g[arm] + step * pick(self.hebbian, g[arm], one)).at_least(zero);
            n[arm] = (n[arm] - step * pick(self.hebbian, n[arm], one)).at_least(zero);
        }
        next.shared = next.shared + reward;
        next
    }
}
