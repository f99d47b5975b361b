//! The multilayer actor-critic: its shape, and where each parameter lies in the flat parameter vector (the *arena*).
//!
//! Every engine uses this one layout and these names, so a checkpoint of one is read by the other.

use crate::HeadLayout;
use serde::{Deserialize, Serialize};

/// The nonlinearity of hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `x * sigmoid(x)`.
    Silu,
}

/// A multilayer perceptron that maps an observation to an output row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MlpSpec {
    /// Width of an observation, the mask at its end included.
    pub inputs: usize,
    /// Widths of the hidden layers, the same for actor and critic.
    pub hidden: Vec<usize>,
    /// The nonlinearity of hidden layers.
    pub activation: Activation,
    /// Whether actor and critic share their hidden layers (`trunk.*`) or have their own (`actor.*`, `critic.*`).
    pub shared_trunk: bool,
    /// What an output row means.
    pub head: HeadLayout,
}

/// One named parameter in the arena. The weight of a linear layer is `[inputs, outputs]`, row-major, that of a convolution
/// `[outputs, inputs, height, width]`; a bias is `[outputs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// `trunk.0.weight`, `actor.1.bias`, `direct.weight`, `indirect.bias`, `critic.0.weight`, `value.weight`, `log_std`.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Where it starts in the arena.
    pub offset: usize,
}

impl ParamSpec {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl MlpSpec {
    /// Numbers of an observation that the first layer reads: all but the mask.
    pub fn observed(&self) -> usize {
        self.inputs - self.head.mask_width()
    }

    /// Width of the last hidden layer, or of what is read of the observation if there is none.
    pub fn features(&self) -> usize {
        self.hidden.last().copied().unwrap_or_else(|| self.observed())
    }

    /// Every parameter in arena order: hidden layers of the actor (or trunk), `direct`, `indirect`, hidden layers of the
    /// critic, `value`, `log_std`.
    pub fn params(&self) -> Vec<ParamSpec> {
        let mut list = ParamList::default();
        let logits = self.head.policy.logits();
        list.layers(if self.shared_trunk { "trunk" } else { "actor" }, self.observed(), &self.hidden);
        list.linear("direct", self.features(), logits);
        if self.head.dual {
            list.linear("indirect", self.features(), logits);
        }
        if !self.shared_trunk {
            list.layers("critic", self.observed(), &self.hidden);
        }
        list.linear("value", self.features(), self.head.value_heads);
        match self.head.policy.log_std_len() {
            0 => {}
            len => list.push("log_std".into(), vec![len]),
        }
        list.params
    }

    /// Length of the arena.
    pub fn param_count(&self) -> usize {
        self.params().iter().map(ParamSpec::len).sum()
    }
}

/// Parameters one after the other.
#[derive(Debug, Default)]
pub struct ParamList {
    /// Those so far.
    pub params: Vec<ParamSpec>,
    end: usize,
}

impl ParamList {
    /// Adds a parameter.
    pub fn push(&mut self, name: String, shape: Vec<usize>) {
        let offset = self.end;
        self.end += shape.iter().product::<usize>();
        self.params.push(ParamSpec { name, shape, offset });
    }

    /// Adds weight and bias of a linear layer.
    pub fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.push(format!("{name}.weight"), vec![inputs, outputs]);
        self.push(format!("{name}.bias"), vec![outputs]);
    }

    fn layers(&mut self, name: &str, mut inputs: usize, hidden: &[usize]) {
        for (i, &width) in hidden.iter().enumerate() {
            self.linear(&format!("{name}.{i}"), inputs, width);
            inputs = width;
        }
    }
}
