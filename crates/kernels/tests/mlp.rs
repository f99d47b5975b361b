//! The CPU network against a plain float64 one.

#[path = "common/given.rs"]
mod given;

use given::Given;
use proptest::prelude::*;
use striatum_kernels::{Activation, Cpu, HeadLayout, MlpCpu, MlpSpec, ParamSpec, Policy, SimdLevel};

/// Numbers in `[-1, 1)` from a linear congruential generator.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1u64 << 23) as f64 - 1.0
    }

    fn vec(&mut self, len: usize, scale: f64) -> Vec<f32> {
        (0..len).map(|_| (scale * self.next()) as f32).collect()
    }
}

/// Parameters of a size that keeps activations in the bent part of a nonlinearity.
fn random_params(spec: &MlpSpec, numbers: &mut Numbers) -> Vec<f32> {
    let scale = |p: &ParamSpec| if p.shape.len() == 2 { 2.0 / (p.shape[0] as f64).sqrt() } else { 0.5 };
    spec.params().iter().flat_map(|p| numbers.vec(p.len(), scale(p))).collect()
}

/// The network in float64, one sample at a time, by the names of the parameters.
struct Oracle<'a> {
    spec: &'a MlpSpec,
    list: Vec<ParamSpec>,
    params: Vec<f64>,
}

/// Inputs and, of hidden layers, preactivations of every layer of one network.
type Trace = (Vec<Vec<f64>>, Vec<Vec<f64>>);

impl<'a> Oracle<'a> {
    fn new(spec: &'a MlpSpec, params: &[f32]) -> Self {
        Self { spec, list: spec.params(), params: params.iter().map(|&p| p.into()).collect() }
    }

    fn at(&self, name: &str) -> &ParamSpec {
        self.list.iter().find(|p| p.name == name).unwrap()
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let (w, b) = (self.at(&format!("{name}.weight")), self.at(&format!("{name}.bias")));
        let width = w.shape[1];
        let sum = |o| x.iter().enumerate().map(|(i, x)| x * self.params[w.offset + i * width + o]).sum::<f64>();
        (0..width).map(|o| self.params[b.offset + o] + sum(o)).collect()
    }

    fn value(&self, x: f64) -> f64 {
        match self.spec.activation {
            Activation::Tanh => x.tanh(),
            Activation::Relu => x.max(0.0),
            Activation::Silu => x / (1.0 + (-x).exp()),
        }
    }

    fn slope(&self, x: f64) -> f64 {
        match self.spec.activation {
            Activation::Tanh => 1.0 - x.tanh().powi(2),
            Activation::Relu => f64::from(x > 0.0),
            Activation::Silu => {
                let s = 1.0 / (1.0 + (-x).exp());
                s * (1.0 + x * (1.0 - s))
            }
        }
    }

    /// Names of the networks, each with its heads and their first columns.
    fn networks(&self) -> Vec<(&'static str, Vec<(&'static str, usize)>)> {
        let head = &self.spec.head;
        let mut actor = vec![("direct", 0)];
        if head.dual {
            actor.push(("indirect", head.indirect_at()));
        }
        let value = ("value", head.values_at());
        if self.spec.shared_trunk {
            actor.push(value);
            vec![("trunk", actor)]
        } else {
            vec![("actor", actor), ("critic", vec![value])]
        }
    }

    fn hidden(&self, network: &str, x: &[f64]) -> Trace {
        let mut trace = (vec![x.to_vec()], vec![]);
        for i in 0..self.spec.hidden.len() {
            let z = self.linear(&format!("{network}.{i}"), &trace.0[i]);
            trace.0.push(z.iter().map(|&z| self.value(z)).collect());
            trace.1.push(z);
        }
        trace
    }

    fn forward(&self, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.spec.head.width()];
        for (i, (network, heads)) in self.networks().into_iter().enumerate() {
            let (values, _) = self.hidden(network, &x[..self.spec.observed()]);
            let features = &values[self.spec.hidden.len()];
            for (head, column) in heads {
                let y = self.linear(head, features);
                out[column..column + y.len()].copy_from_slice(&y);
            }
            if i == 0 && self.spec.head.policy.features() > 0 {
                out[self.spec.head.features_at()..].copy_from_slice(features);
            }
        }
        out[self.spec.head.mask_at()..].copy_from_slice(&x[x.len() - self.spec.head.mask_width()..]);
        out
    }

    /// Adds the gradient of a linear layer's own parameters, and gives `weight * d`.
    fn linear_back(&self, name: &str, x: &[f64], d: &[f64], gradient: Option<&mut [f64]>) -> Vec<f64> {
        let (w, b) = (self.at(&format!("{name}.weight")), self.at(&format!("{name}.bias")));
        if let Some(gradient) = gradient {
            for (o, d) in d.iter().enumerate() {
                gradient[b.offset + o] += d;
                for (i, x) in x.iter().enumerate() {
                    gradient[w.offset + i * d_len(w) + o] += x * d;
                }
            }
        }
        let back = |i| d.iter().enumerate().map(|(o, d)| self.params[w.offset + i * d_len(w) + o] * d).sum();
        (0..x.len()).map(back).collect()
    }

    fn backward(&self, x: &[f64], d_outputs: &[f64], d_trunk: &[f64], gradient: &mut [f64]) {
        for (network, heads) in self.networks() {
            let (values, sums) = self.hidden(network, x);
            let layers = self.spec.hidden.len();
            let mut d = vec![0.0; values[layers].len()];
            for (head, column) in heads {
                let width = d_len(self.at(&format!("{head}.weight")));
                self.linear_back(head, &values[layers], &d_outputs[column..column + width], Some(gradient));
                let below = self.linear_back(head, &values[layers], &d_trunk[column..column + width], None);
                d.iter_mut().zip(below).for_each(|(d, b)| *d += b);
            }
            for i in (0..layers).rev() {
                d.iter_mut().zip(&sums[i]).for_each(|(d, &z)| *d *= self.slope(z));
                d = self.linear_back(&format!("{network}.{i}"), &values[i], &d, Some(gradient));
            }
        }
    }
}

fn d_len(weight: &ParamSpec) -> usize {
    weight.shape[1]
}

/// A random case, everything but the network made from `seed`.
struct Case {
    head: HeadLayout,
    params: Vec<f32>,
    observations: Vec<f32>,
    d_outputs: Vec<f32>,
    d_trunk: Option<Vec<f32>>,
    rows: usize,
}

impl Case {
    fn new(spec: &MlpSpec, rows: usize, d_trunk: bool, seed: u64) -> Self {
        let mut n = Numbers(seed);
        let len = rows * spec.head.width();
        Self {
            head: spec.head.clone(),
            params: random_params(spec, &mut n),
            observations: n.vec(rows * spec.inputs, 1.5),
            d_outputs: n.vec(len, 0.1),
            d_trunk: d_trunk.then(|| n.vec(len, 0.1)),
            rows,
        }
    }

    /// Outputs and gradients of the training pass.
    fn run(&self, network: &mut MlpCpu) -> (Vec<f32>, Vec<f32>) {
        let mut gradients = vec![f32::NAN; self.params.len()];
        let pass = self.pass();
        network.load(&self.params);
        network.train_pass(0, self.rows, self.d_trunk.is_some(), &pass, &mut gradients);
        (pass.into_outputs(), gradients)
    }

    fn pass(&self) -> Given<'_> {
        Given::new(&self.head, &self.observations, &self.d_outputs, self.d_trunk.as_deref())
    }
}

fn network(spec: &MlpSpec, threads: usize) -> MlpCpu {
    MlpCpu::new(spec, 1, &Cpu::with_threads(threads))
}

fn to_f64(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x.into()).collect()
}

fn norm(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

/// Asserts that `got` is `want` within 1e-5, relative to 1 and to the largest output.
fn check_outputs(got: &[f32], want: &[f64], context: &str) {
    let largest = want.iter().fold(1.0, |m: f64, w| m.max(w.abs()));
    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() <= 1e-5 * largest, "output {i}: {got}, want {want}; {context}");
    }
}

/// Asserts that every parameter's gradient is right within 1e-5 of that gradient's norm. Where a sum over the rows of
/// numbers up to 0.1 happens to cancel to less than 0.02, that stands for the norm.
fn check_gradients(list: &[ParamSpec], got: &[f32], want: &[f64], context: &str) {
    for p in list.iter().filter(|p| p.name != "log_std") {
        let range = p.offset..p.offset + p.len();
        let error = norm(range.clone().map(|i| f64::from(got[i]) - want[i]));
        let size = norm(range.map(|i| want[i]));
        assert!(error <= 1e-5 * size.max(0.02), "{}: error {error}, norm {size}; {context}", p.name);
    }
}

fn check_against_oracle(spec: &MlpSpec, case: &Case, level: SimdLevel) {
    let context = format!("{level:?} {} rows, {spec:?}", case.rows);
    let width = spec.head.width();
    let mut network = MlpCpu::with_simd(spec, 1, &Cpu::with_threads(1), level);
    let (outputs, gradients) = case.run(&mut network);
    let oracle = Oracle::new(spec, &case.params);
    let mut want_outputs = vec![];
    let mut want = vec![0.0; case.params.len()];
    let mut smallest = f64::INFINITY;
    let d_trunk = case.d_trunk.as_deref().unwrap_or(&case.d_outputs);
    for row in 0..case.rows {
        let x = to_f64(&case.observations[row * spec.inputs..][..spec.inputs]);
        want_outputs.extend(oracle.forward(&x));
        let x = x[..spec.observed()].to_vec();
        let at = row * width..(row + 1) * width;
        let arguments = oracle.networks().into_iter().flat_map(|n| oracle.hidden(n.0, &x).1.concat());
        smallest = arguments.fold(smallest, |m: f64, z| m.min(z.abs()));
        oracle.backward(&x, &to_f64(&case.d_outputs[at.clone()]), &to_f64(&d_trunk[at]), &mut want);
    }
    check_outputs(&outputs, &want_outputs, &context);
    // Where a ReLU's argument is within rounding of 0 either slope is right.
    if spec.activation != Activation::Relu || smallest > 5e-6 {
        check_gradients(&spec.params(), &gradients, &want, &context);
    }
    let mut again = vec![f32::NAN; outputs.len()];
    network.forward(0, &case.observations, case.rows, &mut again);
    assert_eq!(outputs, again, "inference and training differ: {context}");
    again.fill(f32::NAN);
    network.forward_here(0, &case.observations, case.rows, &mut again);
    assert_eq!(outputs, again, "inference on one thread differs: {context}");
}

fn policies(features: usize) -> impl Strategy<Value = Policy> {
    prop_oneof![
        proptest::collection::vec(1usize..5, 1..4).prop_map(|nvec| Policy::Categorical { nvec }),
        (1usize..7, any::<bool>()).prop_map(|(dims, squash)| Policy::Gaussian { dims, squash }),
        (1usize..4, any::<bool>()).prop_map(move |(dims, squash)| Policy::StateDependent { dims, features, squash }),
    ]
}

fn specs() -> impl Strategy<Value = MlpSpec> {
    let activations = prop_oneof![Just(Activation::Tanh), Just(Activation::Relu), Just(Activation::Silu)];
    let widths = prop_oneof![19 => 1usize..81, 1 => Just(256usize)];
    (1usize..40, proptest::collection::vec(widths, 0..5), activations, any::<(bool, bool)>(), 1usize..4).prop_flat_map(
        |(inputs, hidden, activation, (shared_trunk, dual), value_heads)| {
            policies(hidden.last().copied().unwrap_or(inputs)).prop_map(move |policy| MlpSpec {
                inputs,
                hidden: hidden.clone(),
                activation,
                shared_trunk,
                head: HeadLayout {
                    masked: !policy.is_continuous() && policy.logits() < inputs,
                    ..HeadLayout::new(policy, dual, value_heads)
                },
            })
        },
    )
}

fn classic(hidden: &[usize], activation: Activation) -> MlpSpec {
    let head = HeadLayout::new(Policy::Categorical { nvec: vec![2] }, true, 1);
    MlpSpec { inputs: 4, hidden: hidden.to_vec(), activation, shared_trunk: false, head }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn matches_float64(spec in specs(), rows in 1usize..200, d_trunk in any::<bool>(), seed in any::<u64>()) {
        let case = Case::new(&spec, rows, d_trunk, seed);
        for level in SimdLevel::available() {
            check_against_oracle(&spec, &case, level);
        }
    }

    #[test]
    fn threads_do_not_change_a_bit(spec in specs(), rows in 1usize..3000, d_trunk in any::<bool>(), seed in any::<u64>()) {
        let case = Case::new(&spec, rows, d_trunk, seed);
        // Bits, because the place of `log_std` is left alone, which is not a number here.
        let bits = |(outputs, gradients): (Vec<f32>, Vec<f32>)| -> Vec<u32> {
            outputs.into_iter().chain(gradients).map(f32::to_bits).collect()
        };
        let one = bits(case.run(&mut network(&spec, 1)));
        for threads in [2, 3] {
            let several = bits(case.run(&mut network(&spec, threads)));
            prop_assert_eq!(&one, &several, "{} threads", threads);
        }
    }
}

#[test]
fn hidden_256_matches_float64() {
    for (activation, rows) in [(Activation::Tanh, 150), (Activation::Relu, 20), (Activation::Silu, 150)] {
        let spec = classic(&[256, 256], activation);
        let case = Case::new(&spec, rows, true, 5);
        for level in SimdLevel::available() {
            check_against_oracle(&spec, &case, level);
        }
    }
}

/// A network for observations that are mostly zeros, and a case of such.
fn mostly_zeros(hidden: &[usize], rows: usize) -> (MlpSpec, Case) {
    let spec = MlpSpec { inputs: 150, shared_trunk: hidden.len() == 1, ..classic(hidden, Activation::Relu) };
    let mut case = Case::new(&spec, rows, true, 9);
    for (row, numbers) in case.observations.chunks_exact_mut(spec.inputs).enumerate() {
        let kept = |i: usize| (i * 7 + row * 5).is_multiple_of(19);
        // Also zeros with a sign, rows and columns of zeros, and numbers at either edge.
        numbers
            .iter_mut()
            .enumerate()
            .filter(|(i, _)| !kept(*i) || *i == 40)
            .for_each(|(_, x)| *x = 0.0_f32.copysign(*x));
        if row % 10 == 3 {
            numbers.fill(0.0);
        }
        (numbers[0], numbers[149]) = (1.0, if row == 1 { f32::MIN_POSITIVE } else { -1.0 });
    }
    (spec, case)
}

#[test]
fn observations_of_mostly_zeros_match_float64() {
    for (hidden, rows) in [(&[64, 32][..], 150), (&[200], 70), (&[17, 5], 64), (&[256, 256], 20), (&[], 9)] {
        let (spec, case) = mostly_zeros(hidden, rows);
        for level in SimdLevel::available() {
            check_against_oracle(&spec, &case, level);
        }
    }
}

/// Rows that are not mostly zeros make their tile go the usual way: where their own gradient is 0 nothing changes. The last tile has
/// some of them; alone, or behind another one of its segment.
#[test]
fn leaving_out_zeros_changes_no_bit() {
    let hidden = [&[64, 32][..], &[200], &[17, 5]];
    for (hidden, (rows, all)) in hidden.into_iter().flat_map(|hidden| [(hidden, (40, 64)), (hidden, (232, 256))]) {
        let (spec, mut sparse) = mostly_zeros(hidden, rows);
        let (_, mut mixed) = mostly_zeros(hidden, all);
        let (width, inputs) = (spec.head.width(), spec.inputs);
        mixed.observations[rows * inputs..].fill(0.5);
        mixed.observations[..rows * inputs].copy_from_slice(&sparse.observations);
        sparse.d_trunk = None;
        mixed.d_trunk = None;
        mixed.d_outputs[rows * width..].fill(0.0);
        mixed.d_outputs[..rows * width].copy_from_slice(&sparse.d_outputs);
        mixed.params.clone_from(&sparse.params);
        for level in SimdLevel::available() {
            let run = |case: &Case| case.run(&mut MlpCpu::with_simd(&spec, 1, &Cpu::with_threads(1), level));
            let ((outputs, gradients), (all, expected)) = (run(&sparse), run(&mixed));
            assert_eq!(outputs, all[..rows * width], "{level:?} {hidden:?}, {rows} rows");
            let written = |gradients: &[f32]| gradients.iter().copied().filter(|g| !g.is_nan()).collect::<Vec<_>>();
            assert_eq!(written(&gradients), written(&expected), "{level:?} {hidden:?}, {rows} rows");
            assert!(gradients.iter().any(|&g| g != 0.0));
        }
    }
}

#[test]
fn a_second_batch_owes_nothing_to_the_first() {
    let spec = classic(&[64, 64], Activation::Silu);
    let (long, short) = (Case::new(&spec, 5000, true, 1), Case::new(&spec, 70, false, 2));
    let mut used = network(&spec, 2);
    long.run(&mut used);
    let fresh = short.run(&mut network(&spec, 2));
    assert_eq!(short.run(&mut used), fresh);
    assert!(fresh.1.iter().all(|g| g.is_finite()));
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    let spec = classic(&[64, 64], Activation::Tanh);
    let case = Case::new(&spec, 131, false, 3);
    let mut network = network(&spec, 1);
    network.load(&case.params);
    let mut all = vec![0.0; 131 * 5];
    network.forward(0, &case.observations, 131, &mut all);
    for row in [0, 63, 64, 130] {
        let mut one = [0.0; 5];
        network.forward(0, &case.observations[row * 4..][..4], 1, &mut one);
        assert_eq!(one, all[row * 5..][..5]);
    }
}

#[test]
fn no_rows_give_no_gradient() {
    let spec = classic(&[8], Activation::Tanh);
    let mut network = network(&spec, 2);
    Case::new(&spec, 10, false, 1).run(&mut network);
    let (_, gradients) = Case::new(&spec, 0, false, 1).run(&mut network);
    assert!(gradients.iter().all(|&g| g == 0.0));
}

#[test]
fn nan_in_an_observation_stays_in_its_row() {
    for activation in [Activation::Tanh, Activation::Relu, Activation::Silu] {
        for level in SimdLevel::available() {
            let spec = classic(&[64, 64], activation);
            let mut case = Case::new(&spec, 20, false, 3);
            case.observations[7 * 4 + 1] = f32::NAN;
            let mut outputs = vec![0.0; 20 * 5];
            let mut network = MlpCpu::with_simd(&spec, 1, &Cpu::with_threads(1), level);
            network.load(&case.params);
            network.forward(0, &case.observations, 20, &mut outputs);
            for (row, out) in outputs.chunks(5).enumerate() {
                assert!(out.iter().all(|o| o.is_nan() == (row == 7)), "{level:?} {activation:?} row {row}: {out:?}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "length of the observations")]
fn a_wrong_length_is_refused() {
    let spec = classic(&[8], Activation::Tanh);
    network(&spec, 1).forward(0, &[0.0; 3], 1, &mut [0.0; 5]);
}

#[test]
fn agents_have_weights_of_their_own() {
    let spec = classic(&[20, 9], Activation::Tanh);
    let cases = [Case::new(&spec, 50, false, 1), Case::new(&spec, 50, false, 2)];
    let mut both = MlpCpu::new(&spec, 2, &Cpu::with_threads(2));
    both.load(&[cases[0].params.clone(), cases[1].params.clone()].concat());
    for (agent, case) in cases.iter().enumerate() {
        let (outputs, gradients) = case.run(&mut network(&spec, 1));
        let mut own = vec![f32::NAN; gradients.len()];
        let pass = case.pass();
        both.train_pass(agent, 50, false, &pass, &mut own);
        assert_eq!((own, pass.into_outputs()), (gradients, outputs));
    }
}
