//! What the axes of a panel span.

use super::axes::Axis;
use super::marks::bar_spacing;
use striatum_dopamine::{Panel, Plot, Series};

/// The share of a common axis that each panel's numbers must span.
const LEAST_SHARE: f64 = 0.33;

/// From the least to the greatest number, those that are not finite left out.
fn span(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let widen = |span: Option<(f64, f64)>, x: f64| Some(span.map_or((x, x), |(low, high)| (low.min(x), high.max(x))));
    numbers.filter(|x| x.is_finite()).fold(None, widen)
}

fn xs(series: &[Series]) -> impl Iterator<Item = f64> {
    series.iter().flat_map(|series| series.points.iter().map(|point| point.0))
}

/// From 0, where that is near beside what is spanned.
fn from_zero((low, high): (f64, f64)) -> (f64, f64) {
    if low > 0.0 && (low < 0.5 * high || low == high) { (0.0, high) } else { (low, high) }
}

/// What the horizontal axis of numbers spans; none where there are categories.
fn horizontal(panel: &Panel) -> Option<(f64, f64)> {
    if !panel.categories.is_empty() {
        return None;
    }
    let spanned = match &panel.plot {
        Plot::Lines(series) => span(xs(series)).map(from_zero),
        Plot::Bars(series) => {
            let half = 0.5 * bar_spacing(series);
            span(xs(series)).map(|(low, high)| (low - half, high + half))
        }
        Plot::Raster { marks, .. } => span(marks.iter().map(|mark| mark.0)).map(from_zero),
        Plot::Heatmap(heatmap) => Some((heatmap.extent[0].0, heatmap.extent[1].0)),
    };
    Some(spanned.unwrap_or((0.0, 1.0)))
}

/// Whether two panels, one above the other, have one horizontal axis.
pub(super) fn share_x(a: &Panel, b: &Panel) -> bool {
    a.x_label == b.x_label && a.categories == b.categories
}

/// The horizontal axis of a panel with those that stand in one column with it; panels with the same label span the same.
pub(super) fn x_axis<'a>(panel: &'a Panel, column: impl Iterator<Item = &'a Panel>, count: usize) -> Axis {
    let Some(own) = horizontal(panel) else { return Axis::categories(&panel.categories) };
    let sharing = column.filter(|other| share_x(panel, other)).filter_map(horizontal);
    let (from, to) = sharing.fold(own, |(from, to), (other_from, other_to)| match own.0 <= own.1 {
        true => (from.min(other_from), to.max(other_to)),
        false => (from, to),
    });
    Axis::inside(from, to, count)
}

/// The vertical axis of a panel with those that stand in one row with it; panels of numbers with the same label span the same, if that
/// leaves each enough of the height.
pub(super) fn y_axis(panel: &Panel, row: &[Panel], count: usize) -> Axis {
    match &panel.plot {
        Plot::Raster { trials, .. } => Axis::rows(*trials, count),
        Plot::Heatmap(heatmap) => Axis::inside(heatmap.extent[0].1, heatmap.extent[1].1, count),
        Plot::Lines(_) | Plot::Bars(_) => {
            let sharing = || row.iter().filter(|other| other.y_label == panel.y_label).filter_map(vertical);
            let own = vertical(panel).unwrap_or((0.0, 1.0));
            let (low, high) = sharing().fold(own, |(low, high), other| (low.min(other.0), high.max(other.1)));
            let each_has_room = sharing().all(|(least, most)| most - least >= LEAST_SHARE * (high - low));
            let (low, high) = if each_has_room { (low, high) } else { own };
            Axis::around(low, high, count)
        }
    }
}

/// What the vertical axis of numbers spans.
fn vertical(panel: &Panel) -> Option<(f64, f64)> {
    let numbers = |series: &[Series]| {
        let points = series.iter().flat_map(|series| series.points.iter().map(|point| point.1));
        let bands = series.iter().flat_map(|series| series.band.iter().flat_map(|&(low, high)| [low, high]));
        span(points.chain(bands))
    };
    match &panel.plot {
        Plot::Lines(series) => numbers(series),
        // Bars stand on 0.
        Plot::Bars(series) => numbers(series).map(|(low, high)| (low.min(0.0), high.max(0.0))),
        Plot::Raster { .. } | Plot::Heatmap(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(plot: Plot, x_label: &str) -> Panel {
        Panel { title: String::new(), x_label: x_label.into(), y_label: String::new(), categories: Vec::new(), plot }
    }

    fn curve(points: &[(f64, f64)]) -> Plot {
        Plot::Lines(vec![Series { points: points.to_vec(), ..Series::default() }])
    }

    #[test]
    fn an_axis_starts_at_zero_where_that_is_near() {
        assert_eq!(
            [(1.0, 200.0), (2048.0, 2048.0), (-1.0, 1.0)].map(from_zero),
            [(0.0, 200.0), (0.0, 2048.0), (-1.0, 1.0)]
        );
        assert_eq!(from_zero((90.0, 100.0)), (90.0, 100.0));
    }

    #[test]
    fn panels_of_one_label_span_the_same() {
        let (a, b) =
            (panel(curve(&[(0.0, 1.0), (10.0, 2.0)]), "Time"), panel(curve(&[(5.0, 1.0), (20.0, 2.0)]), "Time"));
        let other = panel(curve(&[(0.0, 0.0), (99.0, 0.0)]), "Trial");
        let axis = x_axis(&a, [&a, &b, &other].into_iter(), 4);
        assert_eq!((axis.from, axis.to), (0.0, 20.0));
        // 1 to 2 is enough of 0 to 2, and too little of 0 to 100.
        let (small, large) =
            (panel(curve(&[(0.0, 0.0), (1.0, 2.0)]), ""), panel(curve(&[(0.0, 0.0), (1.0, 100.0)]), ""));
        let of = |row: &[Panel]| (y_axis(&a, row, 2).from, y_axis(&a, row, 2).to);
        assert_eq!((of(&[a.clone(), small.clone()]), of(&[a.clone(), small, large])), ((0.0, 2.0), (1.0, 2.0)));
    }

    #[test]
    fn what_is_not_finite_spans_nothing() {
        let broken = panel(curve(&[(0.0, f64::NAN), (1.0, 3.0), (2.0, 4.0)]), "");
        let axis = y_axis(&broken, &[], 2);
        assert_eq!((axis.from, axis.to), (3.0, 4.0));
        let empty = panel(curve(&[]), "");
        assert_eq!((y_axis(&empty, &[], 2).to, x_axis(&empty, [].into_iter(), 2).to), (1.0, 1.0));
        // Bars stand on 0.
        let Plot::Lines(series) = curve(&[(0.0, 3.0), (1.0, 5.0)]) else { unreachable!("it is a curve") };
        let bars = y_axis(&panel(Plot::Bars(series), ""), &[], 5);
        assert_eq!((bars.from, bars.to), (0.0, 5.0));
    }
}
