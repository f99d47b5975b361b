//! Pictures of environments: as shapes where a task draws itself, else as pixels.

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// A place in a picture, from the lower left corner; y points up.
pub type Point = [f64; 2];

/// A picture of an environment.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Shapes, to be drawn at any size.
    Scene(Scene),
    /// Pixels.
    Frame(Frame),
}

/// Which picture of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As it is now.
    Now,
    /// As it was when its last episode ended.
    End,
}

/// The step that led to a state.
#[derive(Clone, Copy, Debug)]
pub struct LastStep<'a> {
    /// The action.
    pub action: &'a [f32],
    /// The reward.
    pub reward: f32,
}

/// Pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green and blue, row after row: `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

/// Shapes on a plain ground, later ones over earlier ones. Lengths are pixels of the picture at its natural size.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// The natural width.
    pub width: f64,
    /// The natural height.
    pub height: f64,
    /// The colour of the ground.
    pub ground: Rgb,
    /// What is on it.
    pub shapes: Vec<(Shape, Rgb)>,
}

/// Something of one colour.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A filled polygon.
    Polygon(Vec<Point>),
    /// A filled circle.
    Disc {
        /// Its middle.
        center: Point,
        /// Its radius.
        radius: f64,
    },
    /// A line from point to point, round at its ends; never thinner than a pixel.
    Line {
        /// Its points.
        points: Vec<Point>,
        /// How thick it is.
        width: f64,
    },
    /// A line of text.
    Text {
        /// What it says.
        text: String,
        /// Its middle.
        center: Point,
        /// The height of its letters from the lowest to the highest.
        size: f64,
    },
}

/// Colours that tasks share.
pub mod colors {
    use super::Rgb;

    /// White.
    pub const WHITE: Rgb = [255, 255, 255];
    /// Black.
    pub const BLACK: Rgb = [0, 0, 0];
    /// Text and outlines.
    pub const INK: Rgb = [52, 58, 64];
    /// What is there but does not matter now.
    pub const FAINT: Rgb = [206, 212, 218];
    /// What is empty.
    pub const PALE: Rgb = [233, 236, 239];
    /// A good outcome.
    pub const GOOD: Rgb = [47, 158, 68];
    /// A bad outcome.
    pub const BAD: Rgb = [224, 49, 49];
    /// What acts.
    pub const AGENT: Rgb = [25, 113, 194];
    /// Who walks on a board.
    pub const WALKER: Rgb = [232, 89, 12];
    /// A reward.
    pub const GOLD: Rgb = [250, 176, 5];
}

impl Scene {
    /// Nothing on a ground.
    pub fn new(width: f64, height: f64, ground: Rgb) -> Self {
        Self { width, height, ground, shapes: Vec::new() }
    }

    /// A board of cells, row after row from the top, with `cell` pixels to a side.
    pub fn board(rows: usize, columns: usize, cell: f64, color: impl Fn(usize, usize) -> Rgb) -> Self {
        let mut scene = Self::new(columns as f64 * cell, rows as f64 * cell, colors::BLACK);
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let corner = [column as f64 * cell, (rows - 1 - row) as f64 * cell];
            scene.rectangle(corner, [cell, cell], color(row, column));
        }
        scene
    }

    /// The middle of a cell of a [`board`](Self::board) with so large cells.
    pub fn cell_center(&self, row: usize, column: usize, cell: f64) -> Point {
        [(column as f64 + 0.5) * cell, self.height - (row as f64 + 0.5) * cell]
    }

    /// A filled polygon.
    pub fn polygon(&mut self, corners: impl Into<Vec<Point>>, color: Rgb) {
        self.shapes.push((Shape::Polygon(corners.into()), color));
    }

    /// An upright rectangle, from its lower left corner on.
    pub fn rectangle(&mut self, [x, y]: Point, [width, height]: [f64; 2], color: Rgb) {
        self.polygon([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], color);
    }

    /// The part of a disc between two angles, counted from the right against the clock.
    pub fn sector(&mut self, center: Point, radius: f64, from: f64, to: f64, color: Rgb) {
        let mut corners = arc(center, radius, from, to);
        corners.push(center);
        self.polygon(corners, color);
    }

    /// A disc.
    pub fn disc(&mut self, center: Point, radius: f64, color: Rgb) {
        self.shapes.push((Shape::Disc { center, radius }, color));
    }

    /// A line.
    pub fn line(&mut self, points: impl Into<Vec<Point>>, width: f64, color: Rgb) {
        self.shapes.push((Shape::Line { points: points.into(), width }, color));
    }

    /// A text around its middle.
    pub fn text(&mut self, text: impl Into<String>, center: Point, size: f64, color: Rgb) {
        self.shapes.push((Shape::Text { text: text.into(), center, size }, color));
    }
}

/// Points along a circle between two angles.
pub fn arc([x, y]: Point, radius: f64, from: f64, to: f64) -> Vec<Point> {
    let pieces = ((to - from).abs() * 12.0).ceil().max(1.0) as usize;
    let angle = |i: usize| from + (to - from) * i as f64 / pieces as f64;
    (0..=pieces).map(|i| [x + radius * angle(i).cos(), y + radius * angle(i).sin()]).collect()
}

/// Points turned against the clock about the origin, then moved to `to`.
pub fn placed<const N: usize>(points: [Point; N], angle: f64, to: Point) -> [Point; N] {
    let (sin, cos) = angle.sin_cos();
    points.map(|[x, y]| [to[0] + x * cos - y * sin, to[1] + x * sin + y * cos])
}

/// The corners of an upright rectangle.
pub fn corners(left: f64, bottom: f64, right: f64, top: f64) -> [Point; 4] {
    [[left, bottom], [left, top], [right, top], [right, bottom]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    #[test]
    fn points_turn_against_the_clock() {
        let [[x, y]] = placed([[2.0, 1.0]], FRAC_PI_2, [10.0, 20.0]);
        assert!((x - 9.0).abs() < 1e-12 && (y - 22.0).abs() < 1e-12, "{x} {y}");
        let points = arc([1.0, 1.0], 2.0, 0.0, FRAC_PI_2);
        assert_eq!(points[0], [3.0, 1.0]);
        let [x, y] = points[points.len() - 1];
        assert!((x - 1.0).abs() < 1e-12 && (y - 3.0).abs() < 1e-12, "{x} {y}");
    }

    #[test]
    fn the_first_row_of_a_board_is_on_top() {
        let scene = Scene::board(2, 3, 10.0, |row, column| [row as u8, column as u8, 0]);
        assert_eq!((scene.width, scene.height, scene.shapes.len()), (30.0, 20.0, 6));
        let (Shape::Polygon(corners), color) = &scene.shapes[1] else { panic!("not a cell") };
        assert_eq!((corners[0], *color), ([10.0, 10.0], [0, 1, 0]));
        assert_eq!(scene.cell_center(0, 1, 10.0), [15.0, 15.0]);
    }
}
