//! What an axis spans, where it is ticked, and how both axes of a panel are drawn.

use super::canvas::{Canvas, Drawn, FAINT_INK, GRID, INK, Place};
use crate::format;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

/// Text sizes.
pub(super) const TICK_TEXT: f64 = 24.0;
pub(super) const LABEL_TEXT: f64 = 26.0;

/// From the plot's rectangle to a tick's label, and from there to the axis' label.
pub(super) const TICK_GAP: f64 = 14.0;
pub(super) const LABEL_GAP: f64 = 14.0;

/// From the top of a line of text to the top of the next, in text sizes.
pub(super) const LINE_HEIGHT: f64 = 1.2;

/// What an axis spans, from its left or lower end, and where it is ticked. It may run backwards.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub from: f64,
    pub to: f64,
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From one number to another, with ticks inside.
    pub(super) fn inside(from: f64, to: f64, count: usize) -> Self {
        let (from, to) = apart(from, to);
        let (low, high) = (from.min(to), from.max(to));
        let mut ticks = labelled(ticks(low, high, count, false));
        let slack = 1e-9 * (high - low);
        ticks.retain(|&(tick, _)| (low - slack..=high + slack).contains(&tick));
        Self { from, to, ticks }
    }

    /// Around all numbers, from one tick to another.
    pub(super) fn around(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = apart(low, high);
        let ticks = ticks(low, high, count, true);
        Self { from: ticks[0], to: ticks[ticks.len() - 1], ticks: labelled(ticks) }
    }

    /// Room for each name around the whole numbers 0, 1, ..
    pub(super) fn categories(names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        Self { from: -0.5, to: names.len() as f64 - 0.5, ticks }
    }

    /// Rows 1 to `count` from the top, each of height 1.
    pub(super) fn rows(count: usize, ticked: usize) -> Self {
        let last = count.max(1) as f64;
        let mut ticks = ticks(1.0, last.max(2.0), ticked, false);
        ticks.retain(|&tick| tick > 1.0 && tick <= last && tick.fract() == 0.0);
        ticks.insert(0, 1.0);
        // Two labels would stand in one place.
        if ticks.len() > 2 && ticks[1] - 1.0 < 0.4 * (ticks[2] - ticks[1]) {
            ticks.remove(1);
        }
        let ticks = ticks.into_iter().map(|tick| (tick, format!("{tick}"))).collect();
        Self { from: last + 0.5, to: 0.5, ticks }
    }

    /// How far along the axis a number is, 0 to 1.
    fn share(&self, x: f64) -> f64 {
        (x - self.from) / (self.to - self.from)
    }
}

/// Two numbers that are not the same.
fn apart(low: f64, high: f64) -> (f64, f64) {
    let pad = match low {
        _ if high != low => 0.0,
        0.0 => 0.5,
        at => (0.5 * at.abs()).min(0.5).max(0.1 * at.abs()),
    };
    (low - pad, high + pad)
}

/// Ticks with their numbers in full, or short where they are large.
fn labelled(ticks: Vec<f64>) -> Vec<(f64, String)> {
    let digits = digits(&ticks);
    let large = ticks.iter().fold(0.0_f64, |most, tick| most.max(tick.abs())) >= 10_000.0;
    let label = |tick: f64| if large { format::count(tick) } else { format!("{tick:.digits$}") };
    ticks.into_iter().map(|tick| (tick, label(tick))).collect()
}

/// Round numbers 1, 2 or 5 times a power of ten apart, about `count` of them: around `low..high`, or inside it.
fn ticks(low: f64, high: f64, count: usize, around: bool) -> Vec<f64> {
    let raw = (high - low) / count.max(1) as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * power >= raw * 0.999).unwrap_or(10.0);
    let (first, last) = match around {
        true => ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil()),
        false => ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor()),
    };
    // Far from zero a range may be too narrow for doubles to step through.
    (0..=((last - first) as usize).clamp(1, 4 * count.max(1))).map(|i| (first + i as f64) * step).collect()
}

/// Decimals that tell ticks apart.
fn digits(ticks: &[f64]) -> usize {
    let step = ticks.get(1).map_or(1.0, |second| second - ticks[0]);
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 8.0) as usize
}

/// The plot's rectangle in drawn pixels, and what it spans.
pub(super) struct Frame<'a> {
    pub left: i32,
    pub right: i32,
    pub top: i32,
    pub bottom: i32,
    pub x: &'a Axis,
    pub y: &'a Axis,
}

/// How the axes of a panel are drawn.
pub(super) struct Style<'a> {
    /// Lines at the ticks of the vertical axis.
    pub grid: bool,
    /// Whether the horizontal axis has numbers and a name; the panel below may have the same.
    pub x_text: bool,
    pub x_label: &'a str,
    pub y_label: &'a str,
    /// Each tick's label in lines.
    pub x_lines: &'a [Vec<String>],
    /// The size of their text.
    pub x_size: f64,
    /// From the plot's rectangle to the left edge of the vertical axis' label.
    pub y_label_at: i32,
}

impl Frame<'_> {
    pub(super) fn at(&self, x: f64, y: f64) -> Place {
        let place = |from: i32, to: i32, share: f64| (f64::from(from) + f64::from(to - from) * share).round() as i32;
        (place(self.left, self.right, self.x.share(x)), place(self.bottom, self.top, self.y.share(y)))
    }

    /// What lies below the data: lines and numbers.
    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, style: &Style<'_>) -> Drawn {
        for (y, label) in &self.y.ticks {
            let height = self.at(self.x.from, *y).1;
            if style.grid {
                canvas.line(&[(self.left, height), (self.right, height)], GRID, 1.5)?;
            }
            let end = self.left - canvas.px(TICK_GAP);
            canvas.text(label, (end, height), TICK_TEXT, FAINT_INK, HPos::Right, VPos::Center)?;
        }
        for ((x, _), lines) in self.x.ticks.iter().zip(style.x_lines) {
            let at = self.at(*x, self.y.from).0;
            canvas.line(&[(at, self.bottom), (at, self.bottom + canvas.px(8.0))], INK, 1.5)?;
            for (row, line) in lines.iter().enumerate().filter(|_| style.x_text) {
                let top = self.bottom + canvas.px(TICK_GAP + row as f64 * LINE_HEIGHT * style.x_size);
                canvas.text(line, (at, top), style.x_size, FAINT_INK, HPos::Center, VPos::Top)?;
            }
        }
        canvas.line(&[(self.left, self.bottom), (self.right, self.bottom)], INK, 2.0)?;
        self.names(canvas, style)
    }

    fn names<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, style: &Style<'_>) -> Drawn {
        if style.x_text && !style.x_label.is_empty() {
            let rows = style.x_lines.iter().map(Vec::len).max().unwrap_or(1) as f64;
            let top = self.bottom + canvas.px(TICK_GAP + rows * LINE_HEIGHT * style.x_size + LABEL_GAP);
            let size = canvas.fitting(style.x_label, LABEL_TEXT, self.right - self.left);
            let middle = ((self.left + self.right) / 2, top);
            canvas.text(style.x_label, middle, size, INK, HPos::Center, VPos::Top)?;
        }
        let size = canvas.fitting(style.y_label, LABEL_TEXT, self.bottom - self.top);
        let at = (self.left - style.y_label_at, (self.top + self.bottom) / 2);
        canvas.text_upwards(style.y_label, at, size, INK, HPos::Center)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(9.0, 495.0, 6, true), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0]);
        assert_eq!(ticks(0.0, 200_000.0, 8, false), [0.0, 50_000.0, 100_000.0, 150_000.0, 200_000.0]);
        assert_eq!(ticks(-500.0, -70.0, 6, true), [-500.0, -400.0, -300.0, -200.0, -100.0, 0.0]);
        assert_eq!(digits(&[0.0, 0.05]), 2);
        assert_eq!(digits(&[0.0, 100.0]), 0);
    }

    #[test]
    fn labels_tell_ticks_apart() {
        let labels = |axis: Axis| axis.ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        assert_eq!(labels(Axis::inside(0.0, 200_000.0, 4)), ["0", "50k", "100k", "150k", "200k"]);
        assert_eq!(labels(Axis::around(-0.4, 0.9, 4)), ["-0.5", "0.0", "0.5", "1.0"]);
        // One number alone has room around it.
        assert_eq!(labels(Axis::around(1.0, 1.0, 2)), ["0.5", "1.0", "1.5"]);
        assert_eq!(labels(Axis::rows(200, 4)), ["1", "50", "100", "150", "200"]);
        assert_eq!(labels(Axis::rows(1, 4)), ["1"]);
        assert_eq!(labels(Axis::rows(12, 6)), ["1", "2", "4", "6", "8", "10", "12"]);
    }

    #[test]
    fn an_axis_may_run_backwards() {
        let rows = Axis::rows(4, 4);
        assert_eq!((rows.share(4.5), rows.share(0.5)), (0.0, 1.0));
        let down = Axis::inside(10.0, 0.0, 2);
        assert_eq!((down.share(10.0), down.share(2.5)), (0.0, 0.75));
    }
}
