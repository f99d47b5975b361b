use super::GpuTask;
use super::plan::Plan;
use crate::gpu::{Gpu, GpuBuffer};
use crate::{Backend, KernelError, Policy};

/// Counters that follow a state in memory.
const COUNTERS: usize = 5;

/// Where the environments of one agent are: what a snapshot of a batch on the host holds, and the episodes under way.
///
/// The device keeps states and returns in single precision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnvStates {
    /// `[N, state width]`.
    pub states: Vec<f64>,
    /// `[N]`: episodes that each environment started before the current one.
    pub episodes: Vec<u32>,
    /// `[N]`: steps in the current episode.
    pub steps: Vec<u32>,
    /// `[N]`: steps since the batch was reset, modulo 2^32.
    pub total_steps: Vec<u32>,
    /// `[N]`: return of the current episode so far, unscaled.
    pub running_returns: Vec<f64>,
    /// `[N]`: its length so far.
    pub running_lengths: Vec<u32>,
}

/// N environments of each of A agents, which live on the device between rollouts.
#[derive(Debug)]
pub struct ResidentEnvs {
    pub(super) task: GpuTask,
    /// The argument of the task's parameter, if it has one.
    pub(super) parameter: f32,
    pub(super) agents: usize,
    pub(super) envs: usize,
    /// `[A, N, state width + COUNTERS]`: state, episode, steps, steps in all, length and return of the episode, 32 bits each.
    pub(super) slots: GpuBuffer,
    /// Activations of a network too large for workgroup memory.
    pub(super) scratch: GpuBuffer,
    /// Matrices of state-dependent exploration, `[A, N, features, dims]`.
    pub(super) exploration: GpuBuffer,
}

/// What a binding of vectors must hold at least.
const VECTOR: usize = 4;

impl ResidentEnvs {
    /// Memory for `envs` environments of each of `agents` agents, all zeros: [`write`](Self::write) starts them.
    pub fn new(gpu: &Gpu, task: GpuTask, agents: usize, envs: usize) -> Self {
        let slots = gpu.allocate(agents * envs * (task.state_width() + COUNTERS));
        let (scratch, exploration) = (gpu.allocate(VECTOR), gpu.allocate(0));
        Self { task, parameter: 0.0, agents, envs, slots, scratch, exploration }
    }

    /// With this argument for [`GpuTask::parameter`] in place of 0, in every environment.
    #[must_use]
    pub fn with_parameter(self, parameter: f32) -> Self {
        Self { parameter, ..self }
    }

    /// Memory that a rollout needs beside its arguments.
    pub(super) fn reserve(&mut self, gpu: &Gpu, groups: usize, plan: &Plan, policy: &Policy) {
        let scratch = if plan.resident { VECTOR } else { groups * plan.activations * VECTOR };
        let exploration = if policy.features() > 0 { self.agents * self.envs * policy.log_std_len() } else { 0 };
        for (memory, len) in [(&mut self.scratch, scratch), (&mut self.exploration, exploration)] {
            if memory.len() < len {
                *memory = gpu.allocate(len);
            }
        }
    }

    /// The task.
    pub fn task(&self) -> GpuTask {
        self.task
    }

    /// A.
    pub fn agents(&self) -> usize {
        self.agents
    }

    /// N, of each agent.
    pub fn envs(&self) -> usize {
        self.envs
    }

    /// Numbers of a slot.
    fn width(&self) -> usize {
        self.task.state_width() + COUNTERS
    }

    /// The slots of one agent. The region is used for copies only, so that it may start anywhere.
    fn region(&self, agent: usize) -> GpuBuffer {
        assert!(agent < self.agents, "agent {agent} of {}", self.agents);
        let len = self.envs * self.width();
        let offset = self.slots.offset() + (agent * len * size_of::<u32>()) as u64;
        GpuBuffer::wrap(self.slots.raw().clone(), offset, len, None)
    }

    /// Puts the environments of `agent` where `from` says.
    ///
    /// # Panics
    /// If there is no such agent, or if `from` is not of N environments of the task.
    pub fn write(&mut self, gpu: &Gpu, agent: usize, from: &EnvStates) {
        let (n, width) = (self.envs, self.task.state_width());
        assert_eq!(from.states.len(), n * width, "`states` must be of {n} environments of {width} numbers");
        for (name, len) in [
            ("episodes", from.episodes.len()),
            ("steps", from.steps.len()),
            ("total_steps", from.total_steps.len()),
            ("running_returns", from.running_returns.len()),
            ("running_lengths", from.running_lengths.len()),
        ] {
            assert_eq!(len, n, "`{name}` must be of {n} environments");
        }
        let mut slots = Vec::with_capacity(n * self.width());
        for (env, state) in from.states.chunks_exact(width).enumerate() {
            slots.extend(state.iter().map(|&x| (x as f32).to_bits()));
            slots.extend([from.episodes[env], from.steps[env], from.total_steps[env], from.running_lengths[env]]);
            slots.push((from.running_returns[env] as f32).to_bits());
        }
        gpu.write_words(&self.region(agent), 0, &slots);
    }

    /// Where the environments of `agent` are.
    ///
    /// # Errors
    /// If the device failed.
    ///
    /// # Panics
    /// If there is no such agent.
    pub fn read(&self, gpu: &Gpu, agent: usize) -> Result<EnvStates, KernelError> {
        let width = self.task.state_width();
        let mut out = EnvStates::default();
        let slots = gpu.download(&self.region(agent))?;
        for slot in slots.chunks_exact(self.width()) {
            let (state, counters) = slot.split_at(width);
            out.states.extend(state.iter().map(|&x| f64::from(x)));
            out.episodes.push(counters[0].to_bits());
            out.steps.push(counters[1].to_bits());
            out.total_steps.push(counters[2].to_bits());
            out.running_lengths.push(counters[3].to_bits());
            out.running_returns.push(f64::from(counters[4]));
        }
        Ok(out)
    }
}
