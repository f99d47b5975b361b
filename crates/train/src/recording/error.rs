//! What can go wrong in a recording.

use std::path::PathBuf;

/// A recording could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The extension says no format.
    #[error("`{}` is no recording's name; give one that ends with .gif or .mp4", path.display())]
    Extension {
        /// The file asked for.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("the recording `{}` cannot be written: {reason}", path.display())]
    Write {
        /// The file asked for.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no ffmpeg.
    #[error("`{}` needs `ffmpeg`, which is not on the path; install it, or give a name that ends with .gif", path.display())]
    NoFfmpeg {
        /// The file asked for.
        path: PathBuf,
    },
    /// Frames would follow each other too fast.
    #[error("a GIF shows at most {most} frames a second; give a `--fps` up to {most}, or a name that ends with .mp4")]
    TooFast {
        /// Frames a second of a GIF at most.
        most: f32,
    },
    /// The task has no pictures.
    #[error("the task `{task}` draws nothing that could be recorded")]
    NoPicture {
        /// The task.
        task: String,
    },
}
