//! Minibatches for the fused engine's training pass: networks, observations, and what was stored while acting on them.
#![allow(dead_code, reason = "every test target uses a part")]

use striatum_kernels::{
    Activation, ActorCriticCpu, Backend, Cpu, CriticKind, HeadLayout, LOSS_METRICS, LogStd, LossParams, Minibatch,
    MlpSpec, Noise, Objective, PassArgs, Policy, PolicyHead, Selection,
};
use striatum_rng::{Purpose, Stream};

/// Rows of a rollout that are in no minibatch.
const SPARE: usize = 5;
/// The first of the minibatch's rows in the order.
const FIRST: usize = 3;

/// R of S rows of every agent. What is stored with rows that do not count is NaN.
#[derive(Clone, Debug)]
pub struct Case {
    pub spec: MlpSpec,
    pub agents: usize,
    pub rows: usize,
    pub normalize: bool,
    /// `[A]`.
    pub params: Vec<LossParams>,
    /// `[A, P]`.
    pub weights: Vec<f32>,
    /// `[A, S, inputs]`.
    pub observations: Vec<f32>,
    /// `[A, S]`, as is everything below but for the widths.
    pub order: Vec<u32>,
    pub actions: Vec<f32>,
    pub log_probs: Vec<f32>,
    pub advantages: Vec<f32>,
    pub returns: Vec<f32>,
    pub values: Vec<f32>,
    pub mask: Vec<f32>,
    pub tone: Vec<f32>,
    pub inverse_temperature: Vec<f32>,
}

/// What a training pass gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `[A, P]`.
    pub gradients: Vec<f32>,
    /// `[A, LOSS_METRICS]`.
    pub metrics: Vec<f32>,
}

/// Every kind of policy, on networks whose last layer has so many values.
pub fn policies(features: usize) -> Vec<Policy> {
    vec![
        Policy::Categorical { nvec: vec![2] },
        Policy::Categorical { nvec: vec![3, 1, 4] },
        Policy::Gaussian { dims: 1, squash: false },
        Policy::Gaussian { dims: 3, squash: true },
        Policy::StateDependent { dims: 1, features, squash: true },
        Policy::StateDependent { dims: 2, features, squash: false },
    ]
}

/// Every kind of policy with one pathway and with two, the other choices in turn; choices with masks on a single layer.
pub fn specs() -> Vec<MlpSpec> {
    let mut specs = Vec::new();
    for hidden in [&[13, 10][..], &[20]] {
        for policy in policies(hidden[hidden.len() - 1]) {
            for dual in [false, true] {
                let n = specs.len();
                let masked = !policy.is_continuous() && hidden.len() == 1;
                let head = HeadLayout { masked, ..HeadLayout::new(policy.clone(), dual, 1 + n / 2 % 2) };
                specs.push(MlpSpec {
                    inputs: 3 + n % 4 + head.mask_width(),
                    hidden: hidden.to_vec(),
                    activation: [Activation::Tanh, Activation::Silu, Activation::Relu][n % 3],
                    shared_trunk: n % 4 < 2,
                    head,
                });
            }
        }
    }
    specs
}

/// Numbers of the loss that differ in everything an agent may have for itself; every other one has kappa 0.
fn params(objective: Objective, agent: usize) -> LossParams {
    let x = agent as f32;
    LossParams {
        objective: objective as u32,
        clip: 0.2 + 0.05 * x,
        value_clip: if agent == 1 { 0.0 } else { 0.4 },
        value_coef: 0.5 + 0.1 * x,
        auxiliary_coef: 0.3 + 0.2 * x,
        critic: CriticKind::Scalar as u32,
        huber: 0.0,
        opponent: 0,
        entropy_coef: 0.01 * x,
        kappa: if agent.is_multiple_of(2) { 0.6 } else { 0.0 },
        sum_decay: 0.005 * (1.0 + x),
        logit_decay: 0.02 * x,
    }
}

impl Case {
    /// Random weights and observations, actions that the policy drew, ratios on both sides of the clip range, and one row in seven
    /// that does not count.
    pub fn random(spec: &MlpSpec, [agents, rows]: [usize; 2], objective: Objective, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let mut numbers =
            |n: usize, low: f64, high: f64| -> Vec<f32> { (0..n).map(|_| stream.range(low, high) as f32).collect() };
        let (sources, heads) = (rows + SPARE, spec.head.value_heads);
        let total = agents * sources;
        let weights = (0..agents).flat_map(|_| spec.params()).flat_map(|param| {
            let bound = if param.shape.len() == 2 { 1.7 / (param.shape[0] as f64).sqrt() } else { 0.5 };
            numbers(param.len(), -bound, bound)
        });
        let mut case = Self {
            spec: spec.clone(),
            agents,
            rows,
            normalize: seed.is_multiple_of(2),
            params: (0..agents).map(|agent| params(objective, agent)).collect(),
            weights: weights.collect(),
            observations: numbers(total * spec.inputs, -1.5, 1.5),
            order: Vec::new(),
            actions: vec![0.0; total * spec.head.policy.action_width()],
            log_probs: numbers(total, -0.4, 0.4),
            advantages: numbers(total * heads, -2.0, 2.0),
            returns: numbers(total * heads, -2.0, 2.0),
            values: numbers(total * heads, -2.0, 2.0),
            mask: numbers(total, 0.0, 7.0).into_iter().map(|x| if x < 1.0 { 0.0 } else { 1.0 }).collect(),
            tone: numbers(total, -0.9, 0.9),
            inverse_temperature: numbers(total, 0.5, 2.0),
        };
        for _ in 0..agents {
            let mut own: Vec<u32> = (0..sources as u32).collect();
            (1..sources).rev().for_each(|i| own.swap(i, stream.below(i as u32 + 1) as usize));
            case.order.extend(own);
        }
        case.make_masks(seed);
        case.act(seed);
        case.poison();
        case
    }

    /// Allows some options of every choice, where rows have a mask.
    fn make_masks(&mut self, seed: u64) {
        let (Policy::Categorical { nvec }, true) = (&self.spec.head.policy, self.spec.head.masked) else { return };
        let mut stream = Stream::new(seed, Purpose::User, 2, 0);
        for row in self.observations.chunks_exact_mut(self.spec.inputs) {
            let mut marks = &mut row[self.spec.observed()..];
            for &n in nvec {
                let (own, rest) = marks.split_at_mut(n);
                own.iter_mut().for_each(|mark| *mark = stream.below(2) as f32);
                own[stream.below(n as u32) as usize] = 1.0;
                marks = rest;
            }
        }
    }

    fn sources(&self) -> usize {
        self.rows + SPARE
    }

    /// Draws the actions, and adds their log probabilities to what `log_probs` holds.
    fn act(&mut self, seed: u64) {
        let (sources, head) = (self.sources(), self.spec.head.clone());
        let mut outputs = vec![0.0; self.agents * sources * head.width()];
        let mut network = ActorCriticCpu::new(&self.spec, self.agents, &Cpu::with_threads(1));
        network.load(&self.weights);
        network.forward(&self.observations, sources, &mut outputs);
        let (matrix, count) = (head.policy.log_std_len(), self.spec.param_count());
        let mut stream = Stream::new(seed, Purpose::User, 1, 0);
        let exploration: Vec<f32> = (0..sources * matrix).map(|_| stream.normal()).collect();
        let noise = match head.policy.features() {
            0 => Noise::Counted { seed, step: 0, first_lane: 0 },
            _ => Noise::Matrix { exploration: &exploration },
        };
        for agent in 0..self.agents {
            let mut policy = PolicyHead::new(&head);
            policy.load(&self.weights[(agent + 1) * count - matrix..(agent + 1) * count]);
            let own = agent * sources..(agent + 1) * sources;
            let gains = [&self.tone[own.clone()], &self.inverse_temperature[own.clone()]];
            let mut log_probs = vec![0.0; sources];
            let part = |width: usize| own.start * width..own.end * width;
            let (outputs, width) = (&outputs[part(head.width())], head.policy.action_width());
            policy.act(outputs, gains, noise, &mut self.actions[part(width)], &mut log_probs);
            self.log_probs[own].iter_mut().zip(log_probs).for_each(|(old, now)| *old += now);
        }
    }

    fn poison(&mut self) {
        let (sources, heads) = (self.sources(), self.spec.head.value_heads);
        let width = self.spec.head.policy.action_width();
        for at in (0..self.mask.len()).filter(|&at| self.mask[at] == 0.0).collect::<Vec<_>>() {
            self.actions[at * width..][..width].fill(f32::NAN);
            for head in 0..heads {
                let line = (at / sources * heads + head) * sources + at % sources;
                for numbers in [&mut self.advantages, &mut self.returns, &mut self.values] {
                    numbers[line] = f32::NAN;
                }
            }
            for numbers in [&mut self.log_probs, &mut self.tone, &mut self.inverse_temperature] {
                numbers[at] = f32::NAN;
            }
        }
    }

    /// The case of one agent alone.
    pub fn alone(&self, agent: usize) -> Self {
        fn part<T: Clone>(all: &[T], agent: usize, agents: usize) -> Vec<T> {
            let len = all.len() / agents;
            all[agent * len..][..len].to_vec()
        }
        let of = |numbers: &Vec<f32>| part(numbers, agent, self.agents);
        Self {
            spec: self.spec.clone(),
            agents: 1,
            rows: self.rows,
            normalize: self.normalize,
            params: vec![self.params[agent]],
            weights: of(&self.weights),
            observations: of(&self.observations),
            order: part(&self.order, agent, self.agents),
            actions: of(&self.actions),
            log_probs: of(&self.log_probs),
            advantages: of(&self.advantages),
            returns: of(&self.returns),
            values: of(&self.values),
            mask: of(&self.mask),
            tone: of(&self.tone),
            inverse_temperature: of(&self.inverse_temperature),
        }
    }

    /// The observations of an agent's minibatch, `[R, inputs]`.
    pub fn chosen_observations(&self, agent: usize) -> Vec<f32> {
        let (sources, inputs) = (self.sources(), self.spec.inputs);
        let chosen = &self.order[agent * sources + FIRST..][..self.rows];
        let row = |&row: &u32| self.observations[(agent * sources + row as usize) * inputs..][..inputs].to_vec();
        chosen.iter().flat_map(row).collect()
    }

    /// Gradients and metrics by `differentiate`, which is given the rows on `backend`.
    pub fn run<B: Backend>(
        &self,
        backend: &B,
        differentiate: impl FnOnce(PassArgs<'_, B::Buffer, B::Indices>),
    ) -> Outcome {
        let (sources, count) = (self.sources(), self.spec.param_count());
        let upload = |numbers: &[f32]| backend.upload(numbers);
        let order = backend.upload_indices(&self.order);
        let batch = Minibatch {
            agents: self.agents,
            rows: self.rows,
            source_rows: sources,
            heads: self.spec.head.value_heads,
            advantage_heads: self.spec.head.value_heads,
            selection: Selection { rows: &order, stride: sources, first: FIRST },
            actions: &upload(&self.actions),
            log_probs: &upload(&self.log_probs),
            advantages: &upload(&self.advantages),
            returns: &upload(&self.returns),
            values: &upload(&self.values),
            value_rows: sources,
            mask: &upload(&self.mask),
            tone: &upload(&self.tone),
            inverse_temperature: &upload(&self.inverse_temperature),
        };
        let mut moments = upload(&vec![f32::NAN; 4 * self.agents]);
        backend.advantage_moments(batch, self.normalize, &mut moments);
        // Every output must be overwritten.
        let mut gradients = upload(&vec![f32::NAN; self.weights.len()]);
        let mut metrics = upload(&vec![f32::NAN; 1 + self.agents * LOSS_METRICS]);
        differentiate(PassArgs {
            layout: &self.spec.head,
            params: &self.params,
            batch,
            is_first: true,
            sequence: 1,
            observations: &upload(&self.observations),
            moments: &moments,
            log_std: LogStd { stride: count, at: count - self.spec.head.policy.log_std_len() },
            weights: &upload(&self.weights),
            gradients: &mut gradients,
            metrics: &mut metrics,
            metrics_at: 1,
        });
        let read = |buffer: &B::Buffer| backend.download(buffer).expect("the device works");
        Outcome { gradients: read(&gradients), metrics: read(&metrics)[1..].to_vec() }
    }

    /// The mirror's, on so many threads.
    pub fn mirror(&self, threads: usize) -> Outcome {
        let cpu = Cpu::with_threads(threads);
        let mut network = ActorCriticCpu::new(&self.spec, self.agents, &cpu);
        self.pass_of(&mut network, &cpu)
    }

    /// A first pass over this rollout, by a network that may have seen others.
    pub fn pass_of(&self, network: &mut ActorCriticCpu, cpu: &Cpu) -> Outcome {
        network.load(&self.weights);
        self.run(cpu, |args| network.differentiate(args))
    }

    /// Whether every tensor's gradient is within `tolerance` of its largest number, which counts as `least` at least, and every metric of
    /// its size and 0.1.
    pub fn near(&self, actual: &Outcome, expected: &Outcome, tolerance: f32, least: f32) -> Result<(), String> {
        let count = self.spec.param_count();
        for agent in 0..self.agents {
            for param in self.spec.params() {
                let at = agent * count + param.offset..agent * count + param.offset + param.len();
                let [actual, expected] = [actual, expected].map(|outcome| &outcome.gradients[at.clone()]);
                let largest = expected.iter().fold(least, |m, x| m.max(x.abs()));
                let what = format!("{} of agent {agent}", param.name);
                close(&what, actual, expected, |_| tolerance * largest)?;
            }
        }
        close("metrics", &actual.metrics, &expected.metrics, |x| tolerance * x.abs().max(0.1))
    }
}

/// Whether numbers are as near as `within` says of the expected one. A NaN is far from everything.
fn close(what: &str, actual: &[f32], expected: &[f32], within: impl Fn(f32) -> f32) -> Result<(), String> {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (i, (actual, &expected)) in actual.iter().zip(expected).enumerate() {
        let near = (actual - expected).abs() <= within(expected);
        if !near {
            return Err(format!("{what}[{i}] is {actual}, not {expected}"));
        }
    }
    Ok(())
}
