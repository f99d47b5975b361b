//! TD errors and generalised advantages.

use super::super::data::{flags, numbers, wide};
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{Backend, Cpu, GaeArgs, GaeForm, RolloutShape, TdErrorArgs};

const GAMMA: f32 = 0.99;
const LAMBDA: f32 = 0.95;
const AVERAGE_REWARD: f32 = 0.25;

/// One in so many steps ends an episode in either way.
const EPISODE: u32 = 200;

const CHECK: RolloutShape = RolloutShape { agents: 2, heads: 2, steps: 300, envs: 37 };
const SMALL: RolloutShape = RolloutShape { agents: 1, heads: 1, steps: 32, envs: 128 };
const LARGE: RolloutShape = RolloutShape { agents: 1, heads: 1, steps: 128, envs: 65_536 };

/// The scan is for few and long sequences.
const LONG: [RolloutShape; 2] = [
    RolloutShape { agents: 1, heads: 1, steps: 1024, envs: 8 },
    RolloutShape { agents: 1, heads: 1, steps: 8192, envs: 512 },
];

/// What is launched.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    TdError,
    Gae(GaeForm),
    /// The first, then the second.
    Both,
}

pub fn entries<D: Device + 'static>() -> Vec<Entry<D>> {
    let mut works = vec![("td_error", Work::TdError)];
    works.extend(D::gae_forms().iter().map(|&form| match form {
        GaeForm::Sequential => ("gae", Work::Gae(form)),
        GaeForm::Scan => ("gae_scan", Work::Gae(form)),
    }));
    works.push(("td_error + gae", Work::Both));
    let entry = |(name, work)| {
        let at = |shape| make(move |device: &D| Advantages::new(device, work, shape));
        let [small, large] = if work == Work::Gae(GaeForm::Scan) { LONG } else { [SMALL, LARGE] };
        Entry { name, tolerance: 2e-6, checks: vec![at(CHECK)], small: vec![at(small)], large: vec![at(large)] }
    };
    works.into_iter().map(entry).collect()
}

/// What both kernels read, on the host.
struct Inputs {
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
    values: Vec<f32>,
    final_values: Vec<f32>,
    deltas: Vec<f32>,
}

impl Inputs {
    fn new(shape: RolloutShape) -> Self {
        let rows = shape.agents * shape.steps * shape.envs;
        let last = shape.agents * shape.heads * shape.envs;
        Self {
            rewards: numbers(rows, 1, 2.0),
            terminated: flags(rows, 2, EPISODE),
            truncated: flags(rows, 3, EPISODE),
            values: numbers(rows * shape.heads + last, 4, 20.0),
            final_values: numbers(rows * shape.heads, 5, 20.0),
            deltas: numbers(rows * shape.heads, 6, 2.0),
        }
    }
}

/// Memory of both kernels.
struct Advantages<D: Backend> {
    work: Work,
    shape: RolloutShape,
    factors: [Vec<f32>; 2],
    average_reward: Vec<f32>,
    rewards: D::Buffer,
    terminated: D::Buffer,
    truncated: D::Buffer,
    values: D::Buffer,
    final_values: D::Buffer,
    deltas: D::Buffer,
    advantages: D::Buffer,
    returns: D::Buffer,
}

impl<D: Device> Advantages<D> {
    fn new(device: &D, work: Work, shape: RolloutShape) -> Self {
        let inputs = Inputs::new(shape);
        let sequences = shape.agents * shape.heads;
        Self {
            work,
            shape,
            factors: [vec![GAMMA; sequences], vec![LAMBDA; sequences]],
            average_reward: vec![AVERAGE_REWARD; shape.agents],
            rewards: device.upload(&inputs.rewards),
            terminated: device.upload(&inputs.terminated),
            truncated: device.upload(&inputs.truncated),
            values: device.upload(&inputs.values),
            final_values: device.upload(&inputs.final_values),
            deltas: device.upload(&inputs.deltas),
            advantages: device.zeros(inputs.deltas.len()),
            returns: device.zeros(inputs.deltas.len()),
        }
    }

    fn td_error(&mut self, device: &D) {
        device.td_error(TdErrorArgs {
            shape: self.shape,
            gamma: &self.factors[0],
            average_reward: &self.average_reward,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values: &self.values,
            final_values: &self.final_values,
            deltas: &mut self.deltas,
        });
    }

    fn gae(&mut self, device: &D, form: Option<GaeForm>) {
        let args = GaeArgs {
            shape: self.shape,
            gamma: &self.factors[0],
            lambda: &self.factors[1],
            deltas: &self.deltas,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values: &self.values,
            advantages: &mut self.advantages,
            returns: &mut self.returns,
        };
        match form {
            Some(form) => device.gae_as(form, args),
            None => device.gae(args),
        }
    }
}

impl<D: Device> Kernel<D> for Advantages<D> {
    fn shape(&self) -> String {
        format!("[{}, {}]", self.shape.steps, self.shape.envs)
    }

    fn cost(&self) -> Cost {
        let RolloutShape { agents, heads, steps, envs } = self.shape;
        let rows = (agents * steps * envs) as f64;
        let items = rows * heads as f64;
        // The values' last row is the TD errors' alone; final values count where an episode was truncated, nothing else of them is
        // looked at.
        let more = (agents * heads * envs) as f64 + items / f64::from(EPISODE);
        // r - rbar + gamma V' - V: rewards, both flags and values are read, TD errors written, five arrays with one head.
        let td_error = 3.0 * rows + 2.0 * items + more;
        // A = delta + gamma lambda A', R = A + V: TD errors, both flags and values are read, both results written, six arrays.
        let gae = 2.0 * rows + 4.0 * items;
        let (flops, numbers) = match self.work {
            Work::TdError => (4.0, td_error),
            Work::Gae(_) => (3.0, gae),
            // Two launches as they are. One that did both would touch eight arrays.
            Work::Both => (7.0, td_error + gae),
        };
        Cost { items, flops: Some(flops * items), bytes: Some(4.0 * numbers) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        match self.work {
            Work::TdError => self.td_error(device),
            Work::Gae(form) => self.gae(device, Some(form)),
            Work::Both => {
                self.td_error(device);
                self.gae(device, None);
            }
        }
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        let mut outputs = Vec::new();
        if !matches!(self.work, Work::Gae(_)) {
            outputs.push(("deltas", device.download(&self.deltas)?));
        }
        if self.work != Work::TdError {
            outputs.push(("advantages", device.download(&self.advantages)?));
            outputs.push(("returns", device.download(&self.returns)?));
        }
        Ok(outputs)
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Advantages::new(&Cpu::new(), self.work, self.shape));
        }
        Ok(reference(self.work, self.shape))
    }
}

/// Both in double precision, one agent, head and environment after the other.
fn reference(work: Work, shape: RolloutShape) -> Expected {
    let inputs = Inputs::new(shape);
    let RolloutShape { agents, heads, steps, envs } = shape;
    let [gamma, lambda, average_reward] = [GAMMA, LAMBDA, AVERAGE_REWARD].map(f64::from);
    let mut deltas = wide(&inputs.deltas);
    let (mut advantages, mut returns) = (vec![0.0; deltas.len()], vec![0.0; deltas.len()]);
    for sequence in 0..agents * heads {
        for env in 0..envs {
            let mut later = 0.0;
            for t in (0..steps).rev() {
                let row = (sequence / heads * steps + t) * envs + env;
                let at = (sequence * steps + t) * envs + env;
                let value = |t: usize| f64::from(inputs.values[(sequence * (steps + 1) + t) * envs + env]);
                let (terminated, truncated) = (inputs.terminated[row] != 0.0, inputs.truncated[row] != 0.0);
                if !matches!(work, Work::Gae(_)) {
                    let next = match (terminated, truncated) {
                        (true, _) => 0.0,
                        (_, true) => f64::from(inputs.final_values[at]),
                        _ => value(t + 1),
                    };
                    deltas[at] = f64::from(inputs.rewards[row]) - average_reward + gamma * next - value(t);
                }
                later = deltas[at] + if terminated || truncated { 0.0 } else { gamma * lambda * later };
                advantages[at] = later;
                returns[at] = later + value(t);
            }
        }
    }
    match work {
        Work::TdError => vec![deltas],
        Work::Gae(_) => vec![advantages, returns],
        Work::Both => vec![deltas, advantages, returns],
    }
}
