//! The mirror of `shaders/gather.wgsl`.

/// `[R, S]`: rows taken and rows there are, an agent. Lengths are those of `source`, `rows` and `out`.
pub(crate) fn rows_of(agents: usize, width: usize, source: usize, rows: usize, out: usize) -> [usize; 2] {
    let per_agent = rows / agents.max(1);
    assert!(out >= agents * per_agent * width, "gather: {out} numbers cannot hold {rows} rows of {width}");
    [per_agent, source / (agents * width).max(1)]
}

pub(crate) fn mirror(agents: usize, width: usize, source: &[f32], rows: &[u32], out: &mut [f32]) {
    let [per_agent, source_rows] = rows_of(agents, width, source.len(), rows.len(), out.len());
    if per_agent == 0 || width == 0 {
        return;
    }
    let sources = source.chunks_exact(source_rows * width);
    let outputs = rows.chunks_exact(per_agent).zip(out.chunks_exact_mut(per_agent * width));
    for (source, (rows, out)) in sources.zip(outputs).take(agents) {
        if width == 1 {
            out.iter_mut().zip(rows).for_each(|(out, &row)| *out = source[row as usize]);
            continue;
        }
        for (out, &row) in out.chunks_exact_mut(width).zip(rows) {
            out.copy_from_slice(&source[row as usize * width..][..width]);
        }
    }
}
