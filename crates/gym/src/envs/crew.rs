//! The workers of a batch: started, replaced, and what is said of their troubles.

use super::{GymEnvs, Share};
use crate::OnFailure;
use crate::layout::Layout;
use crate::open::take_spare;
use crate::worker::{Trouble, Worker};
use std::ops::Range;
use striatum_envs::{EnvError, Space, StepBuffers};

/// How often in a row a worker may fail before it has finished a step.
const PATIENCE: u32 = 10;

impl GymEnvs {
    /// How many workers this batch has: its part of all.
    fn workers(&self) -> usize {
        let all = self.task.workers();
        (all * self.count / self.task.num_envs.max(self.count)).clamp(1, self.count)
    }

    /// Starts an episode in every environment, with the workers there are if they are of use.
    pub(super) fn begin(&mut self, observations: &mut [f32]) -> Result<(), EnvError> {
        let mut failures = 0;
        loop {
            let started = if self.is_idle { Ok(()) } else { self.start() };
            // Until this is done there may be answers that nobody has waited for.
            self.is_idle = false;
            let outcome = started.and_then(|()| self.begin_episodes(&vec![true; self.count], observations));
            match outcome {
                Err(error @ EnvError::Failed(_))
                    if self.task.settings.on_env_failure == OnFailure::Restart && failures < PATIENCE =>
                {
                    failures += 1;
                    self.notes.push(format!("{error}; it was started anew"));
                }
                outcome => {
                    self.is_idle = outcome.is_ok();
                    return outcome;
                }
            }
        }
    }

    /// Starts the workers side by side.
    fn start(&mut self) -> Result<(), EnvError> {
        self.dismiss();
        let workers = self.workers();
        let ranges = (0..workers).map(|w| w * self.count / workers..(w + 1) * self.count / workers);
        let mut shares = Vec::new();
        for envs in ranges {
            let spare = take_spare(&self.task);
            let is_new = spare.is_none();
            let worker = spare.map_or_else(|| Worker::start(&self.task), Ok)?;
            shares.push((Share { worker, envs, failures: 0 }, is_new));
        }
        for (share, is_new) in &mut shares {
            self.prepare(&mut share.worker, &share.envs, *is_new)?;
        }
        for (share, _) in &mut shares {
            share.worker.answer().map_err(|trouble| self.error(&share.envs, &trouble))?;
        }
        self.shares = shares.into_iter().map(|(share, _)| share).collect();
        Ok(())
    }

    /// Ends all workers at once, so that no one waits for the farewell of another.
    pub(super) fn dismiss(&mut self) {
        self.shares.iter().for_each(|share| share.worker.dismiss());
        self.shares.clear();
    }

    /// Asks a worker to make its environments.
    fn prepare(&self, worker: &mut Worker, envs: &Range<usize>, is_new: bool) -> Result<(), EnvError> {
        if is_new && worker.describe(&self.task)? != *self.description {
            return Err(EnvError::Failed(format!(
                "task `{}` has spaces that differ from process to process; they must be the same whenever it is made",
                self.task.name
            )));
        }
        let discrete = !matches!(self.description.action, Space::Box { .. });
        let layout = Layout::new(envs.len(), self.width, self.action_width, discrete);
        if self.is_watched {
            worker.watch();
        }
        worker.attach(layout).map_err(|trouble| self.error(envs, &trouble))
    }

    /// A worker's trouble as an error that names the environment.
    pub(super) fn error(&self, envs: &Range<usize>, trouble: &Trouble) -> EnvError {
        let (task, number) = (&self.task.name, |env: usize| self.first as usize + env);
        EnvError::Failed(match trouble {
            Trouble::Told(failure) => {
                let env = (envs.start + failure.env.unwrap_or(0)).min(self.count - 1);
                let (episode, step) = (self.episodes[env], self.steps[env] + 1);
                let when = match failure.failed.as_str() {
                    "step" => format!("failed at step {step} of its episode {episode}"),
                    "reset" => format!("failed in the reset of its episode {episode}"),
                    "make" => "could not be made".to_owned(),
                    doing => format!("failed to {doing}"),
                };
                format!("environment {} of task `{task}` {when}:\n{}", number(env), failure.text())
            }
            Trouble::Lost(text) => {
                let (first, last) = (number(envs.start), number(envs.end - 1));
                format!("the worker of environments {first} to {last} of task `{task}` {text}")
            }
        })
    }

    /// Has a worker that failed replaced. Its environments begin their next episodes; those that were under way count as cut, at the
    /// observation that was last seen of them, and the step that was lost counts for nothing.
    pub(super) fn recover(&mut self, w: usize, mut error: EnvError, out: &mut StepBuffers<'_>) -> Result<(), EnvError> {
        let (envs, width) = (self.shares[w].envs.clone(), self.width);
        let rows = envs.start * width..envs.end * width;
        out.final_observations[rows.clone()].copy_from_slice(&self.last[rows]);
        loop {
            self.shares[w].failures += 1;
            if self.shares[w].failures > PATIENCE {
                return Err(error);
            }
            self.notes.push(format!("{error}; it was started anew"));
            match self.replace(w, out.observations) {
                Ok(()) => break,
                Err(again @ EnvError::Failed(_)) => error = again,
                Err(other) => return Err(other),
            }
        }
        for env in envs {
            self.account(env, 0.0, 0.0, 1.0);
            self.steps[env] = 0;
            (out.rewards[env], out.terminated[env], out.truncated[env]) = (0.0, 0.0, 1.0);
        }
        Ok(())
    }

    /// Puts a new worker in the place of another and starts its environments' next episodes.
    fn replace(&mut self, w: usize, observations: &mut [f32]) -> Result<(), EnvError> {
        let envs = self.shares[w].envs.clone();
        let mut worker = Worker::start(&self.task)?;
        self.prepare(&mut worker, &envs, true)?;
        worker.answer().map_err(|trouble| self.error(&envs, &trouble))?;
        self.shares[w].worker = worker;
        let mut active = vec![false; self.count];
        active[envs.clone()].fill(true);
        for env in envs {
            self.episodes[env] = self.episodes[env].wrapping_add(1);
        }
        self.order_reset(w, &active);
        self.finish_reset(w, &active, observations)
    }
}
