//! The mirror of `shaders/episode_count.wgsl` and `shaders/episode_window.wgsl`.

use crate::RolloutShape;

/// Episodes of which returns and lengths are kept.
pub const EPISODE_WINDOW: usize = 100;

/// Numbers that [`episode_window`] gives an agent: the count, the returns, the lengths.
pub const EPISODE_NUMBERS: usize = 1 + 2 * EPISODE_WINDOW;

/// Arguments of [`episode_window`]. A row of `[A, T, N]` is `t * N + n`.
#[derive(Debug)]
pub struct EpisodeWindowArgs<'a, B: ?Sized> {
    /// A, T, N; K does not matter.
    pub shape: RolloutShape,
    /// `[A, T, N]`.
    pub terminated: &'a B,
    /// `[A, T, N]`.
    pub truncated: &'a B,
    /// Return of the episode that ended in a step, `[A, T, N]`; read only where one did.
    pub episode_returns: &'a B,
    /// Its length, `[A, T, N]`; read only where one did.
    pub episode_lengths: &'a B,
    /// Output, `[A, EPISODE_NUMBERS]`: how many episodes ended (exact up to 2^24), then the returns of the last [`EPISODE_WINDOW`] of
    /// them in the order of rows and 0 for those that there are not, then the lengths likewise.
    pub out: &'a mut B,
}

impl<B: ?Sized> EpisodeWindowArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let s = self.shape;
        let long_enough = [self.terminated, self.truncated, self.episode_returns, self.episode_lengths]
            .into_iter()
            .all(|buffer| len(buffer) >= s.agents * s.steps * s.envs)
            && len(self.out) >= s.agents * EPISODE_NUMBERS;
        assert!(long_enough, "episode_window: a buffer is too short for {s:?}");
    }
}

/// How many episodes ended in a rollout, and the returns and lengths of the last of them: all that the host needs to know of them.
pub fn episode_window<B: AsRef<[f32]> + AsMut<[f32]> + ?Sized>(args: EpisodeWindowArgs<'_, B>) {
    args.assert_lengths(|buffer| buffer.as_ref().len());
    let rows = args.shape.steps * args.shape.envs;
    let inputs = [args.terminated, args.truncated, args.episode_returns, args.episode_lengths].map(AsRef::as_ref);
    let outputs = args.out.as_mut().chunks_exact_mut(EPISODE_NUMBERS).take(args.shape.agents);
    for (agent, out) in outputs.enumerate() {
        let [terminated, truncated, returns, lengths] = inputs.map(|input| &input[agent * rows..(agent + 1) * rows]);
        let ended = |&row: &usize| terminated[row] != 0.0 || truncated[row] != 0.0;
        let count = (0..rows).filter(ended).count();
        let kept = count.min(EPISODE_WINDOW);
        out.fill(0.0);
        out[0] = count as f32;
        for (slot, row) in (1..=kept).rev().zip((0..rows).rev().filter(ended)) {
            out[slot] = returns[row];
            out[EPISODE_WINDOW + slot] = lengths[row];
        }
    }
}
