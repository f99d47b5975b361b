//! The moments of plain advantages.

use striatum_kernels::{Backend, Minibatch, Selection};

/// Of `[A, R]` advantages, with `[A, R]` masks.
pub fn moments<B: Backend>(backend: &B, agents: usize, normalize: bool, advantages: &[f32], mask: &[f32]) -> Vec<f32> {
    let rows = advantages.len() / agents;
    let (advantages, mask) = (backend.upload(advantages), backend.upload(mask));
    let mut out = backend.upload(&vec![f32::NAN; 4 * agents]);
    let order: Vec<u32> = (0..agents).flat_map(|_| 0..rows as u32).collect();
    let order = backend.upload_indices(&order);
    let batch = Minibatch {
        agents,
        rows,
        source_rows: rows,
        heads: 1,
        advantage_heads: 1,
        selection: Selection { rows: &order, stride: rows, first: 0 },
        actions: &advantages,
        log_probs: &advantages,
        advantages: &advantages,
        returns: &advantages,
        values: &advantages,
        value_rows: rows,
        mask: &mask,
        tone: &advantages,
        inverse_temperature: &advantages,
    };
    backend.advantage_moments(batch, normalize, &mut out);
    backend.download(&out).expect("the device works")
}
