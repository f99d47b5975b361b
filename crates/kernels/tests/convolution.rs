//! Convolutions on the CPU: numbers worked by hand, a float64 oracle, and gradients by differences of it.

use proptest::prelude::*;
use striatum_kernels::{Convolution, ConvolutionCpu, ConvolutionSpec, ConvolutionStep, Cpu, SimdLevel};
use striatum_rng::{Purpose, Stream};

/// A picture in double precision.
#[derive(Clone)]
struct Picture {
    channels: usize,
    height: usize,
    width: usize,
    /// `[channels, height, width]`.
    pixels: Vec<f64>,
}

impl Picture {
    fn zeros([channels, height, width]: [usize; 3]) -> Self {
        Self { channels, height, width, pixels: vec![0.0; channels * height * width] }
    }

    /// The place of a pixel, unless it is outside.
    fn at(&self, channel: usize, y: isize, x: isize) -> Option<usize> {
        let inside = (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        inside.then(|| (channel * self.height + y as usize) * self.width + x as usize)
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { pixels: self.pixels.iter().map(|&x| f(x)).collect(), ..self.clone() }
    }
}

/// One step on one picture: forward, and back from the gradient of what it gives.
struct Oracle<'a> {
    params: &'a [f64],
    used: usize,
}

impl Oracle<'_> {
    fn convolve(&mut self, x: &Picture, shape: Convolution) -> Picture {
        let [height, width] = shape.to();
        let mut out = Picture::zeros([shape.outputs, height, width]);
        let (weights, bias) = self.params[self.used..].split_at(shape.weights());
        self.used += shape.weights() + shape.outputs;
        for (o, &bias) in bias.iter().enumerate().take(shape.outputs) {
            for y in 0..height {
                for column in 0..width {
                    let mut sum = bias;
                    for i in 0..shape.inputs {
                        for ky in 0..shape.kernel {
                            for kx in 0..shape.kernel {
                                let from =
                                    |at: usize, k: usize| (at * shape.stride + k) as isize - shape.padding as isize;
                                if let Some(at) = x.at(i, from(y, ky), from(column, kx)) {
                                    let w = ((o * shape.inputs + i) * shape.kernel + ky) * shape.kernel + kx;
                                    sum += weights[w] * x.pixels[at];
                                }
                            }
                        }
                    }
                    out.pixels[(o * height + y) * width + column] = sum;
                }
            }
        }
        out
    }

    fn pool(x: &Picture) -> Picture {
        let mut out = Picture::zeros([x.channels, x.height.div_ceil(2), x.width.div_ceil(2)]);
        for channel in 0..x.channels {
            for y in 0..out.height {
                for column in 0..out.width {
                    let places =
                        (-1..2).flat_map(|dy| (-1..2).map(move |dx| (2 * y as isize + dy, 2 * column as isize + dx)));
                    let numbers = places.filter_map(|(y, column)| x.at(channel, y, column)).map(|at| x.pixels[at]);
                    out.pixels[(channel * out.height + y) * out.width + column] =
                        numbers.fold(f64::NEG_INFINITY, f64::max);
                }
            }
        }
        out
    }

    fn run(&mut self, spec: &ConvolutionSpec, pixels: Vec<f64>) -> Vec<f64> {
        let [channels, height, width] = spec.picture;
        let relu = |x: f64| x.max(0.0);
        let mut shapes = spec.convolutions().into_iter();
        let mut x = Picture { channels, height, width, pixels };
        for step in &spec.steps {
            x = match *step {
                ConvolutionStep::Convolve { relu: false, .. } => self.convolve(&x, shapes.next().unwrap()),
                ConvolutionStep::Convolve { .. } => self.convolve(&x, shapes.next().unwrap()).map(relu),
                ConvolutionStep::Pool => Self::pool(&x),
                ConvolutionStep::Relu => x.map(relu),
                ConvolutionStep::Residual => {
                    let inner = self.convolve(&x.map(relu), shapes.next().unwrap()).map(relu);
                    let mut sum = self.convolve(&inner, shapes.next().unwrap());
                    sum.pixels.iter_mut().zip(&x.pixels).for_each(|(sum, x)| *sum += x);
                    sum
                }
            };
        }
        x.pixels
    }
}

fn convolve(outputs: usize, kernel: usize, stride: usize, padding: usize, relu: bool) -> ConvolutionStep {
    ConvolutionStep::Convolve { outputs, kernel, stride, padding, relu }
}

/// Random rows and parameters of a spec, and what rows hold as numbers.
struct Case {
    spec: ConvolutionSpec,
    params: Vec<f32>,
    rows: Vec<f32>,
    stride: usize,
    pixels: Vec<Vec<f64>>,
}

impl Case {
    fn new(picture: [usize; 3], bytes: bool, steps: &[ConvolutionStep], count: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let spec = ConvolutionSpec { picture, bytes, steps: steps.to_vec() };
        let params: Vec<f32> = (0..spec.param_count()).map(|_| 0.3 * stream.normal()).collect();
        let (len, stride) = (picture.iter().product::<usize>(), spec.words() + 2);
        let (mut rows, mut pixels) = (vec![7.0; count * stride], Vec::new());
        for row in rows.chunks_exact_mut(stride) {
            if bytes {
                let packed: Vec<u8> = (0..len).map(|_| stream.below(256) as u8).collect();
                for (word, four) in row.iter_mut().zip(packed.chunks(4)) {
                    let mut bytes = [0; 4];
                    bytes[..four.len()].copy_from_slice(four);
                    *word = f32::from_ne_bytes(bytes);
                }
                pixels.push(packed.into_iter().map(|byte| f64::from(byte) / 255.0).collect());
            } else {
                row[..len].fill_with(|| stream.normal());
                pixels.push(row[..len].iter().map(|&x| f64::from(x)).collect());
            }
        }
        Self { spec, params, rows, stride, pixels }
    }

    fn expected(&self, params: &[f64]) -> Vec<f64> {
        self.pixels.iter().flat_map(|pixels| Oracle { params, used: 0 }.run(&self.spec, pixels.clone())).collect()
    }

    /// Results, and gradients for `d` as those of the results.
    fn run(&self, threads: usize, level: SimdLevel, d: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let count = self.pixels.len();
        let mut convolutions = ConvolutionCpu::with_simd(&self.spec, &Cpu::with_threads(threads), level);
        convolutions.load(&self.params);
        let flat = self.spec.flat();
        let mut out = vec![f32::NAN; count * (flat + 3)];
        convolutions.forward(&self.rows, self.stride, true, (&mut out, flat + 3, 2));
        let (mut own, mut wide) = (Vec::new(), vec![9.0; count * (flat + 3)]);
        for ((out, wide), d) in
            out.chunks_exact(flat + 3).zip(wide.chunks_exact_mut(flat + 3)).zip(d.chunks_exact(flat))
        {
            own.extend_from_slice(&out[2..2 + flat]);
            wide[2..2 + flat].copy_from_slice(d);
        }
        let mut gradients = vec![f32::NAN; self.params.len()];
        convolutions.backward((&wide, flat + 3, 2), &mut gradients);
        let mut again = vec![f32::NAN; count * flat];
        convolutions.forward(&self.rows, self.stride, false, (&mut again, flat, 0));
        assert_eq!(own, again, "what is kept changes nothing");
        (own, gradients)
    }
}

fn relative_error(a: &[f32], b: &[f64]) -> f64 {
    let scale = b.iter().fold(1e-6_f64, |m, x| m.max(x.abs()));
    a.iter().zip(b).fold(0.0_f64, |m, (x, y)| m.max((f64::from(*x) - y).abs())) / scale
}

#[test]
fn numbers_worked_by_hand() {
    // A 2 x 3 picture of one channel, kernels of 2 x 2: output 0 sums its window, output 1 takes its last pixel less 4.
    let steps = [convolve(16, 2, 1, 0, true)];
    let spec = ConvolutionSpec { picture: [1, 2, 3], bytes: false, steps: steps.to_vec() };
    let mut params = vec![0.0; 16 * 4 + 16];
    params[..4].fill(1.0);
    params[7] = 1.0;
    params[64 + 1] = -4.0;
    let mut convolutions = ConvolutionCpu::new(&spec, &Cpu::with_threads(1));
    convolutions.load(&params);
    let mut out = vec![f32::NAN; 32];
    convolutions.forward(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 6, true, (&mut out, 32, 0));
    assert_eq!(out[..4], [12.0, 16.0, 1.0, 2.0]);
    assert!(out[4..].iter().all(|&x| x == 0.0));
    // d is 1 for both places of output 0, and 10 and 100 for those of output 1; the others' zeros have no slope.
    let mut d = vec![5.0; 32];
    d[..4].copy_from_slice(&[1.0, 1.0, 10.0, 100.0]);
    let mut gradients = vec![f32::NAN; params.len()];
    convolutions.backward((&d, 32, 0), &mut gradients);
    assert_eq!(gradients[..8], [3.0, 5.0, 9.0, 11.0, 210.0, 320.0, 540.0, 650.0]);
    assert_eq!(gradients[64..66], [2.0, 110.0]);
    assert!(gradients[8..64].iter().chain(&gradients[66..]).all(|&g| g == 0.0));
}

/// The encoders' kinds of steps, with sizes that leave rests.
fn kinds() -> Vec<([usize; 3], Vec<ConvolutionStep>)> {
    vec![
        ([2, 20, 23], vec![convolve(32, 8, 4, 0, true), convolve(64, 3, 1, 0, true), convolve(16, 2, 1, 0, true)]),
        ([3, 7, 5], vec![convolve(16, 3, 1, 0, true)]),
        ([1, 9, 8], vec![convolve(16, 3, 1, 1, false), ConvolutionStep::Pool, ConvolutionStep::Residual]),
        ([2, 5, 6], vec![convolve(48, 3, 2, 1, false), ConvolutionStep::Residual, ConvolutionStep::Relu]),
    ]
}

#[test]
fn results_are_those_of_the_oracle_at_every_level() {
    for (picture, steps) in kinds() {
        for (count, bytes) in [(1, true), (6, false), (9, true)] {
            let case = Case::new(picture, bytes, &steps, count, count as u64);
            let params: Vec<f64> = case.params.iter().map(|&x| f64::from(x)).collect();
            let expected = case.expected(&params);
            let d = vec![0.0; expected.len()];
            for level in SimdLevel::available() {
                let (out, gradients) = case.run(2, level, &d);
                let error = relative_error(&out, &expected);
                assert!(error < 1e-5, "{steps:?} {level:?}: {error}");
                assert!(gradients.iter().all(|&g| g == 0.0));
            }
        }
    }
}

#[test]
fn gradients_are_differences_of_the_oracle() {
    for (i, (picture, steps)) in kinds().into_iter().enumerate() {
        let case = Case::new(picture, i % 2 == 0, &steps, 6, 40 + i as u64);
        let mut stream = Stream::new(50, Purpose::User, 0, 0);
        let d: Vec<f32> = (0..6 * case.spec.flat()).map(|_| stream.normal()).collect();
        let params: Vec<f64> = case.params.iter().map(|&x| f64::from(x)).collect();
        let weighed =
            |params: &[f64]| -> f64 { case.expected(params).iter().zip(&d).map(|(x, &d)| x * f64::from(d)).sum() };
        let results: Vec<_> = SimdLevel::available().into_iter().map(|level| case.run(2, level, &d).1).collect();
        let scale = results[0].iter().fold(0.0_f32, |m, g| m.max(g.abs()));
        // Some of every convolution's weights, and all of the last bias.
        let chosen = (0..params.len()).step_by(params.len() / 60 + 1).chain(params.len() - 16..params.len());
        for at in chosen {
            let moved = |by: f64| {
                let mut params = params.clone();
                params[at] += by;
                weighed(&params)
            };
            let step = 1e-6;
            let expected = (moved(step) - moved(-step)) / (2.0 * step);
            for gradients in &results {
                let error = (f64::from(gradients[at]) - expected).abs() / f64::from(scale);
                assert!(error < 1e-4, "{steps:?}: parameter {at} has {} and not {expected}", gradients[at]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_shapes_agree_with_the_oracle_and_threads_change_no_bit(
        channels in 1_usize..4,
        height in 5_usize..12,
        width in 5_usize..12,
        outputs in prop::sample::select(vec![16_usize, 32, 48]),
        kernel in 1_usize..5,
        stride in 1_usize..4,
        padding in 0_usize..2,
        relu: bool,
        bytes: bool,
        count in 0_usize..11,
        seed: u64,
    ) {
        let steps = [convolve(outputs, kernel, stride, padding, relu), convolve(16, 1, 1, 0, false)];
        let case = Case::new([channels, height, width], bytes, &steps, count, seed);
        let params: Vec<f64> = case.params.iter().map(|&x| f64::from(x)).collect();
        let mut stream = Stream::new(seed, Purpose::User, 1, 0);
        let d: Vec<f32> = (0..count * case.spec.flat()).map(|_| stream.normal()).collect();
        let (out, gradients) = case.run(1, SimdLevel::detect(), &d);
        prop_assert!(relative_error(&out, &case.expected(&params)) < 1e-5);
        prop_assert_eq!((out, gradients), case.run(3, SimdLevel::detect(), &d));
    }
}
