//! Learning curves of runs as a picture.

mod data;
mod draw;
mod error;

pub use error::PlotError;

use std::path::{Path, PathBuf};

/// The metric that is plotted if none is named.
pub const DEFAULT_METRIC: &str = crate::event::EPISODIC_RETURN;

/// How a picture looks.
#[derive(Clone, Debug, PartialEq)]
pub struct PlotOptions {
    /// Title; none is the task's name if all runs are of one task.
    pub title: Option<String>,
    /// Width in pixels, at least 320.
    pub width: u32,
    /// Height in pixels, at least 240.
    pub height: u32,
}

impl Default for PlotOptions {
    fn default() -> Self {
        Self { title: None, width: 1280, height: 800 }
    }
}

/// Draws `metric` of `runs` (run folders, or `metrics.jsonl` files) over environment steps to `out`, an `.svg` or a `.png`. Runs of
/// the same task and algorithm are one curve: the mean over the runs, with a band from their minimum to their maximum, over the steps that
/// all of them have (linear interpolation between a run's own points).
///
/// # Errors
/// [`PlotError`] if a run has no metrics or none of that name, runs of a group share no steps, or `out` cannot be written or has
/// another extension.
pub fn plot(runs: &[PathBuf], metric: &str, out: &Path, options: &PlotOptions) -> Result<(), PlotError> {
    let format = draw::Format::of(out)?;
    if options.width < 320 || options.height < 240 {
        return Err(PlotError::Size { width: options.width, height: options.height });
    }
    let groups = data::groups(runs, metric)?;
    let picture = draw::Picture::new(&groups, metric, options.title.clone());
    picture.write(format, out, (options.width, options.height))
}
