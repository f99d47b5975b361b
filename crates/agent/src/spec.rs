//! What a network is: how its rows are read, which layers it has, and where each parameter lies in the arena.
//!
//! Learner, checkpoints and exports know networks by their [`NetworkSpec`] alone.

use crate::{Encoder, NetworkSettings, encoder};
use serde::{Deserialize, Serialize};
use striatum_kernels::{Activation, ConvolutionSpec, HeadLayout, MlpSpec, ParamList, ParamSpec};

/// What an observation is to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// So many numbers.
    Numbers(usize),
    /// A picture `[channels, height, width]`.
    Image {
        /// The number of channels.
        channels: usize,
        /// Rows of a channel.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// Whether pixels are bytes, four to a number of the row, in memory order; the network sees them as 0 to 1.
        bytes: bool,
    },
}

impl Observation {
    /// Numbers that an observation takes in a row.
    pub fn words(self) -> usize {
        if self.is_packed() { self.len().div_ceil(4) } else { self.len() }
    }

    /// Numbers that the network computes with.
    pub fn len(self) -> usize {
        match self {
            Self::Numbers(count) => count,
            Self::Image { channels, height, width, .. } => channels * height * width,
        }
    }

    /// Whether there is nothing to observe.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether pixels are packed bytes.
    pub fn is_packed(self) -> bool {
        matches!(self, Self::Image { bytes: true, .. })
    }

    /// Channels, height and width; numbers are a column.
    pub fn picture(self) -> [usize; 3] {
        match self {
            Self::Numbers(count) => [count, 1, 1],
            Self::Image { channels, height, width, .. } => [channels, height, width],
        }
    }
}

/// What a network remembers between steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryKind {
    /// Nothing.
    #[default]
    None,
    /// A gated recurrent unit (Cho et al. 2014).
    Gru,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997).
    Lstm,
    /// A gated recurrent unit whose gates do not read the state (Feng et al. 2024).
    MinGru,
}

impl MemoryKind {
    /// Its word in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gru => "gru",
            Self::Lstm => "lstm",
            Self::MinGru => "mingru",
        }
    }

    /// Gates, as wide as the memory each; none without memory.
    pub fn gates(self) -> usize {
        match self {
            Self::None => 0,
            Self::Gru => 3,
            Self::Lstm => 4,
            Self::MinGru => 2,
        }
    }

    /// States, as wide as the memory each.
    pub fn states(self) -> usize {
        match self {
            Self::None => 0,
            Self::Gru | Self::MinGru => 1,
            Self::Lstm => 2,
        }
    }

    /// Whether gates read the state.
    pub fn is_recurrent(self) -> bool {
        matches!(self, Self::Gru | Self::Lstm)
    }
}

/// A network that maps observations to output rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkSpec {
    /// What a row is.
    pub observation: Observation,
    /// What reads it.
    pub encoder: Encoder,
    /// Whether every hidden layer, the encoder's linear one included, is normalised before its nonlinearity (Ba et al. 2016).
    pub layer_norm: bool,
    /// What is kept between steps, between the hidden layers and the heads; one an actor and a critic where they share nothing.
    pub memory: MemoryKind,
    /// Width of what is read from the memory.
    pub memory_width: usize,
    /// Widths of the hidden layers above the encoder, the same for actor and critic.
    pub hidden: Vec<usize>,
    /// The nonlinearity of hidden layers; an encoder's own is `max(x, 0)`.
    pub activation: Activation,
    /// Whether actor and critic share everything below the heads (`trunk.*`) or have their own (`actor.*`, `critic.*`).
    pub shared_trunk: bool,
    /// What an output row means.
    pub head: HeadLayout,
    /// The parameters of a module of one's own, without `log_std`: names, shapes and order are the module's, and the layers above
    /// are not there. None for the networks that settings describe.
    #[serde(skip)]
    pub custom: Option<Vec<ParamSpec>>,
}

impl NetworkSpec {
    /// The network that settings describe; a memory's state is added to the head's rows.
    pub fn new(settings: &NetworkSettings, observation: Observation, head: HeadLayout) -> Self {
        let trunks = if settings.shared_trunk { 1 } else { 2 };
        let head = HeadLayout { carried: trunks * settings.memory.states() * settings.memory_width, ..head };
        Self {
            observation,
            encoder: settings.encoder,
            layer_norm: settings.layer_norm,
            memory: settings.memory,
            memory_width: settings.memory_width,
            hidden: settings.hidden.clone(),
            activation: settings.activation,
            shared_trunk: settings.shared_trunk,
            head,
            custom: None,
        }
    }

    /// Width of a row that the network is given: `[observation | mask | start | state]`, the last two with memory only.
    pub fn inputs(&self) -> usize {
        self.observed() + if self.has_memory() { 1 + self.head.carried } else { 0 }
    }

    /// Width of what the environment gives of a row: `[observation | mask]`.
    pub fn observed(&self) -> usize {
        self.observation.words() + self.head.mask_width()
    }

    /// Whether something is kept between steps.
    pub fn has_memory(&self) -> bool {
        self.head.carried > 0
    }

    /// Width of what the heads read.
    pub fn features(&self) -> usize {
        if self.memory == MemoryKind::None { self.remembered() } else { self.memory_width }
    }

    /// Width of what a memory reads.
    pub fn remembered(&self) -> usize {
        self.hidden.last().copied().unwrap_or_else(|| self.encoded())
    }

    /// Width of what the hidden layers read.
    pub fn encoded(&self) -> usize {
        self.encoder.width().unwrap_or_else(|| self.observation.len())
    }

    /// What the encoder does with a picture before its linear layer, if it has any.
    pub fn convolutions(&self) -> Option<ConvolutionSpec> {
        let Observation::Image { bytes, .. } = self.observation else { return None };
        let steps = self.encoder.steps();
        (!steps.is_empty()).then(|| ConvolutionSpec { picture: self.observation.picture(), bytes, steps })
    }

    /// Whether it is given pictures as such: a multilayer perceptron is given flat rows.
    pub fn takes_pictures(&self) -> bool {
        matches!(self.observation, Observation::Image { .. }) && self.as_mlp().is_none()
    }

    /// The same network as a multilayer perceptron, if it is one.
    pub fn as_mlp(&self) -> Option<MlpSpec> {
        self.beyond_mlp().is_none().then(|| MlpSpec {
            inputs: self.inputs(),
            hidden: self.hidden.clone(),
            activation: self.activation,
            shared_trunk: self.shared_trunk,
            head: self.head.clone(),
        })
    }

    /// What makes it more than a multilayer perceptron, as the end of a sentence.
    pub fn beyond_mlp(&self) -> Option<String> {
        if self.custom.is_some() {
            return Some("the network is a module of your own".to_owned());
        }
        if self.encoder != Encoder::Mlp {
            return Some(format!("`network.encoder` is \"{}\"", self.encoder.name()));
        }
        if self.layer_norm {
            return Some("`network.layer_norm` is true".to_owned());
        }
        if self.has_memory() {
            return Some(format!("`network.memory` is \"{}\"", self.memory.name()));
        }
        self.observation.is_packed().then(|| "the task's observations are images of bytes".to_owned())
    }

    /// Every parameter in arena order, which is the order in which a burn module visits them: encoder, hidden layers and memory of the
    /// actor (or trunk), `direct`, `indirect`, those of the critic, `value`; then `log_std`.
    pub fn params(&self) -> Vec<ParamSpec> {
        let mut list = ParamList::default();
        match &self.custom {
            Some(params) => params.iter().for_each(|param| list.push(param.name.clone(), param.shape.clone())),
            None => self.layers(&mut list),
        }
        match self.head.policy.log_std_len() {
            0 => {}
            len => list.push("log_std".into(), vec![len]),
        }
        list.params
    }

    fn layers(&self, list: &mut ParamList) {
        let logits = self.head.policy.logits();
        self.trunk(if self.shared_trunk { "trunk" } else { "actor" }, list);
        list.linear("direct", self.features(), logits);
        if self.head.dual {
            list.linear("indirect", self.features(), logits);
        }
        if !self.shared_trunk {
            self.trunk("critic", list);
        }
        list.linear("value", self.features(), self.head.value_heads);
    }

    /// Encoder, hidden layers and memory.
    fn trunk(&self, prefix: &str, list: &mut ParamList) {
        if let (Some(convolutions), Some(width)) = (self.convolutions(), self.encoder.width()) {
            encoder::params(&convolutions, width, prefix, list);
            self.norm(&format!("{prefix}.encoder.norm"), width, list);
        }
        let mut inputs = self.encoded();
        for (i, &width) in self.hidden.iter().enumerate() {
            list.linear(&format!("{prefix}.{i}"), inputs, width);
            self.norm(&format!("{prefix}.{i}.norm"), width, list);
            inputs = width;
        }
        let gates = self.memory.gates() * self.memory_width;
        if gates > 0 {
            list.linear(&format!("{prefix}.memory.input"), inputs, gates);
        }
        if self.memory.is_recurrent() {
            list.linear(&format!("{prefix}.memory.recurrent"), self.memory_width, gates);
        }
    }

    fn norm(&self, name: &str, width: usize, list: &mut ParamList) {
        if self.layer_norm {
            list.push(format!("{name}.weight"), vec![width]);
            list.push(format!("{name}.bias"), vec![width]);
        }
    }

    /// Length of the arena.
    pub fn param_count(&self) -> usize {
        self.params().iter().map(ParamSpec::len).sum()
    }
}

impl From<MlpSpec> for NetworkSpec {
    fn from(mlp: MlpSpec) -> Self {
        Self {
            observation: Observation::Numbers(mlp.observed()),
            encoder: Encoder::Mlp,
            layer_norm: false,
            memory: MemoryKind::None,
            memory_width: 0,
            hidden: mlp.hidden,
            activation: mlp.activation,
            shared_trunk: mlp.shared_trunk,
            head: mlp.head,
            custom: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use striatum_kernels::Policy;

    #[test]
    fn a_multilayer_perceptron_has_the_parameters_of_its_own_spec() {
        for (dual, shared_trunk) in [(false, false), (true, false), (false, true), (true, true)] {
            let head = HeadLayout::new(Policy::Gaussian { dims: 2, squash: false }, dual, 3);
            let mlp = MlpSpec { inputs: 4, hidden: vec![6, 5], activation: Activation::Tanh, shared_trunk, head };
            let spec = NetworkSpec::from(mlp.clone());
            assert_eq!(spec.params(), mlp.params());
            assert_eq!(spec.as_mlp(), Some(mlp));
        }
    }

    #[test]
    fn the_nature_network_has_the_sizes_of_its_paper() {
        let observation = Observation::Image { channels: 4, height: 84, width: 84, bytes: true };
        let head = HeadLayout::new(Policy::Categorical { nvec: vec![6] }, false, 1);
        let settings = NetworkSettings {
            encoder: Encoder::NatureCnn,
            hidden: Vec::new(),
            shared_trunk: true,
            ..Default::default()
        };
        let spec = NetworkSpec::new(&settings, observation, head);
        assert_eq!(spec.inputs(), 7056);
        // 8,224 + 32,832 + 36,928 + 1,606,144 below the heads, as in CleanRL, then 6 logits and a value.
        assert_eq!(spec.param_count(), 1_684_128 + 513 * 7);
        assert!(spec.as_mlp().is_none());
    }

    #[test]
    fn the_smallest_picture_of_an_encoder_leaves_one_place() {
        let result =
            |encoder: Encoder, picture| ConvolutionSpec { picture, bytes: false, steps: encoder.steps() }.result();
        for encoder in [Encoder::NatureCnn, Encoder::ImpalaCnn, Encoder::MinatarCnn] {
            let side = encoder.smallest();
            assert_eq!(result(encoder, [1, side, side])[1..], [1, 1], "{encoder:?}");
        }
        assert_eq!(result(Encoder::NatureCnn, [4, 84, 84]), [64, 7, 7]);
        assert_eq!(result(Encoder::ImpalaCnn, [4, 84, 84]), [32, 11, 11]);
        assert_eq!(result(Encoder::MinatarCnn, [4, 10, 10]), [16, 8, 8]);
    }
}
