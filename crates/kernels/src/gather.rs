//! The mirror of `shaders/gather.wgsl`.

use crate::Selection;

/// S, the rows an agent of `source`.
pub(crate) fn source_rows(
    agents: usize,
    width: usize,
    selection: &Selection<'_, impl Sized>,
    rows: usize,
    [source, indices, out]: [usize; 3],
) -> usize {
    let long_enough = out >= agents * rows * width
        && indices >= agents * selection.stride
        && selection.first + rows <= selection.stride;
    assert!(long_enough, "gather: a buffer is too short for {agents} x {rows} rows of {width} numbers");
    source / (agents * width).max(1)
}

pub(crate) fn mirror(
    agents: usize,
    width: usize,
    source: &[f32],
    selection: Selection<'_, Vec<u32>>,
    rows: usize,
    out: &mut [f32],
) {
    let lengths = [source.len(), selection.rows.len(), out.len()];
    let source_rows = source_rows(agents, width, &selection, rows, lengths);
    if rows == 0 || width == 0 {
        return;
    }
    for (agent, out) in out.chunks_exact_mut(rows * width).take(agents).enumerate() {
        let source = &source[agent * source_rows * width..][..source_rows * width];
        let chosen = &selection.rows[agent * selection.stride + selection.first..][..rows];
        for (out, &row) in out.chunks_exact_mut(width).zip(chosen) {
            out.copy_from_slice(&source[row as usize * width..][..width]);
        }
    }
}
