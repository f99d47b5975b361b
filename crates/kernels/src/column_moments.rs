//! The mirror of `shaders/column_moments.wgsl` and `shaders/merge_moments.wgsl`.

/// Columns whose sums are kept together.
const COLUMNS: usize = 16;

/// R, the rows an agent. Lengths are those of `rows` and `out`.
pub(crate) fn rows_of(agents: usize, columns: usize, rows: usize, out: usize) -> usize {
    assert!(out >= 3 * agents * columns, "column_moments: {out} numbers cannot hold {agents} x {columns} columns");
    rows.checked_div(agents * columns).unwrap_or(0)
}

/// Mean and sum of squared deviations of up to [`COLUMNS`] columns of one agent's rows, from column `first` on.
fn moments(columns: usize, first: usize, width: usize, rows: &[f32]) -> [[f64; COLUMNS]; 2] {
    let count = (rows.len() / columns).max(1) as f64;
    let (mut mean, mut m2) = ([0.0; COLUMNS], [0.0; COLUMNS]);
    let taken = || rows.chunks_exact(columns).map(|row| &row[first..first + width]);
    for row in taken() {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    mean.iter_mut().for_each(|mean| *mean /= count);
    for row in taken() {
        for ((sum, mean), &x) in m2.iter_mut().zip(&mean).zip(row) {
            *sum += (f64::from(x) - mean).powi(2);
        }
    }
    [mean, m2]
}

/// Count, mean and sum of squared deviations of every column of each agent's rows: `rows` is `[A, R, C]`, `out` `[A, C, 3]`, all of it
/// 0 without rows. What [`RunningMoments::merge_batch`](crate::RunningMoments::merge_batch) takes.
pub fn column_moments(agents: usize, columns: usize, rows: &[f32], out: &mut [f32]) {
    let per_agent = rows_of(agents, columns, rows.len(), out.len());
    if columns == 0 {
        return;
    }
    for (agent, out) in out.chunks_exact_mut(3 * columns).take(agents).enumerate() {
        let rows = &rows[agent * per_agent * columns..][..per_agent * columns];
        for (block, out) in out.chunks_mut(3 * COLUMNS).enumerate() {
            let [mean, m2] = moments(columns, block * COLUMNS, out.len() / 3, rows);
            for ((out, mean), m2) in out.as_chunks_mut().0.iter_mut().zip(mean).zip(m2) {
                *out = [per_agent as f32, mean as f32, m2 as f32];
            }
        }
    }
}
