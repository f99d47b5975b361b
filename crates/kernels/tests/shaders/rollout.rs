//! The resident rollout's network, sampling and densities against the mirrors. `crates/train/tests/resident.rs` has its
//! environments.

use crate::common::close;
use crate::{Test, loss::layout};
use striatum_kernels::{
    Activation, Backend, Cpu, EnvStates, Gpu, GpuBuffer, GpuTask, MlpCpu, MlpSpec, Noise, Policy, PolicyHead,
    ResidentEnvs, RolloutArgs, net_logits, probabilities,
};
use striatum_rng::{Purpose, Stream};

pub const TESTS: &[Test] = &[
    ("rollout_samples_as_the_policy_head", categorical),
    ("rollout_samples_normal_distributions_as_the_policy_head", gaussian),
    ("rollout_explores_as_the_policy_head", state_dependent),
    ("rollout_of_large_networks", large),
    ("rollout_again_in_parts_and_without_raw_observations", again),
    ("rollout_refuses_what_does_not_fit", refused),
];

const AGENTS: usize = 2;
const STEPS: usize = 7;
const FIRST_STEP: u32 = 1000;
const SEEDS: [u64; AGENTS] = [7, 0x1234_5678_9abc_def0];
const TONE: [f32; AGENTS] = [0.3, -0.4];
const INVERSE_TEMPERATURE: [f32; AGENTS] = [1.0, 1.7];
const CLIP: f32 = 1.5;
const TOLERANCE: f64 = 1e-5;

struct Case {
    task: GpuTask,
    spec: MlpSpec,
    envs: usize,
    interval: u32,
    normalizes: bool,
}

/// What a rollout wrote.
#[derive(PartialEq)]
struct Written {
    observations: Vec<f32>,
    raw: Vec<f32>,
    actions: Vec<f32>,
    log_probs: Vec<f32>,
    values: Vec<f32>,
}

fn case(task: GpuTask, policy: Policy, hidden: &[usize], activation: Activation, shared_trunk: bool) -> Case {
    let head = layout(policy, hidden.len() != 1, 1 + hidden.len() % 2);
    let spec = MlpSpec { inputs: task.observation_width(), hidden: hidden.to_vec(), activation, shared_trunk, head };
    Case { task, spec, envs: 5 + 7 * hidden.len(), interval: 3, normalizes: hidden.len() != 2 }
}

fn categorical(gpu: &Gpu) -> Result<(), String> {
    let choice = |nvec: &[usize]| Policy::Categorical { nvec: nvec.to_vec() };
    case(GpuTask::CartPole, choice(&[2]), &[64, 64], Activation::Tanh, false).check(gpu)?;
    case(GpuTask::MountainCar, choice(&[3, 1, 4]), &[7], Activation::Relu, true).check(gpu)?;
    case(GpuTask::Acrobot, choice(&[3, 2, 2, 4, 2, 5]), &[5, 9, 3], Activation::Silu, false).check(gpu)
}

fn gaussian(gpu: &Gpu) -> Result<(), String> {
    let normal = |dims, squash| Policy::Gaussian { dims, squash };
    case(GpuTask::Pendulum, normal(1, false), &[16, 8], Activation::Tanh, true).check(gpu)?;
    case(GpuTask::MountainCarContinuous, normal(3, true), &[9], Activation::Silu, false).check(gpu)
}

fn state_dependent(gpu: &Gpu) -> Result<(), String> {
    let policy = |dims, features, squash| Policy::StateDependent { dims, features, squash };
    case(GpuTask::Pendulum, policy(1, 9, true), &[6, 9], Activation::Tanh, false).check(gpu)?;
    let unending = case(GpuTask::Pendulum, policy(3, 5, false), &[5], Activation::Relu, true);
    Case { interval: 0, ..unending }.check(gpu)?;
    case(GpuTask::MountainCarContinuous, policy(2, 2, false), &[], Activation::Tanh, false).check(gpu)
}

/// Four environments a workgroup, and activations in global memory.
fn large(gpu: &Gpu) -> Result<(), String> {
    let choice = Policy::Categorical { nvec: vec![2] };
    case(GpuTask::CartPole, choice.clone(), &[130, 20], Activation::Tanh, false).check(gpu)?;
    case(GpuTask::CartPole, choice, &[300, 40, 500], Activation::Relu, false).check(gpu)?;
    let explore = Policy::StateDependent { dims: 1, features: 520, squash: false };
    case(GpuTask::Pendulum, explore, &[30, 520], Activation::Tanh, false).check(gpu)
}

fn numbers(seed: u64, n: usize, low: f64, high: f64) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::User, 0, 0);
    (0..n).map(|_| stream.range(low, high) as f32).collect()
}

impl Case {
    fn weights(&self) -> Vec<f32> {
        let mut weights = numbers(1, AGENTS * self.spec.param_count(), -1.0, 1.0);
        // A weight's size follows its fan-in, so that outputs stay of ordinary size.
        let params = self.spec.params();
        for (i, weight) in weights.iter_mut().enumerate() {
            let i = i % self.spec.param_count();
            let fan_in =
                params.iter().rfind(|param| param.offset <= i).map_or(1, |param| match param.shape.as_slice() {
                    [inputs, _] => *inputs,
                    _ => 1,
                });
            *weight *= 1.5 / (fan_in as f32).sqrt();
        }
        weights
    }

    /// Environments in the middle of episodes.
    fn start(&self, gpu: &Gpu) -> ResidentEnvs {
        let n = self.envs;
        let mut envs = ResidentEnvs::new(gpu, self.task, AGENTS, n);
        for agent in 0..AGENTS {
            let states = numbers(2 + agent as u64, n * self.task.state_width(), -0.05, 0.05);
            let counter = |first: u32| (0..n as u32).map(|env| first + env).collect::<Vec<u32>>();
            let from = EnvStates {
                states: states.into_iter().map(f64::from).collect(),
                episodes: counter(3),
                steps: counter(self.task.time_limit().unwrap_or(1000) - 6),
                total_steps: counter(0),
                running_returns: vec![0.0; n],
                running_lengths: vec![0; n],
            };
            envs.write(gpu, agent, &from);
        }
        envs
    }

    fn run(&self, gpu: &Gpu, weights: &[f32], normalizer: Option<&[f32]>) -> Result<Written, String> {
        self.run_with(gpu, weights, normalizer, true, STEPS)
    }

    fn run_with(
        &self,
        gpu: &Gpu,
        weights: &[f32],
        normalizer: Option<&[f32]>,
        keeps_raw: bool,
        part: usize,
    ) -> Result<Written, String> {
        let (spec, mut envs) = (&self.spec, self.start(gpu));
        let (rows, inputs) = (AGENTS * STEPS * self.envs, spec.inputs);
        let heads = AGENTS * spec.head.value_heads;
        let unset = |len: usize| gpu.upload(&vec![f32::NAN; len]);
        let (mut observations, mut raw) = (unset(rows * inputs), unset(rows * inputs));
        let mut actions = unset(rows * spec.head.policy.action_width());
        let [mut log_probs, mut rewards, mut terminated, mut truncated, mut returns, mut lengths] =
            std::array::from_fn(|_| unset(rows));
        let mut values = unset(heads * (STEPS + 1) * self.envs);
        let mut final_values = unset(heads * STEPS * self.envs);
        let normalizer = normalizer.map(|numbers| gpu.upload(numbers));
        gpu.rollout_in_parts(
            &mut envs,
            RolloutArgs {
                spec,
                steps: STEPS,
                seeds: &SEEDS,
                first_step: FIRST_STEP,
                weights: &gpu.upload(weights),
                normalizer: normalizer.as_ref(),
                observation_clip: CLIP,
                tone: &TONE,
                inverse_temperature: &INVERSE_TEMPERATURE,
                exploration_interval: self.interval,
                observations: &mut observations,
                raw_observations: keeps_raw.then_some(&mut raw),
                actions: &mut actions,
                log_probs: &mut log_probs,
                rewards: &mut rewards,
                terminated: &mut terminated,
                truncated: &mut truncated,
                values: &mut values,
                final_values: &mut final_values,
                episode_returns: &mut returns,
                episode_lengths: &mut lengths,
            },
            part,
        );
        let read = |buffer: &GpuBuffer| gpu.download(buffer).map_err(|error| error.to_string());
        Ok(Written {
            observations: read(&observations)?,
            raw: read(&raw)?,
            actions: read(&actions)?,
            log_probs: read(&log_probs)?,
            values: read(&values)?,
        })
    }

    /// Standard normal numbers of the matrices that step t of an agent is explored with.
    fn matrices(&self, seed: u64, t: usize) -> Vec<f32> {
        let drawn = (t as u32).checked_div(self.interval).map_or(0, |matrix| matrix * self.interval);
        let len = self.spec.head.policy.log_std_len();
        let of = |env| {
            let mut stream = Stream::new(seed, Purpose::Exploration, env as u32, FIRST_STEP + drawn);
            (0..len).map(move |_| stream.normal())
        };
        (0..self.envs).flat_map(of).collect()
    }

    fn check(&self, gpu: &Gpu) -> Result<(), String> {
        let weights = self.weights();
        // A mean and a scale for every input of every agent.
        let statistics = numbers(5, AGENTS * 2 * self.spec.inputs, 0.5, 2.0);
        let normalizer = self.normalizes.then_some(statistics.as_slice());
        let written = self.run(gpu, &weights, normalizer)?;
        let what = format!("{:?} {:?}", self.task, self.spec);
        (0..AGENTS)
            .try_for_each(|agent| self.check_agent(agent, &weights, normalizer, &written))
            .map_err(|error| format!("{what}: {error}"))
    }

    fn check_agent(
        &self,
        agent: usize,
        weights: &[f32],
        normalizer: Option<&[f32]>,
        written: &Written,
    ) -> Result<(), String> {
        let (spec, n, inputs) = (&self.spec, self.envs, self.spec.inputs);
        let of = |numbers: &[f32], width: usize| {
            let len = STEPS * n * width;
            numbers[agent * len..(agent + 1) * len].to_vec()
        };
        let observations = of(&written.observations, inputs);
        let mut expected = of(&written.raw, inputs);
        if let Some(statistics) = normalizer {
            let (means, scales) = statistics[agent * 2 * inputs..][..2 * inputs].split_at(inputs);
            for (i, x) in expected.iter_mut().enumerate() {
                *x = ((*x - means[i % inputs]) * scales[i % inputs]).clamp(-CLIP, CLIP);
            }
        }
        close("observations", &observations, &expected, 1e-6)?;

        let params = &weights[agent * spec.param_count()..][..spec.param_count()];
        let mut outputs = vec![0.0; STEPS * n * spec.head.width()];
        let mut network = MlpCpu::new(spec, 1, &Cpu::with_threads(1));
        network.load(params);
        network.forward(0, &observations, STEPS * n, &mut outputs);
        for k in 0..spec.head.value_heads {
            let at = (agent * spec.head.value_heads + k) * (STEPS + 1) * n;
            let column = outputs.iter().skip(spec.head.values_at() + k).step_by(spec.head.width());
            let expected: Vec<f32> = column.copied().collect();
            close("values", &written.values[at..at + STEPS * n], &expected, TOLERANCE)?;
            if written.values[at + STEPS * n..at + (STEPS + 1) * n].iter().any(|value| value.is_nan()) {
                return Err("the values after the rollout are missing".into());
            }
        }
        let width = spec.head.policy.action_width();
        let (actions, log_probs) = (of(&written.actions, width), of(&written.log_probs, 1));
        let log_std = &params[params.len() - spec.head.policy.log_std_len()..];
        for t in 0..STEPS {
            let step = &outputs[t * n * spec.head.width()..][..n * spec.head.width()];
            let (actions, log_probs) = (&actions[t * n * width..][..n * width], &log_probs[t * n..][..n]);
            self.check_step(agent, t, step, log_std, actions, log_probs)
                .map_err(|error| format!("step {t}: {error}"))?;
        }
        Ok(())
    }

    fn check_step(
        &self,
        agent: usize,
        t: usize,
        outputs: &[f32],
        log_std: &[f32],
        actions: &[f32],
        log_probs: &[f32],
    ) -> Result<(), String> {
        let (layout, n) = (&self.spec.head, self.envs);
        let (tone, beta) = (vec![TONE[agent]; n], vec![INVERSE_TEMPERATURE[agent]; n]);
        let step = FIRST_STEP + t as u32;
        let exploration = self.matrices(SEEDS[agent], t);
        let noise = match layout.policy.features() {
            0 => Noise::Counted { seed: SEEDS[agent], step, first_lane: 0 },
            _ => Noise::Matrix { exploration: &exploration },
        };
        let (mut expected, mut expected_log_probs) = (vec![0.0; actions.len()], vec![0.0; n]);
        let mut head = PolicyHead::new(layout);
        head.load(log_std);
        head.act(outputs, [&tone, &beta], noise, &mut expected, &mut expected_log_probs);
        let Policy::Categorical { nvec } = &layout.policy else {
            close("actions", actions, &expected, TOLERANCE)?;
            return close("log_probs", log_probs, &expected_log_probs, TOLERANCE);
        };
        let mut probs = vec![0.0; n * layout.policy.logits()];
        net_logits(layout, n, outputs, &tone, &beta, &mut probs);
        probabilities(nvec, &mut probs);
        for env in 0..n {
            let row = env * nvec.len()..(env + 1) * nvec.len();
            let (actual, expected) = (&actions[row.clone()], &expected[row]);
            if actual == expected {
                close("log_prob", &log_probs[env..=env], &expected_log_probs[env..=env], TOLERANCE)?;
            } else {
                let mut stream = Stream::new(SEEDS[agent], Purpose::Action, env as u32, step);
                rounding_tie(nvec, &probs[env * layout.policy.logits()..], actual, expected, &mut stream)
                    .map_err(|error| format!("environment {env}: {error}"))?;
            }
        }
        Ok(())
    }
}

/// Whether two choices differ only where the random number is within rounding of the border between their options.
fn rounding_tie(
    nvec: &[usize],
    probs: &[f32],
    actual: &[f32],
    expected: &[f32],
    stream: &mut Stream,
) -> Result<(), String> {
    let mut first = 0;
    for ((&n, &a), &b) in nvec.iter().zip(actual).zip(expected) {
        let u = stream.uniform();
        let below: f32 = probs[first..first + a.min(b) as usize + 1].iter().sum();
        if a != b && ((a - b).abs() != 1.0 || (below - u).abs() > 1e-6) {
            return Err(format!("{actual:?}, not {expected:?}, of {:?} at {u}", &probs[first..first + n]));
        }
        first += n;
    }
    Ok(())
}

fn again(gpu: &Gpu) -> Result<(), String> {
    let choice = Policy::Categorical { nvec: vec![3] };
    let explore = Policy::StateDependent { dims: 1, features: 8, squash: true };
    for (task, policy) in [(GpuTask::Acrobot, choice), (GpuTask::Pendulum, explore)] {
        let case = Case { interval: 0, ..case(task, policy, &[11, 8], Activation::Tanh, false) };
        let weights = case.weights();
        let first = case.run(gpu, &weights, None)?;
        for part in [STEPS, 3, 0] {
            if first != case.run_with(gpu, &weights, None, true, part)? {
                return Err(format!("{task:?}: in parts of {part} steps the numbers are others"));
            }
        }
        let second = case.run_with(gpu, &weights, None, false, STEPS)?;
        if first != (Written { raw: first.raw.clone(), ..second }) {
            return Err(format!("{task:?}: raw observations make a difference"));
        }
    }
    Ok(())
}

fn refused(gpu: &Gpu) -> Result<(), String> {
    let good = || case(GpuTask::CartPole, Policy::Categorical { nvec: vec![2] }, &[4], Activation::Tanh, false);
    let refuses = |case: Case, with: &str| {
        let run = std::panic::AssertUnwindSafe(|| case.run(gpu, &case.weights(), None).map(drop));
        let Err(panic) = std::panic::catch_unwind(run) else { return Err(format!("not refused: {with}")) };
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        if text.contains(with) { Ok(()) } else { Err(format!("`{text}` does not tell of `{with}`")) }
    };
    good().run(gpu, &good().weights(), None)?;
    refuses(Case { task: GpuTask::Acrobot, ..good() }, "another observation")?;
    let mut continuous = good();
    continuous.spec.head.policy = Policy::Gaussian { dims: 1, squash: false };
    refuses(continuous, "acts in another way")?;
    let mut empty = good();
    empty.spec.head.policy = Policy::Categorical { nvec: vec![2, 0] };
    refuses(empty, "is 0")
}
