//! Pictures without colour.

use super::observed::View;
use super::pixels::{bytes, fresh_bytes};
use crate::{EnvError, Pixel};

/// The weights of red, green and blue, as shares of 2^15.
const WEIGHTS: [u32; 3] = [9798, 19235, 3735];

/// 0.299 red + 0.587 green + 0.114 blue, with bytes to the bit as OpenCV's `cvtColor`.
pub(super) struct Grayscale {
    pub pixel: Pixel,
    /// Pixels of a channel.
    pub size: usize,
}

impl View for Grayscale {
    fn see(&mut self, _: usize, _: bool, source: &[f32], target: &mut [f32]) -> Result<(), EnvError> {
        match self.pixel {
            Pixel::Byte => {
                let (red, rest) = bytes(source).split_at(self.size);
                let (green, blue) = rest.split_at(self.size);
                for (((gray, &r), &g), &b) in fresh_bytes(target).iter_mut().zip(red).zip(green).zip(blue) {
                    *gray = gray_byte(r, g, b);
                }
            }
            Pixel::Float => {
                let (red, rest) = source.split_at(self.size);
                let (green, blue) = rest.split_at(self.size);
                for (((gray, r), g), b) in target.iter_mut().zip(red).zip(green).zip(blue) {
                    *gray = 0.299 * r + 0.587 * g + 0.114 * b;
                }
            }
        }
        Ok(())
    }
}

/// The weights sum to 2^15, so that it is at most 255.
fn gray_byte(red: u8, green: u8, blue: u8) -> u8 {
    let sum: u32 = [red, green, blue].into_iter().zip(WEIGHTS).map(|(value, weight)| u32::from(value) * weight).sum();
    ((sum + (1 << 14)) >> 15) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenCV's `cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)`.
    #[test]
    fn colours_have_opencv_s_gray() {
        for (colour, gray) in GRAYS {
            assert_eq!(gray_byte(colour[0], colour[1], colour[2]), gray, "{colour:?}");
        }
    }

    const GRAYS: [([u8; 3], u8); 8] = [
        ([0, 0, 0], 0),
        ([255, 255, 255], 255),
        ([255, 0, 0], 76),
        ([0, 255, 0], 150),
        ([0, 0, 255], 29),
        ([200, 72, 72], 110),
        // Weights of 14 bits would make 89 of it, and 105 of the next.
        ([12, 145, 7], 90),
        ([208, 73, 4], 106),
    ];
}
