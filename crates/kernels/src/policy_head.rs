//! From output rows to actions, on the host.

use crate::distribution::{Categorical, Columns, Density, Gaussian};
use crate::{HeadLayout, Policy};
use striatum_rng::{Purpose, Stream};

/// Where the randomness of actions comes from.
#[derive(Clone, Copy, Debug)]
pub enum Noise<'a> {
    /// None: the most likely action.
    Mode,
    /// Counter-based random numbers: row `i` draws from [`Purpose::Action`] at lane `first_lane + i` and index `step`.
    Counted {
        /// The run's seed.
        seed: u64,
        /// How many steps an environment has taken.
        step: u32,
        /// The lane of the first row.
        first_lane: u32,
    },
    /// Generalised state-dependent exploration (Raffin, Kober & Stulp 2022): `u = mu + sum_h features_h exp(log_std[h][d]) z[h][d]`.
    /// For [`Policy::StateDependent`] only.
    Matrix {
        /// Standard normal numbers z, held for several steps, `[R, features * dims]` (feature-major).
        exploration: &'a [f32],
    },
}

/// Draws an action for each of R rows: `outputs` `[R, W]`, `log_std` as the layout's policy has it, `tone` (rho) and
/// `inverse_temperature` (beta) `[R]`. Writes `actions` `[R, action width]` (`u` where squashed) and `log_probs` `[R]`, computed by the
/// code of the loss, so that the first ratio is 1.
///
/// # Panics
/// If a slice is too short, or if an exploration matrix is given to a policy without features.
#[allow(clippy::too_many_arguments, reason = "one launch of a kernel, whose arguments are flat arrays")]
pub fn policy_head(
    layout: &HeadLayout,
    rows: usize,
    outputs: &[f32],
    log_std: &[f32],
    tone: &[f32],
    inverse_temperature: &[f32],
    noise: Noise<'_>,
    actions: &mut [f32],
    log_probs: &mut [f32],
) {
    let head = Head { columns: Columns::new(layout), rows, outputs, tone, inverse_temperature, noise };
    match &layout.policy {
        Policy::Categorical { nvec } => {
            assert!(!matches!(noise, Noise::Matrix { .. }), "an exploration matrix needs features");
            head.run(Categorical::new(nvec), nvec.len(), |_, _, _, _| {}, actions, log_probs);
        }
        &Policy::Gaussian { dims, squash } => {
            assert!(!matches!(noise, Noise::Matrix { .. }), "an exploration matrix needs features");
            head.run(Gaussian::new(dims, 0, squash, log_std), dims, |_, _, _, _| {}, actions, log_probs);
        }
        &Policy::StateDependent { dims, features, squash } => {
            let density = Gaussian::new(dims, features, squash, log_std);
            head.run(density, dims, Gaussian::explore, actions, log_probs);
        }
    }
}

struct Head<'a> {
    columns: Columns,
    rows: usize,
    outputs: &'a [f32],
    tone: &'a [f32],
    inverse_temperature: &'a [f32],
    noise: Noise<'a>,
}

impl Head<'_> {
    fn run<D: Density>(
        &self,
        mut density: D,
        action_width: usize,
        explore: impl Fn(&D, &[f32], &[f32], &mut [f32]),
        actions: &mut [f32],
        log_probs: &mut [f32],
    ) {
        let mut net = vec![0.0; self.columns.logits];
        for (row, log_prob) in log_probs[..self.rows].iter_mut().enumerate() {
            let output = &self.outputs[row * self.columns.width..][..self.columns.width];
            let features = self.columns.features(output);
            self.columns.net(output, self.columns.gains(self.tone[row], self.inverse_temperature[row]), &mut net);
            density.prepare(&net, features);
            let action = &mut actions[row * action_width..][..action_width];
            match self.noise {
                Noise::Mode => density.mode(action),
                Noise::Counted { seed, step, first_lane } => {
                    let lane = first_lane.wrapping_add(row as u32);
                    density.sample(&mut Stream::new(seed, Purpose::Action, lane, step), action);
                }
                Noise::Matrix { exploration } => {
                    let len = features.len() * action_width;
                    explore(&density, features, &exploration[row * len..][..len], action);
                }
            }
            *log_prob = density.log_prob(action);
        }
    }
}

/// The net logits, or means before a squash, of R rows: `outputs` `[R, W]`, `tone` and `inverse_temperature` `[R]`, `net`
/// `[R, logits]`.
///
/// # Panics
/// If a slice is too short.
pub fn net_logits(
    layout: &HeadLayout,
    rows: usize,
    outputs: &[f32],
    tone: &[f32],
    inverse_temperature: &[f32],
    net: &mut [f32],
) {
    let columns = Columns::new(layout);
    for row in 0..rows {
        let output = &outputs[row * columns.width..][..columns.width];
        let gains = columns.gains(tone[row], inverse_temperature[row]);
        columns.net(output, gains, &mut net[row * columns.logits..][..columns.logits]);
    }
}

/// The probabilities of R rows' choices from their net logits `[R, logits]`, in place; `nvec` as in [`Policy::Categorical`].
pub fn probabilities(nvec: &[usize], net: &mut [f32]) {
    let mut density = Categorical::new(nvec);
    for row in net.chunks_exact_mut(nvec.iter().sum::<usize>().max(1)) {
        density.prepare(row, &[]);
        row.copy_from_slice(density.probs());
    }
}

/// What the environment gets for one stored action row `u`: the choices as they are; `tanh(u)` from -1..1 to `low..high`; otherwise
/// `u` clipped to `low..high`. `low` and `high` are read for real actions only, `[dims]`.
pub fn environment_action(policy: &Policy, low: &[f32], high: &[f32], u: &[f32], out: &mut [f32]) {
    if !policy.is_continuous() {
        out.copy_from_slice(u);
        return;
    }
    for (((out, &u), &low), &high) in out.iter_mut().zip(u).zip(low).zip(high) {
        // A product of halves: the difference of two large bounds could overflow.
        let rescaled = |unit: f32| low * (0.5 - 0.5 * unit) + high * (0.5 + 0.5 * unit);
        *out = if policy.squashes() { rescaled(u.tanh()) } else { u.max(low).min(high) };
    }
}
