//! The mirror of `shaders/advantage_moments.wgsl`.

use crate::Minibatch;
use crate::pool::{Parts, Pool};

/// Keeps a constant advantage from dividing by 0.
const EPSILON: f64 = 1e-8;

/// Independent partial sums, so that the loop is not one chain of additions.
const LANES: usize = 8;

/// Rows of a chunk, which one thread adds up, at least; and chunks, at most.
const CHUNK: usize = 1024;
const CHUNKS: usize = 64;

/// One agent's rows.
struct Rows<'a> {
    chosen: &'a [u32],
    advantages: &'a [f32],
    mask: &'a [f32],
}

impl Rows<'_> {
    /// How many rows count, and the sums of their distances from `origin` and of the squares of these. They do not depend on the number
    /// of threads.
    fn sums(&self, pool: &Pool, origin: f64) -> [f64; 3] {
        let chunk = CHUNK.max(self.chosen.len().div_ceil(CHUNKS));
        let mut sums = [[0.0; 3]; CHUNKS];
        let chunks = self.chosen.len().div_ceil(chunk);
        let parts = Parts::new(&mut sums);
        pool.split(chunks, chunks > 1, &|_, item| {
            let rows = &self.chosen[item * chunk..self.chosen.len().min((item + 1) * chunk)];
            // SAFETY: every item has a place of its own.
            let own = unsafe { parts.part(item..item + 1) };
            own[0] = self.sums_of(rows, origin);
        });
        let zeros = [0.0; 3];
        sums.iter().take(chunks).fold(zeros, |total, sums| std::array::from_fn(|i| total[i] + sums[i]))
    }

    /// Of some rows.
    fn sums_of(&self, chosen: &[u32], origin: f64) -> [f64; 3] {
        let mut sums = [[0.0; LANES]; 3];
        for rows in chosen.chunks(LANES) {
            for (lane, &row) in rows.iter().enumerate() {
                let row = row as usize;
                // A select and not a product: a row that does not count may hold anything.
                let counts = self.mask[row] != 0.0;
                let distance = if counts { f64::from(self.advantages[row]) - origin } else { 0.0 };
                sums[0][lane] += f64::from(u8::from(counts));
                sums[1][lane] += distance;
                sums[2][lane] += distance * distance;
            }
        }
        sums.map(|lanes| lanes.iter().sum())
    }

    /// An advantage that counts.
    fn any(&self) -> f64 {
        let counting = self.chosen.iter().find(|&&row| self.mask[row as usize] != 0.0);
        counting.map_or(0.0, |&row| f64::from(self.advantages[row as usize]))
    }
}

pub(crate) fn mirror(pool: &Pool, batch: &Minibatch<'_, Vec<f32>, Vec<u32>>, normalize: bool, out: &mut [f32]) {
    batch.assert_lengths(0, Vec::len, Vec::len);
    let sources = batch.source_rows;
    for (agent, out) in out.chunks_exact_mut(4).take(batch.agents).enumerate() {
        let rows = Rows {
            chosen: batch.chosen(agent),
            advantages: &batch.advantages[agent * batch.advantage_heads * sources..][..sources],
            mask: &batch.mask[agent * sources..][..sources],
        };
        // One pass does: an advantage of their own is near the others, so that the difference of the squares loses nothing.
        let origin = rows.any();
        let [count, total, squares] = rows.sums(pool, origin);
        out.copy_from_slice(&[count as f32, 0.0, 1.0, 0.0]);
        if !normalize || count < 2.0 {
            continue;
        }
        let mean = total / count;
        let variance = (squares - mean * total).max(0.0) / (count - 1.0);
        out[1] = (origin + mean) as f32;
        out[2] = (1.0 / (variance.sqrt() + EPSILON)) as f32;
    }
}
