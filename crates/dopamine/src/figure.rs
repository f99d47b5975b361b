//! A figure as data; whoever draws it chooses colours and fonts.

/// Panels in rows from the top left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figure {
    /// The heading.
    pub title: String,
    /// Panels a row.
    pub columns: usize,
    /// The panels.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The heading.
    pub title: String,
    /// What the horizontal axis is, with its unit.
    pub x_label: String,
    /// What the vertical axis is, with its unit.
    pub y_label: String,
    /// Names of the whole numbers 0, 1, .. of the horizontal axis; empty is an axis of numbers.
    pub categories: Vec<String>,
    /// What is drawn in it.
    pub plot: Plot,
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Plot {
    /// Curves through points, with a legend where there is more than one.
    Lines(Vec<Series>),
    /// A bar a category and series, from 0.
    Bars(Vec<Series>),
    /// Vertical lines of unit height, one line of them a trial from the top down: `(x, trial)`.
    Raster {
        /// The marks.
        marks: Vec<(f64, usize)>,
        /// How many trials there are.
        trials: usize,
    },
    /// Numbers as colours, blue below 0, red above.
    Heatmap(Heatmap),
}

/// Points under one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// `(x, y)`, in the order of x.
    pub points: Vec<(f64, f64)>,
    /// An interval around each point, such as a 95 % confidence interval; empty is none.
    pub band: Band,
}

/// `(lower, upper)` of each point.
pub type Band = Vec<(f64, f64)>;

/// A matrix of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Heatmap {
    /// Columns, from the left.
    pub width: usize,
    /// `[rows * width]`, the first row at the top.
    pub values: Vec<f64>,
    /// The lower left corner and the upper right one in units of the axes.
    pub extent: [(f64, f64); 2],
}
