//! Pictures as characters: half blocks in colour, braille without.

use std::fmt::Write;
use striatum_envs::Frame;
use striatum_envs::scene::Rgb;
use striatum_train::picture::Label;

/// A character and its colours, those of the terminal where there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub glyph: char,
    pub ink: Option<Rgb>,
    pub ground: Option<Rgb>,
}

/// A line of the terminal.
pub type Row = Vec<Cell>;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// Any.
    Full,
    /// 256 of xterm's.
    Indexed,
    /// Its own two.
    None,
}

impl Cell {
    pub fn plain(glyph: char) -> Self {
        Self { glyph, ink: None, ground: None }
    }
}

impl Palette {
    /// Pixels of a character.
    pub fn pixels(self) -> (usize, usize) {
        if self == Self::None { (2, 4) } else { (1, 2) }
    }

    /// A picture in characters.
    pub fn cells(self, frame: &Frame, labels: &[Label]) -> Vec<Row> {
        let mut rows = if self == Self::None { braille(frame) } else { half_blocks(frame) };
        let (wide, high) = self.pixels();
        for Label { text, center, color } in labels {
            let letters: Vec<char> = text.chars().collect();
            let left = center[0] / wide as f64 - letters.len() as f64 / 2.0;
            let (row, left) = ((center[1] / high as f64).floor(), left.round());
            if row < 0.0 || left < 0.0 {
                continue;
            }
            let Some(row) = rows.get_mut(row as usize) else { continue };
            for (cell, letter) in row.iter_mut().skip(left as usize).zip(letters) {
                let ground = cell.ground;
                *cell = Cell { glyph: letter, ink: ground.map(|_| *color), ground };
            }
        }
        rows
    }

    /// A line with its colours as the terminal takes them.
    pub fn write(self, row: &[Cell], out: &mut String) {
        let mut now = (None, None);
        for Cell { glyph, ink, ground } in row {
            let wanted = if self == Self::None { (None, None) } else { (*ink, *ground) };
            if wanted != now {
                out.push_str("\x1b[0");
                self.color(38, wanted.0, out);
                self.color(48, wanted.1, out);
                out.push('m');
                now = wanted;
            }
            out.push(*glyph);
        }
        if now != (None, None) {
            out.push_str("\x1b[0m");
        }
    }

    fn color(self, target: u8, color: Option<Rgb>, out: &mut String) {
        // Writing to a string does not fail.
        let _ = match (color, self) {
            (None, _) | (_, Self::None) => Ok(()),
            (Some([r, g, b]), Self::Full) => write!(out, ";{target};2;{r};{g};{b}"),
            (Some(color), Self::Indexed) => write!(out, ";{target};5;{}", nearest(color)),
        };
    }
}

/// The colour of xterm's cube of 6 x 6 x 6, or of its greys, that is nearest.
fn nearest(color: Rgb) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let apart = |a: Rgb| a.iter().zip(color).map(|(&a, b)| (i32::from(a) - i32::from(b)).pow(2)).sum::<i32>();
    let level = |x: u8| (0..6_u8).min_by_key(|&i| LEVELS[usize::from(i)].abs_diff(x)).unwrap_or(0);
    let [r, g, b] = color.map(level);
    let cube = [r, g, b].map(|i| LEVELS[usize::from(i)]);
    let mean = color.iter().map(|&x| u32::from(x)).sum::<u32>() / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23) as u8;
    if apart([8 + 10 * grey; 3]) < apart(cube) { 232 + grey } else { 16 + 36 * r + 6 * g + b }
}

/// Two pixels a character, one above the other. Where the last row has one only, the ground below is the terminal's.
fn half_blocks(frame: &Frame) -> Vec<Row> {
    let cell = |y: usize, x: usize| match (pixel(frame, 2 * y, x), pixel(frame, 2 * y + 1, x)) {
        (ink, ground) if ink == ground => Cell { glyph: ' ', ink: None, ground },
        (ink, ground) => Cell { glyph: '▀', ink, ground },
    };
    (0..frame.height.div_ceil(2)).map(|y| (0..frame.width).map(|x| cell(y, x)).collect()).collect()
}

/// Eight dots a character, where pixels are unlike the ground.
fn braille(frame: &Frame) -> Vec<Row> {
    /// The dots' bits, row after row.
    const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
    let ground = ground(frame);
    let is_dot = |y: usize, x: usize| pixel(frame, y, x).is_some_and(|color| is_unlike(color, ground));
    let cell = |y: usize, x: usize| {
        let dots = (0..4).flat_map(|dy| (0..2).map(move |dx| (dy, dx)));
        let bits = dots.filter(|&(dy, dx)| is_dot(4 * y + dy, 2 * x + dx)).map(|(dy, dx)| BITS[dy][dx]).sum::<u32>();
        Cell::plain(if bits == 0 { ' ' } else { char::from_u32(0x2800 + bits).unwrap_or(' ') })
    };
    let columns = frame.width.div_ceil(2);
    (0..frame.height.div_ceil(4)).map(|y| (0..columns).map(|x| cell(y, x)).collect()).collect()
}

fn pixel(frame: &Frame, y: usize, x: usize) -> Option<Rgb> {
    let at = 3 * (y * frame.width + x);
    (x < frame.width && y < frame.height).then(|| [frame.rgb[at], frame.rgb[at + 1], frame.rgb[at + 2]])
}

/// The most frequent colour.
fn ground(frame: &Frame) -> Rgb {
    let mut colors: Vec<Rgb> = frame.rgb.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect();
    colors.sort_unstable();
    let runs = colors.chunk_by(|a, b| a == b);
    runs.max_by_key(|run| run.len()).map_or([0; 3], |run| run[0])
}

/// Whether the eye tells two colours apart at a glance.
fn is_unlike(a: Rgb, b: Rgb) -> bool {
    a.iter().zip(b).map(|(&a, b)| u32::from(a.abs_diff(b))).sum::<u32>() > 120
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Rgb = [255; 3];
    const BLACK: Rgb = [0; 3];

    fn frame(width: usize, pixels: &[Rgb]) -> Frame {
        Frame { width, height: pixels.len() / width, rgb: pixels.concat() }
    }

    #[test]
    fn a_half_block_is_two_pixels() {
        let rows = Palette::Full.cells(&frame(1, &[WHITE, BLACK, WHITE, WHITE, [1, 2, 3]]), &[]);
        assert_eq!(rows[0], [Cell { glyph: '▀', ink: Some(WHITE), ground: Some(BLACK) }]);
        assert_eq!(rows[1], [Cell { glyph: ' ', ink: None, ground: Some(WHITE) }]);
        assert_eq!(rows[2], [Cell { glyph: '▀', ink: Some([1, 2, 3]), ground: None }]);
        let mut text = String::new();
        Palette::Full.write(&rows[0], &mut text);
        assert_eq!(text, "\x1b[0;38;2;255;255;255;48;2;0;0;0m▀\x1b[0m");
    }

    #[test]
    fn braille_has_dots_where_pixels_are_unlike_the_ground() {
        let mut pixels = [WHITE; 8];
        (pixels[0], pixels[7]) = (BLACK, BLACK);
        let rows = Palette::None.cells(&frame(2, &pixels), &[]);
        assert_eq!(rows, [[Cell::plain('⢁')]]);
        let mut text = String::new();
        Palette::None.write(&rows[0], &mut text);
        assert_eq!(text, "⢁");
    }

    #[test]
    fn labels_stand_around_their_middle() {
        let label = |text: &str, center| Label { text: text.to_owned(), center, color: BLACK };
        let labels = [label("abc", [5.0, 2.5]), label("beyond", [5.0, 99.0])];
        let rows = Palette::Full.cells(&frame(10, &[WHITE; 40]), &labels);
        let text: String = rows[1].iter().map(|cell| cell.glyph).collect();
        assert_eq!(text, "    abc   ");
        assert_eq!(rows[1][4], Cell { glyph: 'a', ink: Some(BLACK), ground: Some(WHITE) });
    }

    #[test]
    fn the_nearest_of_256_colours() {
        let colors = [WHITE, BLACK, [255, 0, 0], [0, 0, 95], [128; 3], [202, 152, 101]];
        assert_eq!(colors.map(nearest), [231, 16, 196, 17, 244, 173]);
    }
}
