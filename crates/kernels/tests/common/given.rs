//! A training pass whose gradient with respect to the outputs is given.
#![allow(dead_code, reason = "every test target uses a part")]

use std::ops::Range;
use std::sync::Mutex;
use striatum_kernels::TilePass;

/// Notes the outputs.
pub struct Given<'a> {
    pub width: usize,
    pub observations: &'a [f32],
    pub d_outputs: &'a [f32],
    pub d_trunk: Option<&'a [f32]>,
    pub outputs: Mutex<Vec<f32>>,
}

impl<'a> Given<'a> {
    pub fn new(width: usize, observations: &'a [f32], d_outputs: &'a [f32], d_trunk: Option<&'a [f32]>) -> Self {
        Self { width, observations, d_outputs, d_trunk, outputs: Mutex::new(vec![f32::NAN; d_outputs.len()]) }
    }

    pub fn into_outputs(self) -> Vec<f32> {
        self.outputs.into_inner().expect("no thread panicked")
    }
}

impl TilePass for Given<'_> {
    fn observations(&self, rows: Range<usize>, observations: &mut [f32]) {
        let inputs = observations.len() / rows.len();
        observations.copy_from_slice(&self.observations[rows.start * inputs..rows.end * inputs]);
    }

    fn loss(&self, _: usize, rows: Range<usize>, outputs: &[f32], d_outputs: &mut [f32], d_trunk: Option<&mut [f32]>) {
        let at = rows.start * self.width..rows.end * self.width;
        self.outputs.lock().expect("no thread panicked")[at.clone()].copy_from_slice(outputs);
        d_outputs.copy_from_slice(&self.d_outputs[at.clone()]);
        if let (Some(to), Some(from)) = (d_trunk, self.d_trunk) {
            to.copy_from_slice(&from[at]);
        }
    }
}
