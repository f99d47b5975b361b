//! Pixels that shapes are drawn on, with smooth edges. Places are in pixels from the top left.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use std::ops::Range;
use std::sync::LazyLock;
use striatum_envs::Frame;
use striatum_envs::scene::{Point, Rgb};

/// Lines of a pixel's row that a polygon's edges are met at.
const SUBLINES: usize = 8;

/// The font that the crate brings, so that no font of the system is needed.
static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok());

pub(crate) struct Canvas {
    frame: Frame,
}

impl Canvas {
    pub fn new(width: usize, height: usize, ground: Rgb) -> Self {
        Self { frame: Frame { width, height, rgb: ground.repeat(width * height) } }
    }

    pub fn finish(self) -> Frame {
        self.frame
    }

    /// Puts pixels at a place where they fit.
    pub fn paste(&mut self, frame: &Frame, (left, top): (usize, usize)) {
        for (y, row) in frame.rgb.chunks_exact(3 * frame.width).enumerate() {
            let at = 3 * ((top + y) * self.frame.width + left);
            self.frame.rgb[at..at + row.len()].copy_from_slice(row);
        }
    }

    /// Lays a colour over a pixel, as far as it covers it.
    fn blend(&mut self, x: usize, y: usize, color: Rgb, cover: f64) {
        let at = 3 * (y * self.frame.width + x);
        for (pixel, channel) in self.frame.rgb[at..at + 3].iter_mut().zip(color) {
            let below = f64::from(*pixel);
            *pixel = (below + (f64::from(channel) - below) * cover.clamp(0.0, 1.0)).round() as u8;
        }
    }

    /// The pixels that a span may touch, of `count`.
    fn touched(from: f64, to: f64, count: usize) -> Range<usize> {
        let pixel = |x: f64| x.clamp(0.0, count as f64) as usize;
        pixel(from.floor())..pixel(to.ceil())
    }

    /// Fills where a point is deeper than 0 inside, within a box; half a pixel of the border is shared.
    fn fill(&mut self, [low, high]: [Point; 2], color: Rgb, depth: impl Fn(Point) -> f64) {
        for y in Self::touched(low[1] - 1.0, high[1] + 1.0, self.frame.height) {
            for x in Self::touched(low[0] - 1.0, high[0] + 1.0, self.frame.width) {
                let cover = depth([x as f64 + 0.5, y as f64 + 0.5]) + 0.5;
                if cover > 0.0 {
                    self.blend(x, y, color, cover);
                }
            }
        }
    }

    pub fn disc(&mut self, [x, y]: Point, radius: f64, color: Rgb) {
        let ends = [[x - radius, y - radius], [x + radius, y + radius]];
        self.fill(ends, color, |point| radius - (point[0] - x).hypot(point[1] - y));
    }

    /// A line from point to point, at least a pixel wide.
    pub fn line(&mut self, points: &[Point], width: f64, color: Rgb) {
        let half = width.max(1.0) / 2.0;
        let points = &if width <= 1.0 { on_pixels(points) } else { points.to_vec() };
        let (rows, columns) = (self.frame.height, self.frame.width);
        let around = bounds(points);
        let rows = Self::touched(around[0][1] - half - 1.0, around[1][1] + half + 1.0, rows);
        let columns = Self::touched(around[0][0] - half - 1.0, around[1][0] + half + 1.0, columns);
        // Pieces that meet cover a pixel once.
        let mut covers = vec![0.0_f64; rows.len() * columns.len()];
        for piece in points.windows(2) {
            let near = bounds(piece);
            let reach = |from: f64, to: f64, all: &Range<usize>| {
                let touched = Self::touched(from - half - 1.0, to + half + 1.0, all.end);
                touched.start.max(all.start)..touched.end
            };
            for y in reach(near[0][1], near[1][1], &rows) {
                for x in reach(near[0][0], near[1][0], &columns) {
                    let distance = distance([x as f64 + 0.5, y as f64 + 0.5], [piece[0], piece[1]]);
                    let cover = &mut covers[(y - rows.start) * columns.len() + x - columns.start];
                    *cover = cover.max(half - distance + 0.5);
                }
            }
        }
        for (y, row) in rows.zip(covers.chunks_exact(columns.len().max(1))) {
            for (x, &cover) in columns.clone().zip(row).filter(|(_, cover)| **cover > 0.0) {
                self.blend(x, y, color, cover);
            }
        }
    }

    /// What an odd number of the outline's edges lie left of.
    pub fn polygon(&mut self, corners: &[Point], color: Rgb) {
        let around = bounds(corners);
        let columns = Self::touched(around[0][0], around[1][0], self.frame.width);
        let mut covers = vec![0.0; columns.len()];
        let mut meets = Vec::new();
        for y in Self::touched(around[0][1], around[1][1], self.frame.height) {
            covers.fill(0.0);
            for line in 0..SUBLINES {
                let at = y as f64 + (line as f64 + 0.5) / SUBLINES as f64;
                meets.clear();
                let edges = corners.iter().zip(corners.iter().cycle().skip(1));
                let crossing = edges.filter(|(a, b)| (a[1] <= at) != (b[1] <= at));
                meets.extend(crossing.map(|(a, b)| a[0] + (at - a[1]) / (b[1] - a[1]) * (b[0] - a[0])));
                meets.sort_by(f64::total_cmp);
                for span in meets.chunks_exact(2) {
                    for x in Self::touched(span[0], span[1], columns.end) {
                        let left = x as f64;
                        let overlap = span[1].min(left + 1.0) - span[0].max(left);
                        covers[x - columns.start] += overlap / SUBLINES as f64;
                    }
                }
            }
            for (x, &cover) in columns.clone().zip(&covers).filter(|(_, cover)| **cover > 0.0) {
                self.blend(x, y, color, cover);
            }
        }
    }

    /// A line of text around a point; `size` is from the lowest letters to the highest.
    pub fn text(&mut self, text: &str, center: Point, size: f64, color: Rgb) {
        let left = center[0] - text_width(text, size) / 2.0;
        self.text_from(text, [left, center[1]], size, color);
    }

    /// A line of text that begins at a point, half of it above.
    pub fn text_from(&mut self, text: &str, [left, middle]: Point, size: f64, color: Rgb) {
        let Some(font) = &*FONT else { return };
        let scale = PxScale::from(size as f32);
        let scaled = font.as_scaled(scale);
        // Between baseline and capital letters' height lies what the eye takes for the middle.
        let baseline = middle as f32 + 0.36 * scaled.ascent();
        let mut at = left as f32;
        for letter in text.chars() {
            let glyph = font.glyph_id(letter).with_scale_and_position(scale, ab_glyph::point(at, baseline));
            at += scaled.h_advance(glyph.id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, cover| {
                let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
                let inside = |at: i64, count: usize| usize::try_from(at).ok().filter(|&at| at < count);
                if let (Some(x), Some(y)) = (inside(x, self.frame.width), inside(y, self.frame.height)) {
                    self.blend(x, y, color, f64::from(cover));
                }
            });
        }
    }
}

/// How wide a text is.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let Some(font) = &*FONT else { return 0.0 };
    let scaled = font.as_scaled(PxScale::from(size as f32));
    text.chars().map(|letter| f64::from(scaled.h_advance(font.glyph_id(letter)))).sum()
}

/// The lowest and the highest corner of the box around points.
fn bounds(points: &[Point]) -> [Point; 2] {
    points.iter().fold([[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]], |[low, high], point| {
        [[low[0].min(point[0]), low[1].min(point[1])], [high[0].max(point[0]), high[1].max(point[1])]]
    })
}

/// An upright or level line along the middle of pixels, where a thin one is sharp; any other as it is.
fn on_pixels(points: &[Point]) -> Vec<Point> {
    let mut points = points.to_vec();
    for axis in 0..2 {
        let first = points.first().map_or(0.0, |point| point[axis]);
        if points.iter().all(|point| point[axis] == first) {
            points.iter_mut().for_each(|point| point[axis] = first.floor() + 0.5);
        }
    }
    points
}

/// How far a point is from a piece of a line.
fn distance(point: Point, [from, to]: [Point; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let offset = [point[0] - from[0], point[1] - from[1]];
    let length = along[0].powi(2) + along[1].powi(2);
    let share = if length > 0.0 { (offset[0] * along[0] + offset[1] * along[1]) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    (offset[0] - share * along[0]).hypot(offset[1] - share * along[1])
}
