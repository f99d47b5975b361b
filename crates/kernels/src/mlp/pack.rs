//! Weights in the order in which a product reads them, and gradients back into the arena's order.

use super::plan::{Layer, Network, Piece, PieceKind, Plan};
use super::simd::{Job, Simd, SimdLevel};
use crate::pool::Parts;

/// Offset of `[row, col]` in a `[rows, cols]` matrix packed in panels of two vectors (the last may be one).
pub(crate) fn packed_at(rows: usize, cols: usize, lanes: usize, row: usize, col: usize) -> usize {
    let start = col - col % (2 * lanes);
    start * rows + row * (2 * lanes).min(cols - start) + col - start
}

/// A `[rows, cols]` matrix in panels of two vectors (the last may be one), at `at` in the packed parameters.
struct Panels {
    at: usize,
    rows: usize,
    cols: usize,
    level: SimdLevel,
}

impl Panels {
    /// Where `[row, col]` is; the panel's next columns follow.
    fn place(&self, row: usize, col: usize) -> usize {
        self.at + packed_at(self.rows, self.cols, self.level.lanes(), row, col)
    }

    /// Columns `from..to`, cut where panels begin: the first of each run, and how many.
    fn runs(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
        let wide = 2 * self.level.lanes();
        let next = move |&(col, len): &(usize, usize)| {
            let start = col + len;
            (start < to).then(|| (start, (wide - start % wide).min(to - start)))
        };
        core::iter::successors(next(&(from, 0)), next)
    }

    /// Puts `from`, `[.., width]`, at `[row, col]`.
    fn fill(&self, (row, col): (usize, usize), from: &[f32], width: usize, packed: &Parts<'_>) {
        for (start, len) in self.runs(col, col + width) {
            for (i, line) in from.chunks_exact(width).enumerate() {
                copy(part(packed, self.place(row + i, start), len), &line[start - col..][..len]);
            }
        }
    }

    /// Puts the transpose of `from`, `[.., width]`, at `[row, col]`.
    fn fill_transposed(&self, (row, col): (usize, usize), from: &[f32], width: usize, packed: &Parts<'_>) {
        for (start, len) in self.runs(col, col + from.len() / width) {
            let from = from[(start - col) * width..][..len * width].as_ptr();
            let place = self.place(row, start);
            let ld = self.place(1, start) - self.place(0, start);
            let to = packed.start_of(place..place + (width - 1) * ld + len);
            // SAFETY: both have their `len` times `width` numbers there, and `level` was checked when the plan was made.
            unsafe { self.level.run(Transpose { rows: len, cols: width, from, to, ld }) };
        }
    }
}

/// `to[j, i] = from[i, j]`, where rows of `from` follow each other and those of `to` are `ld` apart.
struct Transpose {
    rows: usize,
    cols: usize,
    from: *const f32,
    to: *mut f32,
    ld: usize,
}

impl Job for Transpose {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { rows, cols, from, to, ld } = self;
        let whole = |len: usize| len - len % S::LANES;
        // SAFETY: by the caller's contract.
        unsafe {
            for i in (0..whole(rows)).step_by(S::LANES) {
                for j in (0..whole(cols)).step_by(S::LANES) {
                    S::transpose((from.add(i * cols + j), cols), (to.add(j * ld + i), ld));
                }
            }
            for j in 0..cols {
                let done = if j < whole(cols) { whole(rows) } else { 0 };
                for i in done..rows {
                    *to.add(j * ld + i) = *from.add(i * cols + j);
                }
            }
        }
    }
}

/// Copies as many numbers as both have: a few without a call into the C library.
#[inline(always)]
pub(crate) fn copy(to: &mut [f32], from: &[f32]) {
    match from.len() {
        1 => ends::<1>(to, from),
        2..=4 => ends::<2>(to, from),
        5..=8 => ends::<4>(to, from),
        9..=16 => ends::<8>(to, from),
        17..=32 => ends::<16>(to, from),
        33..=64 => ends::<32>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies `N` to `2 N` numbers: the first and the last ones, which may overlap.
#[inline(always)]
fn ends<const N: usize>(to: &mut [f32], from: &[f32]) {
    assert_eq!(to.len(), from.len(), "length of a copy");
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk()) {
        *to = *from;
    }
}

/// A part that is this piece's alone.
#[expect(clippy::mut_from_ref, reason = "places are disjoint by plan")]
fn part<'a>(packed: &'a Parts<'_>, at: usize, len: usize) -> &'a mut [f32] {
    // SAFETY: `Plan` gave every matrix and bias places of their own, and each piece fills its own rows and columns.
    unsafe { packed.part(at..at + len) }
}

impl Plan {
    fn panels(&self, at: usize, rows: usize, cols: usize) -> Panels {
        Panels { at, rows, cols, level: self.level }
    }
}

/// Packs a piece, whose parameters are `params`, forward and transposed. Every piece has places of its own.
pub(super) fn pack_piece(plan: &Plan, piece: &Piece, params: &[f32], packed: &Parts<'_>) {
    let network = &plan.networks[piece.network];
    match piece.kind {
        PieceKind::Weight { layer, first } => {
            let below = layer.checked_sub(1).map(|below| &network.layers[below]);
            pack_weight(plan, &network.layers[layer], below, first, params, packed);
        }
        PieceKind::Bias { layer } => copy(part(packed, network.layers[layer].packed_bias, params.len()), params),
        PieceKind::HeadWeight { head } => pack_head(plan, network, head, params, packed),
        PieceKind::HeadBias { head } => {
            copy(part(packed, network.packed_bias + network.heads[head].column, params.len()), params);
        }
    }
}

/// Rows of a weight from `first` on.
fn pack_weight(plan: &Plan, l: &Layer, below: Option<&Layer>, first: usize, params: &[f32], packed: &Parts<'_>) {
    plan.panels(l.packed, l.inputs, l.cols).fill((first, 0), params, l.width, packed);
    if let Some(below) = below {
        let back = plan.panels(l.packed_transpose, l.width, below.cols);
        back.fill_transposed((0, first), params, l.width, packed);
    }
}

fn pack_head(plan: &Plan, network: &Network, head: usize, params: &[f32], packed: &Parts<'_>) {
    let (h, stride) = (&network.heads[head], network.features_cols);
    if network.narrow {
        for i in 0..h.width {
            let to = part(packed, network.packed + (h.column + i) * stride, network.features);
            to.iter_mut().zip(params.chunks_exact(h.width)).for_each(|(to, line)| *to = line[i]);
        }
    } else {
        let forward = plan.panels(network.packed, network.features, network.columns_padded);
        forward.fill((0, h.column), params, h.width, packed);
    }
    let back = plan.panels(network.packed_transpose, network.columns, stride);
    back.fill_transposed((h.column, 0), params, h.width, packed);
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
        copy(to, &line[..piece.width]);
    }
}
