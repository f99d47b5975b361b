//! The mirror of `shaders/scale_rewards.wgsl`.

/// Lengths are those of `scale` and `rewards`. The rewards an agent.
pub(crate) fn rows_of(agents: usize, scale: usize, rewards: usize) -> usize {
    assert!(scale >= agents, "scale_rewards: {scale} scales are too few for {agents} agents");
    rewards.checked_div(agents).unwrap_or(0)
}

/// `r = clamp(r * scale[a], -clip, clip)` of every reward: `scale` is `[A]`, `rewards` `[A, R]`, `clip` not negative.
pub fn scale_rewards(agents: usize, scale: &[f32], clip: f32, rewards: &mut [f32]) {
    let rows = rows_of(agents, scale.len(), rewards.len());
    if rows == 0 {
        return;
    }
    for (rewards, scale) in rewards.chunks_exact_mut(rows).zip(&scale[..agents]) {
        rewards.iter_mut().for_each(|reward| *reward = (*reward * scale).clamp(-clip, clip));
    }
}
