//! A training pass whose gradient with respect to the outputs is given.
#![allow(dead_code, reason = "every test target uses a part")]

use std::ops::Range;
use std::sync::Mutex;
use striatum_kernels::{HeadLayout, Heads, TilePass};

/// Notes the outputs.
pub struct Given<'a> {
    pub width: usize,
    /// The values' columns.
    pub values: Range<usize>,
    pub observations: &'a [f32],
    pub d_outputs: &'a [f32],
    pub d_trunk: Option<&'a [f32]>,
    pub outputs: Mutex<Vec<f32>>,
}

impl<'a> Given<'a> {
    pub fn new(head: &HeadLayout, observations: &'a [f32], d_outputs: &'a [f32], d_trunk: Option<&'a [f32]>) -> Self {
        let outputs = Mutex::new(vec![f32::NAN; d_outputs.len()]);
        let (width, values) = (head.width(), head.values_at()..head.features_at());
        Self { width, values, observations, d_outputs, d_trunk, outputs }
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

    fn loss(
        &self,
        _: usize,
        heads: Heads,
        rows: Range<usize>,
        outputs: &[f32],
        d_outputs: &mut [f32],
        d_trunk: Option<&mut [f32]>,
    ) {
        let at = rows.start * self.width..rows.end * self.width;
        let values = self.values.clone();
        let mut all = self.outputs.lock().expect("no thread panicked");
        let noted = all[at.clone()].chunks_exact_mut(self.width).zip(outputs.chunks_exact(self.width));
        for (to, from) in noted {
            let own = |column: &usize| if values.contains(column) { heads.has_values() } else { heads.has_policy() };
            (0..self.width).filter(own).for_each(|column| to[column] = from[column]);
        }
        d_outputs.copy_from_slice(&self.d_outputs[at.clone()]);
        if let (Some(to), Some(from)) = (d_trunk, self.d_trunk) {
            to.copy_from_slice(&from[at]);
        }
    }
}
