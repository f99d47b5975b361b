//! What an experiment is asked and what it answers.

use crate::Figure;
use std::fmt;

/// What every experiment is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many independent runs are averaged, where anything is random; `None` is the experiment's own number, at which its published
    /// values are checked.
    pub seeds: Option<usize>,
    /// The first seed.
    pub seed: u64,
    /// Threads that may work at the same time; results do not depend on it.
    pub threads: usize,
}

/// A classical experiment.
#[derive(Clone, Copy)]
pub struct Experiment {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(&Options) -> Outcome,
}

/// What an experiment gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Numbers beside those that they should be.
    pub checks: Vec<Check>,
    /// Tables, each written as a CSV file.
    pub tables: Vec<Table>,
    /// What is drawn.
    pub figure: Figure,
    /// What a reader should know of how the numbers came about, a sentence each.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Whether every number is what it should be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Check::passed)
    }
}

/// A number beside the one that it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What was measured.
    pub what: String,
    /// What it should be.
    pub expected: Expected,
    /// What it was.
    pub measured: f64,
}

impl Check {
    /// A check of one number.
    pub fn new(what: impl Into<String>, expected: Expected, measured: f64) -> Self {
        Self { what: what.into(), expected, measured }
    }

    /// Whether the number is what it should be. NaN never is.
    #[must_use]
    pub fn passed(&self) -> bool {
        match self.expected {
            Expected::Near { value, tolerance } => (self.measured - value).abs() <= tolerance,
            Expected::AtLeast(least) => self.measured >= least,
            Expected::AtMost(most) => self.measured <= most,
            Expected::Reported => true,
        }
    }
}

/// What a number should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected {
    /// A value, give or take.
    Near {
        /// The value.
        value: f64,
        /// The largest difference.
        tolerance: f64,
    },
    /// No less than this.
    AtLeast(f64),
    /// No more than this.
    AtMost(f64),
    /// Whatever it is: nothing was published.
    Reported,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Near { value, tolerance } => write!(f, "{value} ± {tolerance}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::Reported => f.write_str("-"),
        }
    }
}

/// Numbers for a CSV file.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The file's name is this after the experiment's: letters, digits and `-`; empty is the experiment's name alone.
    pub name: String,
    /// A name a column; the first columns hold the labels.
    pub header: Vec<String>,
    /// Labels and numbers of a row, together as many as there are columns.
    pub rows: Vec<(Vec<String>, Vec<f64>)>,
}
