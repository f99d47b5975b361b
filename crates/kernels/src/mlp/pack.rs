//! Weights in the order in which a product reads them, and gradients back into the arena's order.

use super::plan::{Layer, Network, Piece, Plan};
use crate::pool::Parts;

/// Offset of `[row, col]` in a `[rows, cols]` matrix packed in panels of two vectors (the last may be one).
pub(crate) fn packed_at(rows: usize, cols: usize, lanes: usize, row: usize, col: usize) -> usize {
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

/// Matrices of a network that [`pack_matrix`] packs: of every layer and of the heads, forward and transposed.
pub(super) fn matrices(plan: &Plan) -> usize {
    plan.networks.iter().map(|network| 2 * (network.layers.len() + 1)).max().unwrap_or(0)
}

/// Packs a matrix of a network with its bias. Every matrix has a place of its own.
pub(super) fn pack_matrix(plan: &Plan, network: &Network, matrix: usize, params: &[f32], packed: &Parts<'_>) {
    let layers = network.layers.len();
    match (matrix / (layers + 1), matrix % (layers + 1)) {
        (0, i) if i < layers => pack_layer(plan, &network.layers[i], params, packed),
        (0, _) => pack_heads(plan, network, params, packed),
        (_, 0) if layers > 0 => {}
        (_, i) if i < layers => pack_layer_back(plan, &network.layers[i - 1], &network.layers[i], params, packed),
        _ => pack_heads_back(plan, network, params, packed),
    }
}

/// A part that is this matrix's alone.
#[expect(clippy::mut_from_ref, reason = "places are disjoint by plan")]
fn place<'a>(packed: &'a Parts<'_>, at: usize, len: usize) -> &'a mut [f32] {
    // SAFETY: `Plan` gave every matrix and bias a place of its own, and each is packed by one call.
    unsafe { packed.part(at..at + len) }
}

fn pack_layer(plan: &Plan, l: &Layer, params: &[f32], packed: &Parts<'_>) {
    let to = place(packed, l.packed, l.inputs * l.cols);
    pack(to, &params[l.weight..], (l.inputs, l.width), l.cols, plan.level.lanes(), 0);
    place(packed, l.packed_bias, l.width).copy_from_slice(&params[l.bias..][..l.width]);
}

fn pack_layer_back(plan: &Plan, below: &Layer, l: &Layer, params: &[f32], packed: &Parts<'_>) {
    let to = place(packed, l.packed_transpose, l.width * below.cols);
    let from = &params[l.weight..][..l.inputs * l.width];
    pack_transpose(to, from, l.width, (l.width, below.cols), plan.level.lanes(), 0);
}

fn pack_heads(plan: &Plan, network: &Network, params: &[f32], packed: &Parts<'_>) {
    let (features, cols, stride) = (network.features, network.columns_padded, network.features_cols);
    let len = if network.narrow { network.columns * stride } else { features * cols };
    let to = place(packed, network.packed, len);
    for h in &network.heads {
        let from = &params[h.weight..][..features * h.width];
        if network.narrow {
            for (i, line) in from.chunks_exact(h.width).enumerate() {
                let to = to[h.column * stride + i..].iter_mut().step_by(stride);
                to.zip(line).for_each(|(to, &w)| *to = w);
            }
        } else {
            pack(to, from, (features, h.width), cols, plan.level.lanes(), h.column);
        }
        place(packed, network.packed_bias + h.column, h.width).copy_from_slice(&params[h.bias..][..h.width]);
    }
}

fn pack_heads_back(plan: &Plan, network: &Network, params: &[f32], packed: &Parts<'_>) {
    let shape = (network.columns, network.features_cols);
    let to = place(packed, network.packed_transpose, shape.0 * shape.1);
    for h in &network.heads {
        let from = &params[h.weight..][..network.features * h.width];
        pack_transpose(to, from, h.width, shape, plan.level.lanes(), h.column);
    }
}

/// Puts a piece of a summed gradient where the arena has it; `to` is the piece's.
pub(super) fn unpack_piece(piece: &Piece, from: &[f32], to: &mut [f32]) {
    if piece.transposed {
        for (i, line) in from.chunks_exact(piece.cols).enumerate() {
            let to = to[i..].iter_mut().step_by(piece.rows);
            to.zip(&line[..piece.width]).for_each(|(to, &g)| *to = g);
        }
        return;
    }
    for (to, line) in to.chunks_exact_mut(piece.width).zip(from.chunks_exact(piece.cols)) {
        to.copy_from_slice(&line[..piece.width]);
    }
}
