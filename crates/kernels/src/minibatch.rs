//! Rollouts, and the rows of them that are learned from at once.

/// The shape of a rollout: A agents, K value heads, T steps, N environments an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutShape {
    /// A.
    pub agents: usize,
    /// K.
    pub heads: usize,
    /// T.
    pub steps: usize,
    /// N.
    pub envs: usize,
}

/// Which R rows of a rollout's S make up a minibatch.
#[derive(Debug)]
pub struct Selection<'a, I> {
    /// Row numbers below S, `[A, stride]`.
    pub rows: &'a I,
    /// Row numbers an agent has in `rows`.
    pub stride: usize,
    /// The first of the R row numbers.
    pub first: usize,
}

// Derived ones would ask the same of `I`.
impl<I> Clone for Selection<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Selection<'_, I> {}

/// R rows an agent of rollouts of S rows.
#[derive(Debug)]
pub struct Minibatch<'a, B, I> {
    /// A.
    pub agents: usize,
    /// R.
    pub rows: usize,
    /// S.
    pub source_rows: usize,
    /// K.
    pub heads: usize,
    /// G, the heads that advantages are of.
    pub advantage_heads: usize,
    /// Which rows.
    pub selection: Selection<'a, I>,
    /// Stored actions (`u` where squashed), `[A, S, action width]`.
    pub actions: &'a B,
    /// `log pi_old(a|s)`, `[A, S]`.
    pub log_probs: &'a B,
    /// Raw advantages, `[A, G, S]`; the actor learns from those of the first head.
    pub advantages: &'a B,
    /// Value targets, `[A, K, S]`.
    pub returns: &'a B,
    /// Values at the time of acting, `[A, K, value_rows]`, of which the first S count.
    pub values: &'a B,
    /// At least S.
    pub value_rows: usize,
    /// 1.0 where a row counts, `[A, S]`.
    pub mask: &'a B,
    /// Dopamine tone rho at the time of acting, `[A, S]`.
    pub tone: &'a B,
    /// Inverse temperature beta at the time of acting, `[A, S]`.
    pub inverse_temperature: &'a B,
}

impl<B, I> Clone for Minibatch<'_, B, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, I> Copy for Minibatch<'_, B, I> {}

impl<B, I> Minibatch<'_, B, I> {
    pub(crate) fn assert_lengths(&self, action_width: usize, len: impl Fn(&B) -> usize, indices: impl Fn(&I) -> usize) {
        let sources = self.agents * self.source_rows;
        let a_row = [self.log_probs, self.mask, self.tone, self.inverse_temperature];
        let Selection { rows: chosen, stride, first } = self.selection;
        let long_enough = first + self.rows <= stride
            && indices(chosen) >= self.agents * stride
            && self.value_rows >= self.source_rows
            && len(self.actions) >= sources * action_width
            && a_row.into_iter().all(|buffer| len(buffer) >= sources)
            && len(self.advantages) >= sources * self.advantage_heads
            && len(self.returns) >= sources * self.heads
            && len(self.values) >= self.agents * self.heads * self.value_rows;
        assert!(long_enough, "a minibatch of {} x {} rows has too short a buffer", self.agents, self.rows);
    }
}

impl<'a, B> Minibatch<'a, B, Vec<u32>> {
    /// Which rows of its rollout an agent's are.
    pub(crate) fn chosen(&self, agent: usize) -> &'a [u32] {
        let Selection { rows, stride, first } = self.selection;
        &rows[agent * stride + first..][..self.rows]
    }
}
