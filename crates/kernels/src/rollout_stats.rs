//! The mirror of `shaders/rollout_moments.wgsl` and `shaders/rollout_stats.wgsl`.

use crate::RolloutShape;
use crate::moments::Moments;

/// Numbers that [`rollout_stats`] gives an agent.
pub const ROLLOUT_STATS: usize = 8;

/// Arguments of [`rollout_stats`].
#[derive(Debug)]
pub struct RolloutStatsArgs<'a, B: ?Sized> {
    /// A, K, T, N.
    pub shape: RolloutShape,
    /// TD errors, `[A, K, T, N]`; of these, advantages and returns only head 0 is read.
    pub deltas: &'a B,
    /// `[A, K, T, N]`.
    pub advantages: &'a B,
    /// `[A, K, T, N]`.
    pub returns: &'a B,
    /// `[A, T, N]`.
    pub rewards: &'a B,
    /// Output, `[A, ROLLOUT_STATS]`: mean and (population) variance of the TD errors, the share of them above 0, variance of the
    /// advantages, variance of the returns, mean reward, and two zeros. All 0 for an empty rollout.
    pub stats: &'a mut B,
}

impl<B: ?Sized> RolloutStatsArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let s = self.shape;
        let rows = s.agents * s.steps * s.envs;
        let long_enough =
            [self.deltas, self.advantages, self.returns].into_iter().all(|buffer| len(buffer) >= rows * s.heads)
                && len(self.rewards) >= rows
                && len(self.stats) >= s.agents * ROLLOUT_STATS;
        assert!(long_enough && s.heads > 0, "rollout_stats: a buffer is too short for {s:?}");
    }
}

/// What is reported of a rollout. The share of the returns' variance that the values explain is `1 - stats[3] / stats[4]`.
pub fn rollout_stats<B: AsRef<[f32]> + AsMut<[f32]> + ?Sized>(args: RolloutStatsArgs<'_, B>) {
    args.assert_lengths(|buffer| buffer.as_ref().len());
    let RolloutShape { agents, heads, steps, envs } = args.shape;
    let rows = steps * envs;
    let heads_of = [args.deltas, args.advantages, args.returns].map(AsRef::as_ref);
    let rewards = args.rewards.as_ref();
    for (agent, stats) in args.stats.as_mut().as_chunks_mut().0.iter_mut().enumerate().take(agents) {
        let [deltas, advantages, returns] = heads_of.map(|numbers| &numbers[agent * heads * rows..][..rows]);
        let positive = deltas.iter().filter(|&&delta| delta > 0.0).count();
        let reward = Moments::of(&rewards[agent * rows..][..rows]).mean;
        let delta = Moments::of(deltas);
        *stats = [
            delta.mean,
            delta.variance(),
            positive as f64 / rows.max(1) as f64,
            Moments::of(advantages).variance(),
            Moments::of(returns).variance(),
            reward,
            0.0,
            0.0,
        ]
        .map(|number| number as f32);
    }
}
