//! Pictures made smaller.

use super::exact::Exact;
use super::observed::View;
use super::pixels::{Value, bytes, fresh_bytes};
use crate::{EnvError, Pixel};

/// Makes pictures smaller by the mean over areas, to the bit as OpenCV's `resize` with `INTER_AREA`.
pub(super) struct Resize {
    pixel: Pixel,
    channels: usize,
    from: [usize; 2],
    to: [usize; 2],
    way: Way,
}

enum Way {
    /// Each pixel is the mean of a block of whole pixels, so many rows and columns.
    Blocks([usize; 2]),
    /// Pixels share those at their edges.
    Shares(Box<Shares>),
    /// The same for bytes.
    Exact(Box<Shares>, Exact),
}

impl Resize {
    /// Pictures of `channels` channels from one height and width to another, which must not be larger.
    pub fn new(pixel: Pixel, channels: usize, from: [usize; 2], to: [usize; 2]) -> Self {
        let way = if from[0].is_multiple_of(to[0]) && from[1].is_multiple_of(to[1]) {
            Way::Blocks([from[0] / to[0], from[1] / to[1]])
        } else {
            let shares = Box::new(Shares::new(from, to));
            match Exact::new(&shares, from, to).filter(|_| pixel == Pixel::Byte) {
                Some(exact) => Way::Exact(shares, exact),
                None => Way::Shares(shares),
            }
        };
        Self { pixel, channels, from, to, way }
    }
}

impl View for Resize {
    fn see(&mut self, _: usize, _: bool, source: &[f32], target: &mut [f32]) -> Result<(), EnvError> {
        let (from, to) = (self.from[0] * self.from[1], self.to[0] * self.to[1]);
        match self.pixel {
            Pixel::Byte => {
                let channels = bytes(source).chunks_exact(from).zip(fresh_bytes(target).chunks_exact_mut(to));
                for (source, target) in channels.take(self.channels) {
                    match &mut self.way {
                        Way::Exact(shares, exact) => exact.resize(shares, source, target),
                        Way::Shares(shares) => shares.resize(source, target),
                        Way::Blocks(block) => means(*block, source, self.from[1], target, self.to[1]),
                    }
                }
            }
            Pixel::Float => {
                for (source, target) in source.chunks_exact(from).zip(target.chunks_exact_mut(to)) {
                    match &mut self.way {
                        Way::Exact(shares, _) | Way::Shares(shares) => shares.resize(source, target),
                        Way::Blocks(block) => means(*block, source, self.from[1], target, self.to[1]),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Means of blocks, in rows of `width` and `to` pixels.
fn means<P: Value>([rows, columns]: [usize; 2], source: &[P], width: usize, target: &mut [P], to: usize) {
    for (i, seen) in target.iter_mut().enumerate() {
        let corner = i / to * rows * width + i % to * columns;
        let block = (0..rows).flat_map(|row| &source[corner + row * width..][..columns]);
        *seen = P::mean(block.copied(), rows * columns);
    }
}

/// How much of which rows and columns a pixel is made of: OpenCV's sums in its order, in single precision.
pub(super) struct Shares {
    pub rows: Taps,
    pub columns: Taps,
    width: usize,
    /// A row of the source as numbers, with room for taps beyond its end.
    line: Vec<f32>,
    /// A source row after its columns were summed.
    narrow: Vec<f32>,
    sum: Vec<f32>,
}

/// What each place along one axis is the weighted sum of: neighbours from a first one on.
pub(super) struct Taps {
    pub first: Vec<usize>,
    /// How many neighbours each place has, and the most of all; those with fewer have weights of zero at the end.
    pub count: Vec<usize>,
    pub most: usize,
    /// `[most, places]`.
    weights: Vec<f32>,
}

impl Taps {
    /// OpenCV's `computeResizeAreaTab`: `from` places as `to`.
    fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let places: Vec<(usize, Vec<f32>)> = (0..to).map(|place| area(place, scale, from)).collect();
        let count: Vec<usize> = places.iter().map(|(_, weights)| weights.len()).collect();
        let most = count.iter().copied().max().unwrap_or(0);
        let mut weights = vec![0.0; most * to];
        for (place, (_, own)) in places.iter().enumerate() {
            own.iter().enumerate().for_each(|(k, &weight)| weights[k * to + place] = weight);
        }
        Self { first: places.iter().map(|(first, _)| *first).collect(), count, most, weights }
    }

    /// Neighbours of a place and their weights.
    fn of(&self, place: usize) -> impl Iterator<Item = (usize, f32)> {
        let to = self.first.len();
        (0..self.count[place]).map(move |k| (self.first[place] + k, self.weights[k * to + place]))
    }
}

/// The first neighbour of a place, and the weights of it and those that follow.
fn area(place: usize, scale: f64, from: usize) -> (usize, Vec<f32>) {
    /// Shares below this do not count.
    const LEAST: f64 = 1e-3;
    let (start, end) = (place as f64 * scale, place as f64 * scale + scale);
    let cell = scale.min(from as f64 - start);
    let last = (end.floor() as usize).min(from - 1);
    let whole = (start.ceil() as usize).min(last);
    let (mut first, mut weights) = (whole, Vec::new());
    if whole as f64 - start > LEAST {
        first = whole - 1;
        weights.push(((whole as f64 - start) / cell) as f32);
    }
    weights.extend((whole..last).map(|_| (1.0 / cell) as f32));
    if end - last as f64 > LEAST {
        weights.push(((end - last as f64).min(1.0).min(cell) / cell) as f32);
    }
    (first, weights)
}

impl Shares {
    pub fn new(from: [usize; 2], to: [usize; 2]) -> Self {
        let (rows, columns) = (Taps::new(from[0], to[0]), Taps::new(from[1], to[1]));
        let line = vec![0.0; from[1] + columns.most];
        Self { rows, columns, width: from[1], line, narrow: vec![0.0; to[1]], sum: vec![0.0; to[1]] }
    }

    fn resize<P: Value>(&mut self, source: &[P], target: &mut [P]) {
        let mut narrowed = None;
        for (place, target) in target.chunks_exact_mut(self.narrow.len()).enumerate() {
            self.sum.fill(0.0);
            for k in 0..self.rows.count[place] {
                let row = self.rows.first[place] + k;
                // The row between two places is a part of both.
                if narrowed != Some(row) {
                    self.sum_columns(&source[row * self.width..][..self.width]);
                    narrowed = Some(row);
                }
                let weight = self.rows.weights[k * self.rows.first.len() + place];
                self.sum.iter_mut().zip(&self.narrow).for_each(|(sum, value)| *sum += weight * value);
            }
            target.iter_mut().zip(&self.sum).for_each(|(seen, &sum)| *seen = P::nearest(sum));
        }
    }

    /// Sums the columns of a source row.
    fn sum_columns<P: Value>(&mut self, source: &[P]) {
        self.line.iter_mut().zip(source).for_each(|(number, pixel)| *number = pixel.number());
        let (to, first) = (self.narrow.len(), &self.columns.first);
        self.narrow.fill(0.0);
        for (k, weights) in self.columns.weights.chunks_exact(to).enumerate() {
            for ((sum, &first), &weight) in self.narrow.iter_mut().zip(first).zip(weights) {
                *sum += self.line[first + k] * weight;
            }
        }
    }

    /// The pixel at a row and a column alone.
    pub fn pixel<P: Value>(&self, source: &[P], row: usize, column: usize) -> P {
        let sums = self.rows.of(row).map(|(y, weight)| {
            let columns = self.columns.of(column).map(|(x, weight)| source[y * self.width + x].number() * weight);
            weight * columns.sum::<f32>()
        });
        P::nearest(sums.sum())
    }
}
