//! Pictures as rows of numbers.

use super::observed::View;
use super::pixels::bytes;
use crate::{EnvError, Pixel};

/// A picture as a box of numbers; bytes are divided by a scale.
pub(super) struct Flatten {
    pub pixel: Pixel,
    pub scale: f32,
}

impl View for Flatten {
    fn see(&mut self, _: usize, _: bool, source: &[f32], target: &mut [f32]) -> Result<(), EnvError> {
        match self.pixel {
            Pixel::Byte => {
                target.iter_mut().zip(bytes(source)).for_each(|(number, &byte)| *number = f32::from(byte) / self.scale);
            }
            Pixel::Float => target.copy_from_slice(source),
        }
        Ok(())
    }
}
