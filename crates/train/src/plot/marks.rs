//! Data in a panel's frame: curves, bars, rasters and heatmaps.

use super::axes::{Axis, Frame, TICK_TEXT};
use super::canvas::{Canvas, Drawn, FAINT_INK, INK, Place};
use super::legend::{between, color};
use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};
use striatum_dopamine::{Heatmap, Plot, Series};

/// Curves of no more points than this have a dot at each.
const DOTTED: usize = 12;

/// Curves of more points than this are thin, so that they do not fill the panel where they go up and down.
const DENSE: usize = 450;

/// The share of a bar's place that a group of bars takes.
const GROUP: f64 = 0.8;

/// Red above 0, from white, and blue below (ColorBrewer's RdBu).
const ABOVE: [RGBColor; 4] =
    [RGBColor(250, 250, 250), RGBColor(244, 165, 130), RGBColor(214, 96, 77), RGBColor(150, 15, 38)];
const BELOW: [RGBColor; 4] =
    [RGBColor(250, 250, 250), RGBColor(146, 197, 222), RGBColor(67, 147, 195), RGBColor(20, 73, 142)];

/// Shades that a number of a heatmap may have, each way.
const SHADES: f64 = 100.0;

/// A heatmap's scale: from the frame to it, its width, and from there to its numbers.
const SCALE_GAP: f64 = 22.0;
const SCALE_WIDTH: f64 = 18.0;
const SCALE_TEXT_GAP: f64 = 10.0;

/// Everything that a panel shows.
pub(super) fn draw<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, frame: &Frame<'_>, plot: &Plot) -> Drawn {
    match plot {
        Plot::Lines(series) => {
            zero(canvas, frame)?;
            lines(canvas, frame, series)
        }
        Plot::Bars(series) => {
            bars(canvas, frame, series)?;
            zero(canvas, frame)
        }
        Plot::Raster { marks, trials } => raster(canvas, frame, marks, *trials),
        Plot::Heatmap(heatmap) => {
            cells(canvas, frame, heatmap)?;
            scale(canvas, frame, heatmap)
        }
    }
}

/// A line at 0, where numbers lie on both sides of it.
fn zero<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, frame: &Frame<'_>) -> Drawn {
    if frame.y.from >= 0.0 || frame.y.to <= 0.0 {
        return Ok(());
    }
    let height = frame.at(frame.x.from, 0.0).1;
    canvas.line(&[(frame.left, height), (frame.right, height)], FAINT_INK, 1.5)
}

fn lines<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, frame: &Frame<'_>, series: &[Series]) -> Drawn {
    for (i, Series { points, band, .. }) in series.iter().enumerate() {
        let wide = band.iter().any(|(low, high)| low < high);
        for part in points.iter().zip(band).collect::<Vec<_>>().split(|(point, (low, high))| {
            let finite = point.0.is_finite() && low.is_finite() && high.is_finite();
            !(wide && finite)
        }) {
            let edge = |(point, of): (&(f64, f64), f64)| frame.at(point.0, of);
            let upper = part.iter().map(|(point, band)| edge((point, band.1)));
            let lower = part.iter().rev().map(|(point, band)| edge((point, band.0)));
            if part.len() > 1 {
                canvas.veil(upper.chain(lower).collect(), color(i, series.len()))?;
            }
        }
    }
    for (i, Series { points, .. }) in series.iter().enumerate() {
        let color = color(i, series.len());
        // A number that is not finite interrupts the curve.
        for part in points.split(|(x, y)| !(x.is_finite() && y.is_finite())) {
            let places: Vec<Place> = part.iter().map(|&(x, y)| frame.at(x, y)).collect();
            if places.len() > 1 {
                canvas.line(&places, color, if points.len() > DENSE { 2.0 } else { 3.5 })?;
            }
            if points.len() <= DOTTED || places.len() == 1 {
                places.iter().try_for_each(|&place| canvas.dot(place, color, 6.0))?;
            }
        }
    }
    Ok(())
}

/// How far apart the places of bars are.
pub(super) fn bar_spacing(series: &[Series]) -> f64 {
    let mut places: Vec<f64> = series.iter().flat_map(|series| series.points.iter().map(|point| point.0)).collect();
    places.sort_by(f64::total_cmp);
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]).filter(|&gap| gap > 0.0);
    let least = gaps.fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { 1.0 }
}

fn bars<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, frame: &Frame<'_>, series: &[Series]) -> Drawn {
    let width = GROUP * bar_spacing(series) / series.len().max(1) as f64;
    // A group of bars has no gaps, a bar alone is no wider than it need be.
    let left = |i: usize, x: f64| x + width * (i as f64 - 0.5 * series.len() as f64);
    for (i, Series { points, band, .. }) in series.iter().enumerate() {
        for (j, &(x, y)) in points.iter().enumerate().filter(|(_, (x, y))| x.is_finite() && y.is_finite()) {
            let x = left(i, x);
            let (from, to) = (frame.at(x + 0.02 * width, 0.0), frame.at(x + 0.98 * width, y));
            canvas.rectangle([from, to], color(i, series.len()))?;
            let Some(&(low, high)) = band.get(j).filter(|(low, high)| low < high) else { continue };
            let [low, high] = [low, high].map(|end| frame.at(x + 0.5 * width, end));
            canvas.line(&[low, high], INK, 2.0)?;
            let cap = canvas.px(7.0);
            for end in [low, high] {
                canvas.line(&[(end.0 - cap, end.1), (end.0 + cap, end.1)], INK, 2.0)?;
            }
        }
    }
    Ok(())
}

fn raster<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    frame: &Frame<'_>,
    marks: &[(f64, usize)],
    trials: usize,
) -> Drawn {
    let least = canvas.px(2.0);
    for &(x, trial) in marks.iter().filter(|(x, trial)| x.is_finite() && *trial < trials) {
        // Rows are counted from 1.
        let row = trial as f64 + 1.0;
        let (at, top) = frame.at(x, row - 0.4);
        let bottom = frame.at(x, row + 0.4).1.max(top + least);
        canvas.line(&[(at, top), (at, bottom)], INK, 2.5)?;
    }
    Ok(())
}

/// The least and the greatest number that a heatmap's colours tell apart.
fn shown(heatmap: &Heatmap) -> (f64, f64) {
    let finite = || heatmap.values.iter().filter(|value| value.is_finite());
    let most = finite().fold(0.0_f64, |most, value| most.max(value.abs()));
    let most = if most > 0.0 { most } else { 1.0 };
    // Less than a shade below 0 is 0.
    (if finite().any(|&value| value < -0.5 * most / SHADES) { -most } else { 0.0 }, most)
}

/// The colour of a number whose greatest is 1.
fn shade(share: f64) -> RGBColor {
    let share = (share * SHADES).round() / SHADES;
    between(if share < 0.0 { &BELOW } else { &ABOVE }, share.abs())
}

fn cells<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, frame: &Frame<'_>, heatmap: &Heatmap) -> Drawn {
    let (width, most) = (heatmap.width.max(1), shown(heatmap).1);
    let rows = heatmap.values.len() / width;
    let [(left, bottom), (right, top)] = heatmap.extent;
    let at = |column: usize, row: usize| {
        let x = left + (right - left) * column as f64 / width as f64;
        let y = top + (bottom - top) * row as f64 / rows as f64;
        frame.at(x, y)
    };
    for (row, values) in heatmap.values.chunks_exact(width).enumerate() {
        let shades: Vec<_> = values.iter().map(|value| value.is_finite().then(|| shade(value / most))).collect();
        let mut column = 0;
        // Neighbours of one colour are one rectangle. Numbers that are not finite stay white.
        for same in shades.chunk_by(|a, b| a == b) {
            let end = column + same.len();
            if let Some(color) = same[0] {
                canvas.rectangle([at(column, row), at(end, row + 1)], color)?;
            }
            column = end;
        }
    }
    Ok(())
}

/// Ticks of a heatmap's scale.
fn scale_axis(heatmap: &Heatmap) -> Axis {
    let (low, high) = shown(heatmap);
    Axis::inside(low, high, 4)
}

/// The room that a heatmap's scale takes on the right, in drawn pixels.
pub(super) fn scale_room<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, heatmap: &Heatmap) -> i32 {
    let axis = scale_axis(heatmap);
    let text = axis.ticks.iter().map(|(_, label)| canvas.text_width(label, TICK_TEXT)).max().unwrap_or(0);
    canvas.px(SCALE_GAP + SCALE_WIDTH + SCALE_TEXT_GAP) + text
}

fn scale<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, frame: &Frame<'_>, heatmap: &Heatmap) -> Drawn {
    let axis = scale_axis(heatmap);
    let left = frame.right + canvas.px(SCALE_GAP);
    let right = left + canvas.px(SCALE_WIDTH);
    let own = Frame { left, right, y: &axis, ..*frame };
    let steps = ((axis.to - axis.from) / axis.to * SHADES).round() as i32;
    for step in 0..steps {
        let [low, high] =
            [step, step + 1].map(|step| axis.from + (axis.to - axis.from) * f64::from(step) / f64::from(steps));
        let corners = [(left, own.at(0.0, low).1), (right, own.at(0.0, high).1)];
        canvas.rectangle(corners, shade(0.5 * (low + high) / axis.to))?;
    }
    for (value, label) in &axis.ticks {
        let place = (right + canvas.px(SCALE_TEXT_GAP), own.at(0.0, *value).1);
        canvas.text(label, place, TICK_TEXT, FAINT_INK, HPos::Left, VPos::Center)?;
    }
    Ok(())
}
