//! Statistics of training episodes.

use std::collections::VecDeque;

/// How many finished episodes the running means are over.
pub const WINDOW: usize = 100;

/// Returns and lengths of the last [`WINDOW`] episodes, and of those under way.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeStats {
    /// Unscaled return so far, one an environment.
    pub(crate) running_returns: Vec<f64>,
    /// Steps so far, one an environment.
    pub(crate) running_lengths: Vec<u32>,
    pub(crate) returns: VecDeque<f64>,
    pub(crate) lengths: VecDeque<f64>,
    /// Episodes finished since the run began.
    pub(crate) finished: u64,
}

impl EpisodeStats {
    /// No episode finished, N under way.
    pub fn new(num_envs: usize) -> Self {
        Self {
            running_returns: vec![0.0; num_envs],
            running_lengths: vec![0; num_envs],
            returns: VecDeque::with_capacity(WINDOW),
            lengths: VecDeque::with_capacity(WINDOW),
            finished: 0,
        }
    }

    /// Takes one step of environment `env` into account.
    pub fn step(&mut self, env: usize, reward: f32, done: bool) {
        self.running_returns[env] += f64::from(reward);
        self.running_lengths[env] = self.running_lengths[env].saturating_add(1);
        if done {
            let episode_return = std::mem::take(&mut self.running_returns[env]);
            let length = std::mem::take(&mut self.running_lengths[env]);
            self.push(episode_return, f64::from(length));
            self.finished += 1;
        }
    }

    /// Forgets the episode under way in environment `env`, which was lost.
    pub fn abandon(&mut self, env: usize) {
        self.running_returns[env] = 0.0;
        self.running_lengths[env] = 0;
    }

    /// Takes a rollout into account of which `count` episodes finished: returns and lengths of the last of them, first one first.
    pub fn extend(&mut self, count: u64, returns: &[f32], lengths: &[f32]) {
        let kept = returns.len().min(count as usize);
        for (&episode_return, &length) in returns.iter().zip(lengths).take(kept) {
            self.push(f64::from(episode_return), f64::from(length));
        }
        self.finished += count;
    }

    fn push(&mut self, episode_return: f64, length: f64) {
        if self.returns.len() == WINDOW {
            self.returns.pop_front();
            self.lengths.pop_front();
        }
        self.returns.push_back(episode_return);
        self.lengths.push_back(length);
    }

    /// Mean return of the last episodes; none if no episode has finished.
    pub fn mean_return(&self) -> Option<f64> {
        mean(&self.returns)
    }

    /// Mean length of the last episodes; none if no episode has finished.
    pub fn mean_length(&self) -> Option<f64> {
        mean(&self.lengths)
    }

    /// Episodes finished since the run began.
    pub fn finished(&self) -> u64 {
        self.finished
    }

    /// Whether [`WINDOW`] episodes have finished and their mean return reaches `threshold`.
    pub fn reaches(&self, threshold: f32) -> bool {
        self.returns.len() == WINDOW && self.mean_return().is_some_and(|mean| mean >= f64::from(threshold))
    }
}

fn mean(values: &VecDeque<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_the_last_hundred_episodes() {
        let mut stats = EpisodeStats::new(2);
        assert_eq!(stats.mean_return(), None);
        for i in 0..150 {
            stats.step(0, 1.0, false);
            stats.step(0, i as f32, true);
            stats.step(1, 100.0, false);
        }
        // Episodes 50 to 149 have returns 51 to 150.
        assert_eq!(stats.mean_return(), Some(100.5));
        assert_eq!(stats.mean_length(), Some(2.0));
        assert_eq!(stats.finished(), 150);
        assert!(stats.reaches(100.5) && !stats.reaches(100.6));
        assert_eq!(stats.running_returns[1], 15_000.0);
    }

    #[test]
    fn a_rollout_that_is_taken_at_once_counts_as_its_episodes() {
        let mut stats = EpisodeStats::new(1);
        stats.step(0, 7.0, true);
        // Two finished, and the rest of the window is empty.
        stats.extend(2, &[1.0, 4.0, 0.0], &[10.0, 20.0, 0.0]);
        assert_eq!((stats.mean_return(), stats.mean_length(), stats.finished()), (Some(4.0), Some(31.0 / 3.0), 3));
        let returns: Vec<f32> = (0..100u8).map(f32::from).collect();
        stats.extend(1000, &returns, &returns);
        assert_eq!((stats.mean_return(), stats.finished()), (Some(49.5), 1003));
    }

    #[test]
    fn a_threshold_needs_a_hundred_episodes() {
        let mut stats = EpisodeStats::new(1);
        (0..99).for_each(|_| stats.step(0, 500.0, true));
        assert!(!stats.reaches(475.0));
        stats.step(0, 500.0, true);
        assert!(stats.reaches(475.0));
    }
}
