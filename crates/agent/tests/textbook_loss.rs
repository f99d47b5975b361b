//! The loss kernel's gradient against burn's autodiff of the textbook loss.
#![cfg(feature = "burn")]

mod common;

use burn::tensor::{Device, Tensor, TensorData, activation};
use common::{Rows, loss_params, normals, relative_error};
use striatum_agent::burn_engine::cpu_device;
use striatum_kernels::{
    Backend, Cpu, CriticKind, HeadLayout, LOSS_METRICS, LogStd, LossArgs, LossParams, Noise, Objective, PATHWAY_SCALE,
    Policy, PolicyHead,
};

const ROWS: usize = 37;
const CLIP: f32 = 0.2;
const VALUE_COEF: f32 = 0.7;
const AUXILIARY_COEF: f32 = 0.4;
const ENTROPY_COEF: f32 = 0.03;
const LOGIT_DECAY: f32 = 0.04;

/// A minibatch whose old policy is not the present one.
struct Batch {
    layout: HeadLayout,
    outputs: Vec<f32>,
    log_std: Vec<f32>,
    actions: Vec<f32>,
    log_probs: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
    tone: f32,
    beta: f32,
    critic: CriticKind,
    huber: f32,
}

impl Batch {
    fn new(policy: Policy, dual: bool, value_heads: usize, [tone, beta]: [f32; 2]) -> Self {
        let layout = HeadLayout::new(policy, dual, value_heads);
        let width = layout.width();
        let log_std = normals(5, layout.policy.log_std_len(), 0.3);
        let old = normals(6, ROWS * width, 0.7);
        let mut actions = vec![0.0; ROWS * layout.policy.action_width()];
        let mut log_probs = vec![0.0; ROWS];
        let noise = Noise::Counted { seed: 9, step: 0, first_lane: 0 };
        let (tones, betas) = ([tone; ROWS], [beta; ROWS]);
        let mut head = PolicyHead::new(&layout);
        head.load(&log_std);
        head.act(&old, [&tones, &betas], noise, &mut actions, &mut log_probs);
        let outputs = old.iter().zip(normals(7, ROWS * width, 0.3)).map(|(x, z)| x + z).collect();
        let (advantages, returns) = (normals(8, value_heads * ROWS, 1.0), normals(10, value_heads * ROWS, 1.0));
        Self {
            layout,
            outputs,
            log_std,
            actions,
            log_probs,
            advantages,
            returns,
            tone,
            beta,
            critic: CriticKind::Scalar,
            huber: 0.0,
        }
    }

    /// Gradients with respect to the outputs and `log_std` by the kernel.
    fn kernel(&self, objective: Objective) -> (Vec<f32>, Vec<f32>) {
        let backend = Cpu::with_threads(1);
        let rows = Rows {
            actions: self.actions.clone(),
            log_probs: self.log_probs.clone(),
            advantages: self.advantages.clone(),
            returns: self.returns.clone(),
            tone: vec![self.tone; ROWS],
            inverse_temperature: vec![self.beta; ROWS],
            ..Rows::new(&self.layout, ROWS)
        };
        let mut d_outputs = backend.zeros(self.outputs.len());
        let mut d_log_std = backend.zeros(self.log_std.len());
        backend.actor_critic_loss(LossArgs {
            layout: &self.layout,
            params: &[LossParams {
                objective: objective as u32,
                clip: CLIP,
                value_coef: VALUE_COEF,
                auxiliary_coef: AUXILIARY_COEF,
                critic: self.critic as u32,
                huber: self.huber,
                entropy_coef: ENTROPY_COEF,
                logit_decay: LOGIT_DECAY,
                ..loss_params()
            }],
            batch: rows.minibatch(),
            moments: &rows.moments(),
            outputs: &self.outputs,
            log_std: LogStd { stride: self.log_std.len(), at: 0 },
            weights: &self.log_std,
            d_outputs: &mut d_outputs,
            d_trunk: None,
            gradients: &mut d_log_std,
            metrics: &mut backend.zeros(LOSS_METRICS),
            metrics_at: 0,
        });
        (d_outputs, d_log_std)
    }

    /// The same by autodiff of the loss as papers write it.
    fn autodiff(&self, objective: Objective) -> (Vec<f32>, Vec<f32>) {
        let device = cpu_device().autodiff();
        let tensor = |values: &[f32]| {
            let columns = values.len() / ROWS;
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [ROWS, columns]), &device)
        };
        let outputs = tensor(&self.outputs).require_grad();
        let dims = self.log_std.len().max(1);
        let mut log_std = self.log_std.clone();
        log_std.resize(dims, 0.0);
        let log_std = Tensor::<2>::from_data(TensorData::new(log_std, [1, dims]), &device).require_grad();

        let (log_probs, entropy) = self.density(&device, outputs.clone(), log_std.clone());
        let advantages = tensor(&self.advantages[..ROWS]);
        let policy_loss = match objective {
            Objective::Clipped => {
                let ratio = (log_probs - tensor(&self.log_probs)).exp();
                let clipped = ratio.clone().clamp(1.0 - CLIP, 1.0 + CLIP);
                (-(advantages.clone() * ratio)).max_pair(-(advantages * clipped)).mean()
            }
            Objective::PolicyGradient => -(advantages * log_probs).mean(),
        };
        let heads: Vec<[Tensor<2>; 2]> = (0..self.layout.value_heads)
            .map(|k| {
                let at = self.layout.values_at() + k;
                [outputs.clone().slice([0..ROWS, at..at + 1]), tensor(&self.returns[k * ROWS..][..ROWS])]
            })
            .collect();
        let mut loss = policy_loss + self.value_loss(&heads) - entropy.mean() * ENTROPY_COEF;
        if !self.layout.policy.is_continuous() {
            loss = loss + self.net(&outputs).powf_scalar(2.0).sum_dim(1).mean() * (0.5 * LOGIT_DECAY);
        }
        let gradients = loss.backward();
        let read = |gradient: Option<Tensor<2>>, len: usize| {
            gradient.map_or_else(|| vec![0.0; len], |g| g.into_data().try_to_vec::<f32>().unwrap())
        };
        let d_log_std = read(log_std.grad(&gradients), dims)[..self.log_std.len()].to_vec();
        (read(outputs.grad(&gradients), self.outputs.len()), d_log_std)
    }

    /// The weighted loss of the value heads, from the values and the returns of each, `[R, 1]`.
    fn value_loss(&self, heads: &[[Tensor<2>; 2]]) -> Tensor<1> {
        let square = |[value, target]: &[Tensor<2>; 2]| (value.clone() - target.clone()).powf_scalar(2.0).mean() * 0.5;
        if self.critic == CriticKind::Scalar {
            let share = AUXILIARY_COEF / (heads.len() - 1).max(1) as f32;
            return heads[1..].iter().fold(square(&heads[0]) * VALUE_COEF, |sum, head| sum + square(head) * share);
        }
        let count = heads.len() as f32;
        let pair = |i: usize, j: usize| {
            let u = heads[j][1].clone() - heads[i][0].clone();
            let tau = (i as f32 + 0.5) / count;
            let size = match self.critic {
                CriticKind::Expectile => u.clone().powf_scalar(2.0),
                _ if self.huber == 0.0 => u.clone().abs(),
                _ => {
                    let (square, line) =
                        (u.clone().powf_scalar(2.0) * 0.5, (u.clone().abs() - 0.5 * self.huber) * self.huber);
                    line.mask_where(u.clone().abs().lower_elem(self.huber), square) / self.huber
                }
            };
            // |tau - 1[u < 0]|
            let below = u.zeros_like().mask_where(u.lower_elem(0.0), size.ones_like());
            ((below - tau).abs().detach() * size).mean()
        };
        let pairs = (0..heads.len()).flat_map(|i| (0..heads.len()).map(move |j| (i, j)));
        let sum = pairs.map(|(i, j)| pair(i, j)).reduce(|a, b| a + b).unwrap();
        sum * (VALUE_COEF / count)
    }

    /// Logits at inverse temperature 1, or means.
    fn net(&self, outputs: &Tensor<2>) -> Tensor<2> {
        let logits = self.layout.policy.logits();
        let columns = |at: usize| outputs.clone().slice([0..ROWS, at..at + logits]);
        if !self.layout.dual {
            return columns(0);
        }
        let direct = columns(0) * (1.0 + self.tone);
        (direct - columns(self.layout.indirect_at()) * (1.0 - self.tone)) * PATHWAY_SCALE
    }

    /// Log density of the actions and entropy, `[R, 1]` each.
    fn density(&self, device: &Device, outputs: Tensor<2>, log_std: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let net = self.net(&outputs);
        let width = self.layout.policy.action_width();
        let actions = Tensor::<2>::from_data(TensorData::new(self.actions.clone(), [ROWS, width]), device);
        match &self.layout.policy {
            Policy::Categorical { nvec } => {
                let net = net * self.beta;
                let (mut total, mut entropy, mut at) = (None, None, 0);
                for (i, &n) in nvec.iter().enumerate() {
                    let log = activation::log_softmax(net.clone().slice([0..ROWS, at..at + n]), 1);
                    let chosen = log.clone().gather(1, actions.clone().slice([0..ROWS, i..i + 1]).int());
                    let own = -(log.clone() * log.exp()).sum_dim(1);
                    total = Some(total.map_or_else(|| chosen.clone(), |sum: Tensor<2>| sum + chosen.clone()));
                    entropy = Some(entropy.map_or_else(|| own.clone(), |sum: Tensor<2>| sum + own.clone()));
                    at += n;
                }
                (total.unwrap(), entropy.unwrap())
            }
            policy => {
                let z = (actions.clone() - net) / log_std.clone().exp();
                let half_log_tau = 0.5 * std::f32::consts::TAU.ln();
                let log = z.powf_scalar(2.0) * -0.5 - log_std.clone() - half_log_tau;
                let mut log = log.sum_dim(1);
                if policy.squashes() {
                    // log(1 - tanh(u)^2), as it is written before it is made stable.
                    let tanh = actions.tanh();
                    log = log - (tanh.powf_scalar(2.0) * -1.0 + 1.0).log().sum_dim(1);
                }
                let entropy = (log_std + 0.5 + half_log_tau).sum_dim(1);
                (log, entropy.repeat_dim(0, ROWS))
            }
        }
    }
}

#[test]
fn the_kernel_gives_the_gradient_of_the_textbook_loss() {
    let policies = [
        Policy::Categorical { nvec: vec![3] },
        Policy::Categorical { nvec: vec![2, 4] },
        Policy::Gaussian { dims: 2, squash: false },
        Policy::Gaussian { dims: 2, squash: true },
    ];
    for policy in policies {
        for (dual, heads, gains) in [(false, 1, [0.0, 1.0]), (true, 4, [0.0, 1.0]), (true, 1, [0.4, 1.7])] {
            for objective in [Objective::Clipped, Objective::PolicyGradient] {
                let batch = Batch::new(policy.clone(), dual, heads, gains);
                let (d_outputs, d_log_std) = batch.kernel(objective);
                let (expected, expected_log_std) = batch.autodiff(objective);
                let case = format!("{policy:?} dual {dual} heads {heads} gains {gains:?} {objective:?}");
                assert!(relative_error(&d_outputs, &expected) < 1e-4, "{case}");
                assert!(relative_error(&d_log_std, &expected_log_std) < 1e-4, "{case}: log_std");
                assert!(expected.iter().any(|&d| d != 0.0), "{case}: nothing to compare");
            }
        }
    }
}

#[test]
fn the_kernel_gives_the_gradient_of_a_distributions_textbook_loss() {
    for (critic, huber) in [(CriticKind::Quantile, 0.0), (CriticKind::Quantile, 0.7), (CriticKind::Expectile, 0.0)] {
        let policy = Policy::Categorical { nvec: vec![3] };
        let batch = Batch { critic, huber, ..Batch::new(policy, true, 6, [0.4, 1.7]) };
        let (d_outputs, _) = batch.kernel(Objective::Clipped);
        let (expected, _) = batch.autodiff(Objective::Clipped);
        assert!(relative_error(&d_outputs, &expected) < 1e-4, "{critic:?} {huber}");
        let at = batch.layout.values_at()..batch.layout.features_at();
        let of_values = |numbers: &[f32]| -> Vec<f32> {
            numbers.chunks(batch.layout.width()).flat_map(|row| row[at.clone()].to_vec()).collect()
        };
        // The values' gradient is smaller than the policy's.
        assert!(relative_error(&of_values(&d_outputs), &of_values(&expected)) < 1e-4, "{critic:?} {huber}: values");
    }
}
