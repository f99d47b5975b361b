//! The network and the loss in float64, one episode's step after the other.

use super::{ENVS, ROWS, Rollout, STEPS, starts};
use striatum_agent::{MemoryKind, NetworkSpec};

pub struct Oracle<'a> {
    pub spec: &'a NetworkSpec,
    pub rollout: &'a Rollout,
    /// Steps after which the gradient is cut: the state there is what acting had.
    pub sequence: usize,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl Oracle<'_> {
    /// The loss, and its gradient by central differences.
    pub fn gradient(&self, weights: &[f32]) -> (f64, Vec<f64>) {
        const H: f64 = 1e-6;
        let mut weights: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
        let gradient = (0..weights.len()).map(|i| {
            let mut loss_at = |by: f64| {
                weights[i] += by;
                let loss = self.loss(&weights);
                weights[i] -= by;
                loss
            };
            (loss_at(H) - loss_at(-H)) / (2.0 * H)
        });
        let gradient = gradient.collect();
        (self.loss(&weights), gradient)
    }

    /// `x W + b`.
    fn linear(&self, weights: &[f64], name: &str, x: &[f64]) -> Vec<f64> {
        let params = self.spec.params();
        let part = |suffix: &str| {
            let param = params.iter().find(|param| param.name == format!("{name}.{suffix}")).expect("a parameter");
            &weights[param.offset..param.offset + param.len()]
        };
        let (weight, bias) = (part("weight"), part("bias"));
        let column =
            |o: usize| bias[o] + x.iter().enumerate().map(|(i, x)| x * weight[i * bias.len() + o]).sum::<f64>();
        (0..bias.len()).map(column).collect()
    }

    /// A step of the memory of a trunk: from its state to the next, of which the first numbers are read.
    fn remember(&self, weights: &[f64], trunk: &str, x: &[f64], state: &[f64]) -> Vec<f64> {
        let h = self.spec.memory_width;
        let input = self.linear(weights, &format!("{trunk}.memory.input"), x);
        let recurrent = |from: &[f64]| self.linear(weights, &format!("{trunk}.memory.recurrent"), from);
        match self.spec.memory {
            MemoryKind::Gru => {
                let u = recurrent(state);
                let unit = |k: usize| {
                    let (r, z) = (sigmoid(input[k] + u[k]), sigmoid(input[h + k] + u[h + k]));
                    let n = (input[2 * h + k] + r * u[2 * h + k]).tanh();
                    (1.0 - z) * n + z * state[k]
                };
                (0..h).map(unit).collect()
            }
            MemoryKind::Lstm => {
                let u = recurrent(&state[..h]);
                let sum = |gate: usize, k: usize| input[gate * h + k] + u[gate * h + k];
                let cell = |k: usize| sigmoid(sum(1, k)) * state[h + k] + sigmoid(sum(0, k)) * sum(2, k).tanh();
                let cells: Vec<f64> = (0..h).map(cell).collect();
                let out = (0..h).map(|k| sigmoid(sum(3, k)) * cells[k].tanh());
                out.collect::<Vec<_>>().into_iter().chain(cells.iter().copied()).collect()
            }
            MemoryKind::MinGru => {
                let unit = |k: usize| {
                    let (z, x) = (sigmoid(input[k]), input[h + k]);
                    let candidate = if x >= 0.0 { x + 0.5 } else { sigmoid(x) };
                    (1.0 - z) * state[k] + z * candidate
                };
                (0..h).map(unit).collect()
            }
            MemoryKind::None => panic!("a network with memory"),
        }
    }

    /// `-A log pi(a|s) + 1/2 * 1/2 (V - R)^2 - 0.1 H` on the mean, with states that are carried within a sequence.
    fn loss(&self, weights: &[f64]) -> f64 {
        let (spec, rows) = (self.spec, &self.rollout.rows);
        let trunks: &[&str] = if spec.shared_trunk { &["trunk"] } else { &["actor", "critic"] };
        let own = spec.head.carried / trunks.len();
        let mut loss = 0.0;
        for env in 0..ENVS {
            let mut state = vec![0.0; spec.head.carried];
            for t in 0..STEPS {
                let row: Vec<f64> =
                    rows[(t * ENVS + env) * spec.inputs()..][..spec.inputs()].iter().map(|&x| f64::from(x)).collect();
                if t.is_multiple_of(self.sequence) {
                    state.copy_from_slice(&row[spec.observed() + 1..]);
                }
                if starts(t, env) {
                    state.fill(0.0);
                }
                let mut features = Vec::new();
                for (trunk, state) in trunks.iter().zip(state.chunks_exact_mut(own)) {
                    let hidden = self.linear(weights, &format!("{trunk}.0"), &row[..2]);
                    let x: Vec<f64> = hidden.iter().map(|x| x.tanh()).collect();
                    state.copy_from_slice(&self.remember(weights, trunk, &x, state));
                    features.push(state[..spec.memory_width].to_vec());
                }
                let mask: Vec<bool> = (0..3).map(|k| !spec.head.masked || row[2 + k] == 1.0).collect();
                let logits = self.linear(weights, "direct", &features[0]);
                let value = self.linear(weights, "value", &features[trunks.len() - 1])[0];
                loss += self.row_loss(t * ENVS + env, &logits, &mask, value);
            }
        }
        loss / ROWS as f64
    }

    fn row_loss(&self, row: usize, logits: &[f64], mask: &[bool], value: f64) -> f64 {
        let sum: f64 = logits.iter().zip(mask).filter(|(_, allowed)| **allowed).map(|(l, _)| l.exp()).sum();
        let log_p = |k: usize| logits[k] - sum.ln();
        let entropy: f64 = (0..3).filter(|&k| mask[k]).map(|k| -log_p(k).exp() * log_p(k)).sum();
        let (advantage, target) = (self.rollout.advantages[row], self.rollout.returns[row]);
        let error = value - f64::from(target);
        -f64::from(advantage) * log_p(self.rollout.actions[row] as usize) + 0.25 * error * error - 0.1 * entropy
    }
}
