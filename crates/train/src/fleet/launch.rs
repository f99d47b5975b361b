//! Training the agents of a launch.

use super::board::Board;
use super::summary::{FleetSummary, Outcome};
use super::{Agent, folder};
use crate::config::Config;
use crate::engine;
use crate::error::TrainError;
use crate::folder::RunFolder;
use crate::run::{Changes, RunOptions, Seat, Summary, conduct};
use crate::sinks::Sink;
use crate::spec::training_spec;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use striatum_envs::VecEnv;

/// Makes a batch of N environments for an agent of these settings, on any thread.
pub type MakeEnvs<'a> = dyn Fn(&Config, usize) -> Result<Box<dyn VecEnv>, TrainError> + Sync + 'a;

/// Trains the agents that [`plan()`](super::plan()) made, into run folders of the names they have under `options.out`. An agent that
/// fails does not stop the others.
///
/// # Errors
/// If settings and task do not fit, the folder cannot be made, or no agent could begin.
pub fn train(
    agents: Vec<Agent>,
    make_envs: &MakeEnvs<'_>,
    options: &RunOptions<'_>,
) -> Result<FleetSummary, TrainError> {
    let way = Way::of(&agents, make_envs)?;
    let made = folder::create(&options.out, &agents)?;
    let launch = Launch { agents, failed: Vec::new(), way, changes: Changes::default(), make_envs, options };
    launch.run().inspect_err(|_| made.remove())
}

/// Continues every agent of a launch that is not finished.
///
/// # Errors
/// If the launch cannot be read, or as [`train`].
pub fn resume(
    changes: Changes,
    make_envs: &MakeEnvs<'_>,
    options: &RunOptions<'_>,
) -> Result<FleetSummary, TrainError> {
    let (mut agents, mut failed) = (Vec::new(), Vec::new());
    for entry in folder::list(&options.out)?.agents {
        let settings = RunFolder::open(&options.out.join(&entry.folder)).and_then(|folder| folder::config_of(&folder));
        match settings {
            Ok(mut config) => {
                changes.apply(&mut config, None)?;
                agents.push(Agent { name: entry.folder, variation: entry.variation, config });
            }
            Err(error) => failed.push((entry.folder, error)),
        }
    }
    let way = Way::of(&agents, make_envs)?;
    Launch { agents, failed, way, changes, make_envs, options }.run()
}

/// How the agents of a launch train.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Shared out over threads.
    SideBySide,
    /// In one launch of every kernel.
    Together,
    /// One after the other.
    InTurn,
}

impl Way {
    fn of(agents: &[Agent], make_envs: &MakeEnvs<'_>) -> Result<Self, TrainError> {
        let (mut side_by_side, mut together) = (true, true);
        let Some(first) = agents.first() else { return Ok(Self::SideBySide) };
        // Agents may differ in their task's parameters, but no way depends on these.
        let probe = make_envs(&first.config, 1)?;
        for Agent { config, .. } in agents {
            let spec = training_spec(config, &*probe)?;
            side_by_side &= engine::may_share_out(config, &spec)?;
            together &= engine::trains_together(config, &spec, probe.builtin())?;
        }
        Ok(match (side_by_side, together) {
            (true, _) => Self::SideBySide,
            (_, true) => Self::Together,
            _ => Self::InTurn,
        })
    }
}

/// A launch under way.
pub(super) struct Launch<'a> {
    pub(super) agents: Vec<Agent>,
    /// Agents that could not be read.
    failed: Vec<(String, TrainError)>,
    way: Way,
    pub(super) changes: Changes,
    pub(super) make_envs: &'a MakeEnvs<'a>,
    pub(super) options: &'a RunOptions<'a>,
}

impl Launch<'_> {
    fn run(mut self) -> Result<FleetSummary, TrainError> {
        let began = Instant::now();
        let threads = self.agents.first().map_or(1, |agent| engine::threads(&agent.config));
        let workers = match self.way {
            Way::SideBySide => threads.min(self.agents.len()).max(1),
            Way::Together => self.agents.len().max(1),
            Way::InTurn => 1,
        };
        let board = Arc::new(Board::new(&self.agents, workers, self.options.quiet));
        for (name, error) in &self.failed {
            board.failed(name, error);
        }
        let ends = match self.way {
            Way::Together => self.train_together(&board),
            Way::SideBySide | Way::InTurn => self.share_out(&board, workers, (threads / workers).max(1)),
        };
        board.close();
        let began_any = board.has_begun() || ends.iter().any(|end| matches!(end, Some(Ok(_))));
        let mut outcomes = Vec::new();
        for (agent, end) in std::mem::take(&mut self.agents).into_iter().zip(ends) {
            match end {
                Some(Err(error)) if !began_any => return Err(error),
                end => outcomes.push(Outcome { name: agent.name, variation: agent.variation, end }),
            }
        }
        for (name, error) in std::mem::take(&mut self.failed) {
            outcomes.push(Outcome { name, variation: String::new(), end: Some(Err(error)) });
        }
        Ok(FleetSummary::new(self.options.out.clone(), outcomes, board.steps(), began.elapsed().as_secs_f64()))
    }

    /// Every agent's end, none for those that were interrupted before they began. Workers take the next agent from a queue.
    fn share_out(
        &self,
        board: &Arc<Board>,
        workers: usize,
        threads: usize,
    ) -> Vec<Option<Result<Summary, TrainError>>> {
        let ends = Mutex::new(self.agents.iter().map(|_| None).collect::<Vec<_>>());
        let queue = AtomicUsize::new(0);
        let work = || {
            while !self.options.interrupted.load(Ordering::Relaxed) {
                let index = queue.fetch_add(1, Ordering::Relaxed);
                let Some(agent) = self.agents.get(index) else { break };
                let end = self.train_one(agent, board.seat(index), threads);
                board.ended(index, &end);
                // A device that cannot be opened now cannot be for the next agent.
                let no_device = matches!(end, Err(TrainError::Kernel(_) | TrainError::Engine(_)));
                let stop = no_device && !board.has_begun();
                ends.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(end);
                if stop {
                    break;
                }
            }
        };
        thread::scope(|scope| {
            let work = &work;
            (1..workers).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        ends.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// One agent, from its latest checkpoint if it has one.
    fn train_one(&self, agent: &Agent, console: Box<dyn Sink>, threads: usize) -> Result<Summary, TrainError> {
        let out: PathBuf = self.options.out.join(&agent.name);
        let options = RunOptions { out: out.clone(), ..*self.options };
        let seat = Seat { threads, console, new_folder: false, network: None };
        let folder = RunFolder::open(&out)?;
        let latest = folder.latest();
        if !latest.is_file() {
            folder.forget_curves()?;
            let make_envs = |count| (self.make_envs)(&agent.config, count);
            return conduct(agent.config.clone(), None, seat, &make_envs, &options);
        }
        let (checkpoint, mut config) = folder.load(&latest)?;
        self.changes.apply(&mut config, Some(&checkpoint))?;
        let make_envs = |count| (self.make_envs)(&agent.config, count);
        conduct(config, Some(&checkpoint), seat, &make_envs, &options)
    }
}
