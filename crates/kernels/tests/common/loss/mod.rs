//! Cases of the loss.
#![allow(dead_code, reason = "every test target uses a part")]

mod oracle;

use striatum_kernels::{
    Backend, CriticKind, HeadLayout, LOSS_METRICS, LogStd, LossArgs, LossMetrics, LossParams, Minibatch, Objective,
    Policy, Selection,
};
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
    /// Advantages of the upper and the lower half, `[A, R, 2]`, or empty.
    pub halves: Vec<f32>,
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
    HeadLayout::new(policy, dual, value_heads)
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
        auxiliary_coef: 0.3,
        critic: CriticKind::Scalar as u32,
        huber: 0.0,
        opponent: 0,
        entropy_coef: 0.01,
        kappa: 0.0,
        sum_decay: 0.0,
        logit_decay: 0.0,
    }
}

/// Two actions, one value head, one row, no entropy.
pub fn by_hand(objective: Objective, log_prob: f32, advantage: f32) -> Case {
    Case {
        layout: layout(Policy::Categorical { nvec: vec![2] }, false, 1),
        agents: 1,
        rows: 1,
        normalize: false,
        params: vec![LossParams { entropy_coef: 0.0, ..params(objective) }],
        outputs: vec![3.0_f32.ln(), 0.0, 2.0],
        log_std: vec![],
        actions: vec![0.0],
        log_probs: vec![log_prob],
        advantages: vec![advantage],
        halves: vec![],
        returns: vec![5.0],
        values: vec![1.0],
        mask: vec![1.0],
        tone: vec![0.0],
        inverse_temperature: vec![1.0],
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
            halves: if params.opponent != 0 { numbers(2 * total, -2.0, 2.0) } else { Vec::new() },
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
        case.make_masks(seed);
        case.make_actions();
        case.poison();
        case
    }

    /// Allows some options of every choice, where rows have a mask. What a memory carries is never read.
    fn make_masks(&mut self, seed: u64) {
        let Policy::Categorical { nvec } = &self.layout.policy else { return };
        let mut stream = Stream::new(seed, Purpose::User, 1, 0);
        for row in self.outputs.chunks_exact_mut(self.layout.width()) {
            row[self.layout.carried_at()..].fill(f32::NAN);
            let mut marks = &mut row[self.layout.mask_at()..self.layout.carried_at()];
            for &n in nvec.iter().filter(|_| self.layout.masked) {
                let (own, rest) = marks.split_at_mut(n);
                own.iter_mut().for_each(|mark| *mark = stream.below(2) as f32);
                own[stream.below(n as u32) as usize] = 1.0;
                marks = rest;
            }
        }
    }

    /// Turns the numbers in `actions` into actions near the policy, and those in `log_probs` into old log probabilities.
    fn make_actions(&mut self) {
        let width = self.layout.policy.action_width();
        for row in 0..self.agents * self.rows {
            let oracle = self.oracle_row(row);
            let (outputs, log_std) = (oracle.outputs(), oracle.log_std());
            let (net, sigmas) = (oracle.net(&outputs), oracle.sigmas(&outputs, &log_std));
            let allowed: Vec<_> = (0..width).map(|choice| oracle.allowed(choice)).collect();
            for (i, action) in self.actions[row * width..(row + 1) * width].iter_mut().enumerate() {
                let unit = f64::from(*action);
                *action = match &self.layout.policy {
                    Policy::Categorical { .. } => {
                        allowed[i][((unit + 1.5) / 3.0 * allowed[i].len() as f64) as usize] as f32
                    }
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
            self.halves.iter_mut().skip(2 * row).take(2).for_each(|half| *half = f32::NAN);
            for numbers in [&mut self.log_probs, &mut self.advantages, &mut self.tone, &mut self.inverse_temperature] {
                numbers[row] = f32::NAN;
            }
        }
    }

    pub fn run<B: Backend>(&self, backend: &B) -> Outcome<f32> {
        // The rows lie scattered among others, which are never read.
        let sources = self.rows + 5;
        let mut stream = Stream::new(self.rows as u64, Purpose::User, 9, 9);
        let mut places: Vec<u32> = Vec::new();
        for _ in 0..self.agents {
            let mut own: Vec<u32> = (0..sources as u32).collect();
            (1..sources).rev().for_each(|i| own.swap(i, stream.below(i as u32 + 1) as usize));
            places.extend(own);
        }
        self.run_at(backend, sources, 3, &places)
    }

    /// With agent a's r-th row at row `places[a * sources + first + r]` of `sources`.
    pub fn run_at<B: Backend>(&self, backend: &B, sources: usize, first: usize, places: &[u32]) -> Outcome<f32> {
        let at = |row: usize| places[row / self.rows * sources + first + row % self.rows] as usize;
        // `[A, R, width]` as `[A, S, width]`, and `[A, R, heads]` as a part of `[A, heads, S]`.
        let rows_of = |numbers: &[f32], width: usize| {
            let mut out = vec![f32::NAN; self.agents * sources * width];
            for (row, from) in numbers.chunks_exact(width).enumerate() {
                out[(row / self.rows * sources + at(row)) * width..][..width].copy_from_slice(from);
            }
            backend.upload(&out)
        };
        let heads = self.layout.value_heads;
        let lines_of = |parts: &[(&[f32], usize)], heads: usize, sources: usize| {
            let (mut out, mut first) = (vec![f32::NAN; self.agents * heads * sources], 0);
            for (numbers, width) in parts {
                for (i, &number) in numbers.iter().enumerate() {
                    let (row, head) = (i / width, first + i % width);
                    out[(row / self.rows * heads + head) * sources + at(row)] = number;
                }
                first += width;
            }
            backend.upload(&out)
        };
        let advantage_heads = if self.halves.is_empty() { heads } else { 3 };
        let indices = backend.upload_indices(places);
        let batch = Minibatch {
            agents: self.agents,
            rows: self.rows,
            source_rows: sources,
            heads,
            advantage_heads,
            selection: Selection { rows: &indices, stride: sources, first },
            actions: &rows_of(&self.actions, self.layout.policy.action_width()),
            log_probs: &rows_of(&self.log_probs, 1),
            advantages: &lines_of(&[(&self.advantages, 1), (&self.halves, 2)], advantage_heads, sources),
            returns: &lines_of(&[(&self.returns, heads)], heads, sources),
            values: &lines_of(&[(&self.values, heads)], heads, sources + 2),
            value_rows: sources + 2,
            mask: &rows_of(&self.mask, 1),
            tone: &rows_of(&self.tone, 1),
            inverse_temperature: &rows_of(&self.inverse_temperature, 1),
        };
        let mut moments = backend.upload(&vec![f32::NAN; 4 * self.agents]);
        backend.advantage_moments(batch, self.normalize, &mut moments);
        // Every output must be overwritten, and nothing else: log_std is in the middle of five other parameters.
        let unset = |len: usize| backend.upload(&vec![f32::NAN; len]);
        let (mut d_outputs, mut d_trunk) = (unset(self.outputs.len()), unset(self.outputs.len()));
        let len = self.layout.policy.log_std_len();
        let log_std = LogStd { stride: len + 5, at: 2 };
        let mut weights = vec![f32::NAN; self.agents * log_std.stride];
        for (agent, own) in weights.chunks_exact_mut(log_std.stride).enumerate() {
            own[2..2 + len].copy_from_slice(&self.log_std[agent * len..][..len]);
        }
        let mut gradients = backend.upload(&vec![7.0; self.agents * log_std.stride]);
        let mut metrics = unset(1 + self.agents * LOSS_METRICS);
        backend.actor_critic_loss(LossArgs {
            layout: &self.layout,
            params: &self.params,
            batch,
            moments: &moments,
            outputs: &backend.upload(&self.outputs),
            log_std,
            weights: &backend.upload(&weights),
            d_outputs: &mut d_outputs,
            d_trunk: Some(&mut d_trunk),
            gradients: &mut gradients,
            metrics: &mut metrics,
            metrics_at: 1,
        });
        let read = |buffer: &B::Buffer| backend.download(buffer).expect("the device works");
        let mut d_log_std = Vec::new();
        for own in read(&gradients).chunks_exact(log_std.stride) {
            d_log_std.extend_from_slice(&own[2..2 + len]);
            assert!(own[..2].iter().chain(&own[2 + len..]).all(|&g| g == 7.0), "other parameters' gradients changed");
        }
        Outcome {
            moments: read(&moments),
            d_outputs: read(&d_outputs),
            d_trunk: read(&d_trunk),
            d_log_std,
            metrics: read(&metrics)[1..].to_vec(),
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
        auxiliary_value_loss: own[12],
        direct_weight: own[13],
        indirect_weight: own[14],
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
                    logit_decay: if seed % 3 != 1 { 0.03 } else { 0.0 },
                    ..params(objective)
                };
                cases.push(Case::random(layout(policy.clone(), dual, 1 + i), 2, 150, params, seed));
            }
        }
    }
    cases.extend(critics());
    cases.extend(masks());
    cases
}

/// Small cases of choices of which some options are not allowed, also beside a memory.
fn masks() -> impl Iterator<Item = Case> {
    let scalar = CriticKind::Scalar;
    let kinds = [(1, scalar, 0), (2, scalar, 7), (2, scalar, 0), (1, CriticKind::Quantile, 3), (2, scalar, 33)];
    kinds.into_iter().enumerate().map(|(i, (policy, critic, carried))| {
        let (policy, dual, heads) = (policies().remove(policy), i % 2 == 1, 1 + i);
        let objective = if i == 2 { Objective::PolicyGradient } else { Objective::Clipped };
        let params = LossParams {
            critic: critic as u32,
            kappa: 0.6,
            sum_decay: 0.02,
            logit_decay: 0.03,
            entropy_coef: 0.1,
            ..params(objective)
        };
        let layout = HeadLayout { masked: true, carried, ..layout(policy, dual, heads) };
        Case::random(layout, 2, 90, params, 200 + i as u64)
    })
}

/// Small cases of several auxiliary heads, and of every distributional critic.
fn critics() -> impl Iterator<Item = Case> {
    let kinds = [
        (CriticKind::Quantile, 0.0, 4),
        (CriticKind::Quantile, 0.0, 37),
        (CriticKind::Quantile, 0.8, 16),
        (CriticKind::Expectile, 0.8, 5),
        (CriticKind::Expectile, 0.0, 32),
        (CriticKind::Scalar, 0.0, 6),
    ];
    kinds.into_iter().enumerate().map(|(i, (critic, huber, heads))| {
        let opponent = u32::from(i % 2 == 1);
        let (critic, policy) = (critic as u32, policies().remove(i));
        let params = LossParams { critic, huber, opponent, kappa: 0.6, sum_decay: 0.005, ..params(Objective::Clipped) };
        Case::random(layout(policy, opponent == 1, heads), 2, 60, params, 100 + i as u64)
    })
}
