//! Pictures: figures of panels, and learning curves of runs as one of them.

mod axes;
mod canvas;
mod curves;
mod data;
mod error;
mod figure;
mod layout;
mod legend;
mod marks;
mod ranges;

pub use error::PlotError;

use canvas::{Format, write};
use std::path::{Path, PathBuf};
use striatum_dopamine::Figure;

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
    let format = Format::of(out)?;
    if options.width < 320 || options.height < 240 {
        return Err(PlotError::Size { width: options.width, height: options.height });
    }
    let figure = curves::figure(&data::groups(runs, metric)?, metric, options.title.clone());
    let unit = f64::from(options.width) / figure::natural_size(&figure).0;
    write(&figure, format, out, (options.width, options.height), unit)
}

/// Draws a figure to `out`, an `.svg` or a `.png`, in the size that suits it. Panels of a column with the same horizontal label span the
/// same; a legend that several panels would have stands above them once. A number that is not finite interrupts its curve.
///
/// # Errors
/// [`PlotError`] if `out` cannot be written or has another extension.
pub fn draw(figure: &Figure, out: &Path) -> Result<(), PlotError> {
    let (width, height) = figure::natural_size(figure);
    write(figure, Format::of(out)?, out, (width as u32, height as u32), 1.0)
}
