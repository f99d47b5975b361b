//! The mirror of `shaders/td_error.wgsl`.

use crate::RolloutShape;
use crate::lanes::{LANES, select};
use crate::pool::{Parts, Pool};

/// Numbers that a thread takes at once.
const PART: usize = 1 << 16;

/// Arguments of [`Backend::td_error`](crate::Backend::td_error).
#[derive(Debug)]
pub struct TdErrorArgs<'a, B> {
    /// A, K, T, N.
    pub shape: RolloutShape,
    /// Discount, `[A, K]`.
    pub gamma: &'a [f32],
    /// What is subtracted from every reward, `[A]`: 0, or the average reward of reward centering (Naik et al. 2024).
    pub average_reward: &'a [f32],
    /// `[A, T, N]`.
    pub rewards: &'a B,
    /// `[A, T, N]`.
    pub terminated: &'a B,
    /// `[A, T, N]`.
    pub truncated: &'a B,
    /// `V(s_t)`, `[A, K, T + 1, N]`; the last row is the value of the observation after the rollout.
    pub values: &'a B,
    /// `V(final observation)`, `[A, K, T, N]`; read only where `truncated` is set.
    pub final_values: &'a B,
    /// Output, `[A, K, T, N]`.
    pub deltas: &'a mut B,
}

impl<B> TdErrorArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let s = self.shape;
        let (flags, heads) = (s.agents * s.steps * s.envs, s.agents * s.heads);
        let long_enough = self.gamma.len() >= heads
            && self.average_reward.len() >= s.agents
            && [self.rewards, self.terminated, self.truncated].into_iter().all(|buffer| len(buffer) >= flags)
            && len(self.values) >= heads * (s.steps + 1) * s.envs
            && len(self.final_values) >= flags * s.heads
            && len(self.deltas) >= flags * s.heads;
        assert!(long_enough, "td_error: a buffer is too short for {s:?}");
    }
}

/// One agent and head, or a stretch of its `[T, N]`: rewards, terminated, truncated, values, next values and final values, all of
/// one length.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    gamma: f32,
    average_reward: f32,
    inputs: [&'a [f32]; 6],
}

impl Stretch<'_> {
    fn slice(&self, at: usize, len: usize) -> Self {
        Self { inputs: self.inputs.map(|slice| &slice[at..at + len]), ..*self }
    }

    fn td_errors(&self, deltas: &mut [f32]) {
        let (whole, rest) = deltas.as_chunks_mut::<LANES>();
        let inputs = self.inputs.map(|slice| slice.as_chunks::<LANES>());
        for (i, deltas) in whole.iter_mut().enumerate() {
            *deltas = self.of(inputs.map(|(whole, _)| &whole[i]));
        }
        for (i, delta) in rest.iter_mut().enumerate() {
            [*delta] = self.of(inputs.map(|(_, rest)| [rest[i]]).each_ref());
        }
    }

    fn of<const L: usize>(&self, inputs: [&[f32; L]; 6]) -> [f32; L] {
        let [rewards, terminated, truncated, values, next_values, final_values] = inputs;
        let mut deltas = [0.0; L];
        for i in 0..L {
            // s'_t is the final observation where the episode was truncated. Selects and not products: a terminal state is worth
            // nothing even if its value is not a number.
            let bootstrap = select(truncated[i], final_values[i], next_values[i]);
            let bootstrap = select(terminated[i], 0.0, bootstrap);
            // delta_t = r_t - rbar + gamma V(s'_t) - V(s_t)
            deltas[i] = (rewards[i] - self.average_reward) + self.gamma * bootstrap - values[i];
        }
        deltas
    }
}

pub(crate) fn mirror(pool: &Pool, args: TdErrorArgs<'_, Vec<f32>>) {
    args.assert_lengths(Vec::len);
    let shape = args.shape;
    let len = shape.steps * shape.envs;
    let parts = len.div_ceil(PART);
    let items = shape.agents * shape.heads * parts;
    let all_deltas = Parts::new(args.deltas);
    pool.split(items, items > 1, &|_, item| {
        let (index, at) = (item / parts, item % parts * PART);
        let agent = index / shape.heads * len;
        let values = &args.values[index * (len + shape.envs)..][..len + shape.envs];
        let [rewards, terminated, truncated] =
            [args.rewards, args.terminated, args.truncated].map(|flags| &flags[agent..agent + len]);
        let final_values = &args.final_values[index * len..][..len];
        let inputs = [rewards, terminated, truncated, &values[..len], &values[shape.envs..], final_values];
        let count = PART.min(len - at);
        // SAFETY: every item has a part of its own.
        let deltas = unsafe { all_deltas.part(index * len + at..index * len + at + count) };
        let (gamma, average_reward) = (args.gamma[index], args.average_reward[index / shape.heads]);
        Stretch { gamma, average_reward, inputs }.slice(at, count).td_errors(deltas);
    });
}
