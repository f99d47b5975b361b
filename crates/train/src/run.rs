//! Runs: starting one, resuming one, and the loop from the first iteration to the summary.

use crate::checkpoint::Checkpoint;
use crate::config::{Config, DeviceChoice, EngineChoice};
use crate::engine::{self, Engine, EngineInfo};
use crate::error::TrainError;
use crate::event::{Event, SavedKind};
use crate::folder::RunFolder;
use crate::scalars::scalars;
use crate::session::Session;
use crate::sinks::{Console, Jsonl, Sink, Sinks, TensorBoard};
use crate::spec::network_spec;
pub use crate::summary::Summary;
use crate::trainer::{Iteration, Trainer};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use striatum_agent::{Learner, OwnNetwork};
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

/// What a resume may change of a run's settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Where the run ends.
    pub total_steps: Option<u64>,
    /// Where to train.
    pub device: Option<DeviceChoice>,
    /// What computes the networks.
    pub engine: Option<EngineChoice>,
}

impl Changes {
    /// Changes the settings of a run that goes on from `checkpoint`, or from the beginning.
    ///
    /// # Errors
    /// If the checkpoint does not say how far the run has come.
    pub fn apply(&self, config: &mut Config, checkpoint: Option<&Checkpoint>) -> Result<(), TrainError> {
        config.device = self.device.unwrap_or(config.device);
        config.engine = self.engine.unwrap_or(config.engine);
        let Some(total) = self.total_steps else { return Ok(()) };
        config.total_steps = total;
        if let Some(checkpoint) = checkpoint
            && total > checkpoint.counter("steps")?
            && checkpoint.counters.contains_key("solved_at_steps")
        {
            // Whoever extends a solved run does not want it to end at once.
            config.run.stop_at_threshold = false;
        }
        Ok(())
    }
}

/// Starts a run.
///
/// # Errors
/// If settings, task, device or folder do not allow it, or training fails; what was saved stays.
pub fn train(config: Config, make_envs: &MakeEnvs<'_>, options: &RunOptions<'_>) -> Result<Summary, TrainError> {
    let seat = Seat { threads: config.threads, console: console(options.quiet), new_folder: true, network: None };
    conduct(config, None, seat, make_envs, options)
}

/// Continues a run from its latest checkpoint; a larger `total_steps` extends it. A run that is finished, or has reached
/// [`RunOptions::stop_after`], is left as it is.
///
/// # Errors
/// If the run cannot be read, or as [`train`].
pub fn resume(
    config: Config,
    checkpoint: &Checkpoint,
    make_envs: &MakeEnvs<'_>,
    options: &RunOptions<'_>,
) -> Result<Summary, TrainError> {
    let seat = Seat { threads: config.threads, console: console(options.quiet), new_folder: false, network: None };
    conduct(config, Some(checkpoint), seat, make_envs, options)
}

pub(crate) fn console(quiet: bool) -> Box<dyn Sink> {
    Box::new(if quiet { Console::quiet(std::io::stderr()) } else { Console::stderr() })
}

/// What differs between a run alone and one of several.
pub(crate) struct Seat<'a> {
    /// Threads of the CPU engine in place of the configuration's, which the result does not depend on.
    pub threads: usize,
    /// What shows the run's progress.
    pub console: Box<dyn Sink>,
    /// Whether the folder is made here.
    pub new_folder: bool,
    /// The network, if it is not the one that the settings describe.
    pub network: Option<&'a dyn OwnNetwork>,
}

/// One agent alone, from where it stands to its summary.
pub(crate) fn conduct(
    config: Config,
    checkpoint: Option<&Checkpoint>,
    seat: Seat<'_>,
    make_envs: &MakeEnvs<'_>,
    options: &RunOptions<'_>,
) -> Result<Summary, TrainError> {
    let opened = Config { threads: seat.threads, ..config.clone() };
    let (trainer, info) = match seat.network {
        None => engine::open_trainer(vec![opened], make_envs)?,
        Some(network) => engine::open_own_trainer(opened, network, make_envs)?,
    };
    crate::with_trainer!(trainer, trainer => {
        let mut trainer = trainer;
        // How many threads there are is not part of the result.
        trainer.sessions[0].config = config;
        if let Some(checkpoint) = checkpoint {
            trainer.restore(0, checkpoint)?;
        }
        let folder = match seat.new_folder {
            true => RunFolder::create(&options.out, &trainer.sessions[0].config)?,
            false => RunFolder::open(&options.out)?,
        };
        if checkpoint.is_some() && has_nothing_to_do(&trainer.sessions[0], options) {
            return Ok(Summary::of(&trainer.sessions[0], &info, &folder));
        }
        if !seat.new_folder {
            folder.write_config(&trainer.sessions[0].config)?;
        }
        let mut run = Run::open(folder, info, options, seat.console, checkpoint.map(|_| trainer.sessions[0].progress.steps))?;
        run.start(&trainer.sessions[0]);
        let outcome = iterate(&mut run, &mut trainer);
        run.close(&mut trainer, 0, outcome)
    })
}

/// Trains until done, solved or interrupted.
fn iterate<B: Backend>(run: &mut Run<'_>, trainer: &mut Trainer<B>) -> Result<(), TrainError> {
    while !trainer.sessions[0].is_finished() {
        trainer.iterate_towards(run.next_pause(&trainer.sessions[0]))?;
        if !run.after(trainer, 0)? {
            break;
        }
    }
    Ok(())
}

/// The engine for a configuration and the spaces of its task.
pub(crate) fn open_engine(config: &Config, make_envs: &MakeEnvs<'_>) -> Result<(Engine, EngineInfo), TrainError> {
    let probe = make_envs(1)?;
    let spec = network_spec(config, &*probe)?;
    engine::open(config, &spec)
}

/// What a run does around the iterations of whoever trains its agent: report, evaluate, save, and tell when to stop. It starts
/// ([`start`](Self::start)), follows each iteration ([`after`](Self::after)) and ends ([`close`](Self::close)).
pub(crate) struct Run<'a> {
    folder: RunFolder,
    info: EngineInfo,
    options: &'a RunOptions<'a>,
    sinks: Sinks,
}

impl<'a> Run<'a> {
    /// Opens the run's files in its folder; `resumed_at` is the step that a resumed run goes on from.
    pub(crate) fn open(
        folder: RunFolder,
        info: EngineInfo,
        options: &'a RunOptions<'a>,
        console: Box<dyn Sink>,
        resumed_at: Option<u64>,
    ) -> Result<Self, TrainError> {
        let mut sinks = Sinks::new();
        sinks.add(console);
        sinks.add(TensorBoard::open(folder.path())?);
        let metrics = folder.metrics();
        sinks.add(match resumed_at {
            Some(step) => Jsonl::resume(&metrics, step)?,
            None => Jsonl::create(&metrics)?,
        });
        Ok(Self { folder, info, options, sinks })
    }

    /// Announces the run.
    pub(crate) fn start(&mut self, session: &Session) {
        let config = &session.config;
        self.sinks.emit(&Event::Start {
            config: config.to_toml(),
            task: config.task.clone(),
            algo: config.algo_name().to_owned(),
            engine: self.info.engine.to_owned(),
            device: self.info.device.clone(),
            reason: self.info.reason.clone(),
            seed: config.seed,
            total_steps: config.total_steps,
            step: session.progress.steps,
            wall_seconds: session.wall_seconds(),
        });
    }

    /// The number of steps at which the run is to be looked after, at the latest, with the agent as it is then; 0 if that is so at once.
    pub(crate) fn next_pause(&self, session: &Session) -> u64 {
        match self.options.interrupted.load(Ordering::Relaxed) {
            true => 0,
            false => session.next_pause().min(self.options.stop_after.unwrap_or(u64::MAX)),
        }
    }

    /// Reports an agent's iteration; evaluates and saves where that is due, unless the trainer is ahead, and so will not pause before the
    /// next one. False if the run ends here.
    pub(crate) fn after<B: Backend>(&mut self, trainer: &mut Trainer<B>, agent: usize) -> Result<bool, TrainError> {
        let iteration = trainer.iteration(agent)?;
        self.pass_on_notes(&mut trainer.sessions[agent]);
        self.report(&mut trainer.sessions[agent], &iteration);
        if trainer.is_ahead() {
            return Ok(true);
        }
        if trainer.sessions[agent].evaluation_is_due() {
            self.evaluate(trainer, agent)?;
        }
        let session = &trainer.sessions[agent];
        if is_done(session) || self.is_stopped(session) {
            return Ok(false);
        }
        if session.checkpoint_is_due() {
            self.save_latest(trainer, agent)?;
        }
        Ok(true)
    }

    /// Evaluates the agent of a run that is done, saves it, and announces the end. An `outcome` that is an error is passed on.
    pub(crate) fn close<B: Backend>(
        mut self,
        trainer: &mut Trainer<B>,
        agent: usize,
        outcome: Result<(), TrainError>,
    ) -> Result<Summary, TrainError> {
        let outcome = outcome.and_then(|()| {
            let session = &trainer.sessions[agent];
            if is_done(session) && session.progress.evaluated_at < session.progress.steps {
                self.evaluate(trainer, agent)?;
            }
            self.save_latest(trainer, agent)
        });
        self.pass_on_notes(&mut trainer.sessions[agent]);
        let outcome = outcome.inspect_err(|error| self.rescue(trainer, agent, error));
        self.end(&trainer.sessions[agent], &outcome);
        outcome.map(|()| Summary::of(&trainer.sessions[agent], &self.info, &self.folder))
    }

    /// Shows what has happened to the environments.
    fn pass_on_notes(&mut self, session: &mut Session) {
        for note in std::mem::take(&mut session.notes) {
            session.failures += 1;
            self.sinks.emit(&Event::Warning(note));
        }
    }

    /// Saves what was learned until an environment outside this program failed. Those within it go on bit for bit, and have left the place
    /// that a checkpoint would have to be of.
    fn rescue<B: Backend>(&mut self, trainer: &mut Trainer<B>, agent: usize, error: &TrainError) {
        let progress = &trainer.sessions[agent].progress;
        let failed = matches!(error, TrainError::Env(_)) && trainer.source.state_width() == 0;
        if failed && progress.steps > progress.saved_at && self.save_latest(trainer, agent).is_ok() {
            let (steps, run) = (trainer.sessions[agent].progress.steps, self.folder.path().display().to_string());
            self.sinks
                .emit(&Event::Warning(format!("saved at step {steps}; `striatum resume {run}` goes on from there")));
        }
    }

    fn is_stopped(&self, session: &Session) -> bool {
        has_reached(session, self.options.stop_after) || self.options.interrupted.load(Ordering::Relaxed)
    }

    fn evaluate<B: Backend>(&mut self, trainer: &mut Trainer<B>, agent: usize) -> Result<(), TrainError> {
        let (evaluation, best) = trainer.evaluate(agent)?;
        let session = &trainer.sessions[agent];
        self.sinks.emit(&Event::Evaluation {
            step: session.progress.steps,
            wall_seconds: session.wall_seconds(),
            mean: evaluation.mean_return,
            std: evaluation.std_return,
            episodes: evaluation.episodes,
        });
        if best { self.save(trainer, agent, self.folder.best(), SavedKind::Best) } else { Ok(()) }
    }

    fn save_latest<B: Backend>(&mut self, trainer: &mut Trainer<B>, agent: usize) -> Result<(), TrainError> {
        let progress = &mut trainer.sessions[agent].progress;
        progress.saved_at = progress.steps;
        self.save(trainer, agent, self.folder.latest(), SavedKind::Latest)
    }

    fn save<B: Backend>(
        &mut self,
        trainer: &mut Trainer<B>,
        agent: usize,
        path: PathBuf,
        kind: SavedKind,
    ) -> Result<(), TrainError> {
        trainer.checkpoint(agent)?.save(&path)?;
        self.sinks.emit(&Event::Saved { step: trainer.sessions[agent].progress.steps, path, kind });
        Ok(())
    }

    /// Passes an iteration on, if the last one was reported at least `run.log_interval` steps ago.
    fn report(&mut self, session: &mut Session, iteration: &Iteration) {
        let step = session.progress.steps;
        let since = step - session.progress.reported_at;
        if since < session.config.run.log_interval && !session.is_finished() {
            return;
        }
        session.progress.reported_at = step;
        let episodes = &session.episodes;
        self.sinks.emit(&Event::Iteration {
            step,
            wall_seconds: session.wall_seconds(),
            steps_per_second: iteration.steps_per_second,
            episodes: episodes.finished(),
            episodic_return: episodes.mean_return(),
            scalars: scalars(iteration, session),
        });
    }

    fn end(&mut self, session: &Session, outcome: &Result<(), TrainError>) {
        let reason = match outcome {
            Err(_) => "failed",
            Ok(()) if is_solved_and_done(session) => "solved",
            Ok(()) if session.is_finished() => "finished",
            Ok(()) => "interrupted",
        };
        let episodes = &session.episodes;
        self.sinks.emit(&Event::End {
            step: session.progress.steps,
            wall_seconds: session.wall_seconds(),
            episodes: episodes.finished(),
            episodic_return: episodes.mean_return(),
            reason: reason.to_owned(),
        });
    }
}

fn is_solved_and_done(session: &Session) -> bool {
    session.config.run.stop_at_threshold && session.is_solved()
}

/// Whether every step is done, or the run was to stop once solved and is.
pub(crate) fn is_done(session: &Session) -> bool {
    session.is_finished() || is_solved_and_done(session)
}

fn has_reached(session: &Session, stop_after: Option<u64>) -> bool {
    stop_after.is_some_and(|steps| session.progress.steps >= steps)
}

/// Whether a run that goes on from a checkpoint may stay as it is.
pub(crate) fn has_nothing_to_do(session: &Session, options: &RunOptions<'_>) -> bool {
    match is_done(session) {
        true => session.progress.evaluated_at >= session.progress.steps,
        false => has_reached(session, options.stop_after),
    }
}

/// A learner restored from a checkpoint, to evaluate or export it.
///
/// # Errors
/// If the checkpoint does not fit its own configuration, or the device cannot be opened.
pub fn load_learner<B: Backend>(learner: &mut Learner<B>, checkpoint: &Checkpoint) -> Result<(), TrainError> {
    let mut state = learner.state(0)?;
    let params = learner.spec().params();
    for param in &params {
        let values = checkpoint.f32(&param.name, &param.shape)?;
        state.weights[param.offset..param.offset + param.len()].copy_from_slice(values);
    }
    Ok(learner.restore(0, &state)?)
}
