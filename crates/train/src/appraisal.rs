//! What an agent makes of states and rewards.

use crate::error::TrainError;
use crate::saved::SavedPolicy;
use std::ops::Range;
use striatum_kernels::HeadLayout;

/// Values and TD errors in the terms that an agent learns in.
pub(crate) struct Appraisal {
    /// The columns of an output row that V(s) is the mean of.
    values: Range<usize>,
    gamma: f32,
    reward_scale: Option<f32>,
    average_reward: Option<f32>,
    clip: f32,
}

impl Appraisal {
    pub fn of(saved: &SavedPolicy, layout: &HeadLayout) -> Result<Self, TrainError> {
        let config = &saved.config;
        // Of a scalar critic the first head.
        let heads = config.critic.groups().first().cloned().unwrap_or(0..1);
        Ok(Self {
            values: layout.values_at() + heads.start..layout.values_at() + heads.end,
            gamma: config.gamma(),
            reward_scale: saved.reward_scale()?,
            average_reward: saved.average_reward(),
            clip: config.normalize.reward_clip,
        })
    }

    /// V(s), from what the network made of s.
    pub fn value(&self, outputs: &[f32]) -> f32 {
        let heads = &outputs[self.values.clone()];
        heads.iter().sum::<f32>() / heads.len() as f32
    }

    /// A reward as the agent learns from it.
    pub fn learned(&self, reward: f32) -> f32 {
        let scaled = self.reward_scale.map_or(reward, |scale| (reward * scale).clamp(-self.clip, self.clip));
        scaled - self.average_reward.unwrap_or(0.0)
    }

    /// `r + gamma V(s') - V(s)`, from a reward as the agent learns from it; a terminal state is worth nothing.
    pub fn td_error(&self, learned: f32, terminated: bool, [value, next]: [f32; 2]) -> f32 {
        let next = if terminated { 0.0 } else { next };
        learned + self.gamma * next - value
    }
}
