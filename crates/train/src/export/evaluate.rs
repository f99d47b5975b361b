//! The exported policy evaluated here, as the reference that exports are checked against.

use super::reference::bytes;
use super::{ExportError, ObservationNormalizer, PolicyExport};
use serde_json::{Value, json};
use striatum_kernels::{LOG_STD_RANGE, Noise, Policy, PolicyHead, environment_action, net_logits};
use striatum_rng::{Purpose, Stream};

/// What a policy makes of R observations.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The most likely actions as the task takes them, `[R, action width]`; whole numbers for discrete ones.
    pub actions: Vec<f32>,
    /// Net logits, or means before any squash, `[R, logits]`.
    pub net: Vec<f32>,
    /// Logarithm of the standard deviations before any squash, `[R, dims]`; empty for discrete actions.
    pub log_std: Vec<f32>,
    /// What a memory keeps for the next step, `[R, state width]`; empty without one.
    pub next_state: Vec<f32>,
}

impl PolicyExport {
    /// Actions for R rows of raw observations, `[R, row width]` ([`row_width`](Self::row_width)): the linear layers here in double
    /// precision, everything after them by the kernels that act in training.
    ///
    /// # Errors
    /// If parts do not fit each other, or the rows are not whole.
    pub fn evaluate(&self, given: &[f32]) -> Result<Evaluated, ExportError> {
        self.validate()?;
        self.require_layers()?;
        let inputs = self.row_width().max(1);
        let rows = given.len() / inputs;
        if given.len() != rows * inputs {
            let expected = (rows + 1) * inputs;
            return Err(ExportError::Length { what: "the list of observations", expected, found: given.len() });
        }
        let layout = &self.spec.head;
        let mut outputs = Vec::with_capacity(rows * layout.width());
        let [mut log_std, mut next_state] = [Vec::new(), Vec::new()];
        for row in given.chunks_exact(inputs) {
            let (observed, state) = row.split_at(self.spec.observed());
            let (observation, mask) = observed.split_at(self.spec.observation.words());
            let (features, state) = self.remembered(self.hidden(&self.normalized(observation)), state);
            next_state.extend(state);
            outputs.extend(self.linear("direct", &features));
            if layout.dual {
                outputs.extend(self.linear("indirect", &features));
            }
            outputs.extend(std::iter::repeat_n(0.0, layout.value_heads));
            if layout.policy.features() > 0 {
                outputs.extend(&features);
            }
            outputs.extend(mask);
            outputs.extend(std::iter::repeat_n(0.0, layout.carried));
            log_std.extend(log_std_at(&layout.policy, self.param("log_std"), &features));
        }
        let (tone, beta) = (vec![self.tone; rows], vec![self.inverse_temperature; rows]);
        let width = layout.policy.action_width();
        let (mut net, mut stored) = (vec![0.0; rows * layout.policy.logits()], vec![0.0; rows * width]);
        net_logits(layout, rows, &outputs, &tone, &beta, &mut net);
        let own_log_std = self.param("log_std");
        let mut head = PolicyHead::new(layout);
        head.load(own_log_std);
        head.act(&outputs, [&tone, &beta], Noise::Mode, &mut stored, &mut vec![0.0; rows]);
        let mut actions = vec![0.0; rows * width];
        for (stored, taken) in stored.chunks_exact(width.max(1)).zip(actions.chunks_exact_mut(width.max(1))) {
            environment_action(&layout.policy, &self.action_low, &self.action_high, stored, taken);
        }
        Ok(Evaluated { actions, net, log_std, next_state })
    }

    /// Rows and what the policy makes of them, as the JSON object that `scripts/check_export.py` reads: `observations`, with a
    /// memory `state`, and the outputs. With two pathways, `tones` lists what it makes of them with other dopamine tones.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn expectations(&self, given: &[f32]) -> Result<Value, ExportError> {
        let mut object = self.expected(given)?;
        let split = given.chunks_exact(self.row_width().max(1)).map(|row| row.split_at(self.spec.observed()));
        let (observations, states): (Vec<_>, Vec<_>) = split.unzip();
        object["observations"] = observations.iter().map(|observed| self.shown(observed)).collect();
        if self.state_width() > 0 {
            object["state"] = json!(states);
        }
        if self.spec.head.dual {
            let tones = TONES.iter().map(|&tone| {
                let mut expected = Self { tone, ..self.clone() }.expected(given)?;
                expected["tone"] = tone.into();
                Ok(expected)
            });
            object["tones"] = tones.collect::<Result<Vec<_>, ExportError>>()?.into();
        }
        Ok(object)
    }

    /// An observation as numbers that JSON has: packed bytes one by one.
    fn shown(&self, observed: &[f32]) -> Value {
        let observation = self.spec.observation;
        if !observation.is_packed() {
            return json!(observed);
        }
        bytes(observed, observation.len()).collect::<Vec<u8>>().into()
    }

    /// What the policy makes of rows, by the names of an ONNX model's outputs.
    fn expected(&self, given: &[f32]) -> Result<Value, ExportError> {
        let Evaluated { actions, net, log_std, next_state } = self.evaluate(given)?;
        let policy = &self.spec.head.policy;
        let net = rows(&net, policy.logits());
        let mut object = match policy {
            Policy::Categorical { nvec } => {
                let whole: Vec<i64> = actions.iter().map(|&action| action as i64).collect();
                let actions = match nvec.len() {
                    1 => json!(whole),
                    choices => json!(whole.chunks_exact(choices.max(1)).collect::<Vec<_>>()),
                };
                json!({"actions": actions, "logits": net})
            }
            Policy::Gaussian { dims, .. } | Policy::StateDependent { dims, .. } => {
                json!({"actions": rows(&actions, *dims), "mean": net, "log_std": rows(&log_std, *dims)})
            }
        };
        if self.state_width() > 0 {
            object["next_state"] = json!(rows(&next_state, self.state_width()));
        }
        Ok(object)
    }

    /// `count` rows, `[count, row width]`: observations normal around the normaliser's mean with twice its deviation, or around 0 with
    /// deviation 2, or any bytes; half of every choice's options allowed where there are masks; normal states. The same every
    /// time.
    pub fn random_observations(&self, count: usize) -> Vec<f32> {
        let mut stream = Stream::new(0, Purpose::User, 0, 0);
        let column = |i: usize| match &self.observation_normalizer {
            Some(ObservationNormalizer { mean, std, .. }) => (mean[i], std[i]),
            None => (0.0, 1.0),
        };
        let mut all = Vec::with_capacity(count * self.row_width());
        for _ in 0..count {
            let packed = self.spec.observation.is_packed();
            all.extend((0..self.spec.observation.words()).map(|i| {
                let (mean, std) = column(i);
                if packed {
                    f32::from_bits(stream.below(u32::MAX))
                } else {
                    (mean + 2.0 * std * f64::from(stream.normal())) as f32
                }
            }));
            if let (true, Policy::Categorical { nvec }) = (self.spec.head.masked, &self.spec.head.policy) {
                for &n in nvec {
                    let first = stream.below(n as u32) as usize;
                    all.extend((0..n).map(|option| if (option + n - first) % n < n.div_ceil(2) { 1.0 } else { 0.0 }));
                }
            }
            all.extend((0..self.state_width()).map(|_| stream.normal()));
        }
        all
    }

    fn normalized(&self, observation: &[f32]) -> Vec<f32> {
        let Some(ObservationNormalizer { mean, std, clip }) = &self.observation_normalizer else {
            return observation.to_vec();
        };
        let columns = observation.iter().zip(mean).zip(std);
        columns.map(|((&x, mean), std)| (((f64::from(x) - mean) / std) as f32).clamp(-clip, *clip)).collect()
    }

    /// A parameter's values; empty if the network has none of that name.
    pub(super) fn param(&self, name: &str) -> &[f32] {
        let found = self.spec.params().into_iter().find(|param| param.name == name);
        found.map_or(&[], |param| &self.params[param.offset..param.offset + param.len()])
    }
}

/// Tones that an export with two pathways is checked with, beside its own.
const TONES: [f32; 5] = [-1.0, -0.5, 0.0, 0.5, 1.0];

fn rows(values: &[f32], width: usize) -> Vec<Vec<f32>> {
    values.chunks_exact(width.max(1)).map(<[f32]>::to_vec).collect()
}

/// What generalised state-dependent exploration adds to a variance (see [`Policy::StateDependent`]).
const VARIANCE_FLOOR: f64 = 1e-6;

/// Logarithm of the standard deviation of each dimension, from the parameter and what the heads read; none for discrete actions.
pub(crate) fn log_std_at(policy: &Policy, log_std: &[f32], features: &[f32]) -> Vec<f32> {
    let [low, high] = LOG_STD_RANGE;
    let clamped: Vec<f32> = log_std.iter().map(|l| l.clamp(low, high)).collect();
    let Policy::StateDependent { dims, .. } = *policy else { return clamped };
    let mut variance = vec![VARIANCE_FLOOR; dims];
    for (feature, row) in features.iter().zip(clamped.chunks_exact(dims.max(1))) {
        // sigma_d^2 = sum_h features_h^2 exp(2 log_std[h][d]) + 1e-6
        let square = f64::from(*feature).powi(2);
        variance.iter_mut().zip(row).for_each(|(sum, &l)| *sum += square * (2.0 * f64::from(l)).exp());
    }
    variance.into_iter().map(|variance| (0.5 * variance.ln()) as f32).collect()
}
