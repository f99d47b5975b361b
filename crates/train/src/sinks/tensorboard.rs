//! TensorBoard event files.

use super::{Sink, SinkError};
use crate::event::Event;
use protobuf::RepeatedField;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};
use tensorboard_proto::event::{Event as Record, SessionLog, SessionLog_SessionStatus};
use tensorboard_proto::summary::{Summary, Summary_Value, SummaryMetadata, SummaryMetadata_PluginData};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::types::DataType;
use tensorboard_rs::summary_writer::FileWriter;

/// How long iterations may wait to be written, with those that follow soon: the writer has a thread of its own, which takes a core from
/// training each time.
const DELAY: Duration = Duration::from_millis(200);

/// Writes curves as scalars and the configuration as a table on the text page. Events reach the file as they come, iterations that follow
/// each other within a fifth of a second together, so a run can be watched. A resumed run gets a file of its own, whose first record lets
/// readers forget steps beyond the one resumed from.
pub struct TensorBoard {
    folder: PathBuf,
    writer: Option<FileWriter>,
    /// What is not written yet, with its step; and when anything was last.
    waiting: Vec<(Summary, usize)>,
    written: Instant,
}

impl TensorBoard {
    /// Opens a new event file in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be made or written to.
    pub fn open(folder: &Path) -> Result<Self, SinkError> {
        std::fs::create_dir_all(folder).map_err(|error| lost(folder, error))?;
        tempfile::tempfile_in(folder).map_err(|error| lost(folder, error))?;
        silence_writer_panics();
        await_free_name(folder).map_err(|error| lost(folder, error))?;
        let writer = catch_unwind(|| FileWriter::new(folder)).map_err(|_| lost(folder, "its writer failed"))?;
        Ok(Self { folder: folder.to_owned(), writer: Some(writer), waiting: Vec::new(), written: Instant::now() })
    }

    /// Writes what is waiting.
    fn deliver(&mut self) -> Result<(), SinkError> {
        self.written = Instant::now();
        let waiting = std::mem::take(&mut self.waiting);
        self.guarded(|writer| {
            waiting.into_iter().for_each(|(summary, step)| writer.add_summary(summary, step));
            writer.flush();
        })
    }

    /// Runs `write`; the writer panics when its thread has died, which it does when the disk fails.
    fn guarded(&mut self, write: impl FnOnce(&mut FileWriter)) -> Result<(), SinkError> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        match catch_unwind(AssertUnwindSafe(|| write(&mut writer))) {
            Ok(()) => {
                self.writer = Some(writer);
                Ok(())
            }
            Err(_) => {
                // Dropping it would panic again.
                std::mem::forget(writer);
                Err(lost(&self.folder, "its writer failed, as when the disk is full"))
            }
        }
    }
}

fn lost(folder: &Path, error: impl ToString) -> SinkError {
    SinkError::new(format!("cannot write TensorBoard's event file in `{}`", folder.display()), error)
}

/// Lets no panic of the writer's crate be printed: each is caught here and becomes a [`SinkError`]. Other panics are as before.
fn silence_writer_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("tensorboard-rs")) {
                before(info);
            }
        }));
    });
}

/// The writer names its file by second and process and overwrites one of the same name: waits until no such file exists.
fn await_free_name(folder: &Path) -> std::io::Result<()> {
    loop {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (start, end) = (format!("events.out.tfevents.{now:010}."), format!(".{}.0", std::process::id()));
        let mut taken = false;
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            taken |= name.starts_with(&start) && name.ends_with(&end);
        }
        if !taken {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Sink for TensorBoard {
    fn on(&mut self, event: &Event) -> Result<(), SinkError> {
        if let Event::Start { config, step, .. } = event {
            let (table, step) = (text("config", &markdown_table(config)), *step as usize);
            return self.guarded(|writer| {
                if step > 0 {
                    writer.add_event(&restart(), step + 1);
                }
                writer.add_summary(table, step);
                writer.flush();
            });
        }
        let (scalars, Some(step)) = (event.scalars(), event.step()) else { return Ok(()) };
        if !scalars.is_empty() {
            let values = scalars.into_iter().map(|(tag, value)| scalar(tag, value));
            self.waiting.push((summary(values), step as usize));
        }
        let may_wait = matches!(event, Event::Iteration { .. }) && self.written.elapsed() < DELAY;
        if may_wait || self.waiting.is_empty() { Ok(()) } else { self.deliver() }
    }
}

impl Drop for TensorBoard {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure.
        let _ = self.deliver();
        let writer = self.writer.take();
        // The writer panics on drop if its thread has died.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(writer)));
    }
}

/// A record that makes readers forget everything from its step on.
fn restart() -> Record {
    let mut log = SessionLog::new();
    log.set_status(SessionLog_SessionStatus::START);
    let mut record = Record::new();
    record.set_session_log(log);
    record
}

fn summary(values: impl IntoIterator<Item = Summary_Value>) -> Summary {
    let mut summary = Summary::new();
    summary.set_value(RepeatedField::from_iter(values));
    summary
}

fn scalar(tag: &str, number: f64) -> Summary_Value {
    let mut value = Summary_Value::new();
    value.set_tag(tag.to_owned());
    value.set_simple_value(number as f32);
    value
}

/// A text for TensorBoard's text page, read as Markdown: a string tensor with the text plugin's name.
fn text(tag: &str, markdown: &str) -> Summary {
    let mut plugin = SummaryMetadata_PluginData::new();
    plugin.set_plugin_name("text".to_owned());
    let mut metadata = SummaryMetadata::new();
    metadata.set_plugin_data(plugin);
    let mut tensor = TensorProto::new();
    tensor.set_dtype(DataType::DT_STRING);
    tensor.set_string_val(RepeatedField::from_vec(vec![markdown.as_bytes().to_vec()]));
    let mut value = Summary_Value::new();
    value.set_tag(format!("{tag}/text_summary"));
    value.set_metadata(metadata);
    value.set_tensor(tensor);
    summary([value])
}

/// The configuration as a Markdown table of dotted keys and values; the text itself, indented as code, if it is not TOML.
fn markdown_table(config: &str) -> String {
    let Ok(table) = config.parse::<toml::Table>() else {
        return config.lines().map(|line| format!("    {line}\n")).collect();
    };
    let mut rows = String::from("| key | value |\n|---|---|\n");
    push_rows("", &table, &mut rows);
    rows
}

fn push_rows(section: &str, table: &toml::Table, rows: &mut String) {
    // Plain keys before tables, whatever order the parser keeps.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, value)| (value.is_table(), *key));
    for (key, value) in entries {
        match value {
            toml::Value::Table(inner) => push_rows(&format!("{section}{key}."), inner, rows),
            value => *rows += &format!("| {section}{key} | {} |\n", value.to_string().replace('|', "\\|")),
        }
    }
}
