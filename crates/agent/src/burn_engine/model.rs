//! The dual-pathway actor-critic as a burn module.

use burn::module::{Initializer, Module};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation};
use striatum_kernels::{Activation, MlpSpec};

/// What the heads read, `[R, features]` each; the same tensor twice where actor and critic share their layers.
#[derive(Clone, Debug)]
pub struct Features {
    /// For the pathways.
    pub actor: Tensor<2>,
    /// For the value heads.
    pub critic: Tensor<2>,
}

impl Features {
    /// The same numbers, cut from the graph.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { actor: self.actor.clone().detach(), critic: self.critic.clone().detach() }
    }
}

/// A burn module that can be trained: observations to output rows, in two stages, so that the heads can learn from another
/// gradient than the layers below them (`kappa`). Its parameters, in visiting order, are the arena.
pub trait BurnModel: Module {
    /// The layers below the heads; observations are `[R, inputs]`.
    fn trunk(&self, observations: Tensor<2>) -> Features;

    /// Output rows `[R, W]`, laid out as a [`HeadLayout`](striatum_kernels::HeadLayout).
    fn heads(&self, features: Features) -> Tensor<2>;
}

/// The multilayer actor-critic that an [`MlpSpec`] describes.
#[derive(Module, Debug)]
pub struct ActorCritic {
    hidden: Vec<Linear>,
    direct: Linear,
    indirect: Option<Linear>,
    critic: Vec<Linear>,
    value: Linear,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    shared_trunk: bool,
    #[module(skip)]
    emits_features: bool,
}

impl ActorCritic {
    /// A network of zeros, to be loaded from an arena.
    pub fn new(spec: &MlpSpec, device: &Device) -> Self {
        let linear = |inputs: usize, outputs: usize| {
            LinearConfig::new(inputs, outputs).with_initializer(Initializer::Zeros).init(device)
        };
        let layers = || {
            let inputs = std::iter::once(&spec.inputs).chain(&spec.hidden);
            inputs.zip(&spec.hidden).map(|(&inputs, &outputs)| linear(inputs, outputs)).collect::<Vec<_>>()
        };
        let (features, logits) = (spec.features(), spec.head.policy.logits());
        Self {
            hidden: layers(),
            direct: linear(features, logits),
            indirect: spec.head.dual.then(|| linear(features, logits)),
            critic: if spec.shared_trunk { Vec::new() } else { layers() },
            value: linear(features, spec.head.value_heads),
            activation: spec.activation,
            shared_trunk: spec.shared_trunk,
            emits_features: spec.head.policy.features() > 0,
        }
    }

    fn layers(&self, layers: &[Linear], observations: Tensor<2>) -> Tensor<2> {
        layers.iter().fold(observations, |x, layer| {
            let x = layer.forward(x);
            match self.activation {
                Activation::Tanh => activation::tanh(x),
                Activation::Relu => activation::relu(x),
                Activation::Silu => activation::silu(x),
            }
        })
    }
}

impl BurnModel for ActorCritic {
    fn trunk(&self, observations: Tensor<2>) -> Features {
        let actor = self.layers(&self.hidden, observations.clone());
        let critic = if self.shared_trunk { actor.clone() } else { self.layers(&self.critic, observations) };
        Features { actor, critic }
    }

    fn heads(&self, features: Features) -> Tensor<2> {
        let mut columns = vec![self.direct.forward(features.actor.clone())];
        columns.extend(self.indirect.as_ref().map(|indirect| indirect.forward(features.actor.clone())));
        columns.push(self.value.forward(features.critic));
        if self.emits_features {
            columns.push(features.actor.detach());
        }
        Tensor::cat(columns, 1)
    }
}
