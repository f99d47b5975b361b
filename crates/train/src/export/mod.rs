//! The policy alone, for use outside: as safetensors, and as ONNX that takes raw observations.

mod evaluate;
mod layers;
mod onnx;
mod proto;
mod reference;
mod safetensors;

pub use evaluate::Evaluated;
pub(crate) use evaluate::log_std_at;

use std::path::{Path, PathBuf};
use striatum_agent::NetworkSpec;
use striatum_kernels::ParamSpec;

/// A policy could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Lengths that do not fit each other.
    #[error("the policy cannot be exported: {what} has length {found}, and the network needs {expected}")]
    Length {
        /// Which part.
        what: &'static str,
        /// The length that fits.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// A network that the format, or the reference that it is checked against, has no form for.
    #[error("the policy cannot be exported so, because {what}; use `--format safetensors`")]
    Network {
        /// What about it.
        what: String,
    },
    /// The file could not be written.
    #[error("`{}` cannot be written: {source}; check that its folder exists and has space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Statistics of observations: what a network sees is `(x - mean) / std`, clipped to plus and minus `clip`.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationNormalizer {
    /// Mean of every column.
    pub mean: Vec<f64>,
    /// Divisor of every column: `sqrt(variance + 1e-8)`.
    pub std: Vec<f64>,
    /// Bound of what comes out.
    pub clip: f32,
}

/// Everything that turns a raw observation into an action.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyExport {
    /// The task.
    pub task: String,
    /// The network.
    pub spec: NetworkSpec,
    /// Its parameters, the whole arena; the critic's are not exported.
    pub params: Vec<f32>,
    /// What is done to observations first, if anything.
    pub observation_normalizer: Option<ObservationNormalizer>,
    /// Lower bounds of an action, `[dims]`; empty for discrete actions.
    pub action_low: Vec<f32>,
    /// Upper bounds.
    pub action_high: Vec<f32>,
    /// Dopamine tone (rho); acts on two pathways only.
    pub tone: f32,
    /// Inverse temperature (beta); acts on discrete actions only.
    pub inverse_temperature: f32,
}

impl PolicyExport {
    /// Writes parameters, normaliser and action bounds as safetensors, named as in checkpoints, with metadata `policy`: a JSON
    /// object that says how to evaluate them.
    ///
    /// # Errors
    /// If parts do not fit each other, or the file cannot be written.
    pub fn to_safetensors(&self, path: &Path) -> Result<(), ExportError> {
        self.validate()?;
        write(path, safetensors::encode(self))
    }

    /// Writes an ONNX model (opset 17) that takes `observations` as the task gives them: `[batch, inputs]`, or `[batch, channels, height,
    /// width]` where the network is more than a multilayer perceptron, uint8 where pixels are bytes. Its outputs: `actions`, the
    /// most likely ones, int64 `[batch]` for one choice, int64 `[batch, choices]` for several, float `[batch, dims]` as
    /// the task takes them otherwise; and `logits` `[batch, logits]`, or `mean` and `log_std` `[batch, dims]` (before any squash). With two
    /// pathways it has an optional input `tone`, a number, whose default is [`tone`](Self::tone). With a memory it is one step: it has an
    /// input `state`, [`state_width`](Self::state_width) numbers a row, which are 0 where an episode starts, and an output `next_state`.
    ///
    /// # Errors
    /// If the network is a module of one's own, parts do not fit each other, or the file cannot be written.
    pub fn to_onnx(&self, path: &Path) -> Result<(), ExportError> {
        self.validate()?;
        self.require_layers()?;
        write(path, Ok(onnx::encode(self)))
    }

    fn validate(&self) -> Result<(), ExportError> {
        let fits = |what, expected, found| match expected == found {
            true => Ok(()),
            false => Err(ExportError::Length { what, expected, found }),
        };
        fits("the list of parameters", self.spec.param_count(), self.params.len())?;
        let bounds = if self.spec.head.policy.is_continuous() { self.spec.head.policy.action_width() } else { 0 };
        fits("the list of lower action bounds", bounds, self.action_low.len())?;
        fits("the list of upper action bounds", bounds, self.action_high.len())?;
        if let Some(ObservationNormalizer { mean, std, .. }) = &self.observation_normalizer {
            fits("the normaliser's mean", self.spec.observation.words(), mean.len())?;
            fits("the normaliser's standard deviation", self.spec.observation.words(), std.len())?;
        }
        Ok(())
    }

    /// Width of what the policy keeps between steps: 0 without memory; h, and for an LSTM then c.
    pub fn state_width(&self) -> usize {
        self.spec.memory.states() * self.spec.memory_width
    }

    /// Width of a row, `[observation | mask | state]`.
    pub fn row_width(&self) -> usize {
        self.spec.observed() + self.state_width()
    }

    /// Refuses what is no chain of layers.
    fn require_layers(&self) -> Result<(), ExportError> {
        let what = self.spec.beyond_mlp().filter(|_| self.spec.custom.is_some());
        what.map_or(Ok(()), |what| Err(ExportError::Network { what }))
    }

    /// The shape of an observation as an ONNX model takes it, the mask at its end included.
    fn shape(&self) -> Vec<usize> {
        if self.spec.takes_pictures() { self.spec.observation.picture().to_vec() } else { vec![self.spec.observed()] }
    }

    /// The parameters that actions depend on, with their values.
    fn policy_params(&self) -> Vec<(ParamSpec, &[f32])> {
        let all = self.spec.params().into_iter();
        let critics = ["critic.", "value."];
        let own = all.filter(|param| !critics.iter().any(|critic| param.name.starts_with(critic)));
        own.map(|param| {
            let values = &self.params[param.offset..param.offset + param.len()];
            (param, values)
        })
        .collect()
    }

    /// What the hidden layers of the policy are called.
    fn trunk(&self) -> &'static str {
        if self.spec.shared_trunk { "trunk" } else { "actor" }
    }
}

fn write(path: &Path, bytes: std::io::Result<Vec<u8>>) -> Result<(), ExportError> {
    let written = bytes.and_then(|bytes| std::fs::write(path, bytes));
    written.map_err(|source| ExportError::Write { path: path.to_owned(), source })
}
