//! A step of a batch: handed to the workers, and taken from them.

use super::{GymEnvs, Share};
use crate::OnFailure;
use crate::layout::{Section, Shared};
use striatum_envs::{EnvError, Repeat, StepBuffers};

impl GymEnvs {
    /// Hands actions to the workers and wakes them.
    pub(super) fn order_step(&mut self, active: Option<&[bool]>, actions: &[f32], repeat: Option<Repeat>) {
        let width = self.action_width;
        let [all, some] = if repeat.is_some() { [b"p", b"q"] } else { [b"s", b"a"] };
        self.is_idle = false;
        for Share { worker, envs, .. } in &mut self.shares {
            worker.shared().write_actions(&actions[envs.start * width..envs.end * width]);
            repeat.into_iter().for_each(|repeat| worker.shared().write_repeat(repeat));
            match active {
                None => worker.send(all),
                Some(active) => {
                    worker.shared().choose(active[envs.clone()].iter().copied());
                    worker.send(some);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, active: Option<&[bool]>, mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        for w in 0..self.shares.len() {
            let envs = self.shares[w].envs.clone();
            let outcome = match self.shares[w].worker.answer() {
                Ok(_) => self.take(w, active, &mut out),
                Err(trouble) => Err(self.error(&envs, &trouble)),
            };
            match outcome {
                Ok(()) => self.shares[w].failures = 0,
                Err(error) if self.task.settings.on_env_failure == OnFailure::Restart => {
                    self.recover(w, active, error, &mut out)?;
                }
                Err(error) => return Err(error),
            }
        }
        if !self.last.is_empty() {
            self.last.copy_from_slice(out.observations);
        }
        self.is_idle = true;
        Ok(())
    }

    /// Copies what a worker's step gave.
    fn take(&mut self, w: usize, active: Option<&[bool]>, out: &mut StepBuffers<'_>) -> Result<(), EnvError> {
        let (envs, width) = (self.shares[w].envs.clone(), self.width);
        if active.is_none() {
            let rows = self.shares[w].worker.shared().get(Section::Observations);
            out.observations[envs.start * width..envs.end * width].copy_from_slice(rows);
        }
        for env in envs.clone().filter(|&env| active.is_none_or(|active| active[env])) {
            let (k, row) = (env - envs.start, env * width..(env + 1) * width);
            let shared = self.shares[w].worker.shared();
            let number = |shared: &Shared, section| shared.get::<f32>(section)[k];
            if std::mem::take(&mut self.lost[env]) {
                let ended = number(shared, Section::Terminated) + number(shared, Section::Truncated) > 0.0;
                self.take_lost(w, env, ended, out);
                continue;
            }
            if active.is_some() {
                out.observations[row.clone()]
                    .copy_from_slice(&shared.get(Section::Observations)[k * width..(k + 1) * width]);
            }
            out.rewards[env] = number(shared, Section::Rewards);
            out.terminated[env] = number(shared, Section::Terminated);
            out.truncated[env] = number(shared, Section::Truncated);
            self.lives[env] = shared.get(Section::Lives)[k];
            let counts = if self.description.counts { number(shared, Section::Counts) } else { 1.0 };
            let ends = out.terminated[env] + out.truncated[env];
            if ends > 0.0 {
                let last = &shared.get(Section::Finals)[k * width..(k + 1) * width];
                out.final_observations[row.clone()].copy_from_slice(last);
            }
            self.account(env, counts, out.rewards[env], ends);
            self.check("reward", env, &out.rewards[env..=env])?;
            self.check("observation", env, &out.observations[row.clone()])?;
            if ends > 0.0 {
                self.check("observation", env, &out.final_observations[row])?;
            }
            if ends > 0.0 && counts > 0.0 {
                self.next_episode(w, env);
            }
        }
        Ok(())
    }

    /// What a step gave an environment whose episode was lost before it: that episode's end, and where it is in the next one.
    fn take_lost(&mut self, w: usize, env: usize, ended: bool, out: &mut StepBuffers<'_>) {
        let (width, k) = (self.width, env - self.shares[w].envs.start);
        let row = env * width..(env + 1) * width;
        let now = &self.shares[w].worker.shared().get(Section::Observations)[k * width..(k + 1) * width];
        out.observations[row.clone()].copy_from_slice(now);
        out.final_observations[row.clone()].copy_from_slice(&self.lost_at[row]);
        (out.rewards[env], out.terminated[env], out.truncated[env]) = (0.0, 0.0, 1.0);
        self.account(env, 0.0, 0.0, 1.0);
        if ended {
            self.next_episode(w, env);
        }
    }

    pub(super) fn account(&mut self, env: usize, counts: f32, reward: f32, ends: f32) {
        self.steps[env] = self.steps[env].saturating_add(u32::from(counts > 0.0));
        self.total_steps[env] = self.total_steps[env].wrapping_add(1);
        self.counts[env] = counts;
        self.rewards[env] = reward;
        self.ends[env] = ends;
    }

    /// An environment has started its next episode: the one after it gets its seed.
    fn next_episode(&mut self, w: usize, env: usize) {
        self.episodes[env] = self.episodes[env].wrapping_add(1);
        self.steps[env] = 0;
        let seed = self.episode_seed(env, self.episodes[env].wrapping_add(1));
        let share = &mut self.shares[w];
        share.worker.shared().get_mut(Section::Seeds)[env - share.envs.start] = seed;
    }
}
