//! What a configuration key may be.

use serde_json::Value;
use std::fmt;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::RangeBounds;

/// The largest count of steps and the largest seed: TOML's integers are signed and of 64 bits.
pub const MAX_COUNT: u64 = i64::MAX as u64;

/// The values that a key may have. Its `Display` completes the sentence "must be ...".
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text that is not empty.
    Text,
    /// Any text.
    AnyText,
    /// A list of texts that are not empty.
    Texts,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A device, see [`super::DeviceChoice`].
    Device,
    /// A whole number between two inclusive bounds.
    Whole {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// A finite number between two bounds.
    Real {
        /// Lower bound.
        min: Bound<f64>,
        /// Upper bound.
        max: Bound<f64>,
    },
    /// Nothing, or a height and a width; one number is both.
    Size {
        /// The longest side; the shortest is 1.
        side: u64,
    },
    /// Nothing, or a lower and an upper bound above it.
    Range,
    /// Widths of hidden layers.
    Widths {
        /// Most layers.
        layers: usize,
        /// Largest width; the smallest is 1.
        width: u64,
    },
}

impl Kind {
    /// Whether a value of the right type lies in the allowed range.
    pub(super) fn allows(&self, value: &Value) -> bool {
        match *self {
            Self::Text => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Self::AnyText => value.is_string(),
            Self::Texts => value.as_array().is_some_and(|texts| texts.iter().all(|text| Self::Text.allows(text))),
            Self::Flag => value.is_boolean(),
            Self::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Device => value.is_string(),
            Self::Whole { min, max } => value.as_u64().is_some_and(|number| (min..=max).contains(&number)),
            // JSON has no NaN and no infinity: both arrive as null.
            Self::Real { min, max } => value.as_f64().is_some_and(|number| (min, max).contains(&number)),
            Self::Size { side } => value.as_array().is_some_and(|sides| {
                [0, 2].contains(&sides.len())
                    && sides.iter().all(|s| s.as_u64().is_some_and(|s| (1..=side).contains(&s)))
            }),
            Self::Range => value.as_array().is_some_and(|bounds| match &bounds[..] {
                [low, high] => low.as_f64().zip(high.as_f64()).is_some_and(|(low, high)| low < high),
                bounds => bounds.is_empty(),
            }),
            Self::Widths { layers, width } => value.as_array().is_some_and(|widths| {
                widths.len() <= layers && widths.iter().all(|w| w.as_u64().is_some_and(|w| (1..=width).contains(&w)))
            }),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text that is not empty"),
            Self::AnyText => f.write_str("text"),
            Self::Texts => f.write_str("a list of texts that are not empty"),
            Self::Flag => f.write_str("true or false"),
            Self::OneOf(words) => {
                for (i, word) in words.iter().enumerate() {
                    let joint = if i == 0 {
                        ""
                    } else if i + 1 == words.len() {
                        " or "
                    } else {
                        ", "
                    };
                    write!(f, "{joint}`{word}`")?;
                }
                Ok(())
            }
            Self::Device => f.write_str("`auto`, `cpu`, `gpu` or `gpu:N`"),
            Self::Whole { min, max: MAX_COUNT } => write!(f, "a whole number of at least {min}"),
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Real { min: Included(min), max: Included(max) } => write!(f, "a number from {min} to {max}"),
            Self::Real { min, max } => {
                f.write_str("a finite number")?;
                match min {
                    Included(min) => write!(f, " of at least {min}")?,
                    Excluded(min) => write!(f, " above {min}")?,
                    Unbounded => {}
                }
                match max {
                    Included(max) => write!(f, " and at most {max}"),
                    Excluded(max) => write!(f, " and below {max}"),
                    Unbounded => Ok(()),
                }
            }
            Self::Size { side } => {
                write!(f, "[], or a height and a width from 1 to {side}, such as [84, 84], or one number for both")
            }
            Self::Range => f.write_str("[], or two finite numbers with the smaller one first, such as [-1.0, 1.0]"),
            Self::Widths { layers, width } => {
                write!(f, "a list of at most {layers} whole numbers from 1 to {width}")
            }
        }
    }
}
