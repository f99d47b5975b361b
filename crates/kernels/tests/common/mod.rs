//! Rollouts, float64 oracles and comparisons that several test targets share.
#![allow(dead_code, reason = "every test target uses a part")]

use proptest::prelude::{Just, Strategy, prop_oneof};
use striatum_kernels::{Backend, GaeArgs, RolloutShape, TdErrorArgs};
use striatum_rng::{Purpose, Stream};

/// How episodes end in a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Never.
    Never,
    /// About one step in eight terminates, one in eight is truncated, and so some do both.
    Mixed,
    /// Every step terminates.
    AllTerminated,
    /// Every step is truncated.
    AllTruncated,
}

/// What TD errors and advantages are computed from, laid out as the kernels' arguments say. Values that may not be read are NaN.
#[derive(Clone, Debug)]
pub struct Rollout {
    pub shape: RolloutShape,
    pub gamma: Vec<f32>,
    pub average_reward: Vec<f32>,
    pub lambda: Vec<f32>,
    pub rewards: Vec<f32>,
    pub terminated: Vec<f32>,
    pub truncated: Vec<f32>,
    pub values: Vec<f32>,
    pub final_values: Vec<f32>,
}

pub fn shape(agents: usize, heads: usize, steps: usize, envs: usize) -> RolloutShape {
    RolloutShape { agents, heads, steps, envs }
}

/// Small and odd shapes, some over one workgroup, some with a single environment and a long horizon.
pub fn shapes() -> impl Strategy<Value = RolloutShape> {
    prop_oneof![
        (1..4usize, 1..4usize, 1..20usize, 1..40usize),
        (1..3usize, 1..3usize, 1..4usize, 200..700usize),
        (1..3usize, 1..3usize, 200..2500usize, 1..4usize),
    ]
    .prop_map(|(agents, heads, steps, envs)| shape(agents, heads, steps, envs))
}

pub fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![4 => Just(Ends::Mixed), 1 => Just(Ends::Never), 1 => Just(Ends::AllTerminated), 1 => Just(Ends::AllTruncated)]
}

impl Rollout {
    pub fn random(shape: RolloutShape, ends: Ends, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let mut numbers =
            |n: usize, low: f64, high: f64| -> Vec<f32> { (0..n).map(|_| stream.range(low, high) as f32).collect() };
        let (heads, flags) = (shape.agents * shape.heads, shape.agents * shape.steps * shape.envs);
        let (terminates, truncates) = match ends {
            Ends::Never => (0.0, 0.0),
            Ends::Mixed => (0.125, 0.125),
            Ends::AllTerminated => (2.0, 0.0),
            Ends::AllTruncated => (0.0, 2.0),
        };
        let mut flag = |share: f32| -> Vec<f32> {
            numbers(flags, 0.0, 1.0).into_iter().map(|x| if x < share { 1.0 } else { 0.0 }).collect()
        };
        let (terminated, truncated) = (flag(terminates), flag(truncates));
        let mut rollout = Self {
            shape,
            gamma: numbers(heads, 0.9, 1.0),
            average_reward: numbers(shape.agents, -1.0, 1.0),
            lambda: numbers(heads, 0.5, 1.0),
            rewards: numbers(flags, -1.0, 1.0),
            terminated,
            truncated,
            values: numbers(heads * (shape.steps + 1) * shape.envs, -5.0, 5.0),
            final_values: numbers(heads * shape.steps * shape.envs, -5.0, 5.0),
        };
        rollout.poison();
        rollout
    }

    /// Not a number, wherever a value may not be read.
    fn poison(&mut self) {
        let s = self.shape;
        for i in 0..self.final_values.len() {
            let flag = self.flag_at(i);
            if self.truncated[flag] == 0.0 || self.terminated[flag] != 0.0 {
                self.final_values[i] = f32::NAN;
            }
        }
        let row = s.envs * s.steps.saturating_sub(1);
        for (sequence, env) in (0..s.agents * s.heads).flat_map(|sequence| (0..s.envs).map(move |env| (sequence, env)))
        {
            let last = sequence / s.heads * s.steps * s.envs + row + env;
            if s.steps > 0 && (self.terminated[last] != 0.0 || self.truncated[last] != 0.0) {
                self.values[(sequence * (s.steps + 1) + s.steps) * s.envs + env] = f32::NAN;
            }
        }
    }

    /// From an index into `[A, K, T, N]` to one into `[A, T, N]`.
    fn flag_at(&self, i: usize) -> usize {
        let rollout = self.shape.steps * self.shape.envs;
        i / rollout / self.shape.heads * rollout + i % rollout
    }

    /// TD errors in float64, `[A, K, T, N]`.
    pub fn td_error_oracle(&self) -> Vec<f64> {
        let s = self.shape;
        (0..self.final_values.len())
            .map(|i| {
                let (flag, sequence) = (self.flag_at(i), i / (s.steps * s.envs));
                let value = i + sequence * s.envs;
                let next = match (self.terminated[flag] != 0.0, self.truncated[flag] != 0.0) {
                    (true, _) => 0.0,
                    (false, true) => f64::from(self.final_values[i]),
                    (false, false) => f64::from(self.values[value + s.envs]),
                };
                let centred = f64::from(self.rewards[flag]) - f64::from(self.average_reward[sequence / s.heads]);
                centred + f64::from(self.gamma[sequence]) * next - f64::from(self.values[value])
            })
            .collect()
    }

    /// Advantages and returns in float64 from the sum that defines them, `A_t = sum_l (gamma lambda)^l delta_{t+l}` up to the
    /// episode's end, each `[A, K, T, N]`.
    pub fn gae_oracle(&self, deltas: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let s = self.shape;
        let rollout = s.steps * s.envs;
        let advantage = |i: usize| {
            let sequence = i / rollout;
            let decay = f64::from(self.gamma[sequence]) * f64::from(self.lambda[sequence]);
            let (mut sum, mut weight) = (0.0, 1.0);
            for later in (i..(sequence + 1) * rollout).step_by(s.envs) {
                sum += weight * f64::from(deltas[later]);
                weight *= decay;
                let flag = self.flag_at(later);
                // What is left is below the comparison's tolerance by many orders.
                if self.terminated[flag] != 0.0 || self.truncated[flag] != 0.0 || weight < 1e-12 {
                    break;
                }
            }
            sum
        };
        let advantages: Vec<f64> = (0..deltas.len()).map(advantage).collect();
        let value = |i: usize| f64::from(self.values[i + i / rollout * s.envs]);
        let returns = advantages.iter().enumerate().map(|(i, advantage)| advantage + value(i)).collect();
        (advantages, returns)
    }

    pub fn td_error<B: Backend>(&self, backend: &B) -> Vec<f32> {
        let mut deltas = backend.zeros(self.final_values.len());
        backend.td_error(TdErrorArgs {
            shape: self.shape,
            gamma: &self.gamma,
            average_reward: &self.average_reward,
            rewards: &backend.upload(&self.rewards),
            terminated: &backend.upload(&self.terminated),
            truncated: &backend.upload(&self.truncated),
            values: &backend.upload(&self.values),
            final_values: &backend.upload(&self.final_values),
            deltas: &mut deltas,
        });
        backend.download(&deltas).expect("the device works")
    }

    pub fn gae<B: Backend>(&self, backend: &B, deltas: &[f32]) -> (Vec<f32>, Vec<f32>) {
        self.gae_by(backend, deltas, |args| backend.gae(args))
    }

    pub fn gae_by<B: Backend>(
        &self,
        backend: &B,
        deltas: &[f32],
        launch: impl Fn(GaeArgs<'_, B::Buffer>),
    ) -> (Vec<f32>, Vec<f32>) {
        let (mut advantages, mut returns) = (backend.zeros(deltas.len()), backend.zeros(deltas.len()));
        launch(GaeArgs {
            shape: self.shape,
            gamma: &self.gamma,
            lambda: &self.lambda,
            deltas: &backend.upload(deltas),
            terminated: &backend.upload(&self.terminated),
            truncated: &backend.upload(&self.truncated),
            values: &backend.upload(&self.values),
            advantages: &mut advantages,
            returns: &mut returns,
        });
        (
            backend.download(&advantages).expect("the device works"),
            backend.download(&returns).expect("the device works"),
        )
    }
}

/// Whether each pair differs by at most `tolerance * (1 + |expected|)`. A NaN is far from everything.
pub fn close<T: Copy + Into<f64>>(what: &str, actual: &[f32], expected: &[T], tolerance: f64) -> Result<(), String> {
    if actual.len() != expected.len() {
        return Err(format!("{what}: {} numbers for {}", actual.len(), expected.len()));
    }
    for (i, (&actual, &expected)) in actual.iter().zip(expected).enumerate() {
        let (actual, expected) = (f64::from(actual), expected.into());
        let near = (actual - expected).abs() <= tolerance * (1.0 + expected.abs());
        if !near {
            return Err(format!("{what}[{i}] is {actual}, not {expected}"));
        }
    }
    Ok(())
}
