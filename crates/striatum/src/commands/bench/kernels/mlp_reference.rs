//! The network's passes by plain loops in double precision: tanh, separate trunks, one pathway.

use striatum_kernels::{MlpSpec, ParamSpec};

/// Outputs `[rows, W]`, and the gradient of `sum(outputs * d_outputs)` `[P]`.
pub fn passes(
    spec: &MlpSpec,
    params: &[f32],
    observations: &[f32],
    d_outputs: &[f32],
    rows: usize,
) -> (Vec<f64>, Vec<f64>) {
    let (list, width) = (spec.params(), spec.head.width());
    let layers = |trunk: &str, head: &str| -> Vec<Layer> {
        let names = (0..spec.hidden.len()).map(|i| format!("{trunk}.{i}")).chain([head.to_owned()]);
        names.filter_map(|name| Layer::find(&list, &name)).collect()
    };
    let nets = [(layers("actor", "direct"), 0), (layers("critic", "value"), spec.head.values_at())];
    let mut outputs = vec![0.0; rows * width];
    let mut gradient = vec![0.0; params.len()];
    for row in 0..rows {
        let observation = &observations[row * spec.inputs..(row + 1) * spec.inputs];
        for (layers, column) in &nets {
            let mut activations = vec![observation.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>()];
            for (i, layer) in layers.iter().enumerate() {
                let mut z = layer.forward(params, &activations[i]);
                if i + 1 < layers.len() {
                    z.iter_mut().for_each(|z| *z = z.tanh());
                }
                activations.push(z);
            }
            let output = activations.pop().unwrap_or_default();
            let columns = row * width + column..row * width + column + output.len();
            outputs[columns.clone()].copy_from_slice(&output);

            let mut d: Vec<f64> = d_outputs[columns].iter().map(|&x| f64::from(x)).collect();
            for (layer, activation) in layers.iter().zip(&activations).rev() {
                let below = layer.backward(params, activation, &d, &mut gradient);
                // tanh' = 1 - tanh^2
                d = below.iter().zip(activation).map(|(d, a)| d * (1.0 - a * a)).collect();
            }
        }
    }
    (outputs, gradient)
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
