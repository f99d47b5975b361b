//! Observations of several steps as one.

use super::observed::View;
use super::pixels::{bytes, bytes_mut};
use super::state::{Reader, push_words};
use crate::{EnvError, Pixel, Space};

/// The last observations, oldest first. An episode starts with its first observation in every place, as Gymnasium's
/// `FrameStackObservation` does by default.
pub(super) struct FrameStack {
    depth: usize,
    /// Bytes of an observation, without those that fill up its last number.
    size: usize,
    /// Numbers of what is seen.
    width: usize,
    /// What each environment sees, `[N, width]`.
    stacks: Vec<f32>,
}

impl FrameStack {
    /// `depth` observations of `space` each, in `count` environments; what is seen as well.
    pub fn new(count: usize, depth: usize, space: &Space) -> (Self, Space) {
        let (size, seen) = match space {
            &Space::Image { channels, height, width, pixel } => {
                let bytes = channels * height * width * if pixel == Pixel::Byte { 1 } else { 4 };
                (bytes, Space::Image { channels: channels * depth, height, width, pixel })
            }
            Space::Box { low, high } => {
                (4 * low.len(), Space::Box { low: low.repeat(depth), high: high.repeat(depth) })
            }
            other => (4 * other.width(), Space::uniform_box(depth * other.width(), f32::NEG_INFINITY, f32::INFINITY)),
        };
        let width = seen.width();
        (Self { depth, size, width, stacks: vec![0.0; count * width] }, seen)
    }
}

impl View for FrameStack {
    fn see(&mut self, env: usize, starts: bool, source: &[f32], target: &mut [f32]) -> Result<(), EnvError> {
        let stack = &mut self.stacks[env * self.width..][..self.width];
        let places = &mut bytes_mut(stack)[..self.depth * self.size];
        if starts {
            places.chunks_exact_mut(self.size).for_each(|place| place.copy_from_slice(&bytes(source)[..self.size]));
        } else {
            places.copy_within(self.size.., 0);
            places[(self.depth - 1) * self.size..].copy_from_slice(&bytes(source)[..self.size]);
        }
        target.copy_from_slice(stack);
        Ok(())
    }

    fn save(&self, env: usize, state: &mut Vec<f64>) {
        push_words(state, &self.stacks[env * self.width..][..self.width]);
    }

    fn load(&mut self, env: usize, state: &mut Reader<'_>, _: &[f32], target: &mut [f32]) -> Result<(), EnvError> {
        state.words(target);
        self.stacks[env * self.width..][..self.width].copy_from_slice(target);
        Ok(())
    }
}
