//! The network's passes by plain loops in double precision: tanh, separate trunks, one pathway.

use striatum_kernels::{MlpSpec, ParamSpec};

/// Outputs `[rows, W]`, and the gradient of `sum(outputs * d_outputs)` `[P]` without `log_std`, with the `d_outputs` that
/// `differentiate` gives for a row's number and outputs.
pub fn passes<'a>(
    spec: &MlpSpec,
    params: &[f32],
    observations: impl Iterator<Item = &'a [f32]>,
    mut differentiate: impl FnMut(usize, &[f64]) -> Vec<f64>,
) -> (Vec<f64>, Vec<f64>) {
    let list = spec.params();
    let net = |trunk: &str, head: &str, column| Net::find(&list, spec.hidden.len(), trunk, head, column);
    let nets = [net("actor", "direct", 0), net("critic", "value", spec.head.values_at())];
    let mut outputs = Vec::new();
    let mut gradient = vec![0.0; params.len() - spec.head.policy.log_std_len()];
    for (row, observation) in observations.enumerate() {
        let mut output = vec![0.0; spec.head.width()];
        let (observation, mask) = observation.split_at(spec.observed());
        output[spec.head.mask_at()..].iter_mut().zip(mask).for_each(|(to, &from)| *to = f64::from(from));
        let activations = nets.each_ref().map(|net| net.forward(params, observation, &mut output));
        let d_output = differentiate(row, &output);
        for (net, activations) in nets.iter().zip(&activations) {
            net.backward(params, activations, &d_output, &mut gradient);
        }
        outputs.extend(output);
    }
    (outputs, gradient)
}

/// A trunk and its head.
struct Net {
    layers: Vec<Layer>,
    /// The head's first column of an output row.
    column: usize,
}

impl Net {
    fn find(list: &[ParamSpec], hidden: usize, trunk: &str, head: &str, column: usize) -> Self {
        let names = (0..hidden).map(|i| format!("{trunk}.{i}")).chain([head.to_owned()]);
        Self { layers: names.filter_map(|name| Layer::find(list, &name)).collect(), column }
    }

    /// Writes the head's columns; the observation and each hidden layer's activations.
    fn forward(&self, params: &[f32], observation: &[f32], output: &mut [f64]) -> Vec<Vec<f64>> {
        let mut activations = vec![observation.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>()];
        for (i, layer) in self.layers.iter().enumerate() {
            let z = layer.forward(params, &activations[i]);
            if i + 1 == self.layers.len() {
                output[self.column..self.column + z.len()].copy_from_slice(&z);
            } else {
                activations.push(z.into_iter().map(f64::tanh).collect());
            }
        }
        activations
    }

    /// Adds to the gradient.
    fn backward(&self, params: &[f32], activations: &[Vec<f64>], d_output: &[f64], gradient: &mut [f64]) {
        let columns = self.layers.last().map_or(0, |head| head.outputs);
        let mut d = d_output[self.column..self.column + columns].to_vec();
        for (layer, activation) in self.layers.iter().zip(activations).rev() {
            let below = layer.backward(params, activation, &d, gradient);
            // tanh' = 1 - tanh^2
            d = below.iter().zip(activation).map(|(d, a)| d * (1.0 - a * a)).collect();
        }
    }
}

/// Where a linear layer lies in the arena.
struct Layer {
    weight: usize,
    bias: usize,
    outputs: usize,
}

impl Layer {
    fn find(list: &[ParamSpec], name: &str) -> Option<Self> {
        let find = |part: &str| list.iter().find(|param| param.name == format!("{name}.{part}"));
        let (weight, bias) = (find("weight")?, find("bias")?);
        Some(Self { weight: weight.offset, bias: bias.offset, outputs: bias.len() })
    }

    fn forward(&self, params: &[f32], x: &[f64]) -> Vec<f64> {
        let z = |output: usize| {
            let weight = |input: usize| f64::from(params[self.weight + input * self.outputs + output]);
            f64::from(params[self.bias + output]) + x.iter().enumerate().map(|(i, x)| x * weight(i)).sum::<f64>()
        };
        (0..self.outputs).map(z).collect()
    }

    /// Adds to the gradient; the gradient with respect to `x`.
    fn backward(&self, params: &[f32], x: &[f64], d: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        for (output, d) in d.iter().enumerate() {
            gradient[self.bias + output] += d;
        }
        let below = |(input, x): (usize, &f64)| {
            let first = self.weight + input * self.outputs;
            let mut sum = 0.0;
            for (output, d) in d.iter().enumerate() {
                gradient[first + output] += x * d;
                sum += f64::from(params[first + output]) * d;
            }
            sum
        };
        x.iter().enumerate().map(below).collect()
    }
}
