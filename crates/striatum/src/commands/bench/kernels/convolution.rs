//! Convolutions of pictures.

use super::super::data::{number, numbers, word};
use super::{Cost, Entry, Expected, Kernel, Make, Outputs, make};
use anyhow::Result;
use striatum_agent::Encoder;
use striatum_kernels::{ConvolutionCpu, ConvolutionSpec, ConvolutionStep, Cpu};

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Forward,
    Backward,
}

pub fn entries() -> Vec<Entry<Cpu>> {
    let entry = |name, pass| {
        let single = || vec![ConvolutionStep::Convolve { outputs: 32, kernel: 3, stride: 2, padding: 1, relu: false }];
        let at = |encoder: Encoder, rows| -> Make<Cpu> {
            make(move |cpu: &Cpu| Convolutions::new(cpu, pass, [4, 84, 84], encoder.steps(), rows))
        };
        Entry {
            name,
            tolerance: 1e-5,
            checks: vec![make(move |cpu: &Cpu| Convolutions::new(cpu, pass, [3, 9, 10], single(), 5))],
            small: vec![at(Encoder::NatureCnn, 8)],
            large: vec![at(Encoder::NatureCnn, 256), at(Encoder::ImpalaCnn, 32)],
        }
    };
    vec![entry("conv_forward", Pass::Forward), entry("conv_backward", Pass::Backward)]
}

/// Pictures of bytes.
struct Convolutions {
    pass: Pass,
    spec: ConvolutionSpec,
    rows: usize,
    network: ConvolutionCpu,
    pictures: Vec<f32>,
    /// What comes out, or its gradient.
    out: Vec<f32>,
    gradients: Vec<f32>,
}

fn params(spec: &ConvolutionSpec) -> Vec<f32> {
    numbers(spec.param_count(), 1, 0.2)
}

impl Convolutions {
    fn new(cpu: &Cpu, pass: Pass, picture: [usize; 3], steps: Vec<ConvolutionStep>, rows: usize) -> Self {
        let spec = ConvolutionSpec { picture, bytes: true, steps };
        let mut network = ConvolutionCpu::new(&spec, cpu);
        network.load(&params(&spec));
        let (words, flat) = (spec.words(), spec.flat());
        let pictures: Vec<f32> = (0..rows * words).map(|i| f32::from_bits(word(i, 3))).collect();
        let mut out = vec![0.0; rows * flat];
        network.forward(&pictures, words, true, (&mut out, flat, 0));
        if pass == Pass::Backward {
            out = numbers(rows * flat, 2, 1.0);
        }
        let gradients = vec![0.0; spec.param_count()];
        Self { pass, spec, rows, network, pictures, out, gradients }
    }

    /// A pixel of a picture, 0 outside of it.
    fn pixel(&self, row: usize, channel: usize, [y, x]: [isize; 2]) -> f64 {
        let [_, height, width] = self.spec.picture;
        if !(0..height as isize).contains(&y) || !(0..width as isize).contains(&x) {
            return 0.0;
        }
        let at = (channel * height + y as usize) * width + x as usize;
        f64::from(self.pictures[row * self.spec.words() + at / 4].to_ne_bytes()[at % 4]) / 255.0
    }
}

impl Kernel<Cpu> for Convolutions {
    fn shape(&self) -> String {
        let [channels, height, width] = self.spec.picture;
        let layers = self.spec.convolutions().len();
        format!("{} x {channels} x {height} x {width}, {layers} layers", self.rows)
    }

    fn cost(&self) -> Cost {
        let work = 2.0 * (self.rows * self.spec.work()) as f64;
        let first = self.spec.convolutions()[0];
        let below = 2.0 * (self.rows * first.weights() * first.to().iter().product::<usize>()) as f64;
        let flops = match self.pass {
            Pass::Forward => work,
            // Gradients of the weights, and of all that the first layer does not read.
            Pass::Backward => 2.0 * work - below,
        };
        Cost { items: self.rows as f64, flops: Some(flops), bytes: None }
    }

    fn launch(&mut self, _: &Cpu) -> Result<()> {
        let (words, flat) = (self.spec.words(), self.spec.flat());
        match self.pass {
            Pass::Forward => self.network.forward(&self.pictures, words, true, (&mut self.out, flat, 0)),
            Pass::Backward => self.network.backward((&self.out, flat, 0), &mut self.gradients),
        }
        Ok(())
    }

    fn outputs(&self, _: &Cpu) -> Result<Outputs> {
        Ok(match self.pass {
            Pass::Forward => vec![("numbers", self.out.clone())],
            Pass::Backward => vec![("gradients", self.gradients.clone())],
        })
    }

    /// Of the first convolution, number by number.
    fn expected(&self, _: &Cpu) -> Result<Expected> {
        let shape = self.spec.convolutions()[0];
        let ([height, width], window) = (shape.to(), shape.inputs * shape.kernel * shape.kernel);
        let (params, places) = (params(&self.spec), height * width);
        let (mut out, mut gradients) = (Vec::new(), vec![0.0; params.len()]);
        for row in 0..self.rows {
            for output in 0..shape.outputs {
                for place in 0..places {
                    let corner =
                        [place / width, place % width].map(|at| (at * shape.stride) as isize - shape.padding as isize);
                    let d = f64::from(number((row * shape.outputs + output) * places + place, 2));
                    let bias = shape.weights() + output;
                    let mut sum = f64::from(params[bias]);
                    gradients[bias] += d;
                    for k in 0..window {
                        let [y, x] = [k / shape.kernel % shape.kernel, k % shape.kernel].map(|k| k as isize);
                        let channel = k / (shape.kernel * shape.kernel);
                        let pixel = self.pixel(row, channel, [corner[0] + y, corner[1] + x]);
                        sum += pixel * f64::from(params[output * window + k]);
                        gradients[output * window + k] += pixel * d;
                    }
                    out.push(sum);
                }
            }
        }
        Ok(vec![if self.pass == Pass::Forward { out } else { gradients }])
    }
}
