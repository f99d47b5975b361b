//! What reads pictures: convolutions and a linear layer below a network's hidden layers.

use serde::{Deserialize, Serialize};
use striatum_kernels::{Convolution, ConvolutionSpec, ConvolutionStep, ParamList};

/// What stands between observations and the hidden layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoder {
    /// Nothing: the hidden layers read a flat row.
    #[default]
    Mlp,
    /// Three convolutions and a linear layer of 512 (Mnih et al. 2015).
    NatureCnn,
    /// Three residual stacks of 16, 32 and 32 channels and a linear layer of 256 (Espeholt et al. 2018).
    ImpalaCnn,
    /// One convolution of 16 channels and a linear layer of 128 (Young & Tian 2019).
    MinatarCnn,
    /// Whatever a module of one's own does: this and all other layers are the module's.
    Custom,
}

impl Encoder {
    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::NatureCnn => "nature-cnn",
            Self::ImpalaCnn => "impala-cnn",
            Self::MinatarCnn => "minatar-cnn",
            Self::Custom => "custom",
        }
    }

    /// Width of the linear layer above the convolutions; none without them.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Mlp | Self::Custom => None,
            Self::NatureCnn => Some(512),
            Self::ImpalaCnn => Some(256),
            Self::MinatarCnn => Some(128),
        }
    }

    /// The smallest height and width of a picture that it can read.
    pub fn smallest(self) -> usize {
        match self {
            Self::NatureCnn => 36,
            Self::MinatarCnn => 3,
            Self::Mlp | Self::ImpalaCnn | Self::Custom => 1,
        }
    }

    /// What it does with a picture before the linear layer; nothing if it has none.
    pub fn steps(self) -> Vec<ConvolutionStep> {
        let convolve = |outputs, kernel, stride, padding, relu| ConvolutionStep::Convolve {
            outputs,
            kernel,
            stride,
            padding,
            relu,
        };
        match self {
            Self::Mlp | Self::Custom => Vec::new(),
            Self::NatureCnn => {
                vec![convolve(32, 8, 4, 0, true), convolve(64, 4, 2, 0, true), convolve(64, 3, 1, 0, true)]
            }
            Self::MinatarCnn => vec![convolve(16, 3, 1, 0, true)],
            Self::ImpalaCnn => {
                let stack = |outputs| {
                    let residual = ConvolutionStep::Residual;
                    [convolve(outputs, 3, 1, 1, false), ConvolutionStep::Pool, residual, residual]
                };
                [16, 32, 32].into_iter().flat_map(stack).chain([ConvolutionStep::Relu]).collect()
            }
        }
    }
}

/// Adds the parameters of convolutions and of the linear layer above them to a list, under `prefix`.
pub(crate) fn params(convolutions: &ConvolutionSpec, width: usize, prefix: &str, list: &mut ParamList) {
    for (i, convolution) in convolutions.convolutions().into_iter().enumerate() {
        let Convolution { inputs, outputs, kernel, .. } = convolution;
        list.push(format!("{prefix}.encoder.{i}.weight"), vec![outputs, inputs, kernel, kernel]);
        list.push(format!("{prefix}.encoder.{i}.bias"), vec![outputs]);
    }
    list.linear(&format!("{prefix}.encoder.linear"), convolutions.flat(), width);
}
