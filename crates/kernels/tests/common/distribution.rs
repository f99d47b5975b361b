//! What a distributional critic's heads become: their means, and samples of the return.
#![allow(dead_code, reason = "every test target uses a part")]

use crate::common::Rollout;
use std::ops::Range;
use striatum_kernels::{Backend, MeanHeadsArgs, RolloutShape, SrLambdaArgs};
use striatum_rng::{Purpose, Stream};

/// Means of the rollout's values, with other numbers behind them that must stay.
pub fn mean_heads<B: Backend>(backend: &B, rollout: &Rollout, groups: &[Range<usize>]) -> Vec<f32> {
    let RolloutShape { agents, heads, steps, envs } = rollout.shape;
    let columns = (steps + 1) * envs;
    let len = agents * groups.len() * columns;
    let mut means = backend.upload(&vec![f32::NAN; len + 3]);
    let values = &backend.upload(&rollout.values);
    backend.mean_heads(MeanHeadsArgs { agents, heads, columns, groups, values, means: &mut means });
    let mut means = backend.download(&means).expect("the device works");
    assert!(means.split_off(len).iter().all(|x| x.is_nan()), "what lies behind was written to");
    means
}

/// The same in double precision.
pub fn mean_heads_oracle(rollout: &Rollout, groups: &[Range<usize>]) -> Vec<f64> {
    let RolloutShape { agents, heads, steps, envs } = rollout.shape;
    let columns = (steps + 1) * envs;
    let lines = (0..agents).flat_map(|agent| groups.iter().map(move |group| (agent, group)));
    let mean = |(agent, group): (usize, &Range<usize>), column: usize| {
        let head = |k: usize| f64::from(rollout.values[(agent * heads + k) * columns + column]);
        group.clone().map(head).sum::<f64>() / group.len() as f64
    };
    lines.flat_map(|line| (0..columns).map(move |column| mean(line, column)).collect::<Vec<_>>()).collect()
}

/// The discount and lambda of each agent's first head, and a seed of two words.
fn own(rollout: &Rollout) -> (Vec<f32>, Vec<f32>, Vec<u64>) {
    let first = |numbers: &[f32]| numbers.iter().copied().step_by(rollout.shape.heads).collect();
    let seeds = (0..rollout.shape.agents as u64).map(|agent| 0x9_0000_0005 + agent).collect();
    (first(&rollout.gamma), first(&rollout.lambda), seeds)
}

/// Samples of the return.
pub fn sr_lambda<B: Backend>(backend: &B, rollout: &Rollout, first_step: u32) -> Vec<f32> {
    let (gamma, lambda, seeds) = own(rollout);
    let mut targets = backend.upload(&vec![f32::NAN; rollout.final_values.len()]);
    backend.sr_lambda(SrLambdaArgs {
        shape: rollout.shape,
        gamma: &gamma,
        lambda: &lambda,
        seeds: &seeds,
        first_step,
        rewards: &backend.upload(&rollout.rewards),
        terminated: &backend.upload(&rollout.terminated),
        truncated: &backend.upload(&rollout.truncated),
        values: &backend.upload(&rollout.values),
        final_values: &backend.upload(&rollout.final_values),
        targets: &mut targets,
    });
    backend.download(&targets).expect("the device works")
}

/// The same in double precision, each sample by itself forward in time.
pub fn sr_lambda_oracle(rollout: &Rollout, first_step: u32) -> Vec<f64> {
    let RolloutShape { agents, heads, steps, envs } = rollout.shape;
    let (gamma, lambda, seeds) = own(rollout);
    let sample = |agent: usize, k: usize, start: usize, env: usize| {
        let (mut sum, mut weight) = (0.0, 1.0);
        for t in start..steps {
            let flag = (agent * steps + t) * envs + env;
            sum += weight * f64::from(rollout.rewards[flag]);
            weight *= f64::from(gamma[agent]);
            let head = agent * heads + k;
            if rollout.terminated[flag] != 0.0 {
                return sum;
            }
            if rollout.truncated[flag] != 0.0 {
                return sum + weight * f64::from(rollout.final_values[(head * steps + t) * envs + env]);
            }
            let mut words =
                Stream::new(seeds[agent], Purpose::Replacement, env as u32, first_step.wrapping_add(t as u32));
            let drawn = (0..=k).map(|_| words.uniform()).last().unwrap_or(1.0);
            if t + 1 == steps || drawn >= lambda[agent] {
                return sum + weight * f64::from(rollout.values[(head * (steps + 1) + t + 1) * envs + env]);
            }
        }
        unreachable!("the last step returns")
    };
    let mut samples = Vec::new();
    for (agent, k) in (0..agents).flat_map(|agent| (0..heads).map(move |k| (agent, k))) {
        samples.extend((0..steps * envs).map(|row| sample(agent, k, row / envs, row % envs)));
    }
    samples
}
