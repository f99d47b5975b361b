//! Encoders of pictures as burn modules.

use crate::NetworkSpec;
use burn::module::{Initializer, Module};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::MaxPool2dConfig;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, activation};
use striatum_kernels::{Convolution, ConvolutionSpec, ConvolutionStep};

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
pub(super) struct PictureEncoder {
    layers: Vec<Conv2d>,
    linear: Linear,
    norm: Option<LayerNorm>,
    /// What is done with pictures here; none if what it reads has been through the convolutions.
    #[module(skip)]
    convolutions: Option<ConvolutionSpec>,
}

impl PictureEncoder {
    /// That of a network, if it has one; `above` that of the linear layer alone.
    pub(super) fn new(spec: &NetworkSpec, above: bool, device: &Device) -> Option<Self> {
        let (convolutions, width) = (spec.convolutions()?, spec.encoder.width()?);
        let layer = |convolution: Convolution| {
            let Convolution { inputs, outputs, kernel, stride, padding, .. } = convolution;
            Conv2dConfig::new([inputs, outputs], [kernel; 2])
                .with_stride([stride; 2])
                .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
                .with_initializer(Initializer::Zeros)
                .init(device)
        };
        Some(Self {
            layers: if above { Vec::new() } else { convolutions.convolutions().into_iter().map(layer).collect() },
            linear: linear(convolutions.flat(), width, device),
            norm: layer_norm(spec, width, device),
            convolutions: (!above).then_some(convolutions),
        })
    }

    /// `[R, width]` of pictures `[R, channels * height * width]`, or of what convolutions made of them.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let flat = match &self.convolutions {
            None => x,
            Some(convolutions) => self.convolve(convolutions, x),
        };
        let x = self.linear.forward(flat);
        activation::relu(match &self.norm {
            None => x,
            Some(norm) => norm.forward(x),
        })
    }

    fn convolve(&self, convolutions: &ConvolutionSpec, pictures: Tensor<2>) -> Tensor<2> {
        let ([rows, _], [channels, height, width]) = (pictures.dims(), convolutions.picture);
        let (mut x, mut at) = (pictures.reshape([rows, channels, height, width]), 0);
        for step in &convolutions.steps {
            x = match *step {
                ConvolutionStep::Convolve { relu, .. } => {
                    at += 1;
                    let x = self.layers[at - 1].forward(x);
                    if relu { activation::relu(x) } else { x }
                }
                ConvolutionStep::Pool => {
                    let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
                    MaxPool2dConfig::new([3; 2]).with_strides([2; 2]).with_padding(padding).init().forward(x)
                }
                ConvolutionStep::Residual => {
                    at += 2;
                    let inner = self.layers[at - 2..at].iter();
                    inner.fold(x.clone(), |inner, layer| layer.forward(activation::relu(inner))) + x
                }
                ConvolutionStep::Relu => activation::relu(x),
            };
        }
        x.flatten(1, 3)
    }
}
