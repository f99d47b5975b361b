//! From shapes to pixels.

mod canvas;

pub(crate) use canvas::{Canvas, text_width};

use striatum_envs::scene::{Point, Shape};
use striatum_envs::{Frame, Picture, Scene};

/// A scene, `scale` times its natural size.
pub fn draw(scene: &Scene, scale: f64) -> Frame {
    draw_shapes(scene, scale, true)
}

/// A picture of at most so many pixels, in its own proportions; a scene's texts are left out and given beside it, with the
/// place of their middle and their colour.
pub fn fit(picture: &Picture, (width, height): (usize, usize)) -> (Frame, Vec<Label>) {
    let scale = |own: (f64, f64)| (width as f64 / own.0).min(height as f64 / own.1);
    match picture {
        Picture::Scene(scene) => {
            let scale = scale((scene.width, scene.height));
            let label = |(shape, color): &(Shape, [u8; 3])| match shape {
                Shape::Text { text, center, .. } => {
                    let at = [center[0] * scale, (scene.height - center[1]) * scale];
                    Some(Label { text: text.clone(), center: at, color: *color })
                }
                _ => None,
            };
            (draw_shapes(scene, scale, false), scene.shapes.iter().filter_map(label).collect())
        }
        Picture::Frame(frame) => {
            let scale = scale((frame.width as f64, frame.height as f64));
            let size = |own: usize| ((own as f64 * scale) as usize).max(1);
            (resized(frame, (size(frame.width), size(frame.height))), Vec::new())
        }
    }
}

/// A text of a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// What it says.
    pub text: String,
    /// Its middle, in pixels from the top left.
    pub center: Point,
    /// Its colour.
    pub color: [u8; 3],
}

fn draw_shapes(scene: &Scene, scale: f64, texts: bool) -> Frame {
    let size = |own: f64| ((own * scale).round() as usize).max(1);
    let mut canvas = Canvas::new(size(scene.width), size(scene.height), scene.ground);
    let place = |[x, y]: Point| [x * scale, (scene.height - y) * scale];
    let places = |points: &[Point]| points.iter().copied().map(place).collect::<Vec<_>>();
    for (shape, color) in &scene.shapes {
        match shape {
            Shape::Polygon(corners) => canvas.polygon(&places(corners), *color),
            Shape::Disc { center, radius } => canvas.disc(place(*center), radius * scale, *color),
            Shape::Line { points, width } => canvas.line(&places(points), width * scale, *color),
            Shape::Text { text, center, size } if texts => canvas.text(text, place(*center), size * scale, *color),
            Shape::Text { .. } => {}
        }
    }
    canvas.finish()
}

/// A frame at another size; a pixel is the mean of what it covers.
fn resized(frame: &Frame, (width, height): (usize, usize)) -> Frame {
    // The pixels that lie under pixel `i` of `count`, at least one.
    let under = |i: usize, count: usize, own: usize| {
        let from = i * own / count;
        from..((i + 1) * own / count).max(from + 1)
    };
    let mut rgb = Vec::with_capacity(3 * width * height);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let (rows, columns) = (under(y, height, frame.height), under(x, width, frame.width));
        let count = rows.len() * columns.len();
        for channel in 0..3 {
            let places = rows.clone().flat_map(|y| columns.clone().map(move |x| 3 * (y * frame.width + x) + channel));
            let sum: usize = places.map(|at| usize::from(frame.rgb[at])).sum();
            rgb.push(((sum + count / 2) / count) as u8);
        }
    }
    Frame { width, height, rgb }
}
