//! Where the panels of a figure are, so that nothing overlaps and their edges are in line.

use super::axes::{Axis, Frame, LABEL_GAP, LABEL_TEXT, LINE_HEIGHT, Style, TICK_GAP, TICK_TEXT};
use super::canvas::{Canvas, Drawn, INK};
use super::figure::{BELOW_HEADING, EDGE, columns};
use super::legend::Legend;
use super::marks::{self, scale_room};
use super::ranges::{share_x, x_axis, y_axis};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};
use striatum_dopamine::{Figure, Panel, Plot};

const TITLE_TEXT: f64 = 30.0;

/// From the left edge to the vertical axis' label, from there to its numbers, and from the plot to the right edge.
const LEFT_PAD: f64 = 20.0;
const Y_LABEL_GAP: f64 = 12.0;
const RIGHT_PAD: f64 = 44.0;

/// About how far ticks are apart.
const Y_TICKS_APART: f64 = 70.0;
const X_TICKS_APART: f64 = 90.0;

/// What a panel's axis, legend and heading take of its height, about.
const AROUND: f64 = 120.0;

/// Lines of a category's name, as long as its text does not become smaller than this.
const LINES: usize = 3;
const LEAST_TEXT: f64 = 15.0;

/// A panel's place, in drawn pixels.
pub(super) struct Place<'a> {
    panel: &'a Panel,
    x: Axis,
    y: Axis,
    /// Whether the horizontal axis has numbers and a name.
    x_text: bool,
    x_lines: Vec<Vec<String>>,
    x_size: f64,
    legend: Legend,
    /// What its parts need around the plot.
    needs: Sides,
    top: i32,
    /// Left, right, top and bottom of the plot.
    plot: [i32; 4],
}

/// Lengths around a plot, in drawn pixels.
#[derive(Clone, Copy, Default)]
struct Sides {
    left: i32,
    right: i32,
    above: i32,
    below: i32,
}

/// Places every panel below `top`. With `legends` each panel has its own.
pub(super) fn places<'a, DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    figure: &'a Figure,
    top: i32,
    legends: bool,
) -> Vec<Place<'a>> {
    let (width, height) = canvas.size();
    let columns = columns(figure);
    let rows = figure.panels.len().div_ceil(columns);
    let room = f64::from(height - top) / rows.max(1) as f64 - f64::from(canvas.px(AROUND));
    let y_count = (room / f64::from(canvas.px(Y_TICKS_APART))).clamp(2.0, 7.0) as usize;
    let mut places: Vec<_> = figure
        .panels
        .chunks(columns)
        .flat_map(|row| row.iter().map(move |panel| Place::new(canvas, panel, y_axis(panel, row, y_count))))
        .collect();

    // The widest of a column decides for all of it.
    let widest = |places: &[Place<'_>], column: usize, of: fn(&Sides) -> i32| {
        places.iter().skip(column).step_by(columns).map(|place| of(&place.needs)).max().unwrap_or(0)
    };
    let sides: Vec<_> = (0..columns)
        .map(|column| (widest(&places, column, |sides| sides.left), widest(&places, column, |sides| sides.right)))
        .collect();
    let taken: i32 = sides.iter().map(|(left, right)| left + right).sum();
    let plot_width = ((width - taken) / columns as i32).max(1);
    let mut left = 0;
    for (column, (before, after)) in sides.iter().enumerate() {
        for place in places.iter_mut().skip(column).step_by(columns) {
            [place.plot[0], place.plot[1]] = [left + before, left + before + plot_width];
            place.needs.left = *before;
        }
        left += before + plot_width + after;
    }

    for (row, places) in places.chunks_mut(columns).enumerate() {
        // A row of which every panel has the same axis as the one below it leaves the text to that.
        let below = |i: usize| figure.panels.get((row + 1) * columns + i);
        let shared = |(i, place): (usize, &Place<'_>)| below(i).is_some_and(|below| share_x(place.panel, below));
        let x_text = !places.iter().enumerate().all(shared);
        for (i, place) in places.iter_mut().enumerate() {
            place.x_text = x_text;
            place.spread(canvas, figure.panels.iter().skip(i).step_by(columns), legends);
        }
    }

    // The highest of a row decides for all of it.
    let highest =
        |row: &[Place<'_>], of: fn(&Sides) -> i32| row.iter().map(|place| of(&place.needs)).max().unwrap_or(0);
    let taken: i32 =
        places.chunks(columns).map(|row| highest(row, |sides| sides.above) + highest(row, |sides| sides.below)).sum();
    let plot_height = ((height - top - taken) / rows.max(1) as i32).max(1);
    let mut top = top;
    for row in places.chunks_mut(columns) {
        let (above, below) = (highest(row, |sides| sides.above), highest(row, |sides| sides.below));
        for place in row {
            place.top = top;
            [place.plot[2], place.plot[3]] = [top + above, top + above + plot_height];
        }
        top += above + plot_height + below;
    }
    places
}

impl<'a> Place<'a> {
    /// A panel with this vertical axis, and what that needs.
    fn new<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, panel: &'a Panel, y: Axis) -> Self {
        let numbers = y.ticks.iter().map(|(_, label)| canvas.text_width(label, TICK_TEXT)).max().unwrap_or(0);
        let right = match &panel.plot {
            Plot::Heatmap(heatmap) => scale_room(canvas, heatmap),
            _ => 0,
        };
        let left = canvas.px(LEFT_PAD + LABEL_TEXT * LINE_HEIGHT + Y_LABEL_GAP + TICK_GAP) + numbers;
        Self {
            panel,
            x: Axis::inside(0.0, 1.0, 2),
            y,
            x_text: true,
            x_lines: Vec::new(),
            x_size: TICK_TEXT,
            legend: Legend::default(),
            needs: Sides { left, right: canvas.px(RIGHT_PAD) + right, ..Sides::default() },
            top: 0,
            plot: [0; 4],
        }
    }

    /// The horizontal axis and the legend, once the width is known, and what they need.
    fn spread<'b, DB: DrawingBackend>(
        &mut self,
        canvas: &Canvas<'_, DB>,
        column: impl Iterator<Item = &'b Panel> + Clone,
        legends: bool,
    ) where
        'a: 'b,
    {
        let width = self.plot[1] - self.plot[0];
        let most = (width / canvas.px(X_TICKS_APART).max(1)).clamp(2, 8) as usize;
        // Long numbers need more room.
        let axes = (2..=most).rev().map(|count| x_axis(self.panel, column.clone(), count));
        let fits = |axis: &Axis| {
            let texts: i32 = axis.ticks.iter().map(|(_, label)| canvas.text_width(label, TICK_TEXT)).sum();
            f64::from(texts) * 1.4 < f64::from(width)
        };
        self.x = axes.clone().find(fits).or_else(|| axes.last()).unwrap_or_else(|| Axis::inside(0.0, 1.0, 2));
        let slot = match self.panel.categories.len() {
            0 => width,
            categories => (0.94 * f64::from(width) / categories as f64) as i32,
        };
        (self.x_lines, self.x_size) = names(canvas, &self.x, slot);
        if legends {
            self.legend = Legend::new(canvas, self.panel, width);
        }

        let heading = if self.panel.title.is_empty() { 0.0 } else { TITLE_TEXT * LINE_HEIGHT + BELOW_HEADING };
        let legend = self.legend.height();
        self.needs.above = canvas.px(heading + legend + if legend > 0.0 { BELOW_HEADING } else { 0.0 });
        let lines = self.x_lines.iter().map(Vec::len).max().unwrap_or(1) as f64;
        let label = if self.panel.x_label.is_empty() { 0.0 } else { LABEL_GAP + LINE_HEIGHT * LABEL_TEXT };
        let texts = TICK_GAP + lines * LINE_HEIGHT * self.x_size + label;
        self.needs.below = canvas.px(if self.x_text { texts } else { 0.0 } + EDGE);
    }

    /// The left edge of the plot.
    pub(super) fn left(&self) -> i32 {
        self.plot[0]
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn {
        let ([left, right, top, bottom], panel) = (self.plot, self.panel);
        let frame = Frame { left, right, top, bottom, x: &self.x, y: &self.y };
        let style = Style {
            grid: matches!(panel.plot, Plot::Lines(_) | Plot::Bars(_)),
            x_text: self.x_text,
            x_label: &panel.x_label,
            y_label: &panel.y_label,
            x_lines: &self.x_lines,
            x_size: self.x_size,
            y_label_at: self.needs.left - canvas.px(LEFT_PAD),
        };
        frame.draw(canvas, &style)?;
        marks::draw(canvas, &frame, &panel.plot)?;
        let size = canvas.fitting(&panel.title, TITLE_TEXT, right - left);
        canvas.text(&panel.title, (left, self.top), size, INK, HPos::Left, VPos::Top)?;
        let heading = if panel.title.is_empty() { 0.0 } else { TITLE_TEXT * LINE_HEIGHT + BELOW_HEADING };
        self.legend.draw(canvas, (left, self.top + canvas.px(heading)))
    }
}

/// The labels of an axis in lines, and the size of their text, with so many drawn pixels for each.
fn names<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, axis: &Axis, room: i32) -> (Vec<Vec<String>>, f64) {
    let mut size = TICK_TEXT;
    loop {
        let lines: Vec<_> = axis.ticks.iter().map(|(_, label)| wrapped(canvas, label, size, room)).collect();
        let fit = |label: &Vec<String>| {
            label.len() <= LINES && label.iter().all(|line| canvas.text_width(line, size) <= room)
        };
        if size <= LEAST_TEXT || lines.iter().all(fit) {
            return (lines, size);
        }
        size -= 1.0;
    }
}

/// A text in lines that fit into so many drawn pixels, as far as its words do; what is in brackets stays together.
fn wrapped<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, text: &str, size: f64, room: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        let open = lines.last().is_some_and(|line| line.matches('(').count() > line.matches(')').count());
        match (lines.last_mut(), longer) {
            (Some(line), Some(longer)) if open || canvas.text_width(&longer, size) <= room => *line = longer,
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
