//! Encoders of pictures as burn modules.

use crate::{Convolution, Encoder, NetworkSpec};
use burn::module::{Initializer, Module};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::MaxPool2dConfig;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, activation};

/// A linear layer of zeros.
pub(super) fn linear(inputs: usize, outputs: usize, device: &Device) -> Linear {
    LinearConfig::new(inputs, outputs).with_initializer(Initializer::Zeros).init(device)
}

/// A normalisation of `width` numbers, if the network has them.
pub(super) fn layer_norm(spec: &NetworkSpec, width: usize, device: &Device) -> Option<LayerNorm> {
    spec.layer_norm.then(|| LayerNormConfig::new(width).init(device))
}

/// Convolutions and a linear layer.
#[derive(Module, Debug)]
pub(super) struct Convolutions {
    layers: Vec<Conv2d>,
    linear: Linear,
    norm: Option<LayerNorm>,
    #[module(skip)]
    encoder: Encoder,
    #[module(skip)]
    picture: [usize; 3],
}

impl Convolutions {
    /// Those of a network that has them.
    pub(super) fn new(spec: &NetworkSpec, device: &Device) -> Option<Self> {
        let (encoder, picture) = (spec.encoder, spec.observation.picture());
        let width = encoder.width()?;
        let layer = |convolution: Convolution| {
            let Convolution { inputs, outputs, kernel, stride, padding, .. } = convolution;
            Conv2dConfig::new([inputs, outputs], [kernel; 2])
                .with_stride([stride; 2])
                .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
                .with_initializer(Initializer::Zeros)
                .init(device)
        };
        Some(Self {
            layers: encoder.convolutions(picture).into_iter().map(layer).collect(),
            linear: linear(encoder.flat(picture), width, device),
            norm: layer_norm(spec, width, device),
            encoder,
            picture,
        })
    }

    /// `[R, width]` of pictures `[R, channels * height * width]`.
    pub(super) fn forward(&self, pictures: Tensor<2>) -> Tensor<2> {
        let ([rows, _], [channels, height, width]) = (pictures.dims(), self.picture);
        let pictures = pictures.reshape([rows, channels, height, width]);
        let seen = match self.encoder {
            Encoder::ImpalaCnn => activation::relu(self.layers.chunks(5).fold(pictures, stack)),
            _ => self.layers.iter().fold(pictures, |x, layer| activation::relu(layer.forward(x))),
        };
        let x = self.linear.forward(seen.flatten(1, 3));
        activation::relu(match &self.norm {
            None => x,
            Some(norm) => norm.forward(x),
        })
    }
}

/// A convolution, a maximum over every second place, and two residual blocks of two convolutions.
fn stack(x: Tensor<4>, layers: &[Conv2d]) -> Tensor<4> {
    let pool = MaxPool2dConfig::new([3; 2]).with_strides([2; 2]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
    let pooled = pool.init().forward(layers[0].forward(x));
    layers[1..].chunks(2).fold(pooled, |x, block| {
        block.iter().fold(x.clone(), |inner, layer| layer.forward(activation::relu(inner))) + x
    })
}
