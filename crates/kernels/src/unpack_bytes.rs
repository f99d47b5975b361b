//! The mirror of `shaders/unpack_bytes.wgsl`.

use bytemuck::cast_slice;

/// Arguments of [`Backend::unpack_bytes`](crate::Backend::unpack_bytes).
#[derive(Debug)]
pub struct UnpackBytesArgs<'a, B> {
    /// R.
    pub rows: usize,
    /// Bytes at the start of a row, four to a number.
    pub bytes: usize,
    /// Numbers after them, which are copied.
    pub rest: usize,
    /// `[R, ceil(bytes / 4) + rest]`.
    pub source: &'a B,
    /// Output, `[R, bytes + rest]`.
    pub out: &'a mut B,
}

impl<B> UnpackBytesArgs<'_, B> {
    /// Numbers of a row of the source.
    pub(crate) fn width(&self) -> usize {
        self.bytes.div_ceil(4) + self.rest
    }

    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let long_enough =
            len(self.source) >= self.rows * self.width() && len(self.out) >= self.rows * (self.bytes + self.rest);
        assert!(long_enough, "unpack_bytes: a buffer is too short for {} rows of {} bytes", self.rows, self.bytes);
    }
}

pub(crate) fn mirror(args: UnpackBytesArgs<'_, Vec<f32>>) {
    args.assert_lengths(Vec::len);
    let width = args.width();
    if width == 0 {
        return;
    }
    let rows = args.source.chunks_exact(width).zip(args.out.chunks_exact_mut(args.bytes + args.rest));
    for (row, out) in rows.take(args.rows) {
        let (packed, rest) = row.split_at(width - args.rest);
        let (pixels, copied) = out.split_at_mut(args.bytes);
        let bytes: &[u8] = cast_slice(packed);
        pixels.iter_mut().zip(bytes).for_each(|(pixel, &byte)| *pixel = f32::from(byte) * (1.0 / 255.0));
        copied.copy_from_slice(rest);
    }
}
