//! What follows a resident rollout on a GPU: episodes that ended, and the statistics that normalisers learn from.

use super::super::data::{flags, numbers, wide};
use super::{Cost, Entry, Expected, Kernel, Outputs, make};
use anyhow::Result;
use striatum_kernels::{
    Backend, DiscountedReturnsArgs, EPISODE_NUMBERS, EpisodeWindowArgs, Gpu, GpuBuffer, RolloutShape, column_moments,
    discounted_returns, episode_window, scale_rewards,
};

const GAMMA: f32 = 0.99;

/// One in so many steps ends an episode in either way.
const EPISODE: u32 = 200;

/// Numbers of an observation: one of CartPole-v1.
const COLUMNS: usize = 4;

const CLIP: f32 = 0.8;

/// What is launched.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    EpisodeWindow,
    ColumnMoments,
    DiscountedReturns,
    ScaleRewards,
}

pub fn entries() -> Vec<Entry<Gpu>> {
    let works = [
        ("episode_window", Work::EpisodeWindow),
        ("column_moments", Work::ColumnMoments),
        ("discounted_returns", Work::DiscountedReturns),
        ("scale_rewards", Work::ScaleRewards),
    ];
    let entry = |(name, work)| {
        let at = |agents, steps, envs| {
            let shape = RolloutShape { agents, heads: 1, steps, envs };
            make(move |gpu: &Gpu| After::new(gpu, work, shape))
        };
        let [checks, small, large] = [at(2, 129, 37), at(1, 32, 128), at(1, 128, 4096)].map(|make| vec![make]);
        Entry { name, tolerance: 5e-6, checks, small, large }
    };
    works.map(entry).into()
}

/// A rollout's arrays, `[A, T, N]` or `[A, T, N, COLUMNS]`, on the host.
struct Inputs {
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
    returns: Vec<f32>,
    lengths: Vec<f32>,
    observations: Vec<f32>,
    /// `[A]`.
    scale: Vec<f32>,
}

impl Inputs {
    fn new(shape: RolloutShape) -> Self {
        let rows = shape.agents * shape.steps * shape.envs;
        Self {
            rewards: numbers(rows, 1, 2.0),
            terminated: flags(rows, 2, EPISODE),
            truncated: flags(rows, 3, EPISODE),
            returns: numbers(rows, 4, 500.0),
            lengths: numbers(rows, 5, 500.0),
            // Around a mean, whose error is relative to it.
            observations: numbers(rows * COLUMNS, 6, 3.0).iter().map(|x| x + 0.7).collect(),
            scale: (0..shape.agents).map(|agent| 0.9 + 0.2 * agent as f32).collect(),
        }
    }
}

struct After {
    work: Work,
    shape: RolloutShape,
    gamma: Vec<f32>,
    rewards: GpuBuffer,
    terminated: GpuBuffer,
    truncated: GpuBuffer,
    returns: GpuBuffer,
    lengths: GpuBuffer,
    observations: GpuBuffer,
    scale: GpuBuffer,
    running: GpuBuffer,
    /// Of moments, or of the window.
    out: GpuBuffer,
}

impl After {
    fn new(gpu: &Gpu, work: Work, shape: RolloutShape) -> Self {
        let inputs = Inputs::new(shape);
        Self {
            work,
            shape,
            gamma: vec![GAMMA; shape.agents],
            rewards: gpu.upload(&inputs.rewards),
            terminated: gpu.upload(&inputs.terminated),
            truncated: gpu.upload(&inputs.truncated),
            returns: gpu.upload(&inputs.returns),
            lengths: gpu.upload(&inputs.lengths),
            observations: gpu.upload(&inputs.observations),
            scale: gpu.upload(&inputs.scale),
            running: gpu.zeros(shape.agents * shape.envs),
            out: gpu.zeros(shape.agents * out_width(work)),
        }
    }
}

/// Numbers that an agent is given.
fn out_width(work: Work) -> usize {
    match work {
        Work::EpisodeWindow => EPISODE_NUMBERS,
        Work::ColumnMoments => 3 * COLUMNS,
        Work::DiscountedReturns => 3,
        Work::ScaleRewards => 0,
    }
}

impl Kernel<Gpu> for After {
    fn shape(&self) -> String {
        format!("[{}, {}]", self.shape.steps, self.shape.envs)
    }

    fn cost(&self) -> Cost {
        let items = (self.shape.agents * self.shape.steps * self.shape.envs) as f64;
        let numbers = match self.work {
            // Both flags; returns and lengths are read where an episode ended.
            Work::EpisodeWindow => 2.0,
            Work::ColumnMoments => COLUMNS as f64,
            Work::DiscountedReturns => 3.0,
            Work::ScaleRewards => 2.0,
        };
        Cost { items, flops: None, bytes: Some(4.0 * numbers * items) }
    }

    fn launch(&mut self, gpu: &Gpu) -> Result<()> {
        let Self { shape, rewards, terminated, truncated, returns, lengths, out, running, .. } = self;
        match self.work {
            Work::EpisodeWindow => gpu.episode_window(EpisodeWindowArgs {
                shape: *shape,
                terminated,
                truncated,
                episode_returns: returns,
                episode_lengths: lengths,
                out,
            }),
            Work::ColumnMoments => gpu.column_moments(shape.agents, COLUMNS, &self.observations, out),
            Work::DiscountedReturns => gpu.discounted_returns(DiscountedReturnsArgs {
                shape: *shape,
                gamma: &self.gamma,
                rewards,
                terminated,
                truncated,
                running,
                moments: out,
            }),
            Work::ScaleRewards => gpu.scale_rewards(shape.agents, &self.scale, CLIP, rewards),
        }
        Ok(())
    }

    fn outputs(&self, gpu: &Gpu) -> Result<Outputs> {
        let [out, running, rewards] = [&self.out, &self.running, &self.rewards].map(|buffer| gpu.download(buffer));
        Ok(named(self.work, out?, running?, rewards?))
    }

    fn expected(&self, _: &Gpu) -> Result<Expected> {
        let RolloutShape { agents, envs, .. } = self.shape;
        let mut inputs = Inputs::new(self.shape);
        let (mut out, mut running) = (vec![0.0; agents * out_width(self.work)], vec![0.0; agents * envs]);
        match self.work {
            Work::EpisodeWindow => episode_window(EpisodeWindowArgs {
                shape: self.shape,
                terminated: &inputs.terminated,
                truncated: &inputs.truncated,
                episode_returns: &inputs.returns,
                episode_lengths: &inputs.lengths,
                out: &mut out,
            }),
            Work::ColumnMoments => column_moments(agents, COLUMNS, &inputs.observations, &mut out),
            Work::DiscountedReturns => discounted_returns(DiscountedReturnsArgs {
                shape: self.shape,
                gamma: &self.gamma,
                rewards: &inputs.rewards,
                terminated: &inputs.terminated,
                truncated: &inputs.truncated,
                running: &mut running,
                moments: &mut out,
            }),
            Work::ScaleRewards => scale_rewards(agents, &inputs.scale, CLIP, &mut inputs.rewards),
        }
        let outputs = named(self.work, out, running, inputs.rewards);
        Ok(outputs.iter().map(|(_, array)| wide(array)).collect())
    }
}

/// What a kernel gave, of all that it may have written.
fn named(work: Work, out: Vec<f32>, running: Vec<f32>, rewards: Vec<f32>) -> Outputs {
    match work {
        Work::EpisodeWindow => vec![("episodes", out)],
        Work::ColumnMoments => moments(&out),
        Work::DiscountedReturns => moments(&out).into_iter().chain([("returns", running)]).collect(),
        Work::ScaleRewards => vec![("rewards", rewards)],
    }
}

/// Counts, means and sums of squares apart, because of their different sizes.
fn moments(out: &[f32]) -> Outputs {
    let column = |at: usize| out.iter().skip(at).step_by(3).copied().collect();
    vec![("count", column(0)), ("mean", column(1)), ("squares", column(2))]
}
