//! Recordings of episodes: GIFs, and whatever ffmpeg makes an MP4 of.

mod caption;
mod episodes;
mod error;
mod gif;
mod mp4;

pub use episodes::{Ending, Recorded, Style};
pub use error::RecordingError;

use std::path::{Path, PathBuf};
use striatum_envs::Frame;
use tempfile::NamedTempFile;

/// Frames a second of a GIF at most: viewers slow down what is faster.
const GIF_RATE: f32 = 50.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Gif,
    Mp4,
}

/// A recording under way: a temporary file that takes the name asked for once it is whole.
pub struct Recording {
    path: PathBuf,
    temporary: NamedTempFile,
    format: Format,
    /// Frames a second asked for.
    rate: Option<f32>,
    encoder: Option<Box<dyn Encoder>>,
    frames: usize,
}

/// Takes pictures of one size; failures are words.
trait Encoder {
    /// Adds a picture that is shown for so many frames.
    fn add(&mut self, frame: &Frame, times: u32) -> Result<(), String>;

    /// Ends the file.
    fn finish(&mut self) -> Result<(), String>;
}

impl Recording {
    /// A recording at `path` with so many frames a second, or the task's.
    ///
    /// # Errors
    /// If the extension is neither .gif nor .mp4, the file cannot be made, or .mp4 is asked for where there is no ffmpeg.
    pub fn create(path: &Path, rate: Option<f32>) -> Result<Self, RecordingError> {
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("gif") => Format::Gif,
            Some(extension) if extension.eq_ignore_ascii_case("mp4") => Format::Mp4,
            _ => return Err(RecordingError::Extension { path: path.to_owned() }),
        };
        match (format, rate) {
            (Format::Gif, Some(rate)) if rate > GIF_RATE => return Err(RecordingError::TooFast { most: GIF_RATE }),
            (Format::Mp4, _) if !mp4::is_available() => {
                return Err(RecordingError::NoFfmpeg { path: path.to_owned() });
            }
            _ => {}
        }
        let temporary = temporary(path).map_err(|reason| RecordingError::Write { path: path.to_owned(), reason })?;
        Ok(Self { path: path.to_owned(), temporary, format, rate, encoder: None, frames: 0 })
    }

    /// Adds a picture that is shown for `times` frames, of a task that is shown at `rate` frames a second.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, frame: &Frame, times: u32, rate: f32) -> Result<(), RecordingError> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => {
                let encoder = self.open(frame, rate).map_err(|reason| self.failure(reason))?;
                self.encoder.insert(encoder)
            }
        };
        encoder.add(frame, times).map_err(|reason| self.failure(reason))?;
        self.frames += 1;
        Ok(())
    }

    fn open(&self, frame: &Frame, rate: f32) -> Result<Box<dyn Encoder>, String> {
        let rate = self.rate.unwrap_or(rate);
        Ok(match self.format {
            Format::Gif => {
                let file = self.temporary.reopen().map_err(|error| error.to_string())?;
                Box::new(gif::Gif::new(file, frame, rate.min(GIF_RATE))?)
            }
            Format::Mp4 => Box::new(mp4::Mp4::new(self.temporary.path(), frame, rate)?),
        })
    }

    /// How many pictures it has.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), RecordingError> {
        let ended = self.encoder.take().map_or(Ok(()), |mut encoder| encoder.finish());
        ended.map_err(|reason| self.failure(reason))?;
        let path = self.path;
        let persisted = self.temporary.persist(&path).map_err(|error| error.error.to_string());
        persisted.map(drop).map_err(|reason| RecordingError::Write { path, reason })
    }

    fn failure(&self, reason: String) -> RecordingError {
        RecordingError::Write { path: self.path.clone(), reason }
    }
}

/// A file beside `path` with its extension, which ffmpeg goes by.
fn temporary(path: &Path) -> Result<NamedTempFile, String> {
    if path.is_dir() {
        return Err("it is a folder".to_owned());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let suffix = format!(".{}", path.extension().unwrap_or_default().display());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".recording").suffix(&suffix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(|error| error.to_string())
}
