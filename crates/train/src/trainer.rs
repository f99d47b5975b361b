//! The training loop.

use crate::actor::{Actor, Choice};
use crate::collector::Collector;
use crate::config::Config;
use crate::error::TrainError;
use crate::evaluate::{EVAL_ENVS, Evaluation, Occasion, evaluate};
use std::time::Instant;
use striatum_agent::{Algorithm, Learner, Rollout, UpdateMetrics, update_a2c, update_ppo};
use striatum_envs::VecEnv;
use striatum_kernels::Backend;

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Environment steps, all environments together.
    pub steps: u64,
    /// Rollouts learned from.
    pub iterations: u32,
    /// Seconds of training, those before a resume counted in.
    pub wall_seconds: f64,
    /// Steps at which the mean return of the last 100 episodes first reached the task's threshold.
    pub solved_at_steps: Option<u64>,
    /// Seconds at which it did.
    pub solved_at_seconds: Option<f64>,
    /// The best mean return of an evaluation.
    pub best_return: Option<f64>,
    /// Steps at the last evaluation.
    pub evaluated_at: u64,
    /// Steps at the last periodic checkpoint.
    pub saved_at: u64,
    /// Steps at the last point of the learning curves.
    pub reported_at: u64,
}

/// What one iteration gave, for the sinks.
#[derive(Clone, Debug)]
pub struct Iteration {
    /// Means over the update's minibatches.
    pub update: UpdateMetrics,
    /// Statistics of the rollout's raw TD errors and returns.
    pub rollout: RolloutStats,
    /// Step size of the update.
    pub learning_rate: f32,
    /// Environment steps a second, this iteration alone.
    pub steps_per_second: f64,
    /// Where the time went.
    pub timing: Timing,
}

/// Seconds of an iteration's stages. What a stage launches on a GPU without waiting for it counts for the stage that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// The rollout: T steps of N environments.
    pub collect: f64,
    /// Values of the last observations, TD errors and advantages.
    pub advantages: f64,
    /// Every epoch and minibatch.
    pub update: f64,
}

/// Statistics of a rollout, from the learner's side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RolloutStats {
    /// Mean of the raw TD errors.
    pub delta_mean: f64,
    /// Their standard deviation.
    pub delta_std: f64,
    /// The share of them that is positive.
    pub delta_positive: f64,
    /// `1 - Var(R - V) / Var(R)`, the share of the returns' variance that the critic explains.
    pub explained_variance: f64,
    /// Mean reward a step, as learned from.
    pub reward_mean: f64,
}

/// One agent, its environments and its progress.
pub struct Trainer<B: Backend> {
    pub(crate) config: Config,
    pub(crate) learner: Learner<B>,
    pub(crate) collector: Collector,
    pub(crate) eval_envs: Box<dyn VecEnv>,
    pub(crate) progress: Progress,
    started: Instant,
}

impl<B: Backend> Trainer<B> {
    /// A trainer at step 0; `make_envs` makes batches of the task.
    ///
    /// # Errors
    /// If an environment fails.
    pub fn new(
        config: Config,
        learner: Learner<B>,
        make_envs: &dyn Fn(usize) -> Result<Box<dyn VecEnv>, TrainError>,
    ) -> Result<Self, TrainError> {
        let envs = make_envs(config.num_envs)?;
        let actor = Actor::new(Choice::Sampled(config.seed), envs.action_space(), &config.network, &config.dopamine);
        let collector = Collector::new(envs, actor, &config, config.gamma())?;
        let eval_envs = make_envs(config.eval.episodes.min(EVAL_ENVS))?;
        Ok(Self { config, learner, collector, eval_envs, progress: Progress::default(), started: Instant::now() })
    }

    /// How far the run has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The agent.
    pub fn learner(&mut self) -> &mut Learner<B> {
        &mut self.learner
    }

    /// Whether every step of the run is done.
    pub fn is_finished(&self) -> bool {
        self.progress.steps >= self.config.total_steps
    }

    /// Collects a rollout and learns from it.
    ///
    /// # Errors
    /// If an environment or the device fails, or the gradient is not finite.
    pub fn iterate(&mut self) -> Result<Iteration, TrainError> {
        let begun = Instant::now();
        let (num_steps, gamma, lambda) = (self.config.num_steps(), self.config.gamma(), self.config.gae_lambda());
        let remaining = self.remaining();

        let transitions = self.collector.collect(&mut self.learner, num_steps)?;
        let collect = begun.elapsed().as_secs_f64();
        let rollout = Rollout::new(&mut self.learner, &transitions, gamma, lambda)?;
        let advantages = begun.elapsed().as_secs_f64();
        let update = self.update(&rollout, remaining)?;
        let updated = begun.elapsed().as_secs_f64();
        let stats = rollout_stats(&rollout, &self.learner, &transitions.rewards)?;
        self.collector.finish_iteration();

        let steps = transitions.rewards.len() as u64;
        self.progress.steps += steps;
        self.progress.iterations += 1;
        let seconds = begun.elapsed().as_secs_f64();
        self.note_whether_solved();
        Ok(Iteration {
            update,
            rollout: stats,
            learning_rate: self.config.learning_rate(remaining),
            steps_per_second: steps as f64 / seconds,
            timing: Timing { collect, advantages: advantages - collect, update: updated - advantages },
        })
    }

    fn update(&mut self, rollout: &Rollout<B>, remaining: f32) -> Result<UpdateMetrics, TrainError> {
        let Config { algo, ppo, a2c, dopamine, seed, .. } = &self.config;
        Ok(match algo {
            Algorithm::Ppo => {
                update_ppo(&mut self.learner, rollout, ppo, dopamine, remaining, *seed, self.progress.iterations)?
            }
            Algorithm::A2c => update_a2c(&mut self.learner, rollout, a2c, dopamine, remaining)?,
        })
    }

    /// The share of the run that is left: 1 in the first iteration, towards 0 in the last.
    fn remaining(&self) -> f32 {
        (1.0 - self.progress.steps as f64 / self.config.total_steps as f64).max(0.0) as f32
    }

    fn note_whether_solved(&mut self) {
        if self.progress.solved_at_steps.is_none() && self.is_solved() {
            self.progress.solved_at_steps = Some(self.progress.steps);
            self.progress.solved_at_seconds = Some(self.wall_seconds());
        }
    }

    /// Whether the mean return of the last 100 training episodes reaches the task's threshold.
    pub fn is_solved(&self) -> bool {
        self.collector.envs.solved_at().is_some_and(|threshold| self.collector.episodes.reaches(threshold))
    }

    /// Seconds of training so far, those before a resume counted in.
    pub fn wall_seconds(&self) -> f64 {
        self.progress.wall_seconds + self.started.elapsed().as_secs_f64()
    }

    /// Whether the run's settings ask for an evaluation now.
    pub fn evaluation_is_due(&self) -> bool {
        let interval = self.config.eval.interval;
        interval > 0 && self.progress.steps - self.progress.evaluated_at >= interval
    }

    /// Deterministic evaluation in separate environments. True if it is the best so far.
    ///
    /// # Errors
    /// If an environment or the device fails.
    pub fn evaluate(&mut self) -> Result<(Evaluation, bool), TrainError> {
        let evaluation = evaluate(
            &mut self.learner,
            self.collector.normalizer.as_ref(),
            &self.config,
            &mut *self.eval_envs,
            Choice::Deterministic,
            (Occasion::Selection, self.config.seed),
            self.config.eval.episodes,
        )?;
        self.progress.evaluated_at = self.progress.steps;
        let best = self.progress.best_return.is_none_or(|best| evaluation.mean_return >= best);
        if best {
            self.progress.best_return = Some(evaluation.mean_return);
        }
        Ok((evaluation, best))
    }
}

/// Statistics of raw TD errors (before any normalisation of advantages) and of the critic's fit.
fn rollout_stats<B: Backend>(
    rollout: &Rollout<B>,
    learner: &Learner<B>,
    rewards: &[f32],
) -> Result<RolloutStats, TrainError> {
    let rows = rollout.rows();
    let deltas = learner.backend().download(&rollout.deltas)?;
    let (advantages, returns) = rollout.targets(learner.backend())?;
    let (delta_mean, delta_variance) = moments(&deltas[..rows]);
    let (_, residual_variance) = moments(&advantages[..rows]);
    let (_, return_variance) = moments(&returns[..rows]);
    Ok(RolloutStats {
        delta_mean,
        delta_std: delta_variance.sqrt(),
        delta_positive: deltas[..rows].iter().filter(|&&d| d > 0.0).count() as f64 / rows as f64,
        // R - V is the advantage.
        explained_variance: if return_variance > 0.0 { 1.0 - residual_variance / return_variance } else { f64::NAN },
        reward_mean: moments(rewards).0,
    })
}

/// Mean and population variance.
fn moments(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    (mean, values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count)
}
