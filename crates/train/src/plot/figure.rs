//! A figure: its heading, its panels, and a legend that they share.

use super::axes::LINE_HEIGHT;
use super::canvas::{Canvas, Drawn, INK, Picture};
use super::layout::places;
use super::legend::{Legend, named};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};
use striatum_dopamine::{Figure, Panel, Plot};

const TITLE_TEXT: f64 = 40.0;

/// What a figure's heading and shared legend take, about.
const HEADINGS: f64 = 100.0;

/// A legend's entry without its name, a letter of that, and a line, about; and what is on either side of a plot.
const ENTRY: f64 = 98.0;
const LETTER: f64 = 15.0;
const LINE: f64 = 36.0;
const SIDES: f64 = 190.0;

/// Above everything, and below each panel.
pub(super) const EDGE: f64 = 26.0;

/// Below headings and legends.
pub(super) const BELOW_HEADING: f64 = 14.0;

/// Panels a row.
pub(super) fn columns(figure: &Figure) -> usize {
    figure.columns.clamp(1, figure.panels.len().max(1))
}

/// Width and height that suit a figure, in lengths of the picture.
pub(super) fn natural_size(figure: &Figure) -> (f64, f64) {
    let columns = columns(figure);
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let (width, height) = match (columns, rows) {
        (1, 1) => (1280.0, 700.0),
        (1, 2) => (1280.0, 480.0),
        (1, _) => (1280.0, 340.0),
        (2, _) => (860.0, 560.0),
        (3, _) => (680.0, 500.0),
        _ => (600.0, 480.0),
    };
    let legends: f64 = figure.panels.chunks(columns).map(|row| legend_height(row, width)).sum();
    (width * columns as f64, height * rows as f64 + HEADINGS + legends)
}

/// What the legends of a row of panels take beyond one line, about.
fn legend_height(row: &[Panel], width: f64) -> f64 {
    let lines = |panel: &Panel| {
        let entries = named(panel).iter().map(|series| ENTRY + LETTER * series.name.chars().count() as f64);
        (entries.sum::<f64>() / (width - SIDES)).ceil()
    };
    LINE * (row.iter().map(lines).fold(0.0, f64::max) - 1.0).max(0.0)
}

impl Picture for Figure {
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn {
        let (width, edge) = (canvas.size().0, canvas.px(EDGE));
        let heading = if self.title.is_empty() { 0.0 } else { TITLE_TEXT * LINE_HEIGHT + BELOW_HEADING };
        let legend = shared_legend(self).map(|panel| Legend::new(canvas, panel, width - 8 * edge));
        let legend_top = edge + canvas.px(heading);
        let below = legend.as_ref().map_or(0.0, |legend| legend.height() + 2.0 * BELOW_HEADING);
        let places = places(canvas, self, legend_top + canvas.px(below), legend.is_none());
        let left = places.first().map_or(edge, |place| place.left());
        let size = canvas.fitting(&self.title, TITLE_TEXT, width - left - edge);
        canvas.text(&self.title, (left, edge), size, INK, HPos::Left, VPos::Top)?;
        legend.iter().try_for_each(|legend| legend.draw(canvas, (left, legend_top)))?;
        places.iter().try_for_each(|place| place.draw(canvas))
    }
}

/// The panel whose legend is that of all panels that have one, if there are several.
fn shared_legend(figure: &Figure) -> Option<&Panel> {
    let kind = |panel: &Panel| matches!(panel.plot, Plot::Bars(_));
    let names = |panel| named(panel).iter().map(|series| series.name.as_str());
    let mut panels = figure.panels.iter().filter(|panel| !named(panel).is_empty());
    let (first, mut rest) = (panels.next()?, panels.peekable());
    rest.peek()?;
    rest.all(|panel| kind(panel) == kind(first) && names(panel).eq(names(first))).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use striatum_dopamine::Series;

    fn panel(names: &[&str]) -> Panel {
        let series = |name: &&str| Series { name: (*name).to_owned(), ..Series::default() };
        let plot = Plot::Lines(names.iter().map(series).collect());
        Panel { title: String::new(), x_label: String::new(), y_label: String::new(), categories: Vec::new(), plot }
    }

    #[test]
    fn one_legend_is_enough_where_all_are_the_same() {
        let figure = |panels: &[&[&str]]| {
            let panels = panels.iter().map(|names| panel(names)).collect();
            Figure { title: String::new(), columns: 2, panels }
        };
        assert!(shared_legend(&figure(&[&["a", "b"], &["a", "b"], &["c"]])).is_some());
        assert!(shared_legend(&figure(&[&["a", "b"], &["a", "c"]])).is_none());
        assert!(shared_legend(&figure(&[&["a", "b"], &["c"]])).is_none());
    }
}
