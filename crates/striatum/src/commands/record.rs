//! What `striatum eval --record` writes.

use super::{interrupt, note, say};
use crate::cli::RecordArgs;
use anyhow::Result;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;
use striatum_train::recording::{Recording, RecordingError};
use striatum_train::run::MakeEnvs;
use striatum_train::saved::SavedPolicy;
use striatum_train::show::{Program, Score};

/// What was recorded.
pub struct Recorded {
    path: PathBuf,
    frames: usize,
    /// Those that ended.
    episodes: Vec<Score>,
}

/// Makes the file, so that it is known to be writable before anything is played.
pub fn open(args: &RecordArgs) -> Result<Option<Recording>> {
    Ok(args.record.as_ref().map(|path| Recording::create(path, args.fps)).transpose()?)
}

/// Records the episodes.
pub fn run(
    saved: &SavedPolicy,
    make_envs: &MakeEnvs<'_>,
    program: Program,
    args: &RecordArgs,
    mut recording: Recording,
) -> Result<Recorded> {
    interrupt::expect()?;
    let most = args.max_frames as usize;
    let program = Program { episodes: args.record_episodes as usize, ..program };
    let mut is_full = false;
    let episodes = saved.show(make_envs, program, &mut |sight| {
        if interrupt::is_due() || is_full {
            return Ok(ControlFlow::Break(()));
        }
        let Some(picture) = &sight.picture else {
            return Err(RecordingError::NoPicture { task: saved.config.task.clone() }.into());
        };
        recording.see(picture, sight, args.overlay)?;
        is_full = recording.frames() >= most;
        Ok(ControlFlow::Continue(()))
    })?;
    let frames = recording.frames();
    recording.finish()?;
    if (episodes.len() as u32) < args.record_episodes {
        let why = if is_full { "`--max-frames`" } else { "Ctrl-C" };
        note(format_args!("the recording ends after {frames} frames, before its last episode does, as {why} says"));
    }
    Ok(Recorded { path: args.record.clone().unwrap_or_default(), frames, episodes })
}

impl Recorded {
    pub fn json(&self) -> Value {
        json!({ "path": self.path.display().to_string(), "frames": self.frames, "episodes": self.episodes })
    }

    /// A line an episode, and the file's name.
    pub fn say(&self) -> Result<()> {
        for Score { total, length } in &self.episodes {
            say(format_args!("recorded an episode of return {total:.2} and length {length}"))?;
        }
        say(format_args!("wrote {}, {} frames", self.path.display(), self.frames))
    }
}
