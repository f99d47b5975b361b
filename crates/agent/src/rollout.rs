//! A rollout: T steps of N environments of every agent, on the learner's backend.

use crate::{CriticSettings, NetworkSpec};
use std::ops::Range;
use striatum_kernels::{
    Backend, GaeArgs, MeanHeadsArgs, Minibatch, RolloutShape, Selection, SrLambdaArgs, TdErrorArgs,
};

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

/// Rollouts of A agents, with values of K heads and what is learned from them.
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
    /// G, the heads that TD errors and advantages are of: all K, or the means of a distribution.
    pub advantage_heads: usize,
    /// Raw TD errors, `[A, G, T, N]`.
    pub deltas: B::Buffer,
    /// `[A, G, T, N]`.
    pub advantages: B::Buffer,
    /// Advantages + values, `[A, G, T, N]`.
    pub returns: B::Buffer,
    distribution: Option<Distribution<B>>,
}

/// What a distributional critic's heads become.
struct Distribution<B: Backend> {
    /// The heads that each of G values is the mean of.
    groups: Vec<Range<usize>>,
    /// `[A, G, T + 1, N]`.
    values: B::Buffer,
    /// `[A, G, T, N]`.
    final_values: B::Buffer,
    /// Samples of the return, `[A, K, T, N]`.
    targets: B::Buffer,
    /// Discount and lambda, `[A]` each.
    factors: [Vec<f32>; 2],
}

impl<B: Backend> Rollout<B> {
    /// Memory for rollouts of A `agents`, to be used again and again.
    pub fn new(
        backend: &B,
        spec: &NetworkSpec,
        critic: &CriticSettings,
        agents: usize,
        steps: usize,
        envs: usize,
    ) -> Self {
        let (rows, heads) = (agents * steps * envs, spec.head.value_heads);
        let groups = critic.groups();
        let advantage_heads = if groups.is_empty() { heads } else { groups.len() };
        let distribution = critic.is_distribution().then(|| Distribution {
            values: backend.zeros(groups.len() * (rows + agents * envs)),
            final_values: backend.zeros(groups.len() * rows),
            targets: backend.zeros(heads * rows),
            factors: [Vec::new(), Vec::new()],
            groups,
        });
        Self {
            agents,
            heads,
            steps,
            envs,
            observations: backend.zeros(rows * spec.inputs()),
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
            advantage_heads,
            deltas: backend.zeros(advantage_heads * rows),
            advantages: backend.zeros(advantage_heads * rows),
            returns: backend.zeros(advantage_heads * rows),
            distribution,
        }
    }

    /// T * N.
    pub fn rows(&self) -> usize {
        self.steps * self.envs
    }

    /// A, G, T, N: the shape of TD errors and advantages.
    pub fn shape(&self) -> RolloutShape {
        RolloutShape { agents: self.agents, heads: self.advantage_heads, steps: self.steps, envs: self.envs }
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

    /// What a distributional critic learns from, samples of the return, and the means of its heads, from which
    /// [`estimate`](Self::estimate) then works; nothing if it is scalar. `gamma` and `lambda` are `[A, G]`, `seeds` `[A]`;
    /// `first_step` counts the steps of the batch before the rollout.
    pub fn draw_targets(&mut self, backend: &B, gamma: &[f32], lambda: &[f32], seeds: &[u64], first_step: u32) {
        let (rows, shape) = (self.rows(), RolloutShape { heads: self.heads, ..self.shape() });
        let Some(distribution) = &mut self.distribution else { return };
        let Distribution { groups, values, final_values, targets, factors } = distribution;
        for (from, to, columns) in [(&self.values, values, rows + self.envs), (&self.final_values, final_values, rows)]
        {
            let (agents, heads) = (self.agents, self.heads);
            backend.mean_heads(MeanHeadsArgs { agents, heads, columns, groups, values: from, means: to });
        }
        for (own, all) in factors.iter_mut().zip([gamma, lambda]) {
            own.clear();
            own.extend(all.iter().step_by(groups.len()));
        }
        backend.sr_lambda(SrLambdaArgs {
            shape,
            gamma: &factors[0],
            lambda: &factors[1],
            seeds,
            first_step,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values: &self.values,
            final_values: &self.final_values,
            targets,
        });
    }

    /// TD errors of rewards less their average, `[A]`; `gamma` is `[A, G]`.
    pub fn td_errors(&mut self, backend: &B, gamma: &[f32], average_reward: &[f32]) {
        let (values, final_values) = match &self.distribution {
            None => (&self.values, &self.final_values),
            Some(distribution) => (&distribution.values, &distribution.final_values),
        };
        backend.td_error(TdErrorArgs {
            shape: self.shape(),
            gamma,
            average_reward,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values,
            final_values,
            deltas: &mut self.deltas,
        });
    }

    /// TD errors, advantages and returns; `lambda` is `[A, G]`, and the rest as [`td_errors`](Self::td_errors) takes it.
    pub fn estimate(&mut self, backend: &B, gamma: &[f32], lambda: &[f32], average_reward: &[f32]) {
        self.td_errors(backend, gamma, average_reward);
        let values = self.distribution.as_ref().map_or(&self.values, |distribution| &distribution.values);
        backend.gae(GaeArgs {
            shape: self.shape(),
            gamma,
            lambda,
            deltas: &self.deltas,
            terminated: &self.terminated,
            truncated: &self.truncated,
            values,
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
            advantage_heads: self.advantage_heads,
            selection,
            actions: &self.actions,
            log_probs: &self.log_probs,
            advantages: &self.advantages,
            returns: self.distribution.as_ref().map_or(&self.returns, |distribution| &distribution.targets),
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
