//! `metrics.jsonl`: one JSON object a line.

use super::{Sink, SinkError};
use crate::event::Event;
use serde_json::{Map, Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Appends every event with a step as one line: `event`, `step`, `wall_seconds` where it has them, then its values, curves under their
/// TensorBoard tags. What is not a finite number is null.
pub struct Jsonl {
    path: PathBuf,
    file: File,
}

impl Jsonl {
    /// Starts an empty file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> Result<Self, SinkError> {
        let file = File::create(path).map_err(|error| lost(path, error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Goes on with the file of a run that is resumed at `step`: lines of later steps, and a last line that was cut short, are
    /// removed, so that no step stands there twice.
    ///
    /// # Errors
    /// If it cannot be read or written. A file that is not there is started.
    pub fn resume(path: &Path, step: u64) -> Result<Self, SinkError> {
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(|e| lost(path, e))?;
        let keep = std::fs::read(path).map(|bytes| kept(&bytes, step)).map_err(|error| lost(path, error))?;
        file.set_len(keep).and_then(|()| file.seek(SeekFrom::Start(keep))).map_err(|error| lost(path, error))?;
        Ok(Self { path: path.to_owned(), file })
    }
}

/// The length of the leading lines that are whole and of no step beyond `step`.
fn kept(bytes: &[u8], step: u64) -> u64 {
    let stays = |line: &[u8]| {
        line.ends_with(b"\n")
            && serde_json::from_slice::<Value>(line)
                .is_ok_and(|value| value.get("step").and_then(Value::as_u64).is_some_and(|own| own <= step))
    };
    bytes.split_inclusive(|&byte| byte == b'\n').take_while(|line| stays(line)).map(|line| line.len() as u64).sum()
}

fn lost(path: &Path, error: impl ToString) -> SinkError {
    SinkError::new(format!("cannot write `{}`", path.display()), error)
}

impl Sink for Jsonl {
    fn on(&mut self, event: &Event) -> Result<(), SinkError> {
        let Some(object) = line(event) else { return Ok(()) };
        let mut text = Value::Object(object).to_string();
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(|error| lost(&self.path, error))
    }
}

/// The event as a JSON object; none if it has no step.
fn line(event: &Event) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    let (name, wall_seconds) = match event {
        Event::Start { wall_seconds, .. } => ("start", Some(wall_seconds)),
        Event::Iteration { wall_seconds, .. } => ("iteration", Some(wall_seconds)),
        Event::Evaluation { wall_seconds, .. } => ("evaluation", Some(wall_seconds)),
        Event::Saved { .. } => ("saved", None),
        Event::End { wall_seconds, .. } => ("end", Some(wall_seconds)),
        Event::Warning(_) => return None,
    };
    put("event", json!(name));
    put("step", json!(event.step()?));
    if let Some(seconds) = wall_seconds {
        put("wall_seconds", json!(seconds));
    }
    match event {
        Event::Start { task, algo, engine, device, seed, total_steps, .. } => {
            put("task", json!(task));
            put("algo", json!(algo));
            put("engine", json!(engine));
            put("device", json!(device));
            put("seed", json!(seed));
            put("total_steps", json!(total_steps));
        }
        Event::Iteration { episodes, .. } => drop(put("episodes", json!(episodes))),
        Event::Evaluation { episodes, .. } => drop(put("episodes", json!(episodes))),
        Event::Saved { path, kind, .. } => {
            put("kind", json!(kind.name()));
            put("path", json!(path.to_string_lossy()));
        }
        Event::End { episodes, episodic_return, reason, .. } => {
            put("episodes", json!(episodes));
            put(crate::event::EPISODIC_RETURN, json!(episodic_return));
            put("reason", json!(reason));
        }
        Event::Warning(_) => {}
    }
    for (tag, value) in event.scalars() {
        put(tag, json!(value));
    }
    Some(object)
}
