//! The loss in double precision, row by row, and its gradient by central differences.

use super::batch::Stored;
use striatum_kernels::{CriticKind, HeadLayout, LOSS_METRICS, LossParams, Objective, PATHWAY_SCALE};

/// What the loss is launched with.
pub const PARAMS: LossParams = LossParams {
    objective: Objective::Clipped as u32,
    clip: 0.2,
    value_clip: 0.3,
    value_coef: 0.5,
    auxiliary_coef: 0.3,
    critic: CriticKind::Scalar as u32,
    huber: 0.0,
    opponent: 0,
    entropy_coef: 0.01,
    // Asymmetric pathways learn from the gradient of no function, which differences could not check.
    kappa: 0.0,
    sum_decay: 0.05,
    logit_decay: 0.05,
};

/// Half the distance of a difference.
const STEP: f64 = 1e-5;

/// The loss of one row of a categorical policy: its stored numbers, and its agent's moments.
pub struct RowLoss<'a> {
    pub layout: &'a HeadLayout,
    pub nvec: &'a [usize],
    pub stored: &'a Stored,
    /// Among all agents' rows.
    pub row: usize,
    /// Count, mean and scale of the advantages.
    pub moments: [f64; 3],
}

impl RowLoss<'_> {
    /// The row's part of the mean loss's gradient, and of the mean metrics; nothing if the row is masked.
    pub fn parts(&self, output: &[f64]) -> Option<(Vec<f64>, [f64; LOSS_METRICS])> {
        if self.stored.mask[self.row] == 0.0 {
            return None;
        }
        let count = self.moments[0];
        let mut at = output.to_vec();
        let mut slope = |column: usize| {
            let [above, below] = [STEP, -STEP].map(|step| {
                at[column] = output[column] + step;
                self.at(&at).0
            });
            at[column] = output[column];
            (above - below) / (2.0 * STEP * count)
        };
        Some(((0..output.len()).map(&mut slope).collect(), self.at(output).1.map(|metric| metric / count)))
    }

    /// The loss, and its metrics in the order of [`LossMetrics`](striatum_kernels::LossMetrics).
    fn at(&self, output: &[f64]) -> (f64, [f64; LOSS_METRICS]) {
        let (stored, row, [_, mean, advantage_scale]) = (self.stored, self.row, self.moments);
        let logits: usize = self.nvec.iter().sum();
        let g = &output[..logits];
        let n: Vec<f64> = if self.layout.dual { output[logits..2 * logits].to_vec() } else { vec![0.0; logits] };
        let net = self.net(g, &n);
        let (log_prob, entropy) = self.policy(&net);

        let [clip, value_clip] = [PARAMS.clip, PARAMS.value_clip].map(f64::from);
        let raw = f64::from(stored.advantages[row]);
        let advantage = (raw - mean) * advantage_scale;
        let log_ratio = log_prob - f64::from(stored.log_probs[row]);
        let ratio = log_ratio.exp();
        let policy_loss = -(ratio * advantage).min(ratio.clamp(1.0 - clip, 1.0 + clip) * advantage);

        let value = output[self.layout.values_at()];
        let [old, target] = [stored.values[row], stored.returns[row]].map(f64::from);
        let clipped = old + (value - old).clamp(-value_clip, value_clip);
        let value_loss = 0.5 * (value - target).powi(2).max((clipped - target).powi(2));

        let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>() / logits as f64;
        let mean = |x: &[f64]| x.iter().sum::<f64>() / logits as f64;
        let both = if self.layout.dual { g.iter().zip(&n).map(|(g, n)| (g + n).powi(2)).sum() } else { 0.0 };
        let [value_coef, entropy_coef, sum_decay, logit_decay] =
            [PARAMS.value_coef, PARAMS.entropy_coef, PARAMS.sum_decay, PARAMS.logit_decay].map(f64::from);
        let decays = 0.5 * (sum_decay * both + logit_decay * net.iter().map(|l| l * l).sum::<f64>());
        let loss = policy_loss + value_coef * value_loss - entropy_coef * entropy + decays;
        let moved = (ratio - 1.0).abs();
        let flag = |is: bool| f64::from(u8::from(is));
        let metrics = [
            policy_loss,
            value_loss,
            entropy,
            ratio - 1.0 - log_ratio,
            flag(moved > clip),
            flag(raw > 0.0),
            mean(g),
            square(g),
            mean(&n),
            square(&n),
            both,
            moved,
            // There is one value head, and kappa is 0.
            0.0,
            1.0,
            1.0,
        ];
        (loss, metrics)
    }

    /// Net logits at inverse temperature 1.
    fn net(&self, g: &[f64], n: &[f64]) -> Vec<f64> {
        let (tone, scale) = (f64::from(self.stored.tone[self.row]), f64::from(PATHWAY_SCALE));
        match self.layout.dual {
            true => g.iter().zip(n).map(|(g, n)| scale * ((1.0 + tone) * g - (1.0 - tone) * n)).collect(),
            false => g.to_vec(),
        }
    }

    /// `log pi(a|s)` and the entropy.
    fn policy(&self, net: &[f64]) -> (f64, f64) {
        let beta = f64::from(self.stored.inverse_temperature[self.row]);
        let net = |i: usize| beta * net[i];
        let (mut first, mut log_prob, mut entropy) = (0, 0.0, 0.0);
        for (choice, &options) in self.nvec.iter().enumerate() {
            let log_sum = (first..first + options).map(|i| net(i).exp()).sum::<f64>().ln();
            let log_probs: Vec<f64> = (first..first + options).map(|i| net(i) - log_sum).collect();
            log_prob += log_probs[self.stored.actions[self.row * self.nvec.len() + choice] as usize];
            entropy -= log_probs.iter().map(|l| l.exp() * l).sum::<f64>();
            first += options;
        }
        (log_prob, entropy)
    }
}
