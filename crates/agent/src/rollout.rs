//! A rollout: T steps of N environments, on the learner's backend.

use crate::Learner;
use striatum_kernels::{Backend, GaeArgs, KernelError, RolloutShape, TdErrorArgs};

/// What the environments gave in T steps, on the host; row `t * N + n` is step t of environment n.
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
    /// Normalised observations after the last step, `[N, inputs]`, then the final observations of truncated episodes, one a row of
    /// `truncated_rows`.
    pub bootstrap_observations: Vec<f32>,
    /// The rows whose episode was truncated, in the order of `bootstrap_observations`.
    pub truncated_rows: Vec<u32>,
}

/// A rollout ready to learn from, with TD errors, advantages and value targets.
pub struct Rollout<B: Backend> {
    /// T.
    pub steps: usize,
    /// N.
    pub envs: usize,
    /// Raw TD errors, `[K, T, N]`.
    pub deltas: B::Buffer,
    pub(crate) observations: B::Buffer,
    pub(crate) actions: B::Buffer,
    pub(crate) log_probs: B::Buffer,
    pub(crate) mask: B::Buffer,
    pub(crate) tone: B::Buffer,
    pub(crate) inverse_temperature: B::Buffer,
    /// `[K, T + 1, N]`.
    pub(crate) values: B::Buffer,
    /// `[K, T, N]`.
    pub(crate) advantages: B::Buffer,
    /// `[K, T, N]`.
    pub(crate) returns: B::Buffer,
}

impl<B: Backend> Rollout<B> {
    /// T * N.
    pub fn rows(&self) -> usize {
        self.steps * self.envs
    }

    /// Advantages and value targets, `[K, T, N]` each, on the host.
    ///
    /// # Errors
    /// If the device fails.
    pub fn targets(&self, backend: &B) -> Result<(Vec<f32>, Vec<f32>), KernelError> {
        Ok((backend.download(&self.advantages)?, backend.download(&self.returns)?))
    }

    /// Evaluates the bootstrap observations and estimates advantages.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(
        learner: &mut Learner<B>,
        transitions: &Transitions,
        gamma: f32,
        lambda: f32,
    ) -> Result<Self, KernelError> {
        let rows = transitions.rewards.len();
        let bootstrap_rows = transitions.bootstrap_observations.len() / learner.spec().inputs;
        let envs = bootstrap_rows - transitions.truncated_rows.len();
        let heads = learner.spec().head.value_heads;
        let shape = RolloutShape { agents: 1, heads, steps: rows / envs, envs };

        let bootstrap = learner.evaluate(&transitions.bootstrap_observations, bootstrap_rows)?;
        let backend = learner.backend();
        let (values, final_values) = gather_values(learner, transitions, &bootstrap, shape);
        let mut rollout = Self {
            steps: shape.steps,
            envs,
            deltas: backend.zeros(heads * rows),
            observations: backend.upload(&transitions.observations),
            actions: backend.upload(&transitions.actions),
            log_probs: backend.upload(&transitions.log_probs),
            mask: backend.upload(&transitions.mask),
            tone: backend.upload(&transitions.tone),
            inverse_temperature: backend.upload(&transitions.inverse_temperature),
            values,
            advantages: backend.zeros(heads * rows),
            returns: backend.zeros(heads * rows),
        };
        let rewards = backend.upload(&transitions.rewards);
        let terminated = backend.upload(&transitions.terminated);
        let truncated = backend.upload(&transitions.truncated);
        let (gamma, lambda) = (vec![gamma; heads], vec![lambda; heads]);
        backend.td_error(TdErrorArgs {
            shape,
            gamma: &gamma,
            rewards: &rewards,
            terminated: &terminated,
            truncated: &truncated,
            values: &rollout.values,
            final_values: &final_values,
            deltas: &mut rollout.deltas,
        });
        backend.gae(GaeArgs {
            shape,
            gamma: &gamma,
            lambda: &lambda,
            deltas: &rollout.deltas,
            terminated: &terminated,
            truncated: &truncated,
            values: &rollout.values,
            advantages: &mut rollout.advantages,
            returns: &mut rollout.returns,
        });
        Ok(rollout)
    }
}

/// Picks the value columns out of output rows: `V(s_t)` `[K, T + 1, N]` and `V(final observation)` `[K, T, N]`.
///
/// `bootstrap` holds the outputs for the N last observations and then those of the truncated episodes.
fn gather_values<B: Backend>(
    learner: &Learner<B>,
    transitions: &Transitions,
    bootstrap: &B::Buffer,
    shape: RolloutShape,
) -> (B::Buffer, B::Buffer) {
    let backend = learner.backend();
    let head = &learner.spec().head;
    let (width, rows) = (head.width(), shape.steps * shape.envs);
    let bootstrap_rows = shape.envs + transitions.truncated_rows.len();

    let mut outputs = backend.zeros((rows + bootstrap_rows) * width);
    backend.copy(learner.acted(), 0, &mut outputs, 0, rows * width);
    backend.copy(bootstrap, 0, &mut outputs, rows * width, bootstrap_rows * width);

    let mut value_at = Vec::with_capacity(shape.heads * (rows + shape.envs));
    let mut final_at = Vec::with_capacity(shape.heads * rows);
    for head_index in 0..shape.heads {
        let column = (head.values_at() + head_index) as u32;
        value_at.extend((0..rows + shape.envs).map(|row| (row * width) as u32 + column));
        let start = final_at.len();
        final_at.resize(start + rows, column);
        for (i, &row) in transitions.truncated_rows.iter().enumerate() {
            final_at[start + row as usize] = ((rows + shape.envs + i) * width) as u32 + column;
        }
    }
    let mut values = backend.zeros(value_at.len());
    backend.gather(1, 1, &outputs, &backend.upload_indices(&value_at), &mut values);
    let mut final_values = backend.zeros(final_at.len());
    backend.gather(1, 1, &outputs, &backend.upload_indices(&final_at), &mut final_values);
    (values, final_values)
}
