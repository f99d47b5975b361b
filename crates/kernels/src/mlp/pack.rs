//! Weights in the order in which a product reads them, and gradients back into the arena's order.

use super::plan::{Layer, Plan};

/// Offset of `[row, col]` in a `[rows, cols]` matrix packed in panels of two vectors (the last may be one).
fn packed_at(rows: usize, cols: usize, lanes: usize, row: usize, col: usize) -> usize {
    let start = col - col % (2 * lanes);
    start * rows + row * (2 * lanes).min(cols - start) + col - start
}

/// Packs a `[rows, width]` matrix into columns `column..` of a `[rows, cols]` one.
fn pack(to: &mut [f32], from: &[f32], (rows, width): (usize, usize), cols: usize, lanes: usize, column: usize) {
    let mut col = 0;
    while col < width {
        let start = column + col;
        let step = (2 * lanes - start % (2 * lanes)).min(width - col);
        for row in 0..rows {
            let at = packed_at(rows, cols, lanes, row, start);
            to[at..at + step].copy_from_slice(&from[row * width + col..][..step]);
        }
        col += step;
    }
}

/// Packs the transpose of a `[rows, width]` matrix into rows `row0..` of a `[total, cols]` one.
fn pack_transpose(
    to: &mut [f32],
    from: &[f32],
    width: usize,
    (total, cols): (usize, usize),
    lanes: usize,
    row0: usize,
) {
    for (col, line) in from.chunks_exact(width).enumerate() {
        let start = packed_at(total, cols, lanes, row0, col);
        let stride = packed_at(total, cols, lanes, row0 + 1, col) - start;
        for (to, &w) in to[start..].iter_mut().step_by(stride).zip(line) {
            *to = w;
        }
    }
}

/// Packs what the forward pass reads.
pub(super) fn pack_forward(plan: &Plan, params: &[f32], packed: &mut [f32]) {
    let lanes = plan.level.lanes();
    for network in &plan.networks {
        for l in &network.layers {
            pack(&mut packed[l.packed..], &params[l.weight..], (l.inputs, l.width), l.cols, lanes, 0);
            packed[l.packed_bias..][..l.width].copy_from_slice(&params[l.bias..][..l.width]);
        }
        let (features, cols) = (network.features, network.columns_padded);
        for h in &network.heads {
            let (to, from) = (&mut packed[network.packed..], &params[h.weight..][..features * h.width]);
            if network.narrow {
                for (i, line) in from.chunks_exact(h.width).enumerate() {
                    let to = to[h.column * network.features_cols + i..].iter_mut().step_by(network.features_cols);
                    to.zip(line).for_each(|(to, &w)| *to = w);
                }
            } else {
                pack(to, from, (features, h.width), cols, lanes, h.column);
            }
            packed[network.packed_bias + h.column..][..h.width].copy_from_slice(&params[h.bias..][..h.width]);
        }
    }
}

/// Packs what the backward pass reads besides.
pub(super) fn pack_backward(plan: &Plan, params: &[f32], packed: &mut [f32]) {
    let lanes = plan.level.lanes();
    for network in &plan.networks {
        for (below, l) in network.layers.iter().zip(network.layers.iter().skip(1)) {
            let from = &params[l.weight..][..l.inputs * l.width];
            pack_transpose(&mut packed[l.packed_transpose..], from, l.width, (l.width, below.cols), lanes, 0);
        }
        for h in &network.heads {
            let from = &params[h.weight..][..network.features * h.width];
            let shape = (network.columns, network.features_cols);
            pack_transpose(&mut packed[network.packed_transpose..], from, h.width, shape, lanes, h.column);
        }
    }
}

/// Puts a summed gradient into the arena's order; the place of the policy's own parameters is left alone.
pub(super) fn unpack_gradient(plan: &Plan, from: &[f32], gradients: &mut [f32]) {
    for network in &plan.networks {
        for Layer { inputs, width, cols, weight, bias, weight_gradient, bias_gradient, .. } in &network.layers {
            for row in 0..*inputs {
                gradients[weight + row * width..][..*width]
                    .copy_from_slice(&from[weight_gradient + row * cols..][..*width]);
            }
            gradients[*bias..][..*width].copy_from_slice(&from[*bias_gradient..][..*width]);
        }
        for h in &network.heads {
            for column in 0..h.width {
                let line = &from[network.weight_gradient + (h.column + column) * network.features_cols..];
                let to = gradients[h.weight + column..].iter_mut().step_by(h.width);
                to.zip(&line[..network.features]).for_each(|(to, &g)| *to = g);
            }
            gradients[h.bias..][..h.width].copy_from_slice(&from[network.bias_gradient + h.column..][..h.width]);
        }
    }
}
