//! The policy as safetensors.

use super::PolicyExport;
use ::safetensors::Dtype;
use ::safetensors::tensor::TensorView;
use serde_json::json;
use std::collections::HashMap;
use std::io;
use striatum_agent::NetworkSpec;

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
    if export.observation_normalizer.is_some() {
        steps.push(
            "x = clip((observation - normalizer.mean) / normalizer.std, -observation_clip, observation_clip)".into(),
        );
    } else {
        steps.push("x = observation".to_owned());
    }
    for layer in 0..export.spec.hidden.len() {
        let trunk = export.trunk();
        steps.push(format!("x = activation(x @ {trunk}.{layer}.weight + {trunk}.{layer}.bias)"));
    }
    steps.push("g = x @ direct.weight + direct.bias".to_owned());
    let gain = if policy.is_continuous() { "" } else { "inverse_temperature * " };
    if export.spec.head.dual {
        steps.push("n = x @ indirect.weight + indirect.bias".to_owned());
        steps.push(format!("net = {gain}((1 + tone) * g - (1 - tone) * n) / sqrt(2)"));
    } else {
        steps.push(format!("net = {gain}g"));
    }
    steps.push(match (policy.is_continuous(), policy.squashes()) {
        (false, _) => "action = the first largest entry of each choice's part of net".to_owned(),
        (true, true) => "action = action.low + (action.high - action.low) * (tanh(net) + 1) / 2".to_owned(),
        (true, false) => "action = clip(net, action.low, action.high)".to_owned(),
    });
    steps
}
