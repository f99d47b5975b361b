//! What `striatum eval --record` writes.

use super::{interrupt, note, say};
use crate::cli::RecordArgs;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::PathBuf;
use striatum_train::recording::{Ending, Recorded, Recording, Style};
use striatum_train::run::MakeEnvs;
use striatum_train::saved::SavedPolicy;
use striatum_train::show::{Program, Score};

/// A recording and its file.
pub struct Report {
    path: PathBuf,
    recorded: Recorded,
}

/// Refuses what could not be written, before anything is played.
pub fn check(args: &RecordArgs) -> Result<()> {
    let recording = args.record.as_ref().map(|path| Recording::create(path, args.fps));
    recording.transpose().map(drop).map_err(Into::into)
}

/// Records the episodes, if that was asked for.
pub fn run(
    saved: &SavedPolicy,
    make_envs: &MakeEnvs<'_>,
    program: Program,
    args: &RecordArgs,
) -> Result<Option<Report>> {
    let Some(path) = &args.record else { return Ok(None) };
    let interrupted = interrupt::expect()?;
    let recording = Recording::create(path, args.fps)?;
    let style = Style { caption: args.overlay, most_frames: args.max_frames as usize };
    let program = Program { episodes: args.record_episodes as usize, ..program };
    let recorded = saved.record(make_envs, program, recording, style, interrupted)?;
    let frames = recorded.frames;
    match recorded.ending {
        Ending::Whole => {}
        Ending::Full => {
            note(format_args!("the recording ends within an episode, at {frames} frames; `--max-frames` allows more"))
        }
        Ending::Interrupted => note(format_args!("the recording was ended at {frames} frames")),
    }
    Ok(Some(Report { path: path.clone(), recorded }))
}

impl Report {
    pub fn json(&self) -> Value {
        let Recorded { frames, episodes, ending } = &self.recorded;
        json!({
            "path": self.path.display().to_string(),
            "frames": frames,
            "episodes": episodes,
            "whole": *ending == Ending::Whole,
        })
    }

    /// A line an episode, and the file's name.
    pub fn say(&self) -> Result<()> {
        for Score { total, length } in &self.recorded.episodes {
            say(format_args!("recorded an episode of return {total:.2} and length {length}"))?;
        }
        say(format_args!("wrote {}, {} frames", self.path.display(), self.recorded.frames))
    }
}
