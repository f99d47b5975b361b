//! A rollout: T steps of N environments of every agent, on the learner's backend.

use std::ops::Range;
use striatum_kernels::{Backend, GaeArgs, Minibatch, MlpSpec, RolloutShape, Selection, TdErrorArgs};

/// What the environments of a single agent gave in T steps, on the host; row `t * N + n` is step t of environment n.
#[derive(Clone, Debug, Default)]
pub struct Transitions {
    /// Normalised observations acted upon, `[T, N, inputs]`.
    pub observations: Vec<f32>,
    /// Actions (`u` where squashed), `[T, N, action width]`.
    pub actions: Vec<f32>,
    /// `log pi(a|s)` at the time of acting, `[T, N]`.
    pub log_probs: Vec<f32>,
    /// Rewards that are learned from, `[T, N]`.
    pub rewards: Vec<f32>,
    /// `[T, N]`.
    pub terminated: Vec<f32>,
    /// `[T, N]`.
    pub truncated: Vec<f32>,
    /// 1.0 where a row counts, `[T, N]`.
    pub mask: Vec<f32>,
    /// Dopamine tone at the time of acting, `[T, N]`.
    pub tone: Vec<f32>,
    /// Inverse temperature at the time of acting, `[T, N]`.
    pub inverse_temperature: Vec<f32>,
}

/// Rollouts of A agents, with TD errors, advantages and value targets for K value heads.
pub struct Rollout<B: Backend> {
    /// A.
    pub agents: usize,
    /// K.
    pub heads: usize,
    /// T.
    pub steps: usize,
    /// N.
    pub envs: usize,
    /// As the network sees them, `[A, T, N, inputs]`.
    pub observations: B::Buffer,
    /// `[A, T, N, action width]`.
    pub actions: B::Buffer,
    /// `[A, T, N]`.
    pub log_probs: B::Buffer,
    /// `[A, T, N]`.
    pub rewards: B::Buffer,
    /// `[A, T, N]`.
    pub terminated: B::Buffer,
    /// `[A, T, N]`.
    pub truncated: B::Buffer,
    /// `[A, T, N]`.
    pub mask: B::Buffer,
    /// `[A, T, N]`.
    pub tone: B::Buffer,
    /// `[A, T, N]`.
    pub inverse_temperature: B::Buffer,
    /// `V(s_t)`, `[A, K, T + 1, N]`; the last row is of the observations after the rollout.
    pub values: B::Buffer,
    /// V of the final observation where the episode was truncated, `[A, K, T, N]`; anything elsewhere.
    pub final_values: B::Buffer,
    /// Raw TD errors, `[A, K, T, N]`.
    pub deltas: B::Buffer,
    /// `[A, K, T, N]`.
    pub advantages: B::Buffer,
    /// Value targets, `[A, K, T, N]`.
    pub returns: B::Buffer,
}

impl<B: Backend> Rollout<B> {
    /// Memory for rollouts of A `agents`, to be used again and again.
    pub fn new(backend: &B, spec: &MlpSpec, agents: usize, steps: usize, envs: usize) -> Self {
        let (rows, heads) = (agents * steps * envs, spec.head.value_heads);
        Self {
            agents,
            heads,
            steps,
            envs,
            observations: backend.zeros(rows * spec.inputs),
            actions: backend.zeros(rows * spec.head.policy.action_width()),
            log_probs: backend.zeros(rows),
            rewards: backend.zeros(rows),
            terminated: backend.zeros(rows),
            truncated: backend.zeros(rows),
            mask: backend.zeros(rows),
            tone: backend.zeros(rows),
            inverse_temperature: backend.zeros(rows),
            values: backend.zeros(heads * (rows + agents * envs)),
            final_values: backend.zeros(heads * rows),
            deltas: backend.zeros(heads * rows),
            advantages: backend.zeros(heads * rows),
            returns: backend.zeros(heads * rows),
        }
    }

    /// T * N.
    pub fn rows(&self) -> usize {
        self.steps * self.envs
    }

    /// Takes over what the environments `envs` of a single agent gave, `[T, n, ..]`.
    pub fn write(&mut self, backend: &B, envs: Range<usize>, transitions: &Transitions) {
        let rows = self.steps * envs.len();
        for (to, from) in [
            (&mut self.observations, &transitions.observations),
            (&mut self.actions, &transitions.actions),
            (&mut self.log_probs, &transitions.log_probs),
            (&mut self.rewards, &transitions.rewards),
            (&mut self.terminated, &transitions.terminated),
            (&mut self.truncated, &transitions.truncated),
            (&mut self.mask, &transitions.mask),
            (&mut self.tone, &transitions.tone),
            (&mut self.inverse_temperature, &transitions.inverse_temperature),
        ] {
            write_columns(backend, to, from, self.envs, &envs, from.len() / rows);
        }
    }

    /// Values of the environments `envs` of a single agent: `[K, T + 1, n]`, and those of final observations, `[K, T, n]`.
    pub fn write_values(&mut self, backend: &B, envs: Range<usize>, values: &[f32], final_values: &[f32]) {
        write_columns(backend, &mut self.values, values, self.envs, &envs, 1);
        write_columns(backend, &mut self.final_values, final_values, self.envs, &envs, 1);
    }

    /// A, K, T, N.
    pub fn shape(&self) -> RolloutShape {
        RolloutShape { agents: self.agents, heads: self.heads, steps: self.steps, envs: self.envs }
    }

    /// TD errors of rewards less their average, `[A]`; `gamma` is `[A, K]`.
    pub fn td_errors(&mut self, backend: &B, gamma: &[f32], average_reward: &[f32]) {
        backend.td_error(TdErrorArgs {
            shape: self.shape(),
            gamma,
            average_reward,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values: &self.values,
            final_values: &self.final_values,
            deltas: &mut self.deltas,
        });
    }

    /// TD errors, advantages and value targets; `lambda` is `[A, K]`, and the rest as [`td_errors`](Self::td_errors) takes it.
    pub fn estimate(&mut self, backend: &B, gamma: &[f32], lambda: &[f32], average_reward: &[f32]) {
        self.td_errors(backend, gamma, average_reward);
        backend.gae(GaeArgs {
            shape: self.shape(),
            gamma,
            lambda,
            deltas: &self.deltas,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values: &self.values,
            advantages: &mut self.advantages,
            returns: &mut self.returns,
        });
    }

    /// Chosen rows of every agent.
    pub(crate) fn minibatch<'a>(
        &'a self,
        rows: usize,
        selection: Selection<'a, B::Indices>,
    ) -> Minibatch<'a, B::Buffer, B::Indices> {
        Minibatch {
            agents: self.agents,
            rows,
            source_rows: self.rows(),
            heads: self.heads,
            selection,
            actions: &self.actions,
            log_probs: &self.log_probs,
            advantages: &self.advantages,
            returns: &self.returns,
            values: &self.values,
            value_rows: self.rows() + self.envs,
            mask: &self.mask,
            tone: &self.tone,
            inverse_temperature: &self.inverse_temperature,
        }
    }
}

/// Writes rows `[.., n, width]` to the columns `envs` of `[.., N, width]`; at once where they are all of them.
fn write_columns<B: Backend>(
    backend: &B,
    to: &mut B::Buffer,
    from: &[f32],
    all: usize,
    envs: &Range<usize>,
    width: usize,
) {
    let len = if envs.len() == all { from.len() } else { envs.len() * width };
    for (i, part) in from.chunks(len.max(1)).enumerate() {
        backend.write(to, (i * all + envs.start) * width, part);
    }
}
