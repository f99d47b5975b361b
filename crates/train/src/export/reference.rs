//! Encoder and hidden layers as the reference has them: sums in double precision.

use super::PolicyExport;
use striatum_agent::{MemoryKind, Observation};
use striatum_kernels::{Activation, Convolution, ConvolutionStep};

/// What is added to a variance before its root is divided by.
const EPSILON: f64 = 1e-5;

/// Channels, height, width, and `[channels, height, width]` numbers.
struct Picture {
    size: [usize; 3],
    pixels: Vec<f32>,
}

impl Picture {
    /// The numbers around a place, those outside left out.
    fn around(&self, channel: usize, [top, left]: [isize; 2], side: usize) -> impl Iterator<Item = (usize, f32)> {
        let [_, height, width] = self.size;
        let places = (0..side).flat_map(move |y| (0..side).map(move |x| (y, x)));
        places.filter_map(move |(y, x)| {
            let (row, column) = (top + y as isize, left + x as isize);
            let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
            let at = || (channel * height + row as usize) * width + column as usize;
            inside.then(|| (y * side + x, self.pixels[at()]))
        })
    }

    fn relu(mut self) -> Self {
        self.pixels.iter_mut().for_each(|x| *x = x.max(0.0));
        self
    }

    fn convolve(&self, shape: Convolution, [weight, bias]: [&[f32]; 2]) -> Self {
        let Convolution { inputs, outputs, kernel, stride, padding, .. } = shape;
        let [height, width] = shape.to();
        let mut pixels = Vec::with_capacity(outputs * height * width);
        for (weight, &bias) in weight.chunks_exact(inputs * kernel * kernel).zip(bias) {
            for place in 0..height * width {
                let corner = [place / width, place % width].map(|at| (at * stride) as isize - padding as isize);
                let sums = weight.chunks_exact(kernel * kernel).enumerate().map(|(channel, weight)| -> f64 {
                    let around = self.around(channel, corner, kernel);
                    around.map(|(k, x)| f64::from(weight[k]) * f64::from(x)).sum()
                });
                pixels.push((f64::from(bias) + sums.sum::<f64>()) as f32);
            }
        }
        Self { size: [outputs, height, width], pixels }
    }

    fn pool(&self) -> Self {
        let [channels, height, width] = self.size;
        let size = [channels, height.div_ceil(2), width.div_ceil(2)];
        let places = (0..size.iter().product()).map(|place: usize| {
            let corner = [place / size[2] % size[1], place % size[2]].map(|at| 2 * at as isize - 1);
            let around = self.around(place / (size[1] * size[2]), corner, 3);
            around.map(|(_, x)| x).fold(f32::NEG_INFINITY, f32::max)
        });
        Self { pixels: places.collect(), size }
    }
}

/// The bytes of a row's words as numbers.
pub(super) fn bytes(words: &[f32], count: usize) -> impl Iterator<Item = u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).take(count)
}

impl PolicyExport {
    /// What a memory reads, or without one the heads.
    pub(super) fn hidden(&self, row: &[f32]) -> Vec<f32> {
        let activate = |x: f32| match self.spec.activation {
            Activation::Tanh => x.tanh(),
            Activation::Relu => x.max(0.0),
            Activation::Silu => x / (1.0 + (-x).exp()),
        };
        (0..self.spec.hidden.len()).fold(self.encoded(row), |x, layer| {
            let name = format!("{}.{layer}", self.trunk());
            self.layer_norm(&name, self.linear(&name, &x)).into_iter().map(activate).collect()
        })
    }

    /// What the heads read, and what the memory keeps, from what the hidden layers give and the state before: see
    /// `agent/src/burn_engine/memory.rs`.
    pub(super) fn remembered(&self, x: Vec<f32>, state: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (kind, width, name) = (self.spec.memory, self.spec.memory_width, format!("{}.memory", self.trunk()));
        if kind == MemoryKind::None {
            return (x, Vec::new());
        }
        let input = self.linear(&format!("{name}.input"), &x);
        let recurrent = self.linear(&format!("{name}.recurrent"), &state[..width]);
        let i = |gate: usize, unit: usize| input[gate * width + unit];
        let u = |gate: usize, unit: usize| recurrent[gate * width + unit];
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let units = 0..width;
        match kind {
            MemoryKind::None | MemoryKind::Gru => {
                let h = units.map(|k| {
                    let z = sigmoid(i(1, k) + u(1, k));
                    let n = (i(2, k) + sigmoid(i(0, k) + u(0, k)) * u(2, k)).tanh();
                    (1.0 - z) * n + z * state[k]
                });
                let h: Vec<f32> = h.collect();
                (h.clone(), h)
            }
            MemoryKind::MinGru => {
                let h = units.map(|k| {
                    let (z, x) = (sigmoid(i(0, k)), i(1, k));
                    (1.0 - z) * state[k] + z * if x >= 0.0 { x + 0.5 } else { sigmoid(x) }
                });
                let h: Vec<f32> = h.collect();
                (h.clone(), h)
            }
            MemoryKind::Lstm => {
                let gate = |gate: usize, k: usize| i(gate, k) + u(gate, k);
                let c = units.map(|k| sigmoid(gate(1, k)) * state[width + k] + sigmoid(gate(0, k)) * gate(2, k).tanh());
                let c: Vec<f32> = c.collect();
                let h: Vec<f32> = c.iter().enumerate().map(|(k, c)| sigmoid(gate(3, k)) * c.tanh()).collect();
                (h.clone(), [h, c].concat())
            }
        }
    }

    /// What the hidden layers read.
    fn encoded(&self, row: &[f32]) -> Vec<f32> {
        let observation = self.spec.observation;
        let pixels: Vec<f32> = match observation {
            Observation::Image { bytes: true, .. } => {
                bytes(row, observation.len()).map(|byte| f32::from(byte) * (1.0 / 255.0)).collect()
            }
            _ => row.to_vec(),
        };
        let Some(convolutions) = self.spec.convolutions() else { return pixels };
        let name = format!("{}.encoder", self.trunk());
        let (mut x, mut at) = (Picture { size: observation.picture(), pixels }, 0);
        let shapes = convolutions.convolutions();
        let mut convolve = |x: &Picture| {
            at += 1;
            let [weight, bias] = ["weight", "bias"].map(|part| self.param(&format!("{name}.{}.{part}", at - 1)));
            x.convolve(shapes[at - 1], [weight, bias])
        };
        for step in &convolutions.steps {
            x = match *step {
                ConvolutionStep::Convolve { relu: false, .. } => convolve(&x),
                ConvolutionStep::Convolve { .. } => convolve(&x).relu(),
                ConvolutionStep::Pool => x.pool(),
                ConvolutionStep::Relu => x.relu(),
                ConvolutionStep::Residual => {
                    let entering = Picture { size: x.size, pixels: x.pixels.clone() }.relu();
                    let inner = convolve(&entering).relu();
                    let mut sum = convolve(&inner);
                    sum.pixels.iter_mut().zip(&x.pixels).for_each(|(sum, x)| *sum += x);
                    sum
                }
            };
        }
        let z = self.layer_norm(&name, self.linear(&format!("{name}.linear"), &x.pixels));
        z.into_iter().map(|z| z.max(0.0)).collect()
    }

    fn layer_norm(&self, name: &str, mut z: Vec<f32>) -> Vec<f32> {
        if !self.spec.layer_norm {
            return z;
        }
        let count = z.len() as f64;
        let mean = z.iter().map(|&z| f64::from(z)).sum::<f64>() / count;
        let variance = z.iter().map(|&z| (f64::from(z) - mean).powi(2)).sum::<f64>() / count;
        let scale = 1.0 / (variance + EPSILON).sqrt();
        let [weight, bias] = ["weight", "bias"].map(|part| self.param(&format!("{name}.norm.{part}")));
        for ((z, &weight), &bias) in z.iter_mut().zip(weight).zip(bias) {
            *z = ((f64::from(*z) - mean) * scale * f64::from(weight) + f64::from(bias)) as f32;
        }
        z
    }

    /// `x W + b`.
    pub(super) fn linear(&self, name: &str, x: &[f32]) -> Vec<f32> {
        let (weight, bias) = (self.param(&format!("{name}.weight")), self.param(&format!("{name}.bias")));
        let mut sums: Vec<f64> = bias.iter().map(|&b| f64::from(b)).collect();
        for (x, row) in x.iter().zip(weight.chunks_exact(bias.len().max(1))) {
            sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum += f64::from(*x) * f64::from(w));
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    }
}
