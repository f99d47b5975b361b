//! The training loop.

use crate::actor::Choice;
use crate::collector::Collector;
use crate::config::Config;
use crate::error::TrainError;
use crate::evaluate::{EVAL_ENVS, Evaluation, Occasion, evaluate};
use crate::session::Session;
use crate::source::Source;
use std::time::Instant;
use striatum_agent::{
    AgentUpdate, Algorithm, Learner, Outcome, RewardCentering, Rollout, UpdateMetrics, update_a2c, update_ppo,
};
use striatum_envs::VecEnv;
use striatum_kernels::{Backend, Cpu, ROLLOUT_STATS, RolloutStatsArgs};

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

/// Seconds of an iteration's stages, which all agents of a launch share. What a stage launches on a GPU without waiting for it counts
/// for the stage that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// The rollout: T steps of N environments, and their values.
    pub collect: f64,
    /// TD errors and advantages.
    pub advantages: f64,
    /// Every epoch and minibatch.
    pub update: f64,
    /// The whole iteration.
    pub total: f64,
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
    /// Mean reward a step, as learned from, but not centred.
    pub reward_mean: f64,
}

/// Agents that learn side by side, their environments and their runs. What decides the shape of rollouts and minibatches is the same
/// for all of them.
pub struct Trainer<B: Backend> {
    pub(crate) learner: Learner<B>,
    pub(crate) source: Box<dyn Source<B>>,
    pub(crate) sessions: Vec<Session>,
    rollout: Rollout<B>,
    /// `[A, G]`, for every head that advantages are of.
    gamma: Vec<f32>,
    lambda: Vec<f32>,
    seeds: Vec<u64>,
    /// What is subtracted from rewards, `[A]`.
    average_reward: Vec<f32>,
    eval_envs: Box<dyn VecEnv>,
    /// Evaluates one agent at a time where the learner cannot.
    evaluator: Option<Learner<Cpu>>,
    stats: B::Buffer,
    /// Those that are not settled come first, in order; behind them the one that was settled last.
    launches: [Launch<B>; 2],
    /// How many of them are not settled, one at most between two calls.
    ahead: usize,
    /// When the last one was settled, or the next one began after that.
    since: Instant,
}

/// An iteration: what is fetched of it, and what it tells when that has arrived.
struct Launch<B: Backend> {
    outcome: Outcome<B>,
    stats: B::Reading,
    source: B::Reading,
    rollout: Vec<RolloutStats>,
    /// Share of the run that was left, an agent.
    remaining: Vec<f32>,
    timing: Timing,
}

impl<B: Backend> Default for Launch<B> {
    fn default() -> Self {
        Self {
            outcome: Outcome::default(),
            stats: B::Reading::default(),
            source: B::Reading::default(),
            rollout: Vec::new(),
            remaining: Vec::new(),
            timing: Timing::default(),
        }
    }
}

impl<B: Backend + 'static> Trainer<B> {
    /// A trainer of one agent at step 0, whose environments run on the host; `make_envs` makes batches of the task.
    ///
    /// # Errors
    /// If an environment fails.
    pub fn new(
        config: Config,
        learner: Learner<B>,
        make_envs: &dyn Fn(usize) -> Result<Box<dyn VecEnv>, TrainError>,
    ) -> Result<Self, TrainError> {
        let collector = Collector::new(&config, learner.spec(), learner.on_host().is_some(), make_envs)?;
        Self::with_source(vec![config], learner, Box::new(collector), None, make_envs)
    }
}

impl<B: Backend> Trainer<B> {
    /// A trainer of as many agents as there are configurations, at step 0; `source` gives their rollouts, and `evaluator` plays an
    /// agent's evaluation episodes in place of `learner`.
    ///
    /// # Errors
    /// If an environment fails.
    pub fn with_source(
        configs: Vec<Config>,
        learner: Learner<B>,
        source: Box<dyn Source<B>>,
        evaluator: Option<Learner<Cpu>>,
        make_envs: &dyn Fn(usize) -> Result<Box<dyn VecEnv>, TrainError>,
    ) -> Result<Self, TrainError> {
        let (agents, inputs) = (configs.len(), learner.spec().observation.words());
        let Config { critic, num_envs, .. } = &configs[0];
        let rollout =
            Rollout::new(learner.backend(), learner.spec(), critic, agents, configs[0].num_steps(), *num_envs);
        let heads = rollout.advantage_heads;
        let eval_envs = make_envs(configs[0].eval.episodes.min(EVAL_ENVS))?;
        Ok(Self {
            rollout,
            seeds: configs.iter().map(|config| config.seed).collect(),
            gamma: configs.iter().flat_map(|config| config.critic.discounts(config.gamma())).collect(),
            lambda: configs.iter().flat_map(|config| std::iter::repeat_n(config.gae_lambda(), heads)).collect(),
            average_reward: vec![0.0; agents],
            stats: learner.backend().zeros(agents * ROLLOUT_STATS),
            launches: [Launch::default(), Launch::default()],
            ahead: 0,
            since: Instant::now(),
            sessions: configs.into_iter().map(|config| Session::new(config, inputs, eval_envs.solved_at())).collect(),
            learner,
            source,
            eval_envs,
            evaluator,
        })
    }

    /// The runs, one an agent.
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// The agents.
    pub fn learner(&mut self) -> &mut Learner<B> {
        &mut self.learner
    }

    /// Collects a rollout of every agent and learns from it; then [`iteration`](Self::iteration) tells what came of it.
    ///
    /// # Errors
    /// If an environment or the device fails.
    pub fn iterate(&mut self) -> Result<(), TrainError> {
        self.iterate_towards(0)
    }

    /// The same, but the device may be at work on the iteration after that already ([`is_ahead`](Self::is_ahead)), unless this one leads
    /// to `pause` steps or beyond. That needs a source that stays on the device, and settings by which nothing that a rollout tells changes
    /// the next one.
    ///
    /// # Errors
    /// If an environment or the device fails.
    pub fn iterate_towards(&mut self, pause: u64) -> Result<(), TrainError> {
        if self.ahead == 0 {
            self.since = Instant::now();
            self.launch()?;
        }
        let reached = self.sessions[0].progress.steps + self.rollout.rows() as u64;
        if reached < pause && self.source.is_resident() && self.sessions.iter().all(Session::is_steady) {
            self.launch()?;
        }
        self.settle()
    }

    /// Whether agents and environments have gone further than the sessions know: they can then neither be evaluated nor saved, and
    /// the next [`iterate`](Self::iterate) brings the sessions after.
    pub fn is_ahead(&self) -> bool {
        self.ahead > 0
    }

    /// Launches a whole iteration and starts to fetch what it tells.
    fn launch(&mut self) -> Result<(), TrainError> {
        let begun = Instant::now();
        let seconds = || begun.elapsed().as_secs_f64();
        let unknown = self.ahead as u64 * self.rollout.rows() as u64;
        let iteration = self.sessions[0].progress.iterations + self.ahead as u32;
        let mut launch = std::mem::take(&mut self.launches[self.ahead]);
        launch.remaining.clear();
        launch.remaining.extend(self.sessions.iter().map(|session| session.remaining_after(unknown)));
        self.source.collect(&mut self.learner, &mut self.sessions, &mut self.rollout)?;
        let collected = seconds();
        self.estimate(&mut launch.stats)?;
        let estimated = seconds();
        self.update(iteration, &mut launch)?;
        let updated = seconds();
        self.measure(&mut launch.stats);
        self.source.begin_report(self.learner.backend(), &mut launch.source);
        launch.timing =
            Timing { collect: collected, advantages: estimated - collected, update: updated - estimated, total: 0.0 };
        self.launches[self.ahead] = launch;
        self.ahead += 1;
        Ok(())
    }

    /// Waits for the first iteration that is launched, and tells the sessions of it.
    fn settle(&mut self) -> Result<(), TrainError> {
        let (begun, backend, launch) = (Instant::now(), self.learner.backend(), &mut self.launches[0]);
        launch.outcome.settle(backend)?;
        launch.timing.update += begun.elapsed().as_secs_f64();
        launch.rollout.clear();
        launch.rollout.extend(RolloutStats::of_all(backend.finish_read(&mut launch.stats)?));
        self.source.report(backend.finish_read(&mut launch.source)?, &mut self.sessions);
        for (session, stats) in self.sessions.iter_mut().zip(&launch.rollout) {
            session.tonic.follow(&session.config.dopamine, stats.reward_mean);
            session.advance(self.rollout.rows() as u64);
        }
        launch.timing.total = self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        self.ahead -= 1;
        self.launches.swap(0, 1);
        Ok(())
    }

    /// What the critic learns from, TD errors and advantages; where rewards are centred, after a step of their average.
    fn estimate(&mut self, reading: &mut B::Reading) -> Result<(), TrainError> {
        let centred = |session: &Session| session.config.dopamine.reward_centering != RewardCentering::None;
        if self.sessions.iter().any(centred) {
            self.center(reading)?;
        }
        let first_step = self.source.steps().wrapping_sub(self.rollout.steps as u32);
        let (backend, gamma, lambda) = (self.learner.backend(), &self.gamma, &self.lambda);
        self.rollout.draw_targets(backend, gamma, lambda, &self.seeds, first_step);
        self.rollout.estimate(backend, gamma, lambda, &self.average_reward);
        Ok(())
    }

    /// Lets every agent's average reward learn from the rollout.
    fn center(&mut self, reading: &mut B::Reading) -> Result<(), TrainError> {
        for (average, session) in self.average_reward.iter_mut().zip(&self.sessions) {
            *average = session.tonic.average_reward.unwrap_or(0.0) as f32;
        }
        self.rollout.td_errors(self.learner.backend(), &self.gamma, &self.average_reward);
        self.measure(reading);
        let stats = RolloutStats::of_all(self.learner.backend().finish_read(reading)?);
        for ((average, session), stats) in self.average_reward.iter_mut().zip(&mut self.sessions).zip(stats) {
            session.tonic.center(&session.config.dopamine, stats.reward_mean, stats.delta_mean);
            *average = session.tonic.average_reward.unwrap_or(0.0) as f32;
        }
        Ok(())
    }

    fn update(&mut self, iteration: u32, launch: &mut Launch<B>) -> Result<(), TrainError> {
        let Launch { outcome, remaining, .. } = launch;
        let sessions = self.sessions.iter().zip(&*remaining);
        match self.sessions[0].config.algo {
            Algorithm::Ppo => {
                let agents = sessions.map(|(session, &remaining)| part(&session.config.ppo, session, remaining));
                update_ppo(&mut self.learner, &self.rollout, agents, iteration, outcome)?;
            }
            Algorithm::A2c => {
                let agents = sessions.map(|(session, &remaining)| part(&session.config.a2c, session, remaining));
                update_a2c(&mut self.learner, &self.rollout, agents, outcome)?;
            }
        }
        Ok(())
    }

    /// Starts to fetch what is reported of the rollout.
    fn measure(&mut self, reading: &mut B::Reading) {
        let (rollout, backend) = (&self.rollout, self.learner.backend());
        backend.rollout_stats(RolloutStatsArgs {
            shape: rollout.shape(),
            deltas: &rollout.deltas,
            advantages: &rollout.advantages,
            returns: &rollout.returns,
            rewards: &rollout.rewards,
            stats: &mut self.stats,
        });
        backend.begin_read(&[(&self.stats, self.sessions.len() * ROLLOUT_STATS)], reading);
    }

    /// What the iteration that was settled last gave an agent.
    ///
    /// # Errors
    /// If its gradient was not finite.
    ///
    /// # Panics
    /// Before the first iteration.
    pub fn iteration(&self, agent: usize) -> Result<Iteration, TrainError> {
        let launch = &self.launches[1];
        Ok(Iteration {
            update: launch.outcome.of(agent)?,
            rollout: launch.rollout[agent],
            learning_rate: self.sessions[agent].config.learning_rate(launch.remaining[agent]),
            steps_per_second: self.rollout.rows() as f64 / launch.timing.total,
            timing: launch.timing,
        })
    }

    /// Deterministic evaluation of an agent in separate environments; not while the trainer [is ahead](Self::is_ahead). True if it is
    /// its best so far.
    ///
    /// # Errors
    /// If an environment or the device fails.
    pub fn evaluate(&mut self, agent: usize) -> Result<(Evaluation, bool), TrainError> {
        debug_assert!(!self.is_ahead(), "the weights are those of a later iteration");
        let session = &mut self.sessions[agent];
        let occasion = (Occasion::Selection, session.config.seed);
        let (normalizer, config, episodes) =
            (session.normalizer.as_ref(), &session.config, session.config.eval.episodes);
        let (envs, choice) = (&mut *self.eval_envs, Choice::Deterministic);
        let evaluation = match &mut self.evaluator {
            None => evaluate(&mut self.learner, normalizer, config, envs, choice, occasion, episodes),
            Some(evaluator) => {
                evaluator.restore(0, &self.learner.state(agent)?)?;
                evaluate(evaluator, normalizer, config, envs, choice, occasion, episodes)
            }
        };
        session.notes.append(&mut self.eval_envs.take_notes());
        let evaluation = evaluation?;
        let best = session.note_evaluation(evaluation.mean_return);
        Ok((evaluation, best))
    }
}

fn part<'a, S>(settings: &'a S, session: &'a Session, remaining: f32) -> AgentUpdate<'a, S> {
    let Config { dopamine, critic, seed, .. } = &session.config;
    AgentUpdate { settings, dopamine, critic, remaining, seed: *seed }
}

impl RolloutStats {
    /// From what the kernel gives.
    fn of_all(stats: &[f32]) -> impl Iterator<Item = Self> {
        stats.as_chunks::<ROLLOUT_STATS>().0.iter().map(|stats| Self::of(stats))
    }

    /// From what it gives an agent.
    fn of(stats: &[f32]) -> Self {
        let [delta_mean, delta_variance, delta_positive, advantage_variance, return_variance, reward_mean] =
            std::array::from_fn(|i| f64::from(stats[i]));
        Self {
            delta_mean,
            delta_std: delta_variance.sqrt(),
            delta_positive,
            // R - V is the advantage.
            explained_variance: if return_variance > 0.0 {
                1.0 - advantage_variance / return_variance
            } else {
                f64::NAN
            },
            reward_mean,
        }
    }
}
