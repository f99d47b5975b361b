//! A step in the task's own account, summed over the inner steps that it is made of.

use crate::{Account, StepBuffers, VecEnv};

/// What the environments gave since a step began. Rewards of steps between two steps are carried into the next one.
#[derive(Debug)]
pub(super) struct Tally {
    counts: Vec<f32>,
    rewards: Vec<f32>,
    ends: Vec<f32>,
    carried: Vec<f32>,
}

impl Tally {
    pub fn new(count: usize) -> Self {
        let [counts, rewards, ends, carried] = [1.0, 0.0, 0.0, 0.0].map(|value| vec![value; count]);
        Self { counts, rewards, ends, carried }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.counts.len());
    }

    /// Begins a step of the environments that `active` marks.
    pub fn begin(&mut self, active: &[bool]) {
        for env in marked(active) {
            self.counts[env] = 1.0;
            self.rewards[env] = std::mem::take(&mut self.carried[env]);
            self.ends[env] = 0.0;
        }
    }

    /// Adds what a step of the inner batch gave.
    pub fn add(&mut self, envs: &dyn VecEnv, active: &[bool], out: &StepBuffers<'_>) {
        let account = envs.account();
        for env in marked(active) {
            let (counts, reward, ends) = row(account, out, env);
            self.counts[env] = counts;
            self.rewards[env] += reward;
            self.ends[env] = ends;
        }
    }

    /// Keeps what a step of the inner batch gave for the next step. An episode that ends with it ends with the step that is over; one that
    /// no agent has seen, because another had ended with that step, is dropped.
    pub fn carry(&mut self, envs: &dyn VecEnv, active: &[bool], out: &StepBuffers<'_>) {
        let account = envs.account();
        for env in marked(active) {
            let (_, reward, ends) = row(account, out, env);
            self.carried[env] += reward;
            if ends > 0.0 {
                let last = std::mem::take(&mut self.carried[env]);
                if self.ends[env] == 0.0 {
                    self.rewards[env] += last;
                    self.ends[env] = 1.0;
                }
            }
        }
    }

    /// Takes note that the episode of environment `env` was cut.
    pub fn cut(&mut self, env: usize) {
        self.ends[env] = 1.0;
    }

    /// Drops what is carried of episodes that others take the place of.
    pub fn drop_carried(&mut self, active: &[bool]) {
        marked(active).for_each(|env| self.carried[env] = 0.0);
    }

    pub fn carried(&self, env: usize) -> f32 {
        self.carried[env]
    }

    pub fn set_carried(&mut self, env: usize, carried: f64) {
        self.carried[env] = carried as f32;
    }

    pub fn account(&self) -> Account<'_> {
        Account { counts: &self.counts, rewards: &self.rewards, ends: &self.ends }
    }
}

/// The environments that are marked.
pub(super) fn marked(active: &[bool]) -> impl Iterator<Item = usize> {
    active.iter().enumerate().filter(|(_, active)| **active).map(|(env, _)| env)
}

/// Whether a row counts, its raw reward, and whether an episode of the task ended with it.
fn row(account: Option<Account<'_>>, out: &StepBuffers<'_>, env: usize) -> (f32, f32, f32) {
    match account {
        Some(account) => (account.counts[env], account.rewards[env], account.ends[env]),
        None => (1.0, out.rewards[env], f32::from(u8::from(out.ended(env)))),
    }
}
