//! Names of series beside samples of their colours, in rows that never lie over data.

use super::canvas::{Canvas, Drawn, INK, Place};
use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};
use striatum_dopamine::{Panel, Plot, Series};

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

/// Stations of viridis, for more series than the palette tells apart; its yellow end is too pale for lines.
const SEQUENCE: [RGBColor; 5] =
    [RGBColor(68, 1, 84), RGBColor(59, 82, 139), RGBColor(33, 145, 140), RGBColor(94, 201, 98), RGBColor(221, 204, 40)];

const TEXT: f64 = 25.0;
const ROW: f64 = 36.0;
const SAMPLE: f64 = 44.0;
const SAMPLE_GAP: f64 = 14.0;
const ENTRY_GAP: f64 = 40.0;

/// A browser's own font may be wider than the one that texts are measured in.
const SLACK: f64 = 1.12;

/// The colour of one series of so many.
pub(super) fn color(index: usize, count: usize) -> RGBColor {
    if count <= PALETTE.len() {
        return PALETTE[index];
    }
    between(&SEQUENCE, index as f64 / (count - 1) as f64)
}

/// The colour at a share, 0 to 1, of the way through some.
pub(super) fn between(stations: &[RGBColor], share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * (stations.len() - 1) as f64;
    let (from, to) = (stations[at.floor() as usize], stations[at.ceil() as usize]);
    let mix = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * at.fract()).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// The series that a panel's legend would name.
pub(super) fn named(panel: &Panel) -> &[Series] {
    match &panel.plot {
        Plot::Lines(series) | Plot::Bars(series) if series.len() > 1 => series,
        _ => &[],
    }
}

/// Entries in rows.
#[derive(Default)]
pub(super) struct Legend {
    /// Name, colour and distance from the left edge of every entry of every row.
    rows: Vec<Vec<(String, RGBColor, i32)>>,
    bars: bool,
}

impl Legend {
    /// As many entries a row as fit into so many drawn pixels.
    pub(super) fn new<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, panel: &Panel, width: i32) -> Self {
        let (mut rows, mut end) = (Vec::new(), 0);
        let series = named(panel);
        for (i, Series { name, .. }) in series.iter().enumerate() {
            let text = (f64::from(canvas.text_width(name, TEXT)) * SLACK).round() as i32;
            let own = canvas.px(SAMPLE + SAMPLE_GAP) + text;
            if rows.is_empty() || end + own > width {
                rows.push(Vec::new());
                end = 0;
            }
            rows.last_mut().into_iter().for_each(|row| row.push((name.clone(), color(i, series.len()), end)));
            end += own + canvas.px(ENTRY_GAP);
        }
        Self { rows, bars: matches!(panel.plot, Plot::Bars(_)) }
    }

    /// How high it is, in lengths of the picture.
    pub(super) fn height(&self) -> f64 {
        ROW * self.rows.len() as f64
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, (left, top): Place) -> Drawn {
        for (row, entries) in self.rows.iter().enumerate() {
            let y = top + canvas.px(ROW * (row as f64 + 0.5));
            for (name, color, from_left) in entries {
                let (x, half) = (left + from_left, canvas.px(if self.bars { 10.0 } else { 3.0 }));
                canvas.rectangle([(x, y - half), (x + canvas.px(SAMPLE), y + half)], *color)?;
                canvas.text(name, (x + canvas.px(SAMPLE + SAMPLE_GAP), y), TEXT, INK, HPos::Left, VPos::Center)?;
            }
        }
        Ok(())
    }
}
