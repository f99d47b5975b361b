//! Boxes of observations within one range.

use super::observed::View;
use crate::EnvError;

/// Stretches each number from its own bounds to those of all, as Gymnasium's `RescaleObservation`.
pub(super) struct Rescale {
    pub low: Vec<f32>,
    pub high: Vec<f32>,
    pub to: [f32; 2],
}

impl View for Rescale {
    fn see(&mut self, _: usize, _: bool, source: &[f32], target: &mut [f32]) -> Result<(), EnvError> {
        let [to_low, to_high] = self.to;
        let bounds = self.low.iter().zip(&self.high);
        for ((seen, &value), (&low, &high)) in target.iter_mut().zip(source).zip(bounds) {
            // The difference of far bounds may be no finite number in single precision; equal bounds have one value.
            let range = f64::from(high) - f64::from(low);
            let share = if range > 0.0 { (f64::from(value) - f64::from(low)) / range } else { 0.0 };
            *seen = (f64::from(to_low) + share * (f64::from(to_high) - f64::from(to_low))) as f32;
        }
        Ok(())
    }
}
