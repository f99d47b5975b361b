//! Cases of the loss, and the textbook loss in float64 whose finite differences are the oracle of every gradient.
#![allow(dead_code, reason = "every test target uses a part")]

use std::f64::consts::{FRAC_1_SQRT_2, PI};
use striatum_kernels::{Backend, HeadLayout, LOSS_METRICS, LossArgs, LossMetrics, LossParams, Objective, Policy};
use striatum_rng::{Purpose, Stream};

/// One call of the loss. Rows that do not count are NaN throughout.
#[derive(Clone, Debug)]
pub struct Case {
    pub layout: HeadLayout,
    pub agents: usize,
    pub rows: usize,
    pub normalize: bool,
    pub params: Vec<LossParams>,
    pub outputs: Vec<f32>,
    pub log_std: Vec<f32>,
    pub actions: Vec<f32>,
    pub log_probs: Vec<f32>,
    pub advantages: Vec<f32>,
    pub returns: Vec<f32>,
    pub values: Vec<f32>,
    pub mask: Vec<f32>,
    pub tone: Vec<f32>,
    pub inverse_temperature: Vec<f32>,
}

/// What the loss gives, in single or in double precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<T> {
    pub moments: Vec<T>,
    pub d_outputs: Vec<T>,
    pub d_trunk: Vec<T>,
    pub d_log_std: Vec<T>,
    pub metrics: Vec<T>,
}

pub fn layout(policy: Policy, dual: bool, value_heads: usize) -> HeadLayout {
    HeadLayout { policy, dual, value_heads }
}

/// Every kind of policy.
pub fn policies() -> Vec<Policy> {
    vec![
        Policy::Categorical { nvec: vec![2] },
        Policy::Categorical { nvec: vec![6] },
        Policy::Categorical { nvec: vec![3, 1, 4] },
        Policy::Gaussian { dims: 1, squash: false },
        Policy::Gaussian { dims: 3, squash: true },
        Policy::StateDependent { dims: 1, features: 4, squash: true },
        Policy::StateDependent { dims: 2, features: 5, squash: false },
    ]
}

pub fn params(objective: Objective) -> LossParams {
    LossParams {
        objective: objective as u32,
        clip: 0.2,
        value_clip: 0.0,
        value_coef: 0.5,
        entropy_coef: 0.01,
        kappa: 0.0,
        sum_decay: 0.0,
        padding: 0.0,
    }
}

impl Case {
    /// Numbers of ordinary size, ratios on both sides of the clip range, one row in seven masked, and one `log_std` above its range.
    pub fn random(layout: HeadLayout, agents: usize, rows: usize, params: LossParams, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let mut numbers =
            |n: usize, low: f64, high: f64| -> Vec<f32> { (0..n).map(|_| stream.range(low, high) as f32).collect() };
        let (total, heads) = (agents * rows, layout.value_heads);
        let mut case = Self {
            agents,
            rows,
            normalize: seed % 2 == 0,
            params: (0..agents).map(|agent| LossParams { clip: params.clip + 0.05 * agent as f32, ..params }).collect(),
            outputs: numbers(total * layout.width(), -2.0, 2.0),
            log_std: numbers(agents * layout.policy.log_std_len(), -1.5, 0.5),
            actions: numbers(total * layout.policy.action_width(), -1.5, 1.5),
            log_probs: numbers(total, -0.5, 0.5),
            advantages: numbers(total, -2.0, 2.0),
            returns: numbers(total * heads, -2.0, 2.0),
            values: numbers(total * heads, -2.0, 2.0),
            mask: numbers(total, 0.0, 7.0).into_iter().map(|x| if x < 1.0 { 0.0 } else { 1.0 }).collect(),
            tone: numbers(total, -0.9, 0.9),
            inverse_temperature: numbers(total, 0.5, 2.0),
            layout,
        };
        if case.log_std.len() > 1 {
            case.log_std[1] = 2.5;
        }
        case.make_actions();
        case.poison();
        case
    }

    /// Turns the numbers in `actions` into actions near the policy, and those in `log_probs` into old log probabilities.
    fn make_actions(&mut self) {
        let width = self.layout.policy.action_width();
        for row in 0..self.agents * self.rows {
            let oracle = self.oracle_row(row);
            let (outputs, log_std) = (oracle.outputs(), oracle.log_std());
            let (net, sigmas) = (oracle.net(&outputs), oracle.sigmas(&outputs, &log_std));
            for (i, action) in self.actions[row * width..(row + 1) * width].iter_mut().enumerate() {
                let unit = f64::from(*action);
                *action = match &self.layout.policy {
                    Policy::Categorical { nvec } => ((unit + 1.5) / 3.0 * nvec[i] as f64) as usize as f32,
                    _ => (net[i] + sigmas[i] * unit) as f32,
                };
            }
            let oracle = self.oracle_row(row);
            self.log_probs[row] = (oracle.log_prob(&outputs, &log_std) + f64::from(self.log_probs[row])) as f32;
        }
    }

    fn poison(&mut self) {
        let (width, actions, heads) =
            (self.layout.width(), self.layout.policy.action_width(), self.layout.value_heads);
        for row in (0..self.mask.len()).filter(|&row| self.mask[row] == 0.0).collect::<Vec<_>>() {
            self.outputs[row * width..][..width].fill(f32::NAN);
            self.actions[row * actions..][..actions].fill(f32::NAN);
            self.returns[row * heads..][..heads].fill(f32::NAN);
            self.values[row * heads..][..heads].fill(f32::NAN);
            for numbers in [&mut self.log_probs, &mut self.advantages, &mut self.tone, &mut self.inverse_temperature] {
                numbers[row] = f32::NAN;
            }
        }
    }

    pub fn run<B: Backend>(&self, backend: &B) -> Outcome<f32> {
        let mask = backend.upload(&self.mask);
        let advantages = backend.upload(&self.advantages);
        let mut moments = backend.upload(&vec![f32::NAN; 4 * self.agents]);
        backend.advantage_moments(self.agents, self.normalize, &advantages, &mask, &mut moments);
        // Every output must be overwritten.
        let unset = |len: usize| backend.upload(&vec![f32::NAN; len]);
        let (mut d_outputs, mut d_trunk) = (unset(self.outputs.len()), unset(self.outputs.len()));
        let (mut d_log_std, mut metrics) = (unset(self.log_std.len()), unset(self.agents * LOSS_METRICS));
        backend.actor_critic_loss(LossArgs {
            layout: &self.layout,
            agents: self.agents,
            rows: self.rows,
            params: &self.params,
            outputs: &backend.upload(&self.outputs),
            log_std: &backend.upload(&self.log_std),
            actions: &backend.upload(&self.actions),
            log_probs: &backend.upload(&self.log_probs),
            advantages: &advantages,
            returns: &backend.upload(&self.returns),
            values: &backend.upload(&self.values),
            mask: &mask,
            tone: &backend.upload(&self.tone),
            inverse_temperature: &backend.upload(&self.inverse_temperature),
            moments: &moments,
            d_outputs: &mut d_outputs,
            d_trunk: Some(&mut d_trunk),
            d_log_std: &mut d_log_std,
            metrics: &mut metrics,
        });
        let read = |buffer: &B::Buffer| backend.download(buffer).expect("the device works");
        Outcome {
            moments: read(&moments),
            d_outputs: read(&d_outputs),
            d_trunk: read(&d_trunk),
            d_log_std: read(&d_log_std),
            metrics: read(&metrics),
        }
    }

    fn oracle_row(&self, row: usize) -> OracleRow<'_> {
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
        outcome
    }
}

/// The parts of one row's loss, which have different gradients in the two pathways.
struct Parts {
    policy: f64,
    rest: f64,
}

struct OracleRow<'a> {
    case: &'a Case,
    row: usize,
    agent: usize,
    mean: f64,
    scale: f64,
}

impl OracleRow<'_> {
    fn outputs(&self) -> Vec<f64> {
        let width = self.case.layout.width();
        self.case.outputs[self.row * width..][..width].iter().map(|&x| f64::from(x)).collect()
    }

    fn log_std(&self) -> Vec<f64> {
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

    fn net(&self, outputs: &[f64]) -> Vec<f64> {
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
    fn sigmas(&self, outputs: &[f64], log_std: &[f64]) -> Vec<f64> {
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

    /// The softmax of each choice.
    fn probabilities(&self, outputs: &[f64]) -> Vec<Vec<f64>> {
        let Policy::Categorical { nvec } = &self.case.layout.policy else { return Vec::new() };
        let net = self.net(outputs);
        let mut first = 0;
        let softmax = |&n: &usize| {
            let weights: Vec<f64> = net[first..first + n].iter().map(|l| l.exp()).collect();
            first += n;
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|w| w / sum).collect()
        };
        nvec.iter().map(softmax).collect()
    }

    fn log_prob(&self, outputs: &[f64], log_std: &[f64]) -> f64 {
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
            return sigmas.iter().map(|sigma| 0.5 * (2.0 * PI * std::f64::consts::E * sigma * sigma).ln()).sum();
        }
        self.probabilities(outputs).iter().flatten().map(|p| -p * p.ln()).sum()
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

    fn value_loss(&self, outputs: &[f64]) -> f64 {
        let (layout, clip) = (&self.case.layout, f64::from(self.params().value_clip));
        let head = |k: usize| {
            let v = outputs[layout.values_at() + k];
            let old = f64::from(self.case.values[self.row * layout.value_heads + k]);
            let target = f64::from(self.case.returns[self.row * layout.value_heads + k]);
            let free = (v - target).powi(2);
            let clipped = (old + (v - old).clamp(-clip, clip) - target).powi(2);
            0.5 * if clip > 0.0 { free.max(clipped) } else { free }
        };
        (0..layout.value_heads).map(head).sum()
    }

    fn sum_mode(&self, outputs: &[f64]) -> f64 {
        let logits = self.case.layout.policy.logits();
        if self.case.layout.dual { (0..logits).map(|k| (outputs[k] + outputs[logits + k]).powi(2)).sum() } else { 0.0 }
    }

    fn parts(&self, outputs: &[f64], log_std: &[f64]) -> Parts {
        let p = self.params();
        let rest = f64::from(p.value_coef) * self.value_loss(outputs)
            - f64::from(p.entropy_coef) * self.entropy(outputs, log_std)
            + 0.5 * f64::from(p.sum_decay) * self.sum_mode(outputs);
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

    /// Adds the row's share, its weight being 1 / count.
    fn add(&self, outcome: &mut Outcome<f64>, weight: f64) {
        let (layout, logits) = (&self.case.layout, self.case.layout.policy.logits());
        let (outputs, log_std) = (self.outputs(), self.log_std());
        let kappa = f64::from(self.params().kappa) * if self.advantage() > 0.0 { 1.0 } else { -1.0 };
        // No gradient flows into the features.
        for i in 0..layout.features_at() {
            let slope = self.slope(&outputs, i, |outputs| self.parts(outputs, &log_std));
            let routing = match layout.dual {
                true if i < logits => 1.0 + kappa,
                true if i < 2 * logits => 1.0 - kappa,
                _ => 1.0,
            };
            let at = self.row * layout.width() + i;
            outcome.d_outputs[at] = weight * (routing * slope.policy + slope.rest);
            outcome.d_trunk[at] = weight * (slope.policy + slope.rest);
        }
        for i in 0..log_std.len() {
            let slope = self.slope(&log_std, i, |log_std| self.parts(&outputs, log_std));
            outcome.d_log_std[self.agent * log_std.len() + i] += weight * (slope.policy + slope.rest);
        }
        let metrics = &mut outcome.metrics[self.agent * LOSS_METRICS..][..LOSS_METRICS];
        for (sum, metric) in metrics.iter_mut().zip(self.metrics(&outputs, &log_std)) {
            *sum += weight * metric;
        }
    }

    /// In the order of [`LossMetrics`].
    fn metrics(&self, outputs: &[f64], log_std: &[f64]) -> [f64; LOSS_METRICS] {
        let logits = self.case.layout.policy.logits();
        let ratio = self.ratio(outputs, log_std);
        let mean = |x: &[f64], power: i32| x.iter().map(|x| x.powi(power)).sum::<f64>() / logits as f64;
        let g = &outputs[..logits];
        let n = if self.case.layout.dual { &outputs[logits..2 * logits] } else { &[] };
        let flag = |set: bool| if set { 1.0 } else { 0.0 };
        [
            self.policy_loss(outputs, log_std),
            self.value_loss(outputs),
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
        ]
    }
}

/// The metrics of one agent.
pub fn metrics(outcome: &Outcome<f32>, agent: usize) -> LossMetrics {
    let own: [f32; LOSS_METRICS] = std::array::from_fn(|i| outcome.metrics[agent * LOSS_METRICS + i]);
    LossMetrics {
        policy_loss: own[0],
        value_loss: own[1],
        entropy: own[2],
        approx_kl: own[3],
        clip_fraction: own[4],
        positive_fraction: own[5],
        direct_mean: own[6],
        direct_square: own[7],
        indirect_mean: own[8],
        indirect_square: own[9],
        sum_mode: own[10],
        ratio_deviation: own[11],
    }
}

/// Whether every number is within `tolerance` of its size plus a tenth of `tolerance` of the largest one's.
pub fn near<T: Copy + Into<f64>>(what: &str, actual: &[f32], expected: &[T], tolerance: f64) -> Result<(), String> {
    if actual.len() != expected.len() {
        return Err(format!("{what}: {} numbers for {}", actual.len(), expected.len()));
    }
    let largest = expected.iter().map(|&x| x.into().abs()).fold(0.0, f64::max);
    for (i, (&actual, &expected)) in actual.iter().zip(expected).enumerate() {
        let (actual, expected) = (f64::from(actual), expected.into());
        let close = (actual - expected).abs() <= tolerance * (expected.abs() + 0.1 * largest);
        if !close {
            return Err(format!("{what}[{i}] is {actual}, not {expected} (the largest is {largest})"));
        }
    }
    Ok(())
}

/// Whether all of an outcome is near another one.
pub fn agrees<T: Copy + Into<f64>>(actual: &Outcome<f32>, expected: &Outcome<T>, tolerance: f64) -> Result<(), String> {
    near("moments", &actual.moments, &expected.moments, tolerance)?;
    near("d_outputs", &actual.d_outputs, &expected.d_outputs, tolerance)?;
    near("d_trunk", &actual.d_trunk, &expected.d_trunk, tolerance)?;
    near("d_log_std", &actual.d_log_std, &expected.d_log_std, tolerance)?;
    near("metrics", &actual.metrics, &expected.metrics, tolerance)
}

/// Small cases of every policy, pathway, objective and value clip.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for policy in policies() {
        for (i, objective) in [Objective::Clipped, Objective::PolicyGradient].into_iter().enumerate() {
            for dual in [false, true] {
                let seed = cases.len() as u64;
                let params = LossParams {
                    value_clip: if seed % 3 == 0 { 0.0 } else { 0.4 },
                    kappa: if seed % 4 < 2 { 0.7 } else { 0.0 },
                    sum_decay: 0.005,
                    ..params(objective)
                };
                cases.push(Case::random(layout(policy.clone(), dual, 1 + i), 2, 150, params, seed));
            }
        }
    }
    cases
}
