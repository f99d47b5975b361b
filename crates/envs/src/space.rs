//! Observation and action spaces as data.

use serde::{Deserialize, Deserializer, Serialize};

/// The set that an observation or an action belongs to, with Gymnasium's names.
///
/// Whatever the space, a value is a row of `f32`: discrete choices are whole numbers counted from 0, and bytes are packed. JSON has no infinity;
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
    /// A picture of several channels, row after row within each channel: `[channels, height, width]`.
    Image {
        /// The number of channels; those of stacked frames follow each other, oldest first.
        channels: usize,
        /// Rows of a channel.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// What a pixel is.
        pixel: Pixel,
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

/// What a pixel of a [`Space::Image`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pixel {
    /// A number of its own.
    Float,
    /// A byte. Four of them share a number of the row, in memory order; the last number is filled up with zeros. Such numbers are bit
    /// patterns: copy them, and read them with `bytemuck`, never as `f32`.
    Byte,
}

impl Space {
    /// A box with the same bounds in each of `dims` dimensions.
    pub fn uniform_box(dims: usize, low: f32, high: f32) -> Self {
        Self::Box { low: vec![low; dims], high: vec![high; dims] }
    }

    /// How many numbers a value has: the width of a row.
    pub fn width(&self) -> usize {
        match self {
            &Self::Image { channels, height, width, pixel } => match pixel {
                Pixel::Float => channels * height * width,
                Pixel::Byte => (channels * height * width).div_ceil(4),
            },
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
    fn four_bytes_share_a_number() {
        let image = |pixel| Space::Image { channels: 3, height: 5, width: 3, pixel };
        assert_eq!(image(Pixel::Float).width(), 45);
        assert_eq!(image(Pixel::Byte).width(), 12);
    }

    #[test]
    fn spaces_survive_json() {
        let spaces = [
            Space::Box { low: vec![f32::NEG_INFINITY, -1.5], high: vec![f32::INFINITY, 1.5] },
            Space::Discrete { n: 3 },
            Space::MultiDiscrete { nvec: vec![2, 3] },
            Space::MultiBinary { n: 4 },
            Space::Image { channels: 4, height: 84, width: 84, pixel: Pixel::Byte },
        ];
        for space in spaces {
            let json = serde_json::to_string(&space).unwrap();
            assert_eq!(serde_json::from_str::<Space>(&json).unwrap(), space, "{json}");
        }
    }
}
