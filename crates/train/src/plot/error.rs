//! Why there is no picture.

use std::path::PathBuf;

/// A picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// No runs were named.
    #[error("no runs to plot; name one run folder or more")]
    NoRuns,
    /// A run has no metrics file.
    #[error("`{}` is not a run: {source}; give the folder of a run, which holds `metrics.jsonl`", path.display())]
    NoSuchRun {
        /// The path given.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A run has written nothing yet.
    #[error("`{}` has no data yet; let the run finish an iteration first", path.display())]
    NoData {
        /// The metrics file.
        path: PathBuf,
    },
    /// A run has no numbers under this name.
    #[error("`{}` has no metric `{metric}`{}", path.display(), suggestion(nearest.as_deref(), known))]
    UnknownMetric {
        /// The metrics file.
        path: PathBuf,
        /// The metric asked for.
        metric: String,
        /// The known metric of the most similar name.
        nearest: Option<String>,
        /// Every metric of the run.
        known: Vec<String>,
    },
    /// A metric that the run names, without a single number.
    #[error("`{}` has no value of `{metric}` yet; let the run go on until there is one", path.display())]
    NoValues {
        /// The metrics file.
        path: PathBuf,
        /// The metric asked for.
        metric: String,
    },
    /// Runs of one group have no steps in common.
    #[error("the runs of {group} have no steps in common, so they have no mean; plot them one by one")]
    Apart {
        /// Task and algorithm.
        group: String,
    },
    /// The picture would be too small for its labels.
    #[error("{width} x {height} pixels are too few for a picture; ask for 320 x 240 at least")]
    Size {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// Neither SVG nor PNG.
    #[error("`{}` is neither an `.svg` nor a `.png`; name a file that is", path.display())]
    Extension {
        /// The path given.
        path: PathBuf,
    },
    /// The picture could not be written.
    #[error("`{}` cannot be written: {reason}; check that its folder exists and has space", path.display())]
    Write {
        /// The picture.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn suggestion(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; it has {}", known.join(", ")),
    }
}
