//! GIFs that hold of every picture but the first what changed.

use super::Encoder;
use gif::Repeat;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use striatum_envs::Frame;

/// How much pictures of more than 256 colours are thinned out to choose 256 from; 1 is best, 30 fastest.
const QUANTIZER_SPEED: i32 = 10;

pub(super) struct Gif {
    /// None once the file is ended.
    encoder: Option<gif::Encoder<BufWriter<File>>>,
    /// What is seen at last.
    shown: Option<Frame>,
    /// Frames so far.
    clock: u64,
    rate: f64,
}

impl Gif {
    pub fn new(file: File, frame: &Frame, rate: f32) -> Result<Self, String> {
        let size = |pixels: usize| u16::try_from(pixels).map_err(|_| format!("a GIF has no room for {pixels} pixels"));
        let (width, height) = (size(frame.width)?, size(frame.height)?);
        let mut encoder =
            gif::Encoder::new(BufWriter::new(file), width, height, &[]).map_err(|error| error.to_string())?;
        encoder.set_repeat(Repeat::Infinite).map_err(|error| error.to_string())?;
        Ok(Self { encoder: Some(encoder), shown: None, clock: 0, rate: f64::from(rate) })
    }

    /// When a frame begins, in hundredths of a second.
    fn begins(&self, frame: u64) -> u64 {
        (frame as f64 * 100.0 / self.rate).round() as u64
    }
}

impl Encoder for Gif {
    fn add(&mut self, frame: &Frame, times: u32) -> Result<(), String> {
        let (rows, columns) = match &self.shown {
            Some(shown) if (shown.width, shown.height) != (frame.width, frame.height) => {
                return Err("the task's pictures change their size".to_owned());
            }
            Some(shown) => changed(shown, frame),
            None => (0..frame.height, 0..frame.width),
        };
        let part = |frame: &Frame| {
            let line = |y: usize| 3 * (y * frame.width + columns.start)..3 * (y * frame.width + columns.end);
            rows.clone().flat_map(|y| frame.rgb[line(y)].to_vec()).collect::<Vec<u8>>()
        };
        let (before, after) = (self.shown.as_ref().map(part), part(frame));
        let size = (columns.len() as u16, rows.len() as u16);
        let end = self.clock + u64::from(times);
        let mut part = exact(before.as_deref(), &after, size)
            .unwrap_or_else(|| gif::Frame::from_rgb_speed(size.0, size.1, &after, QUANTIZER_SPEED));
        (part.left, part.top) = (columns.start as u16, rows.start as u16);
        part.delay = u16::try_from(self.begins(end) - self.begins(self.clock)).unwrap_or(u16::MAX);
        self.clock = end;
        self.shown = Some(frame.clone());
        let encoder = self.encoder.as_mut().ok_or("it has ended")?;
        encoder.write_frame(&part).map_err(|error| error.to_string())
    }

    fn finish(&mut self) -> Result<(), String> {
        let encoder = self.encoder.take().ok_or("it has ended")?;
        let mut file = encoder.into_inner().map_err(|error| error.to_string())?;
        file.flush().map_err(|error| error.to_string())
    }
}

/// A picture of so many pixels in its own colours, with holes where nothing changes; none if there are more than 255 colours.
fn exact(before: Option<&[u8]>, after: &[u8], (width, height): (u16, u16)) -> Option<gif::Frame<'static>> {
    const HOLE: u8 = 0;
    let mut palette = vec![0; 3];
    let mut indices = HashMap::new();
    let mut buffer = Vec::with_capacity(after.len() / 3);
    for (i, pixel) in after.chunks_exact(3).enumerate() {
        if before.is_some_and(|before| before[3 * i..3 * i + 3] == *pixel) {
            buffer.push(HOLE);
            continue;
        }
        let new = u8::try_from(palette.len() / 3);
        buffer.push(match indices.entry(pixel) {
            Entry::Occupied(index) => *index.get(),
            Entry::Vacant(place) => {
                palette.extend_from_slice(pixel);
                *place.insert(new.ok()?)
            }
        });
    }
    Some(gif::Frame::from_palette_pixels(width, height, buffer, palette, Some(HOLE)))
}

/// Rows and columns around the pixels that differ; one pixel if none does.
fn changed(before: &Frame, after: &Frame) -> (Range<usize>, Range<usize>) {
    let width = 3 * after.width;
    let lines = before.rgb.chunks_exact(width).zip(after.rgb.chunks_exact(width)).enumerate();
    let different = lines.filter(|(_, (before, after))| before != after);
    let around = different.fold(None, |around, (y, (before, after))| {
        let differs = |x: &usize| before[3 * x..3 * x + 3] != after[3 * x..3 * x + 3];
        let first = (0..after.len() / 3).find(differs).unwrap_or(0);
        let last = (0..after.len() / 3).rfind(differs).unwrap_or(0);
        let (rows, columns): (Range<usize>, Range<usize>) = around.unwrap_or((y..y, first..last));
        Some((rows.start..y + 1, columns.start.min(first)..columns.end.max(last + 1)))
    });
    around.unwrap_or((0..1, 0..1))
}
