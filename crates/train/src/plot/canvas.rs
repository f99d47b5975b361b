//! The surface that pictures are drawn on. Everything is placed by hand in pixels, so that both formats look alike.

use super::PlotError;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use std::path::Path;
use std::sync::Once;

pub(super) const INK: RGBColor = RGBColor(38, 38, 38);
pub(super) const FAINT_INK: RGBColor = RGBColor(96, 96, 96);
pub(super) const GRID: RGBColor = RGBColor(228, 228, 228);

/// Drawn pixels a pixel, each way: averaged in a PNG, whose lines are drawn without smoothing; finer coordinates in an SVG.
const OVERSAMPLING: u32 = 3;

/// How far the bitmap backend puts vertically centred digits of this font above the middle, in text sizes.
const BITMAP_TEXT_RISE: f64 = 0.19;

/// A drawing, or why it failed.
pub(super) type Drawn = Result<(), String>;

/// A place in drawn pixels, from the top left.
pub(super) type Place = (i32, i32);

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

/// What can be drawn on any canvas.
pub(super) trait Picture {
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn;
}

/// Writes a picture of so many pixels, in which lengths are `unit` times what is asked for.
pub(super) fn write(
    picture: &impl Picture,
    format: Format,
    path: &Path,
    (width, height): (u32, u32),
    unit: f64,
) -> Result<(), PlotError> {
    let fail = |reason: String| PlotError::Write { path: path.to_owned(), reason };
    use_own_font();
    let (fine, unit) = ((width * OVERSAMPLING, height * OVERSAMPLING), unit * f64::from(OVERSAMPLING));
    match format {
        Format::Svg => {
            let mut text = String::new();
            let area = SVGBackend::with_string(&mut text, fine).into_drawing_area();
            Canvas { area: &area, unit, text_rise: 0.0 }.fill(picture).map_err(fail)?;
            drop(area);
            // The coordinates stay fine, the picture gets its size.
            let size = |(w, h)| format!("<svg width=\"{w}\" height=\"{h}\"");
            let text = text.replacen(&size(fine), &size((width, height)), 1);
            std::fs::write(path, text).map_err(|error| fail(error.to_string()))
        }
        Format::Png => {
            let mut pixels = vec![0; fine.0 as usize * fine.1 as usize * 3];
            let area = BitMapBackend::with_buffer(&mut pixels, fine).into_drawing_area();
            Canvas { area: &area, unit, text_rise: BITMAP_TEXT_RISE }.fill(picture).map_err(fail)?;
            drop(area);
            let averaged = averaged(&pixels, width as usize, height as usize);
            let mut backend = BitMapBackend::new(path, (width, height));
            backend.blit_bitmap((0, 0), (width, height), &averaged).map_err(|error| fail(error.to_string()))?;
            backend.present().map_err(|error| fail(error.to_string()))
        }
    }
}

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

/// A drawing area with lengths in units of the picture.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    unit: f64,
    /// How far above the middle the backend puts text that should be there, in text sizes.
    text_rise: f64,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    /// Draws the picture on white.
    fn fill(&self, picture: &impl Picture) -> Drawn {
        self.area.fill(&WHITE).map_err(|error| error.to_string())?;
        picture.draw(self)?;
        self.area.present().map_err(|error| error.to_string())
    }

    /// Width and height in drawn pixels.
    pub(super) fn size(&self) -> Place {
        let (width, height) = self.area.dim_in_pixel();
        (width as i32, height as i32)
    }

    /// A length in drawn pixels.
    pub(super) fn px(&self, length: f64) -> i32 {
        (length * self.unit).round() as i32
    }

    /// How wide a text is, in drawn pixels.
    pub(super) fn text_width(&self, text: &str, size: f64) -> i32 {
        let style = ("sans-serif", size * self.unit).into_text_style(self.area);
        self.area.estimate_text_size(text, &style).map_or(0, |(width, _)| width as i32)
    }

    /// The text size, `size` or as much less as makes the text fit into so many drawn pixels.
    pub(super) fn fitting(&self, text: &str, size: f64, room: i32) -> f64 {
        let width = self.text_width(text, size);
        if width > room { size * f64::from(room.max(1)) / f64::from(width) } else { size }
    }

    pub(super) fn line(&self, points: &[Place], color: RGBColor, width: f64) -> Drawn {
        let style = color.stroke_width(self.px(width).max(1) as u32);
        self.area.draw(&PathElement::new(points.to_vec(), style)).map_err(|error| error.to_string())
    }

    /// A filled polygon that what is below shines through.
    pub(super) fn veil(&self, outline: Vec<Place>, color: RGBColor) -> Drawn {
        self.area.draw(&Polygon::new(outline, color.mix(0.18).filled())).map_err(|error| error.to_string())
    }

    pub(super) fn rectangle(&self, corners: [Place; 2], color: RGBColor) -> Drawn {
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(|error| error.to_string())
    }

    pub(super) fn dot(&self, at: Place, color: RGBColor, radius: f64) -> Drawn {
        self.area.draw(&Circle::new(at, self.px(radius).max(1), color.filled())).map_err(|error| error.to_string())
    }

    pub(super) fn text(&self, text: &str, at: Place, size: f64, color: RGBColor, h: HPos, v: VPos) -> Drawn {
        let rise = if matches!(v, VPos::Center) { self.px(size * self.text_rise) } else { 0 };
        let style = ("sans-serif", size * self.unit).into_text_style(self.area).color(&color).pos(Pos::new(h, v));
        self.area.draw(&Text::new(text, (at.0, at.1 + rise), style)).map_err(|error| error.to_string())
    }

    /// Text that is read from below; `at` is its left edge, at the height that `v` says.
    pub(super) fn text_upwards(&self, text: &str, at: Place, size: f64, color: RGBColor, h: HPos) -> Drawn {
        let font = ("sans-serif", size * self.unit).into_font().transform(FontTransform::Rotate270);
        let style = font.color(&color).pos(Pos::new(h, VPos::Top));
        self.area.draw(&Text::new(text, at, style)).map_err(|error| error.to_string())
    }
}
