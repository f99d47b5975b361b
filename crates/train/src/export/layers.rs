//! Encoder and hidden layers as nodes of an ONNX graph.

use super::PolicyExport;
use super::onnx::{Builder, NEXT_STATE, STATE};
use super::proto::{ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, FLOAT};
use striatum_agent::{MemoryKind, NetworkSpec};
use striatum_kernels::{Activation, ConvolutionStep};

/// An attribute of several whole numbers.
fn whole(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|&n| n as i64).collect();
    Attribute { name: name.to_owned(), ints, kind: ATTRIBUTE_INTS, ..Attribute::default() }
}

impl Builder {
    /// Bytes as the numbers from 0 to 1 that the network sees.
    pub(super) fn pixels(&mut self, spec: &NetworkSpec, x: String) -> String {
        if !spec.observation.is_packed() {
            return x;
        }
        let to = Attribute { name: "to".into(), i: i64::from(FLOAT), kind: ATTRIBUTE_INT, ..Attribute::default() };
        self.node_of("Cast", &[&x], &["bytes"], vec![to]);
        self.scalar("pixel", 1.0 / 255.0);
        self.op("Mul", &["bytes", "pixel"], "pixels")
    }

    /// What the heads read.
    pub(super) fn features(&mut self, export: &PolicyExport, x: String) -> String {
        let (spec, trunk) = (&export.spec, export.trunk());
        let x = self.hidden(spec, trunk, x);
        self.memory(spec, &format!("{trunk}.memory"), x)
    }

    /// One step of a memory, from `state` to `next_state`.
    fn memory(&mut self, spec: &NetworkSpec, name: &str, x: String) -> String {
        let (kind, width) = (spec.memory, spec.memory_width);
        if kind == MemoryKind::None {
            return x;
        }
        self.integers("memory.gates", &vec![width; kind.gates()]);
        let input = self.linear(&format!("{name}.input"), &x);
        let own = |part: &str| format!("{name}.{part}");
        match kind {
            MemoryKind::None => x,
            MemoryKind::Gru => {
                let recurrent = self.linear(&own("recurrent"), STATE);
                let [i, u] = [("input", input), ("recurrent", recurrent)]
                    .map(|(part, rows)| self.split(&rows, "memory.gates", &own(part), kind.gates()));
                let [r, z] = [0, 1].map(|gate| {
                    let sum = self.op("Add", &[&i[gate], &u[gate]], &own(&format!("sum.{gate}")));
                    self.op("Sigmoid", &[&sum], &own(&format!("gate.{gate}")))
                });
                let reset = self.op("Mul", &[&r, &u[2]], &own("reset"));
                let sum = self.op("Add", &[&i[2], &reset], &own("sum.2"));
                let candidate = self.op("Tanh", &[&sum], &own("candidate"));
                // (1 - z) n + z h
                let difference = self.op("Sub", &[STATE, &candidate], &own("difference"));
                let kept = self.op("Mul", &[&z, &difference], &own("kept"));
                self.op("Add", &[&candidate, &kept], NEXT_STATE)
            }
            MemoryKind::MinGru => {
                let i = self.split(&input, "memory.gates", &own("input"), kind.gates());
                let z = self.op("Sigmoid", &[&i[0]], &own("gate"));
                let above = self.op("Relu", &[&i[1]], &own("above"));
                let below = self.op("Sub", &[&i[1], &above], &own("below"));
                let bent = self.op("Sigmoid", &[&below], &own("bent"));
                let candidate = self.op("Add", &[&above, &bent], &own("candidate"));
                // (1 - z) h + z g
                let difference = self.op("Sub", &[&candidate, STATE], &own("difference"));
                let taken = self.op("Mul", &[&z, &difference], &own("taken"));
                self.op("Add", &[STATE, &taken], NEXT_STATE)
            }
            MemoryKind::Lstm => {
                self.integers("memory.states", &[width; 2]);
                let state = self.split(STATE, "memory.states", &own("state"), 2);
                let recurrent = self.linear(&own("recurrent"), &state[0]);
                let sums = self.op("Add", &[&input, &recurrent], &own("sums"));
                let sums = self.split(&sums, "memory.gates", &own("sum"), kind.gates());
                let [i, f, o] = [0, 1, 3].map(|gate| self.op("Sigmoid", &[&sums[gate]], &own(&format!("gate.{gate}"))));
                let candidate = self.op("Tanh", &[&sums[2]], &own("candidate"));
                let kept = self.op("Mul", &[&f, &state[1]], &own("kept"));
                let added = self.op("Mul", &[&i, &candidate], &own("added"));
                let cell = self.op("Add", &[&kept, &added], &own("cell"));
                let bent = self.op("Tanh", &[&cell], &own("bent"));
                let h = self.op("Mul", &[&o, &bent], &own("output"));
                self.node("Concat", &[&h, &cell], &[NEXT_STATE], &[("axis", 1)]);
                h
            }
        }
    }

    /// Parts of rows, side by side.
    pub(super) fn split(&mut self, rows: &str, sizes: &str, name: &str, count: usize) -> Vec<String> {
        let parts: Vec<String> = (0..count).map(|part| format!("{name}.{part}")).collect();
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.node("Split", &[rows, sizes], &names, &[("axis", 1)]);
        parts
    }

    /// What a memory reads, or without one the heads.
    fn hidden(&mut self, spec: &NetworkSpec, trunk: &str, x: String) -> String {
        let mut x = self.encoded(spec, trunk, x);
        for layer in 0..spec.hidden.len() {
            let name = format!("{trunk}.{layer}");
            let z = self.linear(&name, &x);
            let z = self.layer_norm(spec, &name, z);
            let active = format!("{name}.active");
            x = match spec.activation {
                Activation::Tanh => self.op("Tanh", &[&z], &active),
                Activation::Relu => self.op("Relu", &[&z], &active),
                Activation::Silu => {
                    let gate = self.op("Sigmoid", &[&z], &format!("{name}.gate"));
                    self.op("Mul", &[&z, &gate], &active)
                }
            };
        }
        x
    }

    /// What the hidden layers read.
    fn encoded(&mut self, spec: &NetworkSpec, trunk: &str, x: String) -> String {
        if !spec.takes_pictures() {
            return x;
        }
        let Some(convolutions) = spec.convolutions() else {
            return self.op("Flatten", &[&x], "flat");
        };
        let name = format!("{trunk}.encoder");
        let x = self.convolutions(&name, &convolutions.steps, x);
        let flat = self.op("Flatten", &[&x], "flat");
        let z = self.linear(&format!("{name}.linear"), &flat);
        let z = self.layer_norm(spec, &name, z);
        self.op("Relu", &[&z], &format!("{name}.active"))
    }

    fn convolutions(&mut self, name: &str, steps: &[ConvolutionStep], mut x: String) -> String {
        let mut at = 0;
        for (i, step) in steps.iter().enumerate() {
            let out = format!("{name}.step.{i}");
            x = match *step {
                ConvolutionStep::Convolve { stride, padding, relu, .. } => {
                    at += 1;
                    let z = self.convolve(&format!("{name}.{}", at - 1), &x, stride, padding);
                    if relu { self.op("Relu", &[&z], &out) } else { z }
                }
                ConvolutionStep::Pool => {
                    let attributes =
                        vec![whole("kernel_shape", &[3; 2]), whole("strides", &[2; 2]), whole("pads", &[1; 4])];
                    self.node_of("MaxPool", &[&x], &[&out], attributes);
                    out
                }
                ConvolutionStep::Residual => {
                    at += 2;
                    let inner = self.op("Relu", &[&x], &format!("{out}.entering"));
                    let inner = self.convolve(&format!("{name}.{}", at - 2), &inner, 1, 1);
                    let inner = self.op("Relu", &[&inner], &format!("{out}.inner"));
                    let inner = self.convolve(&format!("{name}.{}", at - 1), &inner, 1, 1);
                    self.op("Add", &[&x, &inner], &out)
                }
                ConvolutionStep::Relu => self.op("Relu", &[&x], &out),
            };
        }
        x
    }

    fn convolve(&mut self, name: &str, x: &str, stride: usize, padding: usize) -> String {
        let out = format!("{name}.output");
        let attributes = vec![whole("strides", &[stride; 2]), whole("pads", &[padding; 4])];
        self.node_of("Conv", &[x, &format!("{name}.weight"), &format!("{name}.bias")], &[&out], attributes);
        out
    }

    /// Over the last axis with epsilon 1e-5, as the operator does by itself.
    fn layer_norm(&mut self, spec: &NetworkSpec, name: &str, z: String) -> String {
        if !spec.layer_norm {
            return z;
        }
        let name = format!("{name}.norm");
        let [weight, bias] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        self.op("LayerNormalization", &[&z, &weight, &bias], &format!("{name}.output"))
    }
}
