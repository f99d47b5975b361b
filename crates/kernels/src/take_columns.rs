//! The mirror of `shaders/take_columns.wgsl`.

/// Arguments of [`Backend::take_columns`](crate::Backend::take_columns).
#[derive(Debug)]
pub struct TakeColumnsArgs<'a, B, I> {
    /// A.
    pub agents: usize,
    /// R.
    pub rows: usize,
    /// `[A, R, width]`.
    pub source: &'a B,
    /// W.
    pub width: usize,
    /// The first column taken.
    pub column: usize,
    /// K, the columns taken.
    pub columns: usize,
    /// Where a row goes, `[A, R]`; without it to `at` and on.
    pub places: Option<&'a I>,
    /// Added to the place.
    pub at: usize,
    /// `[A, K, stride]`.
    pub out: &'a mut B,
    /// S.
    pub stride: usize,
}

impl<B, I> TakeColumnsArgs<'_, B, I> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize, indices: impl Fn(&I) -> usize) {
        let rows = self.agents * self.rows;
        let long_enough = len(self.source) >= rows * self.width
            && self.column + self.columns <= self.width
            && self.places.is_none_or(|places| indices(places) >= rows)
            && (self.places.is_some() || self.at + self.rows <= self.stride)
            && len(self.out) >= self.agents * self.columns * self.stride;
        assert!(long_enough, "take_columns: a buffer is too short for {} x {} rows", self.agents, self.rows);
    }
}

pub(crate) fn mirror(args: TakeColumnsArgs<'_, Vec<f32>, Vec<u32>>) {
    args.assert_lengths(Vec::len, Vec::len);
    if args.rows > 0 && args.width == 1 && args.columns == 1 && args.places.is_none() {
        for (agent, numbers) in args.source.chunks_exact(args.rows).take(args.agents).enumerate() {
            args.out[agent * args.stride + args.at..][..numbers.len()].copy_from_slice(numbers);
        }
        return;
    }
    for agent in 0..args.agents {
        for row in agent * args.rows..(agent + 1) * args.rows {
            let place = args.at + args.places.map_or(row - agent * args.rows, |places| places[row] as usize);
            let columns = &args.source[row * args.width + args.column..][..args.columns];
            for (k, &number) in columns.iter().enumerate() {
                args.out[(agent * args.columns + k) * args.stride..][..args.stride][place] = number;
            }
        }
    }
}
