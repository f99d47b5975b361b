//! The textbook loss in float64. Its finite differences are the oracle of every gradient.

use super::{Case, Outcome};
use std::f64::consts::{E, FRAC_1_SQRT_2, PI};
use striatum_kernels::{CriticKind, LOSS_METRICS, LossParams, Objective, Policy};

impl Case {
    pub(super) fn oracle_row(&self, row: usize) -> OracleRow<'_> {
        OracleRow { case: self, row, agent: row / self.rows, mean: 0.0, scale: 1.0 }
    }

    /// `[count, mean, scale, 0]` of one agent.
    fn oracle_moments(&self, agent: usize) -> [f64; 4] {
        let rows = agent * self.rows..(agent + 1) * self.rows;
        let counted: Vec<f64> =
            rows.filter(|&row| self.mask[row] != 0.0).map(|row| f64::from(self.advantages[row])).collect();
        let n = counted.len() as f64;
        if !self.normalize || n < 2.0 {
            return [n, 0.0, 1.0, 0.0];
        }
        let mean = counted.iter().sum::<f64>() / n;
        let variance = counted.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (n - 1.0);
        [n, mean, 1.0 / (variance.sqrt() + 1e-8), 0.0]
    }

    /// Everything by the textbook: losses from their definitions, gradients by central differences of them.
    pub fn oracle(&self) -> Outcome<f64> {
        let mut outcome = Outcome {
            moments: Vec::new(),
            d_outputs: vec![0.0; self.outputs.len()],
            d_trunk: vec![0.0; self.outputs.len()],
            d_log_std: vec![0.0; self.log_std.len()],
            metrics: vec![0.0; self.agents * LOSS_METRICS],
        };
        for agent in 0..self.agents {
            let moments = self.oracle_moments(agent);
            outcome.moments.extend(moments);
            for row in (agent * self.rows..(agent + 1) * self.rows).filter(|&row| self.mask[row] != 0.0) {
                let oracle = OracleRow { case: self, row, agent, mean: moments[1], scale: moments[2] };
                oracle.add(&mut outcome, 1.0 / moments[0]);
            }
        }
        // Beyond its range a log_std has only the gradient that leads back: a descent lowers what has a positive one.
        for (d, &l) in outcome.d_log_std.iter_mut().zip(&self.log_std) {
            if l > 2.0 && *d < 0.0 || l < -20.0 && *d > 0.0 {
                *d = 0.0;
            }
        }
        outcome
    }
}

/// The parts of one row's loss, which have different gradients in the two pathways.
struct Parts {
    policy: f64,
    rest: f64,
}

pub(super) struct OracleRow<'a> {
    case: &'a Case,
    row: usize,
    agent: usize,
    mean: f64,
    scale: f64,
}

impl OracleRow<'_> {
    pub(super) fn outputs(&self) -> Vec<f64> {
        let width = self.case.layout.width();
        self.case.outputs[self.row * width..][..width].iter().map(|&x| f64::from(x)).collect()
    }

    pub(super) fn log_std(&self) -> Vec<f64> {
        let len = self.case.layout.policy.log_std_len();
        self.case.log_std[self.agent * len..][..len].iter().map(|&x| f64::from(x)).collect()
    }

    fn action(&self) -> Vec<f64> {
        let width = self.case.layout.policy.action_width();
        self.case.actions[self.row * width..][..width].iter().map(|&x| f64::from(x)).collect()
    }

    fn params(&self) -> LossParams {
        self.case.params[self.agent]
    }

    fn advantage(&self) -> f64 {
        (f64::from(self.case.advantages[self.row]) - self.mean) * self.scale
    }

    pub(super) fn net(&self, outputs: &[f64]) -> Vec<f64> {
        let layout = &self.case.layout;
        let logits = layout.policy.logits();
        let rho = f64::from(self.case.tone[self.row]);
        let beta = match layout.policy {
            Policy::Categorical { .. } => f64::from(self.case.inverse_temperature[self.row]),
            _ => 1.0,
        };
        (0..logits)
            .map(|k| match layout.dual {
                true => beta * FRAC_1_SQRT_2 * ((1.0 + rho) * outputs[k] - (1.0 - rho) * outputs[logits + k]),
                false => beta * outputs[k],
            })
            .collect()
    }

    /// Standard deviations of a real action; none of a choice.
    pub(super) fn sigmas(&self, outputs: &[f64], log_std: &[f64]) -> Vec<f64> {
        let clamped: Vec<f64> = log_std.iter().map(|l| l.clamp(-20.0, 2.0)).collect();
        match self.case.layout.policy {
            Policy::Categorical { .. } => Vec::new(),
            Policy::Gaussian { .. } => clamped.iter().map(|l| l.exp()).collect(),
            Policy::StateDependent { dims, features, .. } => {
                let f = &outputs[self.case.layout.features_at()..];
                let square = |d: usize| {
                    (0..features).map(|h| f[h].powi(2) * (2.0 * clamped[h * dims + d]).exp()).sum::<f64>() + 1e-6
                };
                (0..dims).map(|d| square(d).sqrt()).collect()
            }
        }
    }

    /// Whether an output row allows the option of a logit.
    fn allows(&self, outputs: &[f64], logit: usize) -> bool {
        !self.case.layout.masked || outputs[self.case.layout.mask_at() + logit] == 1.0
    }

    /// The options of a choice that are allowed.
    pub(super) fn allowed(&self, choice: usize) -> Vec<usize> {
        let Policy::Categorical { nvec } = &self.case.layout.policy else { return Vec::new() };
        let first: usize = nvec[..choice].iter().sum();
        (0..nvec[choice]).filter(|option| self.allows(&self.outputs(), first + option)).collect()
    }

    /// The softmax of each choice over what is allowed.
    fn probabilities(&self, outputs: &[f64]) -> Vec<Vec<f64>> {
        let Policy::Categorical { nvec } = &self.case.layout.policy else { return Vec::new() };
        let net = self.net(outputs);
        let mut first = 0;
        let softmax = |&n: &usize| {
            let weight = |k: usize| if self.allows(outputs, k) { net[k].exp() } else { 0.0 };
            let weights: Vec<f64> = (first..first + n).map(weight).collect();
            first += n;
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|w| w / sum).collect()
        };
        nvec.iter().map(softmax).collect()
    }

    pub(super) fn log_prob(&self, outputs: &[f64], log_std: &[f64]) -> f64 {
        let action = self.action();
        if !self.case.layout.policy.is_continuous() {
            return self.probabilities(outputs).iter().zip(action).map(|(p, a)| p[a as usize].ln()).sum();
        }
        let (mean, sigmas) = (self.net(outputs), self.sigmas(outputs, log_std));
        let density = |d: usize| {
            let u = action[d];
            let normal = (-0.5 * ((u - mean[d]) / sigmas[d]).powi(2)).exp() / (sigmas[d] * (2.0 * PI).sqrt());
            let slope = if self.case.layout.policy.squashes() { u.cosh().powi(-2) } else { 1.0 };
            (normal / slope).ln()
        };
        (0..action.len()).map(density).sum()
    }

    fn entropy(&self, outputs: &[f64], log_std: &[f64]) -> f64 {
        if self.case.layout.policy.is_continuous() {
            let sigmas = self.sigmas(outputs, log_std);
            return sigmas.iter().map(|sigma| 0.5 * (2.0 * PI * E * sigma * sigma).ln()).sum();
        }
        self.probabilities(outputs).iter().flatten().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum()
    }

    fn ratio(&self, outputs: &[f64], log_std: &[f64]) -> f64 {
        (self.log_prob(outputs, log_std) - f64::from(self.case.log_probs[self.row])).exp()
    }

    fn policy_loss(&self, outputs: &[f64], log_std: &[f64]) -> f64 {
        let (params, a) = (self.params(), self.advantage());
        if params.objective == Objective::PolicyGradient as u32 {
            return -a * self.log_prob(outputs, log_std);
        }
        let (ratio, clip) = (self.ratio(outputs, log_std), f64::from(params.clip));
        f64::max(-a * ratio, -a * ratio.clamp(1.0 - clip, 1.0 + clip))
    }

    /// The sum over heads and mean over targets of `|tau_i - 1[u < 0]| rho(u)`, by its definition.
    fn distribution_loss(&self, outputs: &[f64]) -> f64 {
        let (heads, at) = (self.case.layout.value_heads, self.case.layout.values_at());
        let (params, huber) = (self.params(), f64::from(self.params().huber));
        let rho = |u: f64| match params.critic {
            critic if critic == CriticKind::Expectile as u32 => u * u,
            _ if huber == 0.0 => u.abs(),
            _ if u.abs() <= huber => 0.5 * u * u / huber,
            _ => u.abs() - 0.5 * huber,
        };
        let mut sum = 0.0;
        for i in 0..heads {
            let tau = (i as f64 + 0.5) / heads as f64;
            for j in 0..heads {
                let u = f64::from(self.case.returns[self.row * heads + j]) - outputs[at + i];
                sum += (tau - if u < 0.0 { 1.0 } else { 0.0 }).abs() * rho(u);
            }
        }
        sum / heads as f64
    }

    /// Of the first head, or the distribution's, and the mean of the other heads.
    fn value_losses(&self, outputs: &[f64]) -> [f64; 2] {
        if self.params().critic != CriticKind::Scalar as u32 {
            return [self.distribution_loss(outputs), 0.0];
        }
        let (layout, clip) = (&self.case.layout, f64::from(self.params().value_clip));
        let head = |k: usize| {
            let v = outputs[layout.values_at() + k];
            let old = f64::from(self.case.values[self.row * layout.value_heads + k]);
            let target = f64::from(self.case.returns[self.row * layout.value_heads + k]);
            let free = (v - target).powi(2);
            let clipped = (old + (v - old).clamp(-clip, clip) - target).powi(2);
            0.5 * if clip > 0.0 { free.max(clipped) } else { free }
        };
        let auxiliary = layout.value_heads - 1;
        [head(0), (1..layout.value_heads).map(head).sum::<f64>() / auxiliary.max(1) as f64]
    }

    fn sum_mode(&self, outputs: &[f64]) -> f64 {
        let logits = self.case.layout.policy.logits();
        let allowed = (0..logits).filter(|&k| self.case.layout.dual && self.allows(outputs, k));
        allowed.map(|k| (outputs[k] + outputs[logits + k]).powi(2)).sum()
    }

    /// The square of the logits at inverse temperature 1.
    fn logits(&self, outputs: &[f64]) -> f64 {
        let beta = f64::from(self.case.inverse_temperature[self.row]);
        let net = if self.case.layout.policy.is_continuous() { Vec::new() } else { self.net(outputs) };
        net.iter().enumerate().filter(|(k, _)| self.allows(outputs, *k)).map(|(_, l)| (l / beta).powi(2)).sum()
    }

    fn parts(&self, outputs: &[f64], log_std: &[f64]) -> Parts {
        let p = self.params();
        let [value_loss, auxiliary] = self.value_losses(outputs);
        let rest = f64::from(p.value_coef) * value_loss + f64::from(p.auxiliary_coef) * auxiliary
            - f64::from(p.entropy_coef) * self.entropy(outputs, log_std)
            + 0.5 * f64::from(p.sum_decay) * self.sum_mode(outputs)
            + 0.5 * f64::from(p.logit_decay) * self.logits(outputs);
        Parts { policy: self.policy_loss(outputs, log_std), rest }
    }

    /// Central differences of the parts with respect to the i-th number of `at`.
    fn slope(&self, at: &[f64], i: usize, parts: impl Fn(&[f64]) -> Parts) -> Parts {
        const H: f64 = 1e-6;
        let moved = |by: f64| {
            let mut moved = at.to_vec();
            moved[i] += by;
            parts(&moved)
        };
        let (up, down) = (moved(H), moved(-H));
        Parts { policy: (up.policy - down.policy) / (2.0 * H), rest: (up.rest - down.rest) / (2.0 * H) }
    }

    /// The weights of the policy's gradient in the direct pathway and the indirect one.
    fn routing(&self) -> [f64; 2] {
        let kappa = if self.case.layout.dual { f64::from(self.params().kappa) } else { 0.0 };
        let signed = |advantage: f64| if advantage > 0.0 { kappa } else { -kappa };
        let half = |half: usize| f64::from(self.case.halves[2 * self.row + half]);
        let opponent = self.params().opponent != 0;
        let [upper, lower] = if opponent { [half(0), half(1)] } else { [self.advantage(); 2] };
        [1.0 + signed(upper), 1.0 - signed(lower)]
    }

    /// Adds the row's share, its weight being 1 / count.
    fn add(&self, outcome: &mut Outcome<f64>, weight: f64) {
        let (layout, logits) = (&self.case.layout, self.case.layout.policy.logits());
        let (outputs, log_std) = (self.outputs(), self.log_std());
        let [direct, indirect] = self.routing();
        // No gradient flows into the features.
        for i in 0..layout.features_at() {
            let slope = self.slope(&outputs, i, |outputs| self.parts(outputs, &log_std));
            let routing = match layout.dual {
                true if i < logits => direct,
                true if i < 2 * logits => indirect,
                _ => 1.0,
            };
            let at = self.row * layout.width() + i;
            outcome.d_outputs[at] = weight * (routing * slope.policy + slope.rest);
            outcome.d_trunk[at] = weight * (slope.policy + slope.rest);
        }
        // The density takes what is beyond the range for the range's end, where its slope is that from within.
        let within: Vec<f64> = log_std.iter().map(|l| l.clamp(-19.999_99, 1.999_99)).collect();
        for i in 0..log_std.len() {
            let slope = self.slope(&within, i, |log_std| self.parts(&outputs, log_std));
            outcome.d_log_std[self.agent * log_std.len() + i] += weight * (slope.policy + slope.rest);
        }
        let metrics = &mut outcome.metrics[self.agent * LOSS_METRICS..][..LOSS_METRICS];
        for (sum, metric) in metrics.iter_mut().zip(self.metrics(&outputs, &log_std)) {
            *sum += weight * metric;
        }
    }

    /// In the order of [`LossMetrics`](striatum_kernels::LossMetrics).
    fn metrics(&self, outputs: &[f64], log_std: &[f64]) -> [f64; LOSS_METRICS] {
        let logits = self.case.layout.policy.logits();
        let ratio = self.ratio(outputs, log_std);
        let allowed: Vec<usize> = (0..logits).filter(|&k| self.allows(outputs, k)).collect();
        let mean = |x: &[f64], power: i32| match x.len() {
            0 => 0.0,
            _ => allowed.iter().map(|&k| x[k].powi(power)).sum::<f64>() / allowed.len() as f64,
        };
        let g = &outputs[..logits];
        let n = if self.case.layout.dual { &outputs[logits..2 * logits] } else { &[] };
        let flag = |set: bool| if set { 1.0 } else { 0.0 };
        [
            self.policy_loss(outputs, log_std),
            self.value_losses(outputs)[0],
            self.entropy(outputs, log_std),
            (ratio - 1.0) - ratio.ln(),
            flag((ratio - 1.0).abs() > f64::from(self.params().clip)),
            flag(self.case.advantages[self.row] > 0.0),
            mean(g, 1),
            mean(g, 2),
            mean(n, 1),
            mean(n, 2),
            self.sum_mode(outputs),
            (ratio - 1.0).abs(),
            self.value_losses(outputs)[1],
            self.routing()[0],
            self.routing()[1],
        ]
    }
}
