//! The mirror of `shaders/actor_critic_loss.wgsl`, `loss_metrics.wgsl` and `log_std_gradient.wgsl`.

mod args;
mod block;
mod distribution;
mod terms;
mod tiles;
mod values;
mod weigh;

pub use args::*;
pub(crate) use tiles::{TileOutputs, TiledLoss};

use crate::distribution::{Columns, Density, Pull};
use crate::pool::Pool;
use crate::records::{ADVANTAGES, AgentRecords, INVERSE_TEMPERATURE, LOG_PROB, MASK, Records, TONE};
use crate::{CriticKind, HeadLayout, Heads, MAX_QUANTILES, SimdLevel};
use bytemuck::Zeroable;
use terms::PolicyTerm;
use tiles::Start;

/// Rows of a tile where the loss is computed by itself.
const TILE: usize = 256;

impl<B, I> LossArgs<'_, B, I> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize + Copy, indices: impl Fn(&I) -> usize) {
        let (policy, agents, rows) = (&self.layout.policy, self.batch.agents, self.batch.rows);
        self.batch.assert_lengths(policy.action_width(), len, indices);
        let outputs = agents * rows * self.layout.width();
        let long_enough = self.params.len() >= agents
            && self.batch.heads == self.layout.value_heads
            && len(self.outputs) >= outputs
            && len(self.d_outputs) >= outputs
            && self.d_trunk.as_ref().is_none_or(|buffer| len(buffer) >= outputs)
            && self.log_std.at + policy.log_std_len() <= self.log_std.stride
            && [self.weights, self.gradients].into_iter().all(|buffer| len(buffer) >= agents * self.log_std.stride)
            && len(self.moments) >= 4 * agents
            && len(self.metrics) >= self.metrics_at + LOSS_METRICS * agents;
        assert!(long_enough, "actor_critic_loss: a buffer is too short for {agents} x {rows} rows");
        let may_be = |params: &LossParams| {
            (params.critic == CriticKind::Scalar as u32 || self.batch.heads <= MAX_QUANTILES)
                && (params.opponent == 0 || self.batch.advantage_heads >= 3)
        };
        assert!(self.params.iter().all(may_be), "actor_critic_loss: too many quantiles, or no advantages of halves");
    }
}

pub(crate) fn mirror(pool: &Pool, args: LossArgs<'_, Vec<f32>, Vec<u32>>) {
    args.assert_lengths(Vec::len, Vec::len);
    let LossArgs { layout, batch, outputs, d_outputs, mut d_trunk, .. } = args;
    let mut loss = TiledLoss::new(layout);
    let mut records = Records::new();
    records.take_up_chosen(pool, &batch, &layout.policy);
    let in_order: Vec<u32> = (0..batch.rows as u32).collect();
    let (width, log_std_len) = (layout.width(), layout.policy.log_std_len());
    for agent in 0..batch.agents {
        let at = agent * args.log_std.stride + args.log_std.at;
        let log_std = at..at + log_std_len;
        let tiles = batch.rows.div_ceil(TILE);
        loss.begin(1, tiles, args.params[agent], &args.moments[4 * agent..], &args.weights[log_std.clone()]);
        for tile in 0..tiles {
            let rows = tile * TILE..batch.rows.min((tile + 1) * TILE);
            let part = (agent * batch.rows + rows.start) * width..(agent * batch.rows + rows.end) * width;
            let outputs = TileOutputs {
                outputs: &outputs[part.clone()],
                d_outputs: &mut d_outputs[part.clone()],
                d_trunk: d_trunk.as_deref_mut().map(|d| &mut d[part]),
            };
            loss.rows((tile, Heads::All), records.of(agent), &in_order[rows], outputs);
        }
        let metrics = args.metrics_at + agent * LOSS_METRICS;
        loss.finish(&mut args.gradients[log_std], &mut args.metrics[metrics..metrics + LOSS_METRICS]);
    }
}

/// What a row gives.
struct Row<'a> {
    output: &'a [f32],
    action: &'a [f32],
    log_prob: f32,
    advantage: f32,
    /// Those by which each pathway tells gains from losses, if they are its own.
    opponents: Option<[f32; 2]>,
    /// A number a head.
    returns: &'a [f32],
    values: &'a [f32],
    tone: f32,
    inverse_temperature: f32,
}

/// Numbers of a minibatch, and running sums.
struct Loss<D> {
    columns: Columns,
    params: LossParams,
    inverse_count: f32,
    mean: f32,
    scale: f32,
    density: D,
    net: Vec<f32>,
    /// J, the gradient of the policy's loss with respect to the net logits.
    d_net: Vec<f32>,
    /// J_H, that of the entropy's term and of the logits' decay.
    entropy: Vec<f32>,
    /// A distribution's targets, padded.
    targets: Vec<f32>,
    level: SimdLevel,
    /// In the order of [`LossMetrics`](crate::LossMetrics).
    sums: [f64; LOSS_METRICS],
}

impl<D: Density> Loss<D> {
    fn new(layout: &HeadLayout, density: D) -> Self {
        let columns = Columns::new(layout);
        let logits = vec![0.0; columns.logits];
        Self {
            columns,
            params: LossParams::zeroed(),
            inverse_count: 0.0,
            mean: 0.0,
            scale: 1.0,
            density,
            net: logits.clone(),
            d_net: logits.clone(),
            entropy: logits,
            targets: vec![f32::NAN; layout.value_heads.next_multiple_of(distribution::PADDING)],
            level: SimdLevel::detect(),
            sums: [0.0; LOSS_METRICS],
        }
    }

    fn begin(&mut self, start: &Start) {
        let [count, mean, scale] = start.moments;
        self.params = start.params;
        self.inverse_count = if count > 0.0 { 1.0 / count } else { 0.0 };
        (self.mean, self.scale) = (mean, scale);
        self.sums = [0.0; LOSS_METRICS];
        self.density.load(&start.log_std);
    }

    fn rows(&mut self, heads: Heads, records: AgentRecords<'_>, rows: &[u32], outputs: TileOutputs<'_>) {
        let (width, layout) = (self.columns.width, records.layout);
        let is_opponent = self.params.opponent != 0;
        let TileOutputs { outputs, d_outputs, mut d_trunk } = outputs;
        for (i, &row) in rows.iter().enumerate() {
            let record = records.get(row);
            let d_output = &mut d_outputs[i * width..][..width];
            let d_trunk = d_trunk.as_mut().map(|d_trunk| &mut d_trunk[i * width..][..width]);
            if record[MASK] == 0.0 {
                d_output.fill(0.0);
                d_trunk.into_iter().for_each(|d_trunk| d_trunk.fill(0.0));
                continue;
            }
            let row = Row {
                output: &outputs[i * width..][..width],
                action: &record[layout.actions()..layout.returns()],
                log_prob: record[LOG_PROB],
                advantage: record[ADVANTAGES],
                opponents: is_opponent.then(|| [record[ADVANTAGES + 1], record[ADVANTAGES + 2]]),
                returns: &record[layout.returns()..layout.values()],
                values: &record[layout.values()..],
                tone: record[TONE],
                inverse_temperature: record[INVERSE_TEMPERATURE],
            };
            self.row(heads, &row, d_output, d_trunk);
        }
    }

    fn add_to(&self, sums: &mut [f64; LOSS_METRICS], log_std_sums: &mut [f64]) {
        sums.iter_mut().zip(&self.sums).for_each(|(sum, own)| *sum += own);
        self.density.add_to(log_std_sums);
    }

    fn finish(&self, sums: &[f64; LOSS_METRICS], log_std_sums: &[f64], d_log_std: &mut [f32], metrics: &mut [f32]) {
        self.density.finish(log_std_sums, d_log_std);
        for (i, (metric, &sum)) in metrics.iter_mut().zip(sums).enumerate() {
            // Means over columns as well as over rows.
            let per_column = if (6..10).contains(&i) { 1.0 / self.columns.logits.max(1) as f32 } else { 1.0 };
            *metric = sum as f32 * self.inverse_count * per_column;
        }
    }

    fn row(&mut self, heads: Heads, row: &Row<'_>, d_output: &mut [f32], d_trunk: Option<&mut [f32]>) {
        let gains = heads.has_policy().then(|| self.policy(row, d_output));
        if heads.has_values() {
            let [value_loss, auxiliary_value_loss] = self.values(row, d_output);
            self.sums[1] += f64::from(value_loss);
            self.sums[12] += f64::from(auxiliary_value_loss);
        }
        d_output[self.columns.features_at..].fill(0.0);
        if let Some(d_trunk) = d_trunk {
            d_trunk.copy_from_slice(d_output);
            if let Some(gains) = gains {
                self.route(row.output, gains, [1.0; 2], d_trunk);
            }
        }
    }

    /// The policy's part of a row; gives what the net logits are made of the pathways with.
    fn policy(&mut self, row: &Row<'_>, d_output: &mut [f32]) -> [f32; 2] {
        let columns = self.columns;
        let gains = columns.gains(row.tone, row.inverse_temperature);
        let features = columns.features(row.output);
        columns.net(row.output, gains, &mut self.net);
        self.density.prepare(&self.net, features);

        let advantage = (row.advantage - self.mean) * self.scale;
        let term = PolicyTerm::new(&self.params, self.density.log_prob(row.action), row.log_prob, advantage);
        let pull =
            Pull { log_prob: term.slope * self.inverse_count, entropy: -self.params.entropy_coef * self.inverse_count };
        self.density.gradient(features, row.action, pull, &mut self.d_net, &mut self.entropy);
        self.decay_logits(row.output, row.inverse_temperature);
        let weights = self.weights(row.opponents.unwrap_or([advantage; 2]));
        self.route(row.output, gains, weights, d_output);

        let moved = (term.ratio - 1.0).abs();
        let metrics = [
            (0, term.loss),
            (2, self.density.entropy()),
            (3, (term.ratio - 1.0) - term.log_ratio),
            (4, f32::from(moved > self.params.clip)),
            (5, f32::from(row.advantage > 0.0)),
            (11, moved),
            (13, weights[0]),
            (14, weights[1]),
        ];
        for (metric, x) in metrics {
            self.sums[metric] += f64::from(x);
        }
        self.pathway_metrics(row.output);
        gains
    }

    /// Adds the gradient of the logits' decay to the entropy's, which kappa does not weigh either.
    fn decay_logits(&mut self, output: &[f32], beta: f32) {
        if self.params.logit_decay == 0.0 || self.columns.continuous {
            return;
        }
        let decay = self.params.logit_decay * self.inverse_count;
        for (k, (j_h, l)) in self.entropy.iter_mut().zip(&self.net).enumerate() {
            // d/dl of 1/2 lambda_l mean |l / beta|^2
            if self.columns.allows(output, k) {
                *j_h += decay * (l / beta) / beta;
            }
        }
    }

    /// What the policy's gradient is multiplied by on its way into g and n, which learn more from gains and from losses (kappa), each by
    /// an advantage.
    fn weights(&self, advantages: [f32; 2]) -> [f32; 2] {
        let kappa = if self.columns.dual { self.params.kappa } else { 0.0 };
        let [g, n] = advantages.map(|advantage| if advantage > 0.0 { kappa } else { -kappa });
        // w_G = 1 + kappa and w_N = 1 - kappa if A_hat > 0, the opposite otherwise
        [1.0 + g, 1.0 - n]
    }

    /// The gradient with respect to g and n.
    fn route(&self, output: &[f32], [direct, indirect]: [f32; 2], [w_g, w_n]: [f32; 2], d_output: &mut [f32]) {
        let logits = self.columns.logits;
        let gradients = self.d_net.iter().zip(&self.entropy);
        let (d_g, d_rest) = d_output.split_at_mut(logits);
        if !self.columns.dual {
            for (d_g, (j, j_h)) in d_g.iter_mut().zip(gradients) {
                *d_g = direct * (w_g * j + j_h);
            }
            return;
        }
        let (g, rest) = output.split_at(logits);
        let decay = self.params.sum_decay * self.inverse_count;
        let pathways = d_g.iter_mut().zip(d_rest).zip(g.iter().zip(rest));
        for (k, (((d_g, d_n), (g, n)), (j, j_h))) in pathways.zip(gradients).enumerate() {
            // d/dg and d/dn of 1/2 lambda_u mean |g + n|^2
            let sum_mode = if self.columns.allows(output, k) { decay * (g + n) } else { 0.0 };
            *d_g = direct * (w_g * j + j_h) + sum_mode;
            *d_n = -indirect * (w_n * j + j_h) + sum_mode;
        }
    }

    /// Of the logits of allowed options.
    fn pathway_metrics(&mut self, output: &[f32]) {
        let (logits, columns) = (self.columns.logits, self.columns);
        let (g, rest) = output.split_at(logits);
        let allowed = |k: &usize| columns.allows(output, *k);
        // Means over the columns that count.
        let weight =
            if columns.masked { logits as f32 / (0..logits).filter(allowed).count().max(1) as f32 } else { 1.0 };
        let [mut sum, mut squares] = [0.0_f32; 2];
        for g in (0..logits).filter(allowed).map(|k| g[k]) {
            sum += g;
            squares += g * g;
        }
        self.sums[6] += f64::from(weight * sum);
        self.sums[7] += f64::from(weight * squares);
        if !columns.dual {
            return;
        }
        let [mut sum, mut squares, mut both] = [0.0_f32; 3];
        for (g, n) in (0..logits).filter(allowed).map(|k| (g[k], rest[k])) {
            sum += n;
            squares += n * n;
            both += (g + n) * (g + n);
        }
        self.sums[8] += f64::from(weight * sum);
        self.sums[9] += f64::from(weight * squares);
        self.sums[10] += f64::from(both);
    }
}
