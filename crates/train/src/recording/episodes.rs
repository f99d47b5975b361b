//! Episodes of a trained agent as a recording.

use super::{Recording, RecordingError, caption};
use crate::error::TrainError;
use crate::picture::draw;
use crate::run::MakeEnvs;
use crate::saved::SavedPolicy;
use crate::show::{Program, Score, Sight};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use striatum_envs::Picture;

/// How episodes are recorded.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether return, step and TD error stand under the pictures.
    pub caption: bool,
    /// Pictures after which the recording ends, at least 1.
    pub most_frames: usize,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The number of pictures.
    pub frames: usize,
    /// What the episodes came to that ended.
    pub episodes: Vec<Score>,
    /// How it ended.
    pub ending: Ending,
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its last episode.
    Whole,
    /// At its most frames.
    Full,
    /// By somebody's wish.
    Interrupted,
}

impl SavedPolicy {
    /// Records episodes, from their start to their end; the end of an episode stays half a second longer.
    ///
    /// # Errors
    /// If the task has no pictures or the file cannot be written, and as [`show`](Self::show).
    pub fn record(
        &self,
        make_envs: &MakeEnvs<'_>,
        program: Program,
        mut recording: Recording,
        style: Style,
        interrupted: &AtomicBool,
    ) -> Result<Recorded, TrainError> {
        let mut largest = 0.0;
        let mut ending = Ending::Whole;
        let episodes = self.show(make_envs, program, &mut |sight| {
            largest = sight.act.map_or(largest, |act| act.td_error.abs().max(largest));
            recording.see(sight, style.caption.then_some(largest), &self.config.task)?;
            if sight.act.is_some_and(|act| act.ends) && sight.episode + 1 == program.episodes {
                return Ok(ControlFlow::Break(()));
            }
            ending = match () {
                () if interrupted.load(Ordering::Relaxed) => Ending::Interrupted,
                () if recording.frames >= style.most_frames => Ending::Full,
                () => return Ok(ControlFlow::Continue(())),
            };
            Ok(ControlFlow::Break(()))
        })?;
        let frames = recording.frames;
        recording.finish()?;
        Ok(Recorded { frames, episodes, ending })
    }
}

impl Recording {
    /// Adds the picture of what is seen, with a caption if the largest TD error so far is given.
    fn see(&mut self, sight: &Sight<'_>, largest: Option<f32>, task: &str) -> Result<(), RecordingError> {
        let frame = match &sight.picture {
            Some(Picture::Scene(scene)) => draw(scene, 1.0),
            Some(Picture::Frame(frame)) => frame.clone(),
            None => return Err(RecordingError::NoPicture { task: task.to_owned() }),
        };
        let frame = largest.map_or_else(|| frame.clone(), |largest| caption::under(&frame, sight, largest));
        let rate = self.rate.unwrap_or(sight.rate);
        let rest = if sight.act.is_some_and(|act| act.ends) { rate / 2.0 } else { 0.0 };
        self.add(&frame, 1 + rest.round() as u32, sight.rate)
    }
}
