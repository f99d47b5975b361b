//! The distributions that actions are drawn from: density, entropy, sampling, and the gradients that the loss needs.
//!
//! The loss and the policy head call the same code, so that the ratio of a fresh sample is exactly 1.

mod categorical;
mod gaussian;

pub(crate) use categorical::{Categorical, option};
pub(crate) use gaussian::Gaussian;

use crate::{HeadLayout, PATHWAY_SCALE};
use striatum_rng::Stream;

/// The weights of a row's gradient.
#[derive(Clone, Copy)]
pub(crate) struct Pull {
    /// dL / d log pi(a|s).
    pub log_prob: f32,
    /// dL / dH.
    pub entropy: f32,
}

/// The distribution of one row after another.
pub(crate) trait Density {
    /// Takes over the `log_std` of the rows to come, and forgets the gradient of those before.
    fn load(&mut self, log_std: &[f32]);

    /// Takes up a row: its net logits or means, and its features (empty without state-dependent exploration).
    fn prepare(&mut self, net: &[f32], features: &[f32]);

    /// `log pi(action)` of the row taken up.
    fn log_prob(&self, action: &[f32]) -> f32;

    /// Its entropy (before a squash).
    fn entropy(&self) -> f32;

    /// Its most likely action.
    fn mode(&self, action: &mut [f32]);

    /// An action of it, from the next words of `stream`.
    fn sample(&self, stream: &mut Stream, action: &mut [f32]);

    /// Writes the gradient with respect to the net logits or means, the policy's part and the entropy's part apart, and adds the
    /// row's share to the gradient with respect to `log_std`.
    fn gradient(&mut self, features: &[f32], action: &[f32], pull: Pull, policy: &mut [f32], entropy: &mut [f32]);

    /// Adds the rows' gradient with respect to `log_std`, up to a factor, to `sums`.
    fn add_to(&self, sums: &mut [f64]);

    /// Writes the gradient with respect to `log_std` from the sums of all [`add_to`](Self::add_to)s.
    fn finish(&self, sums: &[f64], d_log_std: &mut [f32]);
}

/// Where the blocks of an output row start.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    pub logits: usize,
    pub dual: bool,
    pub continuous: bool,
    pub values_at: usize,
    pub features_at: usize,
    pub masked: bool,
    pub mask_at: usize,
    pub carried_at: usize,
    pub width: usize,
}

impl Columns {
    pub(crate) fn new(layout: &HeadLayout) -> Self {
        Self {
            logits: layout.policy.logits(),
            dual: layout.dual,
            continuous: layout.policy.is_continuous(),
            values_at: layout.values_at(),
            features_at: layout.features_at(),
            masked: layout.masked,
            mask_at: layout.mask_at(),
            carried_at: layout.carried_at(),
            width: layout.width(),
        }
    }

    /// `[d, i]` of the net logits or means `d g - i n`, from dopamine tone and inverse temperature.
    pub(crate) fn gains(&self, tone: f32, inverse_temperature: f32) -> [f32; 2] {
        let beta = if self.continuous { 1.0 } else { inverse_temperature };
        if self.dual {
            // l = c beta [(1 + rho) g - (1 - rho) n]
            [PATHWAY_SCALE * beta * (1.0 + tone), PATHWAY_SCALE * beta * (1.0 - tone)]
        } else {
            [beta, 0.0]
        }
    }

    /// Net logits or means of one output row; minus infinity where an option is not allowed.
    pub(crate) fn net(&self, output: &[f32], [direct, indirect]: [f32; 2], net: &mut [f32]) {
        let (g, rest) = output.split_at(self.logits);
        if self.dual {
            for ((net, g), n) in net.iter_mut().zip(g).zip(rest) {
                *net = direct * g - indirect * n;
            }
        } else {
            for (net, g) in net.iter_mut().zip(g) {
                *net = direct * g;
            }
        }
        if self.masked {
            for (net, &mark) in net.iter_mut().zip(&output[self.mask_at..]) {
                *net = if mark > 0.0 { *net } else { f32::NEG_INFINITY };
            }
        }
    }

    /// Whether an output row allows the option of a logit.
    pub(crate) fn allows(&self, output: &[f32], logit: usize) -> bool {
        !self.masked || output[self.mask_at + logit] > 0.0
    }

    /// The features of an output row.
    pub(crate) fn features<'a>(&self, output: &'a [f32]) -> &'a [f32] {
        &output[self.features_at..self.mask_at]
    }
}

/// `-log |d tanh(u) / du|`, without cancellation: `-2 (ln 2 - u - softplus(-2u))`.
pub(crate) fn squash_correction(u: f32) -> f32 {
    let softplus = (-2.0 * u).max(0.0) + (-2.0 * u.abs()).exp().ln_1p();
    -2.0 * (core::f32::consts::LN_2 - u - softplus)
}
