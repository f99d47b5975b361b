//! Observation and action spaces as data.

use serde::{Deserialize, Deserializer, Serialize};

/// The set that an observation or an action belongs to, with Gymnasium's names.
///
/// Whatever the space, a value is a row of `f32`: discrete choices are whole numbers counted from 0. JSON has no infinity;
/// there a bound of null means none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Space {
    /// A box of real numbers with bounds per dimension (`±inf` where there is none).
    Box {
        /// Lower bounds, one a dimension.
        #[serde(deserialize_with = "lower_bounds")]
        low: Vec<f32>,
        /// Upper bounds, one a dimension.
        #[serde(deserialize_with = "upper_bounds")]
        high: Vec<f32>,
    },
    /// One choice among `n`.
    Discrete {
        /// The number of choices.
        n: usize,
    },
    /// Several choices; the `i`-th is among `nvec[i]`.
    MultiDiscrete {
        /// The number of choices of each component.
        nvec: Vec<usize>,
    },
    /// `n` switches, each 0 or 1.
    MultiBinary {
        /// The number of switches.
        n: usize,
    },
}

impl Space {
    /// A box with the same bounds in each of `dims` dimensions.
    pub fn uniform_box(dims: usize, low: f32, high: f32) -> Self {
        Self::Box { low: vec![low; dims], high: vec![high; dims] }
    }

    /// How many numbers a value has: the width of a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Box { low, .. } => low.len(),
            Self::Discrete { .. } => 1,
            Self::MultiDiscrete { nvec } => nvec.len(),
            Self::MultiBinary { n } => *n,
        }
    }
}

fn lower_bounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    bounds(deserializer, f32::NEG_INFINITY)
}

fn upper_bounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    bounds(deserializer, f32::INFINITY)
}

fn bounds<'de, D: Deserializer<'de>>(deserializer: D, none: f32) -> Result<Vec<f32>, D::Error> {
    let bounds = Vec::<Option<f32>>::deserialize(deserializer)?;
    Ok(bounds.into_iter().map(|bound| bound.unwrap_or(none)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_survive_json() {
        let spaces = [
            Space::Box { low: vec![f32::NEG_INFINITY, -1.5], high: vec![f32::INFINITY, 1.5] },
            Space::Discrete { n: 3 },
            Space::MultiDiscrete { nvec: vec![2, 3] },
            Space::MultiBinary { n: 4 },
        ];
        for space in spaces {
            let json = serde_json::to_string(&space).unwrap();
            assert_eq!(serde_json::from_str::<Space>(&json).unwrap(), space, "{json}");
        }
    }
}
