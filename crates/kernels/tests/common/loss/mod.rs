//! Cases of the loss.
#![allow(dead_code, reason = "every test target uses a part")]

mod oracle;

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
            normalize: seed.is_multiple_of(2),
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
        let (width, actions, heads) = (self.layout.width(), self.layout.policy.action_width(), self.layout.value_heads);
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
                    value_clip: if seed.is_multiple_of(3) { 0.0 } else { 0.4 },
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
