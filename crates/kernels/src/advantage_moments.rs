//! The mirror of `shaders/advantage_moments.wgsl`.

/// Keeps a constant advantage from dividing by 0.
const EPSILON: f64 = 1e-8;

/// Independent partial sums, so that the loop is not one chain of additions.
const LANES: usize = 8;

/// The sum of `f(advantage)` over the rows that count.
fn masked_sum(advantages: &[f32], mask: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    for (advantages, mask) in advantages.chunks(LANES).zip(mask.chunks(LANES)) {
        for ((sum, &advantage), &mask) in sums.iter_mut().zip(advantages).zip(mask) {
            // A select and not a product: a row that does not count may hold anything.
            *sum += if mask != 0.0 { f(f64::from(advantage)) } else { 0.0 };
        }
    }
    sums.iter().sum()
}

pub(crate) fn assert_lengths(agents: usize, advantages: usize, mask: usize, out: usize) {
    assert!(mask >= advantages && out >= 4 * agents, "advantage_moments: a buffer is too short");
}

pub(crate) fn mirror(agents: usize, normalize: bool, advantages: &[f32], mask: &[f32], out: &mut [f32]) {
    assert_lengths(agents, advantages.len(), mask.len(), out.len());
    let rows = advantages.len().checked_div(agents).unwrap_or(0);
    for (agent, out) in out.chunks_exact_mut(4).take(agents).enumerate() {
        let range = agent * rows..(agent + 1) * rows;
        let (advantages, mask) = (&advantages[range.clone()], &mask[range]);
        let count = masked_sum(advantages, mask, |_| 1.0);
        out.copy_from_slice(&[count as f32, 0.0, 1.0, 0.0]);
        if !normalize || count < 2.0 {
            continue;
        }
        let mean = masked_sum(advantages, mask, |a| a) / count;
        let squares = masked_sum(advantages, mask, |a| (a - mean) * (a - mean));
        out[1] = mean as f32;
        out[2] = (1.0 / ((squares / (count - 1.0)).sqrt() + EPSILON)) as f32;
    }
}
