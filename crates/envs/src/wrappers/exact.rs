//! Shares of bytes in whole numbers.

use super::resize::{Shares, Taps};

/// Sums bytes with whole weights, in whatever order is fastest, where the sums come so near to OpenCV's, which are rounded at every step,
/// that both give the same byte. Where a sum lies between two bytes, it is summed as OpenCV does.
pub(super) struct Exact {
    /// Columns of the source and of the target.
    width: usize,
    to: usize,
    /// `[places, most]` each.
    rows: Vec<u16>,
    columns: Vec<u16>,
    /// 1 over the sum of a pixel's weights.
    scale: f32,
    /// Nearer than this to the middle between two bytes, the exact sum does not tell which it is.
    margin: f32,
    /// A row of the target before its columns are summed, with room for taps beyond its end.
    line: Vec<u16>,
}

impl Exact {
    /// For pictures that `shares` resizes; none where whole weights grow too large.
    pub fn new(shares: &Shares, from: [usize; 2], to: [usize; 2]) -> Option<Self> {
        let (rows, height) = parts(&shares.rows, from[0], to[0])?;
        let (columns, width) = parts(&shares.columns, from[1], to[1])?;
        // Sums of rows fit 16 bits, and those of pixels are exact in single precision.
        if height > 257 || height * width > 65_793 {
            return None;
        }
        let steps = (shares.rows.most + shares.columns.most + 8) as f32;
        Some(Self {
            width: from[1],
            to: to[1],
            rows,
            columns,
            scale: 1.0 / (height * width) as f32,
            margin: 255.0 * steps * f32::EPSILON,
            line: vec![0; from[1] + shares.columns.most],
        })
    }

    pub fn resize(&mut self, shares: &Shares, source: &[u8], target: &mut [u8]) {
        for (row, target) in target.chunks_exact_mut(self.to).enumerate() {
            self.sum_rows(&shares.rows, row, source);
            match shares.columns.most {
                2 => self.sum_columns::<2>(shares, source, row, target),
                3 => self.sum_columns::<3>(shares, source, row, target),
                4 => self.sum_columns::<4>(shares, source, row, target),
                most => self.finish(shares, source, row, target, |line, parts, column| {
                    let parts = &parts[column * most..(column + 1) * most];
                    line.iter().zip(parts).map(|(&sum, &part)| u32::from(sum) * u32::from(part)).sum()
                }),
            }
        }
    }

    /// Sums the source rows of a target row.
    fn sum_rows(&mut self, rows: &Taps, row: usize, source: &[u8]) {
        let line = &mut self.line[..self.width];
        line.fill(0);
        for (k, &part) in self.rows[row * rows.most..][..rows.count[row]].iter().enumerate() {
            let source = &source[(rows.first[row] + k) * self.width..][..self.width];
            line.iter_mut().zip(source).for_each(|(sum, &pixel)| *sum += part * u16::from(pixel));
        }
    }

    /// Sums columns by K weights each.
    fn sum_columns<const K: usize>(&self, shares: &Shares, source: &[u8], row: usize, target: &mut [u8]) {
        self.finish(shares, source, row, target, |line, parts, column| {
            let parts = &parts[column * K..(column + 1) * K];
            (0..K).map(|k| u32::from(line[k]) * u32::from(parts[k])).sum()
        });
    }

    /// The bytes nearest to the sums that `sum` makes of a line from a column's first neighbour on.
    #[inline(always)]
    fn finish(
        &self,
        shares: &Shares,
        source: &[u8],
        row: usize,
        target: &mut [u8],
        sum: impl Fn(&[u16], &[u16], usize) -> u32,
    ) {
        let most = shares.columns.most;
        for (column, (seen, &first)) in target.iter_mut().zip(&shares.columns.first).enumerate() {
            let value = sum(&self.line[first..first + most], &self.columns, column) as f32 * self.scale;
            let whole = (value + 0.5) as u8;
            let to_middle = 0.5 - (value - f32::from(whole)).abs();
            *seen = if to_middle < self.margin { shares.pixel(source, row, column) } else { whole };
        }
    }
}

/// How many parts of each neighbour a place has, `[places, most]`, and of how many in all; none if the neighbours are others than `taps` has,
/// which leaves out very small shares.
fn parts(taps: &Taps, from: usize, to: usize) -> Option<(Vec<u16>, usize)> {
    let common = greatest_common_divisor(from, to);
    let (place_size, neighbour_size) = (from / common, to / common);
    let mut parts = vec![0; to * taps.most];
    for place in 0..to {
        let (start, end) = (place * place_size, (place + 1) * place_size);
        let neighbours = start / neighbour_size..end.div_ceil(neighbour_size);
        if (neighbours.start, neighbours.len()) != (taps.first[place], taps.count[place]) {
            return None;
        }
        for (k, neighbour) in neighbours.enumerate() {
            let shared = end.min((neighbour + 1) * neighbour_size) - start.max(neighbour * neighbour_size);
            parts[place * taps.most + k] = u16::try_from(shared).ok()?;
        }
    }
    Some((parts, place_size))
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_atari_has_whole_weights() {
        let shares = Shares::new([210, 160], [84, 84]);
        let exact = Exact::new(&shares, [210, 160], [84, 84]).unwrap();
        assert_eq!(exact.rows[..6], [2, 2, 1, 1, 2, 2]);
        assert_eq!(exact.columns[..6], [21, 19, 0, 2, 21, 17]);
        assert_eq!(exact.scale, 1.0 / 200.0);
    }
}
