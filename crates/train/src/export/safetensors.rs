//! The policy as safetensors.

use super::PolicyExport;
use ::safetensors::Dtype;
use ::safetensors::tensor::TensorView;
use serde_json::json;
use std::collections::HashMap;
use std::io;
use striatum_agent::{MemoryKind, NetworkSpec};
use striatum_kernels::ConvolutionStep;

struct Block {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl Block {
    fn single(name: &str, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { name: name.to_owned(), shape, dtype: Dtype::F32, bytes }
    }

    fn double(name: &str, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { name: name.to_owned(), shape: vec![values.len()], dtype: Dtype::F64, bytes }
    }
}

pub(super) fn encode(export: &PolicyExport) -> io::Result<Vec<u8>> {
    let params = export.policy_params();
    let mut blocks: Vec<Block> =
        params.into_iter().map(|(param, values)| Block::single(&param.name, param.shape, values)).collect();
    if let Some(normalizer) = &export.observation_normalizer {
        blocks.push(Block::double("normalizer.mean", &normalizer.mean));
        blocks.push(Block::double("normalizer.std", &normalizer.std));
    }
    if export.spec.head.policy.is_continuous() {
        blocks.push(Block::single("action.low", vec![export.action_low.len()], &export.action_low));
        blocks.push(Block::single("action.high", vec![export.action_high.len()], &export.action_high));
    }
    let views = blocks.iter().map(|Block { name, shape, dtype, bytes }| {
        Ok((name, TensorView::new(*dtype, shape.clone(), bytes).map_err(io::Error::other)?))
    });
    let views = views.collect::<io::Result<Vec<_>>>()?;
    ::safetensors::serialize(views, Some(metadata(export))).map_err(io::Error::other)
}

fn metadata(export: &PolicyExport) -> HashMap<String, String> {
    let clip = export.observation_normalizer.as_ref().map(|normalizer| normalizer.clip);
    let policy = json!({
        "task": export.task,
        "network": network(&export.spec),
        "observation_clip": clip,
        "tone": export.tone,
        "inverse_temperature": export.inverse_temperature,
        "evaluate": steps(export),
    });
    HashMap::from([("format".to_owned(), "striatum-policy".to_owned()), ("policy".to_owned(), policy.to_string())])
}

/// The network's shape; a multilayer perceptron's is the plainer one of an `MlpSpec`.
fn network(spec: &NetworkSpec) -> serde_json::Value {
    spec.as_mlp().map_or_else(|| json!(spec), |mlp| json!(mlp))
}

/// How to get from a raw observation to an action, one step a line.
fn steps(export: &PolicyExport) -> Vec<String> {
    let policy = &export.spec.head.policy;
    let mut steps = Vec::new();
    let mask = export.spec.head.mask_width();
    if mask > 0 {
        steps.push(format!("mask = the last {mask} numbers of the observation, which is what is before them"));
    }
    if export.observation_normalizer.is_some() {
        steps.push(
            "x = clip((observation - normalizer.mean) / normalizer.std, -observation_clip, observation_clip)".into(),
        );
    } else {
        steps.push("x = observation".to_owned());
    }
    if export.spec.custom.is_some() {
        steps.push("net = what the module that the parameters belong to makes of x".to_owned());
        return steps;
    }
    let trunk = export.trunk();
    if export.spec.layer_norm {
        steps.push("norm(x, NAME) = (x - mean(x)) / sqrt(variance(x) + 1e-5) * NAME.weight + NAME.bias".to_owned());
    }
    steps.extend(encoder(&export.spec, trunk));
    for layer in 0..export.spec.hidden.len() {
        let linear = format!("x @ {trunk}.{layer}.weight + {trunk}.{layer}.bias");
        steps.push(format!("x = activation({})", normalized(&export.spec, linear, &format!("{trunk}.{layer}"))));
    }
    steps.extend(memory(export));
    steps.push("g = x @ direct.weight + direct.bias".to_owned());
    let gain = if policy.is_continuous() { "" } else { "inverse_temperature * " };
    if export.spec.head.dual {
        steps.push("n = x @ indirect.weight + indirect.bias".to_owned());
        steps.push(format!("net = {gain}((1 + tone) * g - (1 - tone) * n) / sqrt(2)"));
    } else {
        steps.push(format!("net = {gain}g"));
    }
    if mask > 0 {
        steps.push("net = net where mask > 0, else minus infinity".to_owned());
    }
    steps.push(match (policy.is_continuous(), policy.squashes()) {
        (false, _) => "action = the first largest entry of each choice's part of net".to_owned(),
        (true, true) => "action = action.low + (action.high - action.low) * (tanh(net) + 1) / 2".to_owned(),
        (true, false) => "action = clip(net, action.low, action.high)".to_owned(),
    });
    steps
}

/// A linear layer, and its normalisation if it has one.
fn normalized(spec: &NetworkSpec, linear: String, name: &str) -> String {
    if spec.layer_norm { format!("norm({linear}, {name}.norm)") } else { linear }
}

/// From pixels to what the hidden layers read.
fn encoder(spec: &NetworkSpec, trunk: &str) -> Vec<String> {
    let mut steps = Vec::new();
    if spec.observation.is_packed() {
        steps.push("x = x / 255".to_owned());
    }
    let Some(convolutions) = spec.convolutions() else { return steps };
    steps.push("x = x as [channels, height, width]".to_owned());
    let mut next = 0;
    let mut convolve = |x: &str, stride: usize, padding: usize| {
        let name = format!("{trunk}.encoder.{next}");
        next += 1;
        format!("conv2d({x}, {name}.weight, {name}.bias, stride {stride}, padding {padding})")
    };
    for step in &convolutions.steps {
        match *step {
            ConvolutionStep::Convolve { stride, padding, relu, .. } => {
                let convolved = convolve("x", stride, padding);
                steps.push(if relu { format!("x = relu({convolved})") } else { format!("x = {convolved}") });
            }
            ConvolutionStep::Pool => steps.push("x = max_pool2d(x, kernel 3, stride 2, padding 1)".to_owned()),
            ConvolutionStep::Relu => steps.push("x = relu(x)".to_owned()),
            ConvolutionStep::Residual => {
                steps.push(format!("y = {}", convolve("relu(x)", 1, 1)));
                steps.push(format!("x = x + {}", convolve("relu(y)", 1, 1)));
            }
        }
    }
    let name = format!("{trunk}.encoder");
    let linear = format!("flat(x) @ {name}.linear.weight + {name}.linear.bias");
    steps.push(format!("x = relu({})", normalized(spec, linear, &name)));
    steps
}

/// How a memory goes on from `h` (and `c`), which are 0 at the start of an episode, and what the heads read.
fn memory(export: &PolicyExport) -> Vec<String> {
    let (kind, trunk) = (export.spec.memory, export.trunk());
    if kind == MemoryKind::None {
        return Vec::new();
    }
    let mut steps = vec![format!("i = x @ {trunk}.memory.input.weight + {trunk}.memory.input.bias")];
    if kind.is_recurrent() {
        steps.push(format!("u = h @ {trunk}.memory.recurrent.weight + {trunk}.memory.recurrent.bias"));
    }
    steps.push(format!("split i and u in {} equal parts: i0, i1, .. and u0, u1, ..", kind.gates()));
    let formulas: &[&str] = match kind {
        MemoryKind::None => &[],
        MemoryKind::Gru => &[
            "z = sigmoid(i1 + u1)",
            "h = (1 - z) * tanh(i2 + sigmoid(i0 + u0) * u2) + z * h, at first 0 in an episode",
        ],
        MemoryKind::Lstm => &[
            "c = sigmoid(i1 + u1) * c + sigmoid(i0 + u0) * tanh(i2 + u2), at first 0 in an episode",
            "h = sigmoid(i3 + u3) * tanh(c), at first 0 in an episode",
        ],
        MemoryKind::MinGru => &[
            "z = sigmoid(i0)",
            "h = (1 - z) * h + z * (i1 + 0.5 if i1 >= 0 else sigmoid(i1)), at first 0 in an episode",
        ],
    };
    steps.extend(formulas.iter().map(|&formula| formula.to_owned()));
    steps.push("x = h".to_owned());
    steps
}
