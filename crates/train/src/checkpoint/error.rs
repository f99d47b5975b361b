//! What can be wrong with a checkpoint.

use super::VERSION;
use std::path::PathBuf;

/// A checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is no such file.
    #[error("there is no checkpoint `{}`; give the folder of a run that has saved one", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is there, but the system does not let it be read.
    #[error("the checkpoint `{}` cannot be read: {source}; check its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file ends too early.
    #[error(
        "the checkpoint `{}` is truncated: it ends after {found} of {expected} bytes; copy it again, or use another checkpoint of the run",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The length that it announces, at least.
        expected: u64,
    },
    /// The file was written by this program and has changed since.
    #[error("the checkpoint `{}` is corrupted ({reason}); copy it again, or use another checkpoint of the run", path.display())]
    Corrupted {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// The file is something else.
    #[error("`{}` is not a Striatum checkpoint ({reason}); give a run folder, or a file of its `checkpoints` folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// The file is of a newer program.
    #[error(
        "the checkpoint `{}` has format version {version}, and this program reads up to {VERSION}; use the newer program that wrote it",
        path.display()
    )]
    FutureVersion {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u64,
    },
    /// The file could not be written; the one that was there before is untouched.
    #[error(
        "the checkpoint `{}` cannot be written: {source}; free some space or check the folder's permissions (an earlier checkpoint of that name is untouched)",
        path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An array has another number of elements than its shape.
    #[error("tensor `{name}` has {found} elements, and its shape {shape:?} another number of them")]
    Count {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The number of its elements.
        found: usize,
    },
    /// A value that the run's settings need is not there.
    #[error("the checkpoint{} has no {kind} `{name}`; it is of a run with other settings", quoted(file))]
    Absent {
        /// The file, if the checkpoint was read from one.
        file: Option<PathBuf>,
        /// Tensor, counter or number.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A tensor has another shape than the run's settings need.
    #[error(
        "tensor `{name}` of the checkpoint{} has shape {found:?}, and the run's settings need {expected:?}",
        quoted(file)
    )]
    Shape {
        /// The file, if the checkpoint was read from one.
        file: Option<PathBuf>,
        /// The tensor.
        name: String,
        /// The shape asked for.
        expected: Vec<usize>,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A tensor has another element type than expected.
    #[error("tensor `{name}` of the checkpoint{} has {found} elements, and {expected} are needed", quoted(file))]
    Type {
        /// The file, if the checkpoint was read from one.
        file: Option<PathBuf>,
        /// The tensor.
        name: String,
        /// The type asked for.
        expected: &'static str,
        /// Its type.
        found: &'static str,
    },
}

/// The file after a blank and in quotes, if there is one.
fn quoted(file: &Option<PathBuf>) -> String {
    file.as_ref().map(|path| format!(" `{}`", path.display())).unwrap_or_default()
}
