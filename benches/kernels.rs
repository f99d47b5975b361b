//! The hot kernels of the CPU, to see what a change does to one of them: `cargo bench --bench kernels [FILTER]`.
//!
//! `striatum bench` sets the same kernels beside the machine's ceilings.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use std::ops::Range;
use striatum::envs::{StepBuffers, make};
use striatum::kernels::{
    Activation, Backend, Cpu, GaeArgs, HeadLayout, Heads, MlpCpu, MlpSpec, OptimizerArgs, OptimizerParams, Policy,
    RolloutShape, SimdLevel, TdErrorArgs, TilePass,
};

fn main() {
    divan::main();
}

/// Steps and environments.
const ROLLOUTS: [(usize, usize); 2] = [(32, 128), (128, 65_536)];

/// Numbers that are neither special nor the same.
fn numbers(len: usize, scale: f32) -> Vec<f32> {
    (0..len).map(|i| scale * ((i % 8191) as f32 * 0.618).fract() - 0.5 * scale).collect()
}

/// One in 200 is set.
fn flags(len: usize, first: usize) -> Vec<f32> {
    (0..len).map(|i| f32::from(u8::from((i + first).is_multiple_of(200)))).collect()
}

#[divan::bench(args = ROLLOUTS)]
fn td_error(bencher: Bencher<'_, '_>, (steps, envs): (usize, usize)) {
    let (cpu, rows) = (Cpu::new(), steps * envs);
    let shape = RolloutShape { agents: 1, heads: 1, steps, envs };
    let (rewards, terminated, truncated) = (numbers(rows, 1.0), flags(rows, 0), flags(rows, 7));
    let (values, final_values, mut deltas) = (numbers(rows + envs, 9.0), numbers(rows, 9.0), numbers(rows, 1.0));
    bencher.counter(ItemsCount::new(rows)).counter(BytesCount::of_many::<f32>(5 * rows)).bench_local(|| {
        cpu.td_error(TdErrorArgs {
            shape,
            gamma: &[0.99],
            average_reward: &[0.0],
            rewards: black_box(&rewards),
            terminated: &terminated,
            truncated: &truncated,
            values: &values,
            final_values: &final_values,
            deltas: &mut deltas,
        });
    });
}

#[divan::bench(args = ROLLOUTS)]
fn gae(bencher: Bencher<'_, '_>, (steps, envs): (usize, usize)) {
    let (cpu, rows) = (Cpu::new(), steps * envs);
    let shape = RolloutShape { agents: 1, heads: 1, steps, envs };
    let (deltas, terminated, truncated) = (numbers(rows, 1.0), flags(rows, 0), flags(rows, 7));
    let (values, mut advantages, mut returns) = (numbers(rows + envs, 9.0), numbers(rows, 1.0), numbers(rows, 1.0));
    bencher.counter(ItemsCount::new(rows)).counter(BytesCount::of_many::<f32>(6 * rows)).bench_local(|| {
        cpu.gae(GaeArgs {
            shape,
            gamma: &[0.99],
            lambda: &[0.95],
            deltas: black_box(&deltas),
            terminated: &terminated,
            truncated: &truncated,
            values: &values,
            advantages: &mut advantages,
            returns: &mut returns,
        });
    });
}

#[divan::bench(args = [9155, 1 << 20])]
fn optimizer_step(bencher: Bencher<'_, '_>, parameters: usize) {
    let cpu = Cpu::new();
    let params = OptimizerParams {
        kind: 0,
        learning_rate: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-5,
        correction1: 0.1,
        correction2: 0.001,
        max_grad_norm: 0.5,
    };
    let (gradients, mut weights) = (numbers(parameters, 1.0), numbers(parameters, 1.0));
    let (mut first_moment, mut second_moment) = (numbers(parameters, 0.1), vec![0.01; parameters]);
    let mut grad_norm = vec![0.0];
    bencher.counter(ItemsCount::new(parameters)).bench_local(|| {
        cpu.optimizer_step(OptimizerArgs {
            agents: 1,
            params: &[params],
            gradients: black_box(&gradients),
            weights: &mut weights,
            first_moment: &mut first_moment,
            second_moment: &mut second_moment,
            grad_norm: &mut grad_norm,
            grad_norm_at: 0,
        });
    });
}

/// Observations and the gradient of the outputs, `[rows, 4]` and `[rows, 3]`.
struct Given {
    observations: Vec<f32>,
    d_outputs: Vec<f32>,
}

impl TilePass for Given {
    fn observations(&self, rows: Range<usize>, observations: &mut [f32]) {
        observations.copy_from_slice(&self.observations[4 * rows.start..4 * rows.end]);
    }

    fn loss(&self, _: usize, _: Heads, rows: Range<usize>, _: &[f32], d_outputs: &mut [f32], _: Option<&mut [f32]>) {
        d_outputs.copy_from_slice(&self.d_outputs[3 * rows.start..3 * rows.end]);
    }
}

/// Forward and backward pass of two tanh networks: their hidden width, and rows.
#[divan::bench(args = [(64, 512), (64, 8192), (256, 8192)])]
fn mlp_train_pass(bencher: Bencher<'_, '_>, (width, rows): (usize, usize)) {
    train_pass(bencher, width, rows, SimdLevel::detect());
}

/// The same by every instruction set that the machine has.
#[divan::bench(args = SimdLevel::available())]
fn mlp_train_pass_simd(bencher: Bencher<'_, '_>, level: SimdLevel) {
    train_pass(bencher, 64, 8192, level);
}

fn train_pass(bencher: Bencher<'_, '_>, width: usize, rows: usize, level: SimdLevel) {
    let head = HeadLayout::new(Policy::Categorical { nvec: vec![2] }, false, 1);
    let hidden = vec![width; 2];
    let spec = MlpSpec { inputs: 4, hidden, activation: Activation::Tanh, shared_trunk: false, head };
    let mut network = MlpCpu::with_simd(&spec, 1, &Cpu::new(), level);
    network.load(&numbers(spec.param_count(), 0.5));
    let given = Given { observations: numbers(4 * rows, 2.0), d_outputs: numbers(3 * rows, 1.0) };
    let mut gradients = numbers(spec.param_count(), 1.0);
    bencher
        .counter(ItemsCount::new(rows))
        .bench_local(|| network.train_pass(0, rows, false, black_box(&given), &mut gradients));
}

/// A step of a batch of 1024.
#[divan::bench(args = ["CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1", "Pendulum-v1"])]
fn env_step(bencher: Bencher<'_, '_>, task: &str) {
    const ENVS: usize = 1024;
    let mut envs = make(task, ENVS).unwrap_or_else(|error| panic!("{error}"));
    let width = ENVS * envs.observation_space().width();
    let (mut observations, mut final_observations) = (vec![0.0; width], vec![0.0; width]);
    let actions: Vec<f32> = (0..ENVS).map(|i| (i % 2) as f32).collect();
    let mut numbers = [(); 3].map(|()| vec![0.0; ENVS]);
    bencher.counter(ItemsCount::new(ENVS)).bench_local(|| {
        let [rewards, terminated, truncated] = &mut numbers;
        let out = StepBuffers {
            observations: &mut observations,
            rewards,
            terminated,
            truncated,
            final_observations: &mut final_observations,
        };
        envs.step(black_box(&actions), out)
    });
}
