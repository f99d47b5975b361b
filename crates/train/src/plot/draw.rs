//! The picture itself. Everything is placed by hand in pixels, so that both formats look alike.

use super::PlotError;
use super::data::{Group, Point};
use crate::format;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use std::path::Path;
use std::sync::Once;

/// Okabe and Ito's palette, which most colour-blind readers can tell apart.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(60, 60, 60),
];
const INK: RGBColor = RGBColor(38, 38, 38);
const FAINT_INK: RGBColor = RGBColor(96, 96, 96);
const GRID: RGBColor = RGBColor(228, 228, 228);

/// The width at which lengths are given; others scale.
const NOMINAL_WIDTH: f64 = 1280.0;

/// Drawn pixels a pixel, each way: averaged in a PNG, whose lines are drawn without smoothing; finer coordinates in an SVG.
const OVERSAMPLING: u32 = 3;

/// How far the bitmap backend puts vertically centred digits of this font above the middle, in text sizes.
const BITMAP_TEXT_RISE: f64 = 0.19;

/// What the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Svg,
    Png,
}

impl Format {
    /// By the extension.
    pub(super) fn of(path: &Path) -> Result<Self, PlotError> {
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(PlotError::Extension { path: path.to_owned() }),
        }
    }
}

/// Labelled curves.
pub(super) struct Picture<'a> {
    title: String,
    y_label: String,
    /// Label and curve.
    curves: Vec<(String, &'a [Point])>,
}

impl<'a> Picture<'a> {
    pub(super) fn new(groups: &'a [Group], metric: &str, title: Option<String>) -> Self {
        let one_task = groups.iter().all(|group| group.task == groups[0].task);
        let label = |group: &Group| {
            let name = if one_task { group.algo.clone() } else { format!("{} {}", group.task, group.algo) };
            match (name.trim(), group.runs) {
                ("", 1) => "1 run".to_owned(),
                (name, 1) => name.to_owned(),
                (name, runs) => format!("{name} (mean and range of {runs} runs)").trim_start().to_owned(),
            }
        };
        let title =
            title.unwrap_or_else(|| if one_task { groups[0].task.clone() } else { "Learning curves".to_owned() });
        let y_label = match metric {
            super::DEFAULT_METRIC => "Return, mean of last 100 episodes".to_owned(),
            "eval/return_mean" => "Return, deterministic evaluation".to_owned(),
            other => other.to_owned(),
        };
        Self { title, y_label, curves: groups.iter().map(|group| (label(group), group.curve.as_slice())).collect() }
    }

    pub(super) fn write(&self, format: Format, path: &Path, (width, height): (u32, u32)) -> Result<(), PlotError> {
        let fail = |reason: String| PlotError::Write { path: path.to_owned(), reason };
        use_own_font();
        let fine = (width * OVERSAMPLING, height * OVERSAMPLING);
        match format {
            Format::Svg => {
                let mut text = String::new();
                self.draw(&SVGBackend::with_string(&mut text, fine).into_drawing_area(), 0.0).map_err(fail)?;
                // The coordinates stay fine, the picture gets its size.
                let size = |(w, h)| format!("<svg width=\"{w}\" height=\"{h}\"");
                let text = text.replacen(&size(fine), &size((width, height)), 1);
                std::fs::write(path, text).map_err(|error| fail(error.to_string()))
            }
            Format::Png => {
                let mut pixels = vec![0; fine.0 as usize * fine.1 as usize * 3];
                let area = BitMapBackend::with_buffer(&mut pixels, fine).into_drawing_area();
                self.draw(&area, BITMAP_TEXT_RISE).map_err(fail)?;
                drop(area);
                let averaged = averaged(&pixels, width as usize, height as usize);
                let mut backend = BitMapBackend::new(path, (width, height));
                backend.blit_bitmap((0, 0), (width, height), &averaged).map_err(|error| fail(error.to_string()))?;
                backend.present().map_err(|error| fail(error.to_string()))
            }
        }
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, text_rise: f64) -> Result<(), String> {
        let (width, height) = area.dim_in_pixel();
        let unit = f64::from(width) / NOMINAL_WIDTH;
        let frame = Frame::new(&self.curves, width, height, unit);
        let canvas = Canvas { area, unit, text_rise };
        area.fill(&WHITE).map_err(|error| error.to_string())?;
        self.axes(&canvas, &frame)?;
        for (i, (_, curve)) in self.curves.iter().enumerate() {
            canvas.band(&frame, curve, PALETTE[i % PALETTE.len()])?;
        }
        for (i, (_, curve)) in self.curves.iter().enumerate() {
            canvas.line(
                &curve.iter().map(|p| frame.at(p.step, p.mean)).collect::<Vec<_>>(),
                PALETTE[i % PALETTE.len()],
                3.5,
            )?;
        }
        self.captions(&canvas, &frame)?;
        area.present().map_err(|error| error.to_string())
    }

    fn axes<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame) -> Result<(), String> {
        let y_digits = digits(&frame.y_ticks);
        for &y in &frame.y_ticks {
            let [start, end] = [frame.at(frame.x.0, y), frame.at(frame.x.1, y)];
            canvas.line(&[start, end], GRID, 1.5)?;
            let label = if frame.y.0.abs().max(frame.y.1.abs()) < 10_000.0 {
                format!("{y:.y_digits$}")
            } else {
                format::count(y)
            };
            canvas.text(&label, (start.0 - canvas.px(14.0), start.1), 24.0, FAINT_INK, HPos::Right, VPos::Center)?;
        }
        for &x in &frame.x_ticks {
            let foot = frame.at(x, frame.y.0);
            canvas.line(&[foot, (foot.0, foot.1 + canvas.px(8.0))], INK, 1.5)?;
            canvas.text(
                &format::count(x),
                (foot.0, foot.1 + canvas.px(16.0)),
                24.0,
                FAINT_INK,
                HPos::Center,
                VPos::Top,
            )?;
        }
        canvas.line(&[frame.at(frame.x.0, frame.y.0), frame.at(frame.x.1, frame.y.0)], INK, 2.0)
    }

    fn captions<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame) -> Result<(), String> {
        let left = frame.left;
        canvas.text(&self.title, (left, canvas.px(28.0)), 40.0, INK, HPos::Left, VPos::Top)?;
        for (i, (label, _)) in self.curves.iter().enumerate() {
            let y = canvas.px(LEGEND_AT + LEGEND_ROW * i as f64);
            canvas.line(&[(left, y), (left + canvas.px(44.0), y)], PALETTE[i % PALETTE.len()], 6.0)?;
            canvas.text(label, (left + canvas.px(58.0), y), 26.0, INK, HPos::Left, VPos::Center)?;
        }
        let middle = (frame.left + frame.right) / 2;
        canvas.text(
            "Environment steps",
            (middle, frame.bottom + canvas.px(60.0)),
            26.0,
            INK,
            HPos::Center,
            VPos::Top,
        )?;
        canvas.text_upwards(&self.y_label, (canvas.px(22.0), (frame.top + frame.bottom) / 2), 26.0)
    }
}

/// Where the legend's first row is, and how far apart rows are, at the nominal width.
const LEGEND_AT: f64 = 104.0;
const LEGEND_ROW: f64 = 36.0;

/// Registers the font that the crate brings, so that no font of the system is needed.
fn use_own_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails on a malformed font only, and drawing then says that the font is missing.
        let _ = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

/// The mean of every square of drawn pixels.
fn averaged(fine: &[u8], width: usize, height: usize) -> Vec<u8> {
    let k = OVERSAMPLING as usize;
    let mut out = Vec::with_capacity(width * height * 3);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        for channel in 0..3 {
            let square =
                (0..k).flat_map(|dy| (0..k).map(move |dx| ((y * k + dy) * width * k + x * k + dx) * 3 + channel));
            let sum: usize = square.map(|at| usize::from(fine[at])).sum();
            out.push(((sum + k * k / 2) / (k * k)) as u8);
        }
    }
    out
}

/// The plot's rectangle in pixels, and what it spans.
struct Frame {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    x: (f64, f64),
    y: (f64, f64),
    x_ticks: Vec<f64>,
    y_ticks: Vec<f64>,
}

impl Frame {
    fn new(curves: &[(String, &[Point])], width: u32, height: u32, unit: f64) -> Self {
        let points = || curves.iter().flat_map(|(_, curve)| curve.iter());
        let low = points().map(|p| p.min).fold(f64::INFINITY, f64::min);
        let high = points().map(|p| p.max).fold(f64::NEG_INFINITY, f64::max);
        let last = points().map(|p| p.step).fold(1.0, f64::max);
        let pad = if high > low { 0.0 } else { (0.1 * low.abs()).max(0.5) };
        let y_ticks = ticks(low - pad, high + pad, 6, true);
        let x_ticks = ticks(0.0, last, 8, false);
        let px = |length: f64| (length * unit).round() as i32;
        Self {
            left: px(136.0),
            right: width as i32 - px(44.0),
            top: px(LEGEND_AT + LEGEND_ROW * curves.len() as f64 + 8.0),
            bottom: (height as i32 - px(116.0)).max(px(LEGEND_AT + LEGEND_ROW * curves.len() as f64 + 8.0) + 1),
            x: (0.0, last),
            y: (y_ticks[0], y_ticks[y_ticks.len() - 1]),
            x_ticks,
            y_ticks,
        }
    }

    fn at(&self, x: f64, y: f64) -> (i32, i32) {
        let across = (x - self.x.0) / (self.x.1 - self.x.0);
        let up = (y - self.y.0) / (self.y.1 - self.y.0);
        let place = |from: i32, to: i32, share: f64| (f64::from(from) + f64::from(to - from) * share).round() as i32;
        (place(self.left, self.right, across), place(self.bottom, self.top, up))
    }
}

/// Round numbers 1, 2 or 5 times a power of ten apart, about `count` of them: around `low..high`, or inside it.
fn ticks(low: f64, high: f64, count: usize, around: bool) -> Vec<f64> {
    let raw = (high - low) / count as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * power >= raw * 0.999).unwrap_or(10.0);
    let (first, last) = match around {
        true => ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil()),
        false => ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor()),
    };
    // Far from zero a range may be too narrow for doubles to step through.
    (0..=((last - first) as usize).clamp(1, 4 * count)).map(|i| (first + i as f64) * step).collect()
}

/// Decimals that tell ticks apart.
fn digits(ticks: &[f64]) -> usize {
    let step = ticks.get(1).map_or(1.0, |second| second - ticks[0]);
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 8.0) as usize
}

/// A drawing area with lengths at the nominal width.
struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    unit: f64,
    /// How far above the middle the backend puts text that should be there, in text sizes.
    text_rise: f64,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    fn px(&self, length: f64) -> i32 {
        (length * self.unit).round() as i32
    }

    fn line(&self, points: &[(i32, i32)], color: RGBColor, width: f64) -> Result<(), String> {
        let style = color.stroke_width(self.px(width).max(1) as u32);
        self.area.draw(&PathElement::new(points.to_vec(), style)).map_err(|error| error.to_string())
    }

    /// The area between a curve's minimum and maximum.
    fn band(&self, frame: &Frame, curve: &[Point], color: RGBColor) -> Result<(), String> {
        if curve.iter().all(|p| p.min == p.max) {
            return Ok(());
        }
        let upper = curve.iter().map(|p| frame.at(p.step, p.max));
        let lower = curve.iter().rev().map(|p| frame.at(p.step, p.min));
        let outline: Vec<_> = upper.chain(lower).collect();
        self.area.draw(&Polygon::new(outline, color.mix(0.18).filled())).map_err(|error| error.to_string())
    }

    fn text(&self, text: &str, at: (i32, i32), size: f64, color: RGBColor, h: HPos, v: VPos) -> Result<(), String> {
        let rise = if matches!(v, VPos::Center) { self.px(size * self.text_rise) } else { 0 };
        let at = (at.0, at.1 + rise);
        let style = ("sans-serif", size * self.unit).into_text_style(self.area).color(&color).pos(Pos::new(h, v));
        self.area.draw(&Text::new(text, at, style)).map_err(|error| error.to_string())
    }

    fn text_upwards(&self, text: &str, at: (i32, i32), size: f64) -> Result<(), String> {
        let font = ("sans-serif", size * self.unit).into_font().transform(FontTransform::Rotate270);
        let style = font.color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
        self.area.draw(&Text::new(text, at, style)).map_err(|error| error.to_string())
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
}
