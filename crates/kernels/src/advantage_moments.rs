//! The mirror of `shaders/advantage_moments.wgsl`.

use crate::Minibatch;

/// Keeps a constant advantage from dividing by 0.
const EPSILON: f64 = 1e-8;

/// Independent partial sums, so that the loop is not one chain of additions.
const LANES: usize = 8;

/// One agent's rows.
struct Rows<'a> {
    chosen: &'a [u32],
    advantages: &'a [f32],
    mask: &'a [f32],
}

impl Rows<'_> {
    /// The sums of `f(advantage)` over the rows that count.
    fn sums<const N: usize>(&self, f: impl Fn(f64) -> [f64; N]) -> [f64; N] {
        let mut sums = [[0.0; N]; LANES];
        for rows in self.chosen.chunks(LANES) {
            for (sums, &row) in sums.iter_mut().zip(rows) {
                let row = row as usize;
                // A select and not a product: a row that does not count may hold anything.
                let numbers = if self.mask[row] != 0.0 { f(f64::from(self.advantages[row])) } else { [0.0; N] };
                sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
            }
        }
        std::array::from_fn(|i| sums.iter().map(|sums| sums[i]).sum())
    }
}

pub(crate) fn mirror(batch: &Minibatch<'_, Vec<f32>, Vec<u32>>, normalize: bool, out: &mut [f32]) {
    batch.assert_lengths(0, Vec::len, Vec::len);
    let sources = batch.source_rows;
    for (agent, out) in out.chunks_exact_mut(4).take(batch.agents).enumerate() {
        let rows = Rows {
            chosen: batch.chosen(agent),
            advantages: &batch.advantages[agent * batch.advantage_heads * sources..][..sources],
            mask: &batch.mask[agent * sources..][..sources],
        };
        let [count, total] = rows.sums(|a| [1.0, a]);
        out.copy_from_slice(&[count as f32, 0.0, 1.0, 0.0]);
        if !normalize || count < 2.0 {
            continue;
        }
        let mean = total / count;
        let [squares] = rows.sums(|a| [(a - mean) * (a - mean)]);
        out[1] = mean as f32;
        out[2] = (1.0 / ((squares / (count - 1.0)).sqrt() + EPSILON)) as f32;
    }
}
