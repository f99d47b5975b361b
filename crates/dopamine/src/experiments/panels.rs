//! Short ways to make checks, tables and panels.

use crate::{Check, Expected, Heatmap, Panel, Plot, Series, Table};

/// A check of a published number: all three decimals.
pub(super) fn published(what: impl Into<String>, value: f64, measured: f64) -> Check {
    Check::new(what, Expected::Near { value, tolerance: 0.0005 }, measured)
}

/// A check of a published step or trial.
pub(super) fn counted(what: impl Into<String>, value: usize, measured: usize) -> Check {
    Check::new(what, Expected::Near { value: value as f64, tolerance: 0.0 }, measured as f64)
}

/// Points under a name.
pub(super) fn series(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    Series { name: name.into(), points: points.into_iter().collect(), band: Vec::new() }
}

/// Numbers of successive trials, which are counted from 1.
pub(super) fn by_trial(values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(trial, &value)| ((trial + 1) as f64, value)).collect()
}

/// Numbers of successive steps, which are counted from 0.
pub(super) fn by_step(values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(step, &value)| (step as f64, value)).collect()
}

/// A panel on axes of numbers.
pub(super) fn panel(title: impl Into<String>, x_label: &str, y_label: &str, plot: Plot) -> Panel {
    let (title, x_label, y_label) = (title.into(), x_label.to_owned(), y_label.to_owned());
    Panel { title, x_label, y_label, categories: Vec::new(), plot }
}

/// A panel of bars over names; a series has a number for each of them.
pub(super) fn bars(title: &str, y_label: &str, categories: &[&str], series: Vec<Series>) -> Panel {
    let categories = categories.iter().map(|&name| name.to_owned()).collect();
    Panel { categories, ..panel(title, "", y_label, Plot::Bars(series)) }
}

/// TD errors of trials as colours, time to the right, the first trial at the bottom.
pub(super) fn error_map(title: impl Into<String>, errors: &[Vec<f64>]) -> Panel {
    let width = errors.first().map_or(0, Vec::len);
    // Rounding errors below 0 would give the colours a negative half.
    let values = errors.iter().rev().flatten().map(|&error| if error.abs() < 1e-12 { 0.0 } else { error }).collect();
    let extent = [(-0.5, 0.5), (width as f64 - 0.5, errors.len() as f64 + 0.5)];
    panel(title, "step", "trial", Plot::Heatmap(Heatmap { width, values, extent }))
}

/// A table whose file has a name of its own, or the experiment's where that is empty.
pub(super) fn table(name: &str, header: &[&str], rows: Vec<(Vec<String>, Vec<f64>)>) -> Table {
    Table { name: name.to_owned(), header: header.iter().map(|&name| name.to_owned()).collect(), rows }
}

/// Rows `label, trial, step, error` of all errors of a phase.
pub(super) fn error_rows(label: &str, errors: &[Vec<f64>]) -> Vec<(Vec<String>, Vec<f64>)> {
    let row =
        |trial: usize, step: usize, error: f64| (vec![label.to_owned()], vec![(trial + 1) as f64, step as f64, error]);
    let of_trial = |(trial, errors): (usize, &Vec<f64>)| {
        errors.iter().enumerate().map(|(step, &error)| row(trial, step, error)).collect::<Vec<_>>()
    };
    errors.iter().enumerate().flat_map(of_trial).collect()
}
