//! Rows of pixels, packed or not.

use crate::Pixel;

/// The bytes of a row of packed pixels, with those that fill up its last number.
pub(super) fn bytes(row: &[f32]) -> &[u8] {
    bytemuck::cast_slice(row)
}

/// The bytes of a row of packed pixels to write, with those that fill up its last number.
pub(super) fn bytes_mut(row: &mut [f32]) -> &mut [u8] {
    bytemuck::cast_slice_mut(row)
}

/// Bytes to write, after those that fill up the last number were made zeros.
pub(super) fn fresh_bytes(row: &mut [f32]) -> &mut [u8] {
    row.last_mut().into_iter().for_each(|last| *last = 0.0);
    bytes_mut(row)
}

/// Puts the larger pixel of two rows in `row`.
pub(super) fn maximum(pixel: Pixel, row: &mut [f32], other: &[f32]) {
    match pixel {
        Pixel::Byte => bytes_mut(row).iter_mut().zip(bytes(other)).for_each(|(a, &b)| *a = (*a).max(b)),
        Pixel::Float => row.iter_mut().zip(other).for_each(|(a, &b)| *a = a.max(b)),
    }
}

/// What a pixel is made of.
pub(super) trait Value: Copy {
    fn number(self) -> f32;

    /// The nearest value to a number, the even one of two.
    fn nearest(number: f32) -> Self;

    /// The mean of so many values as OpenCV computes it.
    fn mean(values: impl Iterator<Item = Self>, count: usize) -> Self;
}

impl Value for u8 {
    fn number(self) -> f32 {
        f32::from(self)
    }

    fn nearest(number: f32) -> Self {
        // A cast clamps.
        number.round_ties_even() as Self
    }

    fn mean(values: impl Iterator<Item = Self>, count: usize) -> Self {
        let sum: u32 = values.map(u32::from).sum();
        // Of four it rounds half up.
        if count == 4 { ((sum + 2) / 4) as Self } else { Self::nearest(sum as f32 * (1.0 / count as f32)) }
    }
}

impl Value for f32 {
    fn number(self) -> f32 {
        self
    }

    fn nearest(number: f32) -> Self {
        number
    }

    fn mean(values: impl Iterator<Item = Self>, count: usize) -> Self {
        values.sum::<Self>() * (1.0 / count as Self)
    }
}
