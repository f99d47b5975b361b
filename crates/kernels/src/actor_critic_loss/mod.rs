//! The mirror of `shaders/actor_critic_loss.wgsl`, `loss_metrics.wgsl` and `log_std_gradient.wgsl`.

mod terms;

use crate::distribution::{Categorical, Columns, Density, Gaussian, Pull};
use crate::{LOSS_METRICS, LossArgs, LossParams, Policy};
use terms::{PolicyTerm, value_term};

impl<B> LossArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let rows = self.agents * self.rows;
        let outputs = rows * self.layout.width();
        let log_std = self.agents * self.layout.policy.log_std_len();
        let a_row = [self.log_probs, self.advantages, self.mask, self.tone, self.inverse_temperature];
        let long_enough = self.params.len() >= self.agents
            && len(self.outputs) >= outputs
            && len(self.d_outputs) >= outputs
            && self.d_trunk.as_ref().is_none_or(|buffer| len(buffer) >= outputs)
            && len(self.log_std) >= log_std
            && len(self.d_log_std) >= log_std
            && len(self.actions) >= rows * self.layout.policy.action_width()
            && a_row.into_iter().all(|buffer| len(buffer) >= rows)
            && [self.returns, self.values].into_iter().all(|buffer| len(buffer) >= rows * self.layout.value_heads)
            && len(self.moments) >= 4 * self.agents
            && len(self.metrics) >= LOSS_METRICS * self.agents;
        assert!(long_enough, "actor_critic_loss: a buffer is too short for {} x {} rows", self.agents, self.rows);
    }
}

pub(crate) fn mirror(mut args: LossArgs<'_, Vec<f32>>) {
    args.assert_lengths(Vec::len);
    let log_std_len = args.layout.policy.log_std_len();
    for agent in 0..args.agents {
        let log_std = &args.log_std[agent * log_std_len..(agent + 1) * log_std_len];
        match &args.layout.policy {
            Policy::Categorical { nvec } => run(&mut args, agent, Categorical::new(nvec)),
            &Policy::Gaussian { dims, squash } => run(&mut args, agent, Gaussian::new(dims, 0, squash, log_std)),
            &Policy::StateDependent { dims, features, squash } => {
                run(&mut args, agent, Gaussian::new(dims, features, squash, log_std));
            }
        }
    }
}

/// One agent.
fn run(args: &mut LossArgs<'_, Vec<f32>>, agent: usize, density: impl Density) {
    let columns = Columns::new(args.layout);
    let [count, mean, scale] = [0, 1, 2].map(|i| args.moments[4 * agent + i]);
    let logits = vec![0.0; columns.logits];
    let mut loss = Loss {
        columns,
        params: args.params[agent],
        inverse_count: if count > 0.0 { 1.0 / count } else { 0.0 },
        mean,
        scale,
        density,
        net: logits.clone(),
        policy: logits.clone(),
        entropy: logits,
        sums: [0.0; LOSS_METRICS],
    };
    let (width, heads, actions) = (columns.width, args.layout.value_heads, args.layout.policy.action_width());
    let mut d_trunk = args.d_trunk.as_deref_mut();
    for r in agent * args.rows..(agent + 1) * args.rows {
        let row = Row {
            output: &args.outputs[r * width..][..width],
            action: &args.actions[r * actions..][..actions],
            log_prob: args.log_probs[r],
            advantage: args.advantages[r],
            returns: &args.returns[r * heads..][..heads],
            values: &args.values[r * heads..][..heads],
            tone: args.tone[r],
            inverse_temperature: args.inverse_temperature[r],
        };
        let d_output = &mut args.d_outputs[r * width..][..width];
        let d_trunk = d_trunk.as_mut().map(|d_trunk| &mut d_trunk[r * width..][..width]);
        if args.mask[r] != 0.0 {
            loss.row(&row, d_output, d_trunk);
        } else {
            d_output.fill(0.0);
            d_trunk.into_iter().for_each(|d_trunk| d_trunk.fill(0.0));
        }
    }
    let log_std_len = args.layout.policy.log_std_len();
    loss.density.finish(&mut args.d_log_std[agent * log_std_len..][..log_std_len]);
    for (i, metric) in args.metrics[agent * LOSS_METRICS..][..LOSS_METRICS].iter_mut().enumerate() {
        // Means over columns as well as over rows.
        let per_column = if (6..10).contains(&i) { 1.0 / columns.logits.max(1) as f32 } else { 1.0 };
        *metric = loss.sums[i] as f32 * loss.inverse_count * per_column;
    }
}

/// What a row gives.
struct Row<'a> {
    output: &'a [f32],
    action: &'a [f32],
    log_prob: f32,
    advantage: f32,
    returns: &'a [f32],
    values: &'a [f32],
    tone: f32,
    inverse_temperature: f32,
}

/// One agent's numbers and running sums.
struct Loss<D> {
    columns: Columns,
    params: LossParams,
    inverse_count: f32,
    mean: f32,
    scale: f32,
    density: D,
    net: Vec<f32>,
    /// J, the gradient of the policy's loss with respect to the net logits.
    policy: Vec<f32>,
    /// J_H, that of the entropy's term.
    entropy: Vec<f32>,
    /// In the order of [`LossMetrics`](crate::LossMetrics).
    sums: [f64; LOSS_METRICS],
}

impl<D: Density> Loss<D> {
    fn row(&mut self, row: &Row<'_>, d_output: &mut [f32], d_trunk: Option<&mut [f32]>) {
        let columns = self.columns;
        let gains = columns.gains(row.tone, row.inverse_temperature);
        let features = columns.features(row.output);
        columns.net(row.output, gains, &mut self.net);
        self.density.prepare(&self.net, features);

        let advantage = (row.advantage - self.mean) * self.scale;
        let term = PolicyTerm::new(&self.params, self.density.log_prob(row.action), row.log_prob, advantage);
        let pull =
            Pull { log_prob: term.slope * self.inverse_count, entropy: -self.params.entropy_coef * self.inverse_count };
        self.density.gradient(features, row.action, pull, &mut self.policy, &mut self.entropy);
        self.pathways(row.output, gains, advantage, d_output);
        let value_loss = self.values(row, d_output);
        d_output[columns.features_at..].fill(0.0);
        if let Some(d_trunk) = d_trunk {
            d_trunk.copy_from_slice(d_output);
            self.route(row.output, gains, [1.0; 2], d_trunk);
        }

        let moved = (term.ratio - 1.0).abs();
        let metrics = [
            term.loss,
            value_loss,
            self.density.entropy(),
            (term.ratio - 1.0) - term.log_ratio,
            f32::from(moved > self.params.clip),
            f32::from(row.advantage > 0.0),
        ];
        for (sum, metric) in self.sums.iter_mut().zip(metrics) {
            *sum += f64::from(metric);
        }
        self.sums[LOSS_METRICS - 1] += f64::from(moved);
        self.pathway_metrics(row.output);
    }

    /// The gradient with respect to g and n, which learn more from gains and from losses (kappa).
    fn pathways(&self, output: &[f32], gains: [f32; 2], advantage: f32, d_output: &mut [f32]) {
        let kappa = if advantage > 0.0 { self.params.kappa } else { -self.params.kappa };
        let kappa = if self.columns.dual { kappa } else { 0.0 };
        // w_G = 1 + kappa and w_N = 1 - kappa if A_hat > 0, the opposite otherwise
        self.route(output, gains, [1.0 + kappa, 1.0 - kappa], d_output);
    }

    fn route(&self, output: &[f32], [direct, indirect]: [f32; 2], [w_g, w_n]: [f32; 2], d_output: &mut [f32]) {
        let logits = self.columns.logits;
        let gradients = self.policy.iter().zip(&self.entropy);
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
        for (((d_g, d_n), (g, n)), (j, j_h)) in pathways.zip(gradients) {
            // d/dg and d/dn of 1/2 lambda_u mean |g + n|^2
            let sum_mode = decay * (g + n);
            *d_g = direct * (w_g * j + j_h) + sum_mode;
            *d_n = -indirect * (w_n * j + j_h) + sum_mode;
        }
    }

    /// The gradient with respect to the values; the loss before its weight.
    fn values(&self, row: &Row<'_>, d_output: &mut [f32]) -> f32 {
        let columns = self.columns.values_at..self.columns.features_at;
        let heads = row.output[columns.clone()].iter().zip(row.values).zip(row.returns);
        let weight = self.params.value_coef * self.inverse_count;
        let mut sum = 0.0;
        for (d, ((&value, &old), &target)) in d_output[columns].iter_mut().zip(heads) {
            let (loss, slope) = value_term(self.params.value_clip, value, old, target);
            *d = weight * slope;
            sum += loss;
        }
        sum
    }

    fn pathway_metrics(&mut self, output: &[f32]) {
        let logits = self.columns.logits;
        let (g, rest) = output.split_at(logits);
        let [mut sum, mut squares] = [0.0_f32; 2];
        for g in g {
            sum += g;
            squares += g * g;
        }
        self.sums[6] += f64::from(sum);
        self.sums[7] += f64::from(squares);
        if !self.columns.dual {
            return;
        }
        let [mut sum, mut squares, mut both] = [0.0_f32; 3];
        for (g, n) in g.iter().zip(rest) {
            sum += n;
            squares += n * n;
            both += (g + n) * (g + n);
        }
        self.sums[8] += f64::from(sum);
        self.sums[9] += f64::from(squares);
        self.sums[10] += f64::from(both);
    }
}
