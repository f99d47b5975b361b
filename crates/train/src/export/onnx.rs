//! The policy as an ONNX graph.

use super::proto::{
    ATTRIBUTE_INT, Attribute, Dimension, Entry, Extent, FLOAT, Graph, INT64, Model, Node, OperatorSet, Shape, Tensor,
    TensorType, Type, UINT8, ValueInfo,
};
use super::{ObservationNormalizer, PolicyExport};
use prost::Message;
use striatum_kernels::{LOG_STD_RANGE, PATHWAY_SCALE, Policy};

/// The operator set, and the oldest format version that carries it.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// The input, and the constant that is its default.
const TONE: &str = "tone";

/// What a memory keeps between steps, before and after one.
pub(super) const STATE: &str = "state";
pub(super) const NEXT_STATE: &str = "next_state";

/// The model's bytes.
pub(super) fn encode(export: &PolicyExport) -> Vec<u8> {
    let mut builder = Builder::default();
    builder.parameters(export);
    let x = builder.observed(export);
    let x = builder.pixels(&export.spec, x);
    let x = builder.normalized(export, x);
    let features = builder.features(export, x);
    let net = builder.net(export, &features);
    match &export.spec.head.policy {
        Policy::Categorical { nvec } => {
            let logits = if export.spec.head.masked { builder.masked(&net) } else { net };
            builder.choices(nvec, &logits);
        }
        _ => {
            builder.log_std(export, &features, &net);
            builder.real_actions(export, &net);
        }
    }
    let entry = |key: &str, value: String| Entry { key: key.to_owned(), value };
    Model {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        producer_name: "striatum".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: format!("Deterministic policy for {}; takes raw observations.", export.task),
        graph: Some(Graph {
            node: builder.nodes,
            name: "policy".to_owned(),
            initializer: builder.constants,
            input: inputs(export),
            output: outputs(export),
        }),
        metadata_props: vec![
            entry("task", export.task.clone()),
            entry(TONE, export.tone.to_string()),
            entry("inverse_temperature", export.inverse_temperature.to_string()),
        ],
    }
    .encode_to_vec()
}

/// Observations, with a memory its state, and with two pathways the tone. That has a constant of its name as default, so it may be left
/// out.
fn inputs(export: &PolicyExport) -> Vec<ValueInfo> {
    let tone = export.spec.head.dual.then(|| typed(TONE, FLOAT, Vec::new()));
    let element = if export.spec.observation.is_packed() { UINT8 } else { FLOAT };
    let observations = value_info("observations", element, &export.shape());
    std::iter::once(observations).chain(state(export, STATE)).chain(tone).collect()
}

fn state(export: &PolicyExport, name: &str) -> Option<ValueInfo> {
    let width = export.state_width();
    (width > 0).then(|| value_info(name, FLOAT, &[width]))
}

fn outputs(export: &PolicyExport) -> Vec<ValueInfo> {
    let policy = &export.spec.head.policy;
    let mut outputs = match policy {
        Policy::Categorical { nvec } => {
            let choices: &[usize] = if nvec.len() == 1 { &[] } else { &[nvec.len()] };
            vec![value_info("actions", INT64, choices), value_info("logits", FLOAT, &[policy.logits()])]
        }
        &Policy::Gaussian { dims, .. } | &Policy::StateDependent { dims, .. } => {
            ["actions", "mean", "log_std"].map(|name| value_info(name, FLOAT, &[dims])).to_vec()
        }
    };
    outputs.extend(state(export, NEXT_STATE));
    outputs
}

/// A value of `[batch, ...]`.
fn value_info(name: &str, element: i32, rest: &[usize]) -> ValueInfo {
    let batch = Dimension { extent: Some(Extent::Param("batch".to_owned())) };
    let rest = rest.iter().map(|&n| Dimension { extent: Some(Extent::Value(n as i64)) });
    typed(name, element, std::iter::once(batch).chain(rest).collect())
}

fn typed(name: &str, element: i32, dim: Vec<Dimension>) -> ValueInfo {
    let kind = Type { tensor: Some(TensorType { element, shape: Some(Shape { dim }) }) };
    ValueInfo { name: name.to_owned(), kind: Some(kind) }
}

/// Collects nodes and constants. Values are known by their names.
#[derive(Default)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl Builder {
    /// A node whose attributes are whole numbers.
    pub(super) fn node(&mut self, op_type: &str, input: &[&str], output: &[&str], attributes: &[(&str, i64)]) {
        let attribute = |&(name, i): &(&str, i64)| Attribute {
            name: name.to_owned(),
            i,
            kind: ATTRIBUTE_INT,
            ..Attribute::default()
        };
        self.node_of(op_type, input, output, attributes.iter().map(attribute).collect());
    }

    pub(super) fn node_of(&mut self, op_type: &str, input: &[&str], output: &[&str], attribute: Vec<Attribute>) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node {
            input: owned(input),
            output: owned(output),
            name: format!("{op_type}_{}", self.nodes.len()),
            op_type: op_type.to_owned(),
            attribute,
        });
    }

    /// A node with one output and no attributes; gives the output's name.
    pub(super) fn op(&mut self, op_type: &str, input: &[&str], output: &str) -> String {
        self.node(op_type, input, &[output], &[]);
        output.to_owned()
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let raw_data = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let dims = shape.iter().map(|&n| n as i64).collect();
        self.constants.push(Tensor { dims, data_type: FLOAT, name: name.to_owned(), raw_data });
    }

    pub(super) fn integers(&mut self, name: &str, values: &[usize]) {
        let raw_data = values.iter().flat_map(|&n| (n as i64).to_le_bytes()).collect();
        let dims = vec![values.len() as i64];
        self.constants.push(Tensor { dims, data_type: INT64, name: name.to_owned(), raw_data });
    }

    pub(super) fn scalar(&mut self, name: &str, value: f32) {
        self.floats(name, &[], &[value]);
    }

    fn parameters(&mut self, export: &PolicyExport) {
        for (param, values) in export.policy_params() {
            // The standard deviations enter the graph in the form in which they are used.
            if param.name != "log_std" {
                self.floats(&param.name, &param.shape, values);
            }
        }
    }

    /// The observations; without the masks at their end, which are cut off.
    fn observed(&mut self, export: &PolicyExport) -> String {
        let (words, mask) = (export.spec.observation.words(), export.spec.head.mask_width());
        if mask == 0 {
            return "observations".to_owned();
        }
        self.integers("row.sizes", &[words, mask]);
        self.node("Split", &["observations", "row.sizes"], &["observed", "marks"], &[("axis", 1)]);
        "observed".to_owned()
    }

    /// `clip((x - mean) / std)`. The mean is subtracted in two parts, so that little is lost where it is large beside the deviation.
    fn normalized(&mut self, export: &PolicyExport, x: String) -> String {
        let Some(ObservationNormalizer { mean, std, clip }) = &export.observation_normalizer else {
            return x;
        };
        let width = if export.spec.takes_pictures() { export.shape() } else { vec![export.spec.observation.words()] };
        let coarse: Vec<f32> = mean.iter().map(|&m| m as f32).collect();
        let rest: Vec<f32> = mean.iter().zip(&coarse).map(|(m, &c)| (m - f64::from(c)) as f32).collect();
        self.floats("normalizer.mean", &width, &coarse);
        self.floats("normalizer.mean_rest", &width, &rest);
        self.floats("normalizer.std", &width, &std.iter().map(|&s| s as f32).collect::<Vec<_>>());
        self.scalar("normalizer.low", -clip);
        self.scalar("normalizer.high", *clip);
        let x = self.op("Sub", &[&x, "normalizer.mean"], "nearly_centred");
        let x = self.op("Sub", &[&x, "normalizer.mean_rest"], "centred");
        let x = self.op("Div", &[&x, "normalizer.std"], "scaled");
        self.op("Clip", &[&x, "normalizer.low", "normalizer.high"], "normalized")
    }

    pub(super) fn linear(&mut self, name: &str, x: &str) -> String {
        self.op("Gemm", &[x, &format!("{name}.weight"), &format!("{name}.bias")], &format!("{name}.output"))
    }

    /// Net logits or means, with inverse temperature as a constant, and tone as one that an input of its name overrides.
    fn net(&mut self, export: &PolicyExport, features: &str) -> String {
        let continuous = export.spec.head.policy.is_continuous();
        let out = match (continuous, export.spec.head.masked) {
            (true, _) => "mean",
            (false, false) => "logits",
            (false, true) => "logits.free",
        };
        let beta = if continuous { 1.0 } else { export.inverse_temperature };
        let g = self.linear("direct", features);
        if !export.spec.head.dual {
            self.scalar("direct.gain", beta);
            return self.op("Mul", &[&g, "direct.gain"], out);
        }
        // c * beta * [(1 + rho) g - (1 - rho) n]
        let n = self.linear("indirect", features);
        self.scalar(TONE, export.tone);
        self.scalar("one", 1.0);
        self.scalar("pathways.gain", PATHWAY_SCALE * beta);
        let above = self.op("Add", &["one", TONE], "tone.above");
        let below = self.op("Sub", &["one", TONE], "tone.below");
        let direct = self.op("Mul", &["pathways.gain", &above], "direct.gain");
        let indirect = self.op("Mul", &["pathways.gain", &below], "indirect.gain");
        let go = self.op("Mul", &[&g, &direct], "go");
        let no_go = self.op("Mul", &[&n, &indirect], "no_go");
        self.op("Sub", &[&go, &no_go], out)
    }

    /// Logits that are minus infinity where an option is not allowed.
    fn masked(&mut self, logits: &str) -> String {
        self.scalar("zero", 0.0);
        self.scalar("forbidden", f32::NEG_INFINITY);
        let allowed = self.op("Greater", &["marks", "zero"], "allowed");
        self.op("Where", &[&allowed, logits, "forbidden"], "logits")
    }

    /// The largest logit of every choice, the first of equal ones.
    fn choices(&mut self, nvec: &[usize], logits: &str) {
        let best = |keep| [("axis", 1), ("keepdims", keep), ("select_last_index", 0)];
        if nvec.len() == 1 {
            return self.node("ArgMax", &[logits], &["actions"], &best(0));
        }
        self.integers("choices.sizes", nvec);
        let parts = self.split(logits, "choices.sizes", "choice.logits", nvec.len());
        let actions: Vec<String> = (0..nvec.len()).map(|i| format!("choice.{i}.action")).collect();
        for (part, action) in parts.iter().zip(&actions) {
            self.node("ArgMax", &[part], &[action], &best(1));
        }
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        self.node("Concat", &actions, &["actions"], &[("axis", 1)]);
    }

    fn log_std(&mut self, export: &PolicyExport, features: &str, mean: &str) {
        let [low, high] = LOG_STD_RANGE;
        let own = export.policy_params().into_iter().find(|(param, _)| param.name == "log_std");
        let clamped: Vec<f32> = own.map_or(&[][..], |(_, values)| values).iter().map(|l| l.clamp(low, high)).collect();
        if let Policy::StateDependent { dims, features: width, .. } = export.spec.head.policy {
            // log sigma_d = 1/2 log(sum_h features_h^2 exp(2 log_std[h][d]) + 1e-6)
            self.floats(
                "log_std.squares",
                &[width, dims],
                &clamped.iter().map(|l| (2.0 * l).exp()).collect::<Vec<_>>(),
            );
            self.scalar("log_std.floor", 1e-6);
            self.scalar("log_std.half", 0.5);
            let squares = self.op("Mul", &[features, features], "features.squares");
            let sum = self.op("MatMul", &[&squares, "log_std.squares"], "variance.sum");
            let variance = self.op("Add", &[&sum, "log_std.floor"], "variance");
            let log = self.op("Log", &[&variance], "variance.log");
            self.op("Mul", &[&log, "log_std.half"], "log_std");
            return;
        }
        self.floats("log_std.row", &[1, clamped.len()], &clamped);
        let shape = self.op("Shape", &[mean], "mean.shape");
        self.op("Expand", &["log_std.row", &shape], "log_std");
    }

    /// Means as the task takes them: squashed and rescaled, or clipped.
    fn real_actions(&mut self, export: &PolicyExport, mean: &str) {
        let width = [export.action_low.len()];
        self.floats("action.low", &width, &export.action_low);
        self.floats("action.high", &width, &export.action_high);
        if !export.spec.head.policy.squashes() {
            let above = self.op("Max", &[mean, "action.low"], "action.above_low");
            self.op("Min", &[&above, "action.high"], "actions");
            return;
        }
        // low (1/2 - tanh/2) + high (1/2 + tanh/2): the difference of two large bounds could overflow.
        self.scalar("half", 0.5);
        let unit = self.op("Tanh", &[mean], "action.unit");
        let half = self.op("Mul", &[&unit, "half"], "action.half_unit");
        let low_share = self.op("Sub", &["half", &half], "action.low_share");
        let high_share = self.op("Add", &["half", &half], "action.high_share");
        let low = self.op("Mul", &["action.low", &low_share], "action.low_part");
        let high = self.op("Mul", &["action.high", &high_share], "action.high_part");
        self.op("Add", &[&low, &high], "actions");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use striatum_agent::{MemoryKind, NetworkSettings, NetworkSpec, Observation};
    use striatum_kernels::{Activation, HeadLayout};

    fn export(policy: Policy, dual: bool, memory: MemoryKind) -> PolicyExport {
        let dims = if policy.is_continuous() { policy.action_width() } else { 0 };
        let head = HeadLayout::new(policy, dual, 1);
        let (activation, hidden) = (Activation::Silu, vec![4, 3]);
        let settings = NetworkSettings { memory, memory_width: 3, activation, hidden, ..NetworkSettings::default() };
        let spec = NetworkSpec::new(&settings, Observation::Numbers(2), head);
        PolicyExport {
            task: "Test-v0".into(),
            params: vec![0.1; spec.param_count()],
            spec,
            observation_normalizer: Some(ObservationNormalizer { mean: vec![0.1; 2], std: vec![1.0; 2], clip: 5.0 }),
            action_low: vec![-1.0; dims],
            action_high: vec![1.0; dims],
            tone: 0.25,
            inverse_temperature: 1.0,
        }
    }

    #[test]
    fn every_value_is_made_once_before_it_is_read_and_nothing_is_left_over() {
        let policies = [
            Policy::Categorical { nvec: vec![3] },
            Policy::Categorical { nvec: vec![2, 3] },
            Policy::Gaussian { dims: 2, squash: true },
            Policy::StateDependent { dims: 2, features: 3, squash: false },
        ];
        let memories = [MemoryKind::None, MemoryKind::Gru, MemoryKind::Lstm, MemoryKind::MinGru];
        let cases = policies.into_iter().flat_map(|policy| memories.map(|memory| (policy.clone(), memory)));
        for ((policy, memory), dual) in cases.flat_map(|case| [(case.clone(), true), (case, false)]) {
            let model = Model::decode(encode(&export(policy.clone(), dual, memory)).as_slice()).unwrap();
            assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
            let graph = model.graph.unwrap();
            let inputs: Vec<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
            let mut given = vec!["observations"];
            given.extend((memory != MemoryKind::None).then_some("state"));
            let mut known: HashSet<String> = given.iter().map(|&name| name.to_owned()).collect();
            given.extend(dual.then_some("tone"));
            assert_eq!(inputs, given, "{policy:?}");
            // What makes an input optional is a constant of its name, here a scalar.
            let default = graph.initializer.iter().find(|constant| constant.name == "tone");
            let value = default.map(|tone| (tone.dims.clone(), tone.raw_data.clone()));
            assert_eq!(value, dual.then(|| (vec![], 0.25_f32.to_le_bytes().to_vec())), "{policy:?}");
            assert!(graph.initializer.iter().all(|constant| known.insert(constant.name.clone())), "{policy:?}");
            let mut read = HashSet::new();
            for node in &graph.node {
                for input in &node.input {
                    assert!(known.contains(input), "{policy:?}: {} reads {input}", node.name);
                    read.insert(input.clone());
                }
                assert!(node.output.iter().all(|output| known.insert(output.clone())), "{policy:?}: {}", node.name);
            }
            read.extend(graph.output.iter().map(|output| output.name.clone()));
            assert_eq!(read, known, "{policy:?}");
        }
    }
}
