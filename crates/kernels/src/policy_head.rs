//! From output rows to actions, on the host.

use crate::distribution::{Categorical, Columns, Density, Gaussian};
use crate::lanes::LANES;
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

/// Draws actions from output rows, with memory of its own.
pub struct PolicyHead {
    columns: Columns,
    action_width: usize,
    kind: Kind,
    net: Vec<f32>,
}

enum Kind {
    Categorical(Categorical),
    Gaussian(Gaussian),
}

impl PolicyHead {
    /// For output rows of this layout; [`load`](Self::load) comes before [`act`](Self::act).
    pub fn new(layout: &HeadLayout) -> Self {
        let kind = match &layout.policy {
            Policy::Categorical { nvec } => Kind::Categorical(Categorical::new(nvec)),
            &Policy::Gaussian { dims, squash } => Kind::Gaussian(Gaussian::new(dims, 0, squash)),
            &Policy::StateDependent { dims, features, squash } => Kind::Gaussian(Gaussian::new(dims, features, squash)),
        };
        let columns = Columns::new(layout);
        Self { columns, action_width: layout.policy.action_width(), kind, net: vec![0.0; columns.logits] }
    }

    /// Takes over `log_std`, as the layout's policy has it.
    ///
    /// # Panics
    /// If it has the wrong length.
    pub fn load(&mut self, log_std: &[f32]) {
        match &mut self.kind {
            Kind::Categorical(density) => density.load(log_std),
            Kind::Gaussian(density) => density.load(log_std),
        }
    }

    /// Draws an action for each of R rows: `outputs` `[R, W]`, `tone` (rho) and `inverse_temperature` (beta) `[R]`. Writes `actions`
    /// `[R, action width]` (`u` where squashed) and `log_probs` `[R]`, computed by the code of the loss, so that the first ratio is 1.
    ///
    /// # Panics
    /// If a slice is too short, or if an exploration matrix is given to a policy without features.
    pub fn act(
        &mut self,
        outputs: &[f32],
        [tone, inverse_temperature]: [&[f32]; 2],
        noise: Noise<'_>,
        actions: &mut [f32],
        log_probs: &mut [f32],
    ) {
        let (columns, width) = (self.columns, self.action_width);
        let rows = Rows { columns, width, outputs, tone, inverse_temperature, noise };
        match &mut self.kind {
            Kind::Categorical(density) => rows.choose(density, &mut self.net, actions, log_probs),
            Kind::Gaussian(density) => rows.act(density, &mut self.net, actions, log_probs),
        }
    }
}

struct Rows<'a> {
    columns: Columns,
    width: usize,
    outputs: &'a [f32],
    tone: &'a [f32],
    inverse_temperature: &'a [f32],
    noise: Noise<'a>,
}

impl Rows<'_> {
    fn act(&self, density: &mut Gaussian, net: &mut [f32], actions: &mut [f32], log_probs: &mut [f32]) {
        for (row, log_prob) in log_probs.iter_mut().enumerate() {
            let features = self.columns.features(self.output(row));
            self.net(row, net);
            density.prepare(net, features);
            let action = &mut actions[row * self.width..][..self.width];
            match self.noise {
                Noise::Matrix { exploration } => {
                    assert!(!features.is_empty(), "an exploration matrix needs features");
                    let len = features.len() * self.width;
                    density.explore(features, &exploration[row * len..][..len], action);
                }
                _ => self.draw(density, row, action),
            }
            *log_prob = density.log_prob(action);
        }
    }

    /// As [`act`](Self::act), many rows at once.
    fn choose(&self, density: &mut Categorical, net: &mut [f32], actions: &mut [f32], log_probs: &mut [f32]) {
        for (block, log_probs) in log_probs.chunks_mut(LANES).enumerate() {
            let first = block * LANES;
            for lane in 0..log_probs.len() {
                self.net(first + lane, net);
                density.set(lane, net);
            }
            density.prepare_rows(log_probs.len());
            for (lane, log_prob) in log_probs.iter_mut().enumerate() {
                let action = &mut actions[(first + lane) * self.width..][..self.width];
                density.turn_to(lane);
                self.draw(density, first + lane, action);
                *log_prob = density.log_prob(action);
            }
        }
    }

    fn output(&self, row: usize) -> &[f32] {
        &self.outputs[row * self.columns.width..][..self.columns.width]
    }

    fn net(&self, row: usize, net: &mut [f32]) {
        let gains = self.columns.gains(self.tone[row], self.inverse_temperature[row]);
        self.columns.net(self.output(row), gains, net);
    }

    /// An action without features.
    fn draw<D: Density>(&self, density: &D, row: usize, action: &mut [f32]) {
        match self.noise {
            Noise::Mode => density.mode(action),
            Noise::Counted { seed, step, first_lane } => {
                let lane = first_lane.wrapping_add(row as u32);
                density.sample(&mut Stream::new(seed, Purpose::Action, lane, step), action);
            }
            Noise::Matrix { .. } => panic!("an exploration matrix needs features"),
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
        row.iter_mut().zip(density.probs()).for_each(|(to, p)| *to = p);
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
