//! Agents that train in one launch of every kernel, on a GPU.

use super::board::Board;
use super::launch::Launch;
use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::engine::{self, EngineInfo};
use crate::error::TrainError;
use crate::folder::RunFolder;
use crate::run::{Run, Summary, has_nothing_to_do};
use crate::trainer::Trainer;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use striatum_kernels::Backend;

/// An agent's end, none if it was interrupted before it began.
pub(super) type End = Option<Result<Summary, TrainError>>;

/// An agent that is about to begin or to go on.
struct Member {
    index: usize,
    config: Config,
    checkpoint: Option<Checkpoint>,
    folder: RunFolder,
}

impl Member {
    /// Members that agree in this and in the shape of their settings stay in step.
    fn progress(&self) -> [Option<u64>; 2] {
        let counter = |name| self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.counter(name).ok());
        [counter("steps"), counter("iterations")]
    }
}

impl Launch<'_> {
    /// Every agent's end. Agents of one shape train together, shape after shape.
    pub(super) fn train_together(&self, board: &Arc<Board>) -> Vec<End> {
        let mut ends: Vec<End> = self.agents.iter().map(|_| None).collect();
        let mut groups: Vec<Vec<Member>> = Vec::new();
        for index in 0..self.agents.len() {
            match self.member(index) {
                Err(error) => end(board, &mut ends, index, Err(error)),
                Ok(member) => {
                    let alike = |group: &&mut Vec<Member>| {
                        group[0].config.shape() == member.config.shape() && group[0].progress() == member.progress()
                    };
                    match groups.iter_mut().find(alike) {
                        Some(group) => group.push(member),
                        None => groups.push(vec![member]),
                    }
                }
            }
        }
        for group in groups {
            if self.options.interrupted.load(Ordering::Relaxed) {
                break;
            }
            let indices: Vec<usize> = group.iter().map(|member| member.index).collect();
            if let Err(error) = self.train_group(board, group, &mut ends) {
                // Whatever it was, it was everybody's.
                let text = error.to_string();
                end(board, &mut ends, indices[0], Err(error));
                for &index in &indices[1..] {
                    end(board, &mut ends, index, Err(TrainError::Engine(text.clone())));
                }
            }
        }
        ends
    }

    fn member(&self, index: usize) -> Result<Member, TrainError> {
        let agent = &self.agents[index];
        let folder = RunFolder::open(&self.options.out.join(&agent.name))?;
        if !folder.latest().is_file() {
            folder.forget_curves()?;
            return Ok(Member { index, config: agent.config.clone(), checkpoint: None, folder });
        }
        let (checkpoint, mut config) = folder.load(&folder.latest())?;
        self.changes.apply(&mut config, Some(&checkpoint))?;
        Ok(Member { index, config, checkpoint: Some(checkpoint), folder })
    }

    fn train_group(&self, board: &Arc<Board>, group: Vec<Member>, ends: &mut [End]) -> Result<(), TrainError> {
        let configs: Vec<Config> = group.iter().map(|member| member.config.clone()).collect();
        // They share `Config::shape`, and so the task's parameters.
        let first = configs[0].clone();
        let make_envs = |count| (self.make_envs)(&first, count);
        let (trainer, info) = engine::open_trainer(configs, &make_envs)?;
        crate::with_trainer!(trainer, trainer => self.drive(trainer, &info, board, group, ends))
    }

    /// Iterates until the last run has ended.
    fn drive<B: Backend>(
        &self,
        mut trainer: Trainer<B>,
        info: &EngineInfo,
        board: &Arc<Board>,
        group: Vec<Member>,
        ends: &mut [End],
    ) -> Result<(), TrainError> {
        let mut runs = Vec::new();
        for (agent, Member { index, checkpoint, folder, .. }) in group.into_iter().enumerate() {
            if let Some(checkpoint) = &checkpoint {
                trainer.restore(agent, checkpoint)?;
                let session = &trainer.sessions()[agent];
                if has_nothing_to_do(session, self.options) {
                    end(board, ends, index, Ok(Summary::of(session, info, &folder)));
                    runs.push((index, None));
                    continue;
                }
            }
            let session = &trainer.sessions()[agent];
            folder.write_config(&session.config)?;
            let resumed_at = checkpoint.map(|_| session.progress.steps);
            let mut run = Run::open(folder, info.clone(), self.options, board.seat(index), resumed_at)?;
            run.start(session);
            runs.push((index, Some(run)));
        }
        while runs.iter().any(|(_, run)| run.is_some()) {
            let running = runs.iter().enumerate().filter_map(|(agent, (_, run))| Some((agent, run.as_ref()?)));
            let pauses = running.map(|(agent, run)| run.next_pause(&trainer.sessions()[agent]));
            let pause = pauses.min().unwrap_or(0);
            let failure = trainer.iterate_towards(pause).err().map(|error| error.to_string());
            for (agent, (index, slot)) in runs.iter_mut().enumerate() {
                let Some(mut run) = slot.take() else { continue };
                let outcome = match &failure {
                    Some(text) => Err(TrainError::Engine(text.clone())),
                    None => run.after(&mut trainer, agent),
                };
                match outcome {
                    Ok(true) => *slot = Some(run),
                    other => end(board, ends, *index, run.close(&mut trainer, agent, other.map(|_| ()))),
                }
            }
        }
        Ok(())
    }
}

fn end(board: &Board, ends: &mut [End], index: usize, outcome: Result<Summary, TrainError>) {
    board.ended(index, &outcome);
    ends[index] = Some(outcome);
}
