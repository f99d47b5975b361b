//! Runs: starting one, resuming one, and the loop from the first iteration to the summary.

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::engine::{self, Engine, EngineInfo};
use crate::error::TrainError;
use crate::event::{Event, SavedKind};
use crate::folder::RunFolder;
use crate::scalars::scalars;
use crate::sinks::{Console, Jsonl, Sinks, TensorBoard};
use crate::spec::network_spec;
use crate::trainer::{Iteration, Trainer};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use striatum_agent::Learner;
use striatum_envs::VecEnv;
use striatum_kernels::Backend;

/// Makes a batch of N environments of a run's task.
pub type MakeEnvs<'a> = dyn Fn(usize) -> Result<Box<dyn VecEnv>, TrainError> + 'a;

/// What does not belong to the configuration: it changes when a run ends, not what it computes.
pub struct RunOptions<'a> {
    /// The run folder.
    pub out: PathBuf,
    /// Ends the run, as an interruption does, at the first iteration that reaches this many steps.
    pub stop_after: Option<u64>,
    /// Ends the run after the current iteration once it is set.
    pub interrupted: &'a AtomicBool,
    /// Whether progress stays off the terminal.
    pub quiet: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The task.
    pub task: String,
    /// `ppo` or `a2c`.
    pub algo: &'static str,
    /// `fused` or `burn`.
    pub engine: &'static str,
    /// `cpu`, or the adapter's name.
    pub device: String,
    /// The run's seed.
    pub seed: u64,
    /// Environment steps.
    pub steps: u64,
    /// Finished training episodes.
    pub episodes: u64,
    /// Mean return of the last 100 training episodes.
    pub episodic_return: Option<f64>,
    /// Best mean return of a deterministic evaluation.
    pub best_return: Option<f64>,
    /// Environment steps a second over the whole run.
    pub steps_per_second: f64,
    /// Seconds of training.
    pub wall_seconds: f64,
    /// Steps at which the last 100 episodes first reached the task's threshold.
    pub solved_at_steps: Option<u64>,
    /// Seconds at which they did.
    pub solved_at_seconds: Option<f64>,
    /// Whether every step of the run is done, or the run stopped because it was solved.
    pub finished: bool,
    /// The run folder.
    pub run: PathBuf,
}

/// Starts a run.
///
/// # Errors
/// If settings, task, device or folder do not allow it, or training fails; what was saved stays.
pub fn train(config: Config, make_envs: &MakeEnvs<'_>, options: &RunOptions<'_>) -> Result<Summary, TrainError> {
    let (engine, info) = open_engine(&config, make_envs)?;
    crate::with_learner!(engine, learner => {
        let trainer = Trainer::new(config, learner, make_envs)?;
        let folder = RunFolder::create(&options.out, &trainer.config)?;
        Run::new(trainer, folder, info, options, false)?.run()
    })
}

/// Continues a run from its latest checkpoint; a larger `total_steps` extends it. A run that is finished is left as it is.
///
/// # Errors
/// If the run cannot be read, or as [`train`].
pub fn resume(
    config: Config,
    checkpoint: &Checkpoint,
    make_envs: &MakeEnvs<'_>,
    options: &RunOptions<'_>,
) -> Result<Summary, TrainError> {
    let (engine, info) = open_engine(&config, make_envs)?;
    let folder = RunFolder::open(&options.out)?;
    crate::with_learner!(engine, learner => {
        let mut trainer = Trainer::new(config, learner, make_envs)?;
        trainer.restore(checkpoint)?;
        if is_done(&trainer) {
            return Ok(summary(&trainer, &info, &folder));
        }
        folder.write_config(&trainer.config)?;
        Run::new(trainer, folder, info, options, true)?.run()
    })
}

/// The engine for a configuration and the spaces of its task.
pub(crate) fn open_engine(config: &Config, make_envs: &MakeEnvs<'_>) -> Result<(Engine, EngineInfo), TrainError> {
    let probe = make_envs(1)?;
    let spec = network_spec(config, probe.observation_space(), probe.action_space())?;
    engine::open(config, &spec)
}

/// A run under way.
struct Run<'a, B: Backend> {
    trainer: Trainer<B>,
    folder: RunFolder,
    info: EngineInfo,
    options: &'a RunOptions<'a>,
    sinks: Sinks,
}

impl<'a, B: Backend> Run<'a, B> {
    fn new(
        trainer: Trainer<B>,
        folder: RunFolder,
        info: EngineInfo,
        options: &'a RunOptions<'a>,
        resumed: bool,
    ) -> Result<Self, TrainError> {
        let step = trainer.progress().steps;
        let mut sinks = Sinks::new();
        sinks.add(if options.quiet { Console::quiet(std::io::stderr()) } else { Console::stderr() });
        sinks.add(TensorBoard::open(folder.path())?);
        let metrics = folder.metrics();
        sinks.add(if resumed { Jsonl::resume(&metrics, step)? } else { Jsonl::create(&metrics)? });
        Ok(Self { trainer, folder, info, options, sinks })
    }

    fn run(mut self) -> Result<Summary, TrainError> {
        self.start();
        let outcome = self.train();
        self.end(&outcome);
        outcome.map(|()| summary(&self.trainer, &self.info, &self.folder))
    }

    /// The training loop: collect and learn, report, evaluate, save, until done, solved or interrupted.
    fn train(&mut self) -> Result<(), TrainError> {
        while !self.trainer.is_finished() {
            let iteration = self.trainer.iterate()?;
            self.report(&iteration);
            if self.trainer.evaluation_is_due() {
                self.evaluate()?;
            }
            if self.solved_and_done() || self.interrupted() {
                break;
            }
            if self.checkpoint_is_due() {
                self.save_latest()?;
            }
        }
        if !self.interrupted() && self.trainer.progress().evaluated_at < self.trainer.progress().steps {
            self.evaluate()?;
        }
        self.save_latest()
    }

    fn interrupted(&self) -> bool {
        let stop = self.options.stop_after.is_some_and(|steps| self.trainer.progress().steps >= steps);
        stop && !self.trainer.is_finished() || self.options.interrupted.load(Ordering::Relaxed)
    }

    fn solved_and_done(&self) -> bool {
        self.trainer.config.run.stop_at_threshold && self.trainer.is_solved()
    }

    fn checkpoint_is_due(&self) -> bool {
        let interval = self.trainer.config.run.checkpoint_interval;
        interval > 0 && self.trainer.progress.steps - self.trainer.progress.saved_at >= interval
    }

    fn evaluate(&mut self) -> Result<(), TrainError> {
        let (evaluation, best) = self.trainer.evaluate()?;
        self.sinks.emit(&Event::Evaluation {
            step: self.trainer.progress().steps,
            wall_seconds: self.trainer.wall_seconds(),
            mean: evaluation.mean_return,
            std: evaluation.std_return,
            episodes: evaluation.episodes,
        });
        if best { self.save(self.folder.best(), SavedKind::Best) } else { Ok(()) }
    }

    fn save_latest(&mut self) -> Result<(), TrainError> {
        self.trainer.progress.saved_at = self.trainer.progress.steps;
        self.save(self.folder.latest(), SavedKind::Latest)
    }

    fn save(&mut self, path: PathBuf, kind: SavedKind) -> Result<(), TrainError> {
        self.trainer.checkpoint()?.save(&path)?;
        self.sinks.emit(&Event::Saved { step: self.trainer.progress().steps, path, kind });
        Ok(())
    }

    fn start(&mut self) {
        let config = &self.trainer.config;
        self.sinks.emit(&Event::Start {
            config: config.to_toml(),
            task: config.task.clone(),
            algo: config.algo_name().to_owned(),
            engine: self.info.engine.to_owned(),
            device: self.info.device.clone(),
            reason: self.info.reason.clone(),
            seed: config.seed,
            total_steps: config.total_steps,
            step: self.trainer.progress().steps,
            wall_seconds: self.trainer.wall_seconds(),
        });
    }

    /// Passes an iteration on, if the last one was reported at least `run.log_interval` steps ago.
    fn report(&mut self, iteration: &Iteration) {
        let step = self.trainer.progress().steps;
        let since = step - self.trainer.progress.reported_at;
        if since < self.trainer.config.run.log_interval && !self.trainer.is_finished() {
            return;
        }
        self.trainer.progress.reported_at = step;
        let episodes = &self.trainer.collector.episodes;
        self.sinks.emit(&Event::Iteration {
            step,
            wall_seconds: self.trainer.wall_seconds(),
            steps_per_second: iteration.steps_per_second,
            episodes: episodes.finished(),
            episodic_return: episodes.mean_return(),
            scalars: scalars(iteration, episodes, &self.trainer.config),
        });
    }

    fn end(&mut self, outcome: &Result<(), TrainError>) {
        let reason = match outcome {
            Err(_) => "failed",
            Ok(()) if self.solved_and_done() => "solved",
            Ok(()) if self.trainer.is_finished() => "finished",
            Ok(()) => "interrupted",
        };
        let episodes = &self.trainer.collector.episodes;
        self.sinks.emit(&Event::End {
            step: self.trainer.progress().steps,
            wall_seconds: self.trainer.wall_seconds(),
            episodes: episodes.finished(),
            episodic_return: episodes.mean_return(),
            reason: reason.to_owned(),
        });
    }
}

/// Whether every step is done, or the run was to stop once solved and is.
fn is_done<B: Backend>(trainer: &Trainer<B>) -> bool {
    trainer.is_finished() || trainer.config.run.stop_at_threshold && trainer.is_solved()
}

fn summary<B: Backend>(trainer: &Trainer<B>, info: &EngineInfo, folder: &RunFolder) -> Summary {
    let (config, progress) = (&trainer.config, trainer.progress());
    let wall_seconds = trainer.wall_seconds();
    Summary {
        task: config.task.clone(),
        algo: config.algo_name(),
        engine: info.engine,
        device: info.device.clone(),
        seed: config.seed,
        steps: progress.steps,
        episodes: trainer.collector.episodes.finished(),
        episodic_return: trainer.collector.episodes.mean_return(),
        best_return: progress.best_return,
        steps_per_second: progress.steps as f64 / wall_seconds,
        wall_seconds,
        solved_at_steps: progress.solved_at_steps,
        solved_at_seconds: progress.solved_at_seconds,
        finished: is_done(trainer),
        run: folder.path().to_owned(),
    }
}

/// A learner restored from a checkpoint, to evaluate or export it.
///
/// # Errors
/// If the checkpoint does not fit its own configuration, or the device cannot be opened.
pub fn load_learner<B: Backend>(learner: &mut Learner<B>, checkpoint: &Checkpoint) -> Result<(), TrainError> {
    let mut state = learner.state()?;
    let params = learner.spec().params();
    for param in &params {
        let values = checkpoint.f32(&param.name, &param.shape)?;
        state.weights[param.offset..param.offset + param.len()].copy_from_slice(values);
    }
    Ok(learner.restore(&state)?)
}
