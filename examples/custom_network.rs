//! A network of your own: layers that add to what they read, in place of the multilayer perceptron.
//!
//!     cargo run --release --example custom_network

use striatum::agent::burn_engine::{BurnModel, Features, burn};
use striatum::agent::{NetworkSpec, PpoSettings};
use striatum::train::TrainError;
use striatum::train::config::Config;
use striatum::train_network;

use burn::module::{Initializer, Module};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation};

const WIDTH: usize = 64;

/// Observations to features, through blocks of `x + linear(silu(norm(x)))`; then a policy head and value heads.
#[derive(Module, Debug)]
struct Residual {
    enter: Linear,
    norms: Vec<LayerNorm>,
    blocks: Vec<Linear>,
    policy: Linear,
    value: Linear,
}

impl Residual {
    /// The spec says how wide an observation is, and what an output row holds.
    fn new(spec: &NetworkSpec, device: &Device) -> Self {
        let linear = |inputs, outputs, gain| {
            let orthogonal = LinearConfig::new(inputs, outputs).with_initializer(Initializer::Orthogonal { gain });
            let mut layer = orthogonal.with_bias(false).init(device);
            layer.bias = Some(Initializer::Zeros.init([outputs], device));
            layer
        };
        Self {
            enter: linear(spec.observation.len(), WIDTH, 2.0_f64.sqrt()),
            norms: (0..2).map(|_| LayerNormConfig::new(WIDTH).init(device)).collect(),
            blocks: (0..2).map(|_| linear(WIDTH, WIDTH, 1.0)).collect(),
            policy: linear(WIDTH, spec.head.policy.logits(), 0.01),
            value: linear(WIDTH, spec.head.value_heads, 1.0),
        }
    }
}

impl BurnModel for Residual {
    fn trunk(&self, observations: Tensor<2>) -> Features {
        let blocks = self.norms.iter().zip(&self.blocks);
        let features = blocks.fold(self.enter.forward(observations), |x, (norm, block)| {
            block.forward(activation::silu(norm.forward(x.clone()))) + x
        });
        Features { actor: features.clone(), critic: features }
    }

    fn heads(&self, features: Features) -> Tensor<2> {
        Tensor::cat(vec![self.policy.forward(features.actor), self.value.forward(features.critic)], 1)
    }
}

fn main() -> Result<(), TrainError> {
    let config = Config {
        task: "CartPole-v1".to_owned(),
        total_steps: 60_000,
        num_envs: 8,
        ppo: PpoSettings { epochs: 10, learning_rate: 1e-3, ..Default::default() },
        ..Default::default()
    };
    let out = std::env::temp_dir().join(format!("striatum-residual-{}", std::process::id()));
    let summary = train_network(config, Residual::new, &out)?;
    println!("return {:.2}, run folder {}", summary.best_return.unwrap_or(f64::NAN), summary.run.display());
    Ok(())
}
