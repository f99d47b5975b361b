//! The dual-pathway actor-critic as a burn module.

use super::encoder::{PictureEncoder, layer_norm, linear};
use super::memory::{Memory, Past};
use crate::NetworkSpec;
use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Tensor, activation};
use std::ops::Range;
use striatum_kernels::Activation;

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
    /// The layers below the heads; observations are `[R, numbers]`, pixels of bytes unpacked and 0 to 1.
    fn trunk(&self, observations: Tensor<2>) -> Features;

    /// The same of a network with memory, and the state after every row, `[R, carried]`: what is called in place of
    /// [`trunk`](Self::trunk) where `network.memory` is not `none`.
    fn recall(&self, observations: Tensor<2>, past: &Past) -> (Features, Tensor<2>) {
        (self.trunk(observations), past.state.clone().repeat_dim(0, past.steps))
    }

    /// Output rows laid out as a [`HeadLayout`](striatum_kernels::HeadLayout), without mask and state.
    fn heads(&self, features: Features) -> Tensor<2>;
}

/// The actor-critic that a [`NetworkSpec`] describes.
#[derive(Module, Debug)]
pub struct ActorCritic {
    actor: Trunk,
    direct: Linear,
    indirect: Option<Linear>,
    critic: Option<Trunk>,
    value: Linear,
    #[module(skip)]
    emits_features: bool,
}

impl ActorCritic {
    /// A network of zeros, to be loaded from an arena.
    pub fn new(spec: &NetworkSpec, device: &Device) -> Self {
        Self::with_trunk(spec, device, |_| Trunk::new(spec, None, device))
    }

    /// The same without convolutions: it reads what they give for the actor, and then for the critic where the two share nothing.
    pub fn above_convolutions(spec: &NetworkSpec, device: &Device) -> Self {
        let flat = spec.convolutions().map_or(0, |convolutions| convolutions.flat());
        Self::with_trunk(spec, device, |i| Trunk::new(spec, Some(i * flat..(i + 1) * flat), device))
    }

    fn with_trunk(spec: &NetworkSpec, device: &Device, trunk: impl Fn(usize) -> Trunk) -> Self {
        let (features, logits) = (spec.features(), spec.head.policy.logits());
        Self {
            actor: trunk(0),
            direct: linear(features, logits, device),
            indirect: spec.head.dual.then(|| linear(features, logits, device)),
            critic: (!spec.shared_trunk).then(|| trunk(1)),
            value: linear(features, spec.head.value_heads, device),
            emits_features: spec.head.policy.features() > 0,
        }
    }
}

impl BurnModel for ActorCritic {
    fn trunk(&self, observations: Tensor<2>) -> Features {
        let actor = self.actor.forward(observations.clone());
        let critic = self.critic.as_ref().map_or_else(|| actor.clone(), |critic| critic.forward(observations));
        Features { actor, critic }
    }

    fn recall(&self, observations: Tensor<2>, past: &Past) -> (Features, Tensor<2>) {
        let [actor, mut state] = self.actor.recall(observations.clone(), past, 0);
        let mut critic = actor.clone();
        if let Some(own) = &self.critic {
            let [features, own_state] = own.recall(observations, past, state.dims()[1]);
            critic = features;
            state = Tensor::cat(vec![state, own_state], 1);
        }
        (Features { actor, critic }, state)
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

/// Encoder, hidden layers and memory.
#[derive(Module, Debug)]
struct Trunk {
    encoder: Option<PictureEncoder>,
    hidden: Vec<Hidden>,
    memory: Option<Memory>,
    #[module(skip)]
    activation: Activation,
    /// The columns that it reads, if not all.
    #[module(skip)]
    columns: Option<Range<usize>>,
}

/// A linear layer, and what normalises its outputs.
#[derive(Module, Debug)]
struct Hidden {
    linear: Linear,
    norm: Option<LayerNorm>,
}

impl Trunk {
    /// With `columns` it reads those alone, which are what convolutions gave.
    fn new(spec: &NetworkSpec, columns: Option<Range<usize>>, device: &Device) -> Self {
        let encoded = spec.encoded();
        let inputs = std::iter::once(&encoded).chain(&spec.hidden);
        let layer = |(&inputs, &outputs): (&usize, &usize)| Hidden {
            linear: linear(inputs, outputs, device),
            norm: layer_norm(spec, outputs, device),
        };
        Self {
            encoder: PictureEncoder::new(spec, columns.is_some(), device),
            hidden: inputs.zip(&spec.hidden).map(layer).collect(),
            memory: Memory::new(spec, spec.remembered(), device),
            activation: spec.activation,
            columns,
        }
    }

    /// What the heads read, and the state after it; that before it begins in column `column` of the past's.
    fn recall(&self, observations: Tensor<2>, past: &Past, column: usize) -> [Tensor<2>; 2] {
        let x = self.forward(observations);
        match &self.memory {
            None => [x, past.state.clone().narrow(1, column, 0)],
            Some(memory) => memory.forward(x, past, column),
        }
    }

    fn forward(&self, observations: Tensor<2>) -> Tensor<2> {
        let seen = match &self.columns {
            None => observations,
            Some(columns) => observations.narrow(1, columns.start, columns.len()),
        };
        let encoded = match &self.encoder {
            None => seen,
            Some(encoder) => encoder.forward(seen),
        };
        self.hidden.iter().fold(encoded, |x, layer| {
            let x = layer.linear.forward(x);
            let x = match &layer.norm {
                None => x,
                Some(norm) => norm.forward(x),
            };
            match self.activation {
                Activation::Tanh => activation::tanh(x),
                Activation::Relu => activation::relu(x),
                Activation::Silu => activation::silu(x),
            }
        })
    }
}
