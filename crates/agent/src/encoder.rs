//! What reads pictures: convolutions and a linear layer below a network's hidden layers.

use serde::{Deserialize, Serialize};
use striatum_kernels::ParamList;

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
}

/// A convolution with a square kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Its name within the encoder.
    pub name: String,
    /// Channels that it reads.
    pub inputs: usize,
    /// Channels that it gives.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between its places.
    pub stride: usize,
    /// Zeros around the picture.
    pub padding: usize,
    /// Height and width of what it reads.
    pub from: [usize; 2],
}

impl Convolution {
    /// Height and width of what it gives.
    pub fn to(&self) -> [usize; 2] {
        self.from.map(|side| (side + 2 * self.padding - self.kernel) / self.stride + 1)
    }
}

impl Encoder {
    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::NatureCnn => "nature-cnn",
            Self::ImpalaCnn => "impala-cnn",
            Self::MinatarCnn => "minatar-cnn",
        }
    }

    /// Width of the linear layer above the convolutions; none without them.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Mlp => None,
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
            Self::Mlp | Self::ImpalaCnn => 1,
        }
    }

    /// Its convolutions in order, for pictures `[channels, height, width]`.
    pub fn convolutions(self, [channels, height, width]: [usize; 3]) -> Vec<Convolution> {
        let mut plan = Plan { list: Vec::new(), channels, from: [height, width] };
        match self {
            Self::Mlp => {}
            Self::NatureCnn => {
                for (i, (outputs, kernel, stride)) in [(32, 8, 4), (64, 4, 2), (64, 3, 1)].into_iter().enumerate() {
                    plan.push(i.to_string(), outputs, kernel, stride, 0);
                }
            }
            Self::MinatarCnn => plan.push("0".into(), 16, 3, 1, 0),
            Self::ImpalaCnn => {
                for (stack, outputs) in [16, 32, 32].into_iter().enumerate() {
                    plan.push(stack.to_string(), outputs, 3, 1, 1);
                    plan.from = plan.from.map(|side| side.div_ceil(2));
                    for block in 0..2 {
                        for layer in 0..2 {
                            plan.push(format!("{stack}.residual.{block}.{layer}"), outputs, 3, 1, 1);
                        }
                    }
                }
            }
        }
        plan.list
    }

    /// Numbers that the linear layer reads.
    pub fn flat(self, picture: [usize; 3]) -> usize {
        match self.convolutions(picture).last() {
            None => picture.iter().product(),
            Some(last) => last.outputs * last.to().iter().product::<usize>(),
        }
    }

    /// Adds its parameters to a list, under `prefix`.
    pub(crate) fn params(self, prefix: &str, picture: [usize; 3], list: &mut ParamList) {
        for convolution in self.convolutions(picture) {
            let Convolution { name, inputs, outputs, kernel, .. } = convolution;
            list.push(format!("{prefix}.encoder.{name}.weight"), vec![outputs, inputs, kernel, kernel]);
            list.push(format!("{prefix}.encoder.{name}.bias"), vec![outputs]);
        }
        if let Some(width) = self.width() {
            list.linear(&format!("{prefix}.encoder.linear"), self.flat(picture), width);
        }
    }
}

struct Plan {
    list: Vec<Convolution>,
    channels: usize,
    from: [usize; 2],
}

impl Plan {
    fn push(&mut self, name: String, outputs: usize, kernel: usize, stride: usize, padding: usize) {
        let convolution =
            Convolution { name, inputs: self.channels, outputs, kernel, stride, padding, from: self.from };
        (self.channels, self.from) = (outputs, convolution.to());
        self.list.push(convolution);
    }
}
