//! Choices as numbers that a network reads.

use super::observed::View;
use crate::{EnvError, Space};

/// Each choice among n as n numbers, of which one is 1 and the others are 0; switches as they are.
pub(super) struct OneHot {
    /// The number of options of each choice; empty for switches.
    nvec: Vec<usize>,
}

impl OneHot {
    /// For observations of `space`, and what is seen then; none if they are numbers already.
    pub fn new(space: &Space) -> Option<(Self, Space)> {
        let nvec = match space {
            Space::Discrete { n } => vec![*n],
            Space::MultiDiscrete { nvec } => nvec.clone(),
            Space::MultiBinary { n } => return Some((Self { nvec: vec![] }, Space::uniform_box(*n, 0.0, 1.0))),
            Space::Box { .. } | Space::Image { .. } => return None,
        };
        let seen = Space::uniform_box(nvec.iter().sum(), 0.0, 1.0);
        Some((Self { nvec }, seen))
    }
}

impl View for OneHot {
    fn see(&mut self, env: usize, _: bool, source: &[f32], target: &mut [f32]) -> Result<(), EnvError> {
        if self.nvec.is_empty() {
            target.copy_from_slice(source);
            return Ok(());
        }
        target.fill(0.0);
        let mut first = 0;
        for (index, (&value, &n)) in source.iter().zip(&self.nvec).enumerate() {
            // Not a number is beyond every range.
            if !(0.0..n as f32).contains(&value) || value.fract() != 0.0 {
                return Err(EnvError::NoChoice { env, index, value, n });
            }
            target[first + value as usize] = 1.0;
            first += n;
        }
        Ok(())
    }
}
