//! Rows put in an order, gathered and taken apart.

use super::super::data::{number, numbers, word};
use super::{Cost, Entry, Expected, Kernel, Outputs, make};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{Backend, Permutation, Selection, TakeColumnsArgs, UnpackBytesArgs};

/// Numbers of a gathered row: an observation of CartPole-v1.
const WIDTH: usize = 4;

pub fn shuffle<D: Device + 'static>() -> Entry<D> {
    let at = |agents, rows| make(move |device: &D| Shuffle::new(device, agents, rows));
    Entry {
        name: "shuffle",
        tolerance: 0.0,
        checks: vec![at(3, 1000), at(1, 1 << 16)],
        small: vec![at(1, 4096)],
        large: vec![at(1, 1 << 19), at(64, 1 << 16)],
    }
}

pub fn gather<D: Device + 'static>() -> Entry<D> {
    let at = |agents, source, rows| make(move |device: &D| Gather::new(device, [agents, source, rows]));
    Entry {
        name: "gather",
        tolerance: 0.0,
        checks: vec![at(3, 1000, 257)],
        small: vec![at(1, 4096, 512)],
        large: vec![at(1, 1 << 22, 1 << 20)],
    }
}

pub fn take_columns<D: Device + 'static>() -> Entry<D> {
    let at = |agents, rows| make(move |device: &D| TakeColumns::new(device, agents, rows));
    Entry {
        name: "take_columns",
        tolerance: 0.0,
        checks: vec![at(3, 301)],
        small: vec![at(1, 4096)],
        large: vec![at(1, 1 << 22)],
    }
}

pub fn unpack_bytes<D: Device + 'static>() -> Entry<D> {
    let at = |rows| make(move |device: &D| UnpackBytes::new(device, rows));
    Entry { name: "unpack_bytes", tolerance: 1e-7, checks: vec![at(3)], small: vec![at(8)], large: vec![at(256)] }
}

/// Agents, rows that there are, rows taken.
type GatherShape = [usize; 3];

struct Gather<D: Backend> {
    shape: GatherShape,
    source: D::Buffer,
    rows: D::Indices,
    out: D::Buffer,
}

fn chosen([agents, source, rows]: GatherShape) -> Vec<u32> {
    (0..agents * rows).map(|i| word(i, 2) % source as u32).collect()
}

impl<D: Device> Gather<D> {
    fn new(device: &D, shape: GatherShape) -> Self {
        let [agents, source, rows] = shape;
        Self {
            shape,
            source: device.upload(&numbers(agents * source * WIDTH, 1, 1.0)),
            rows: device.upload_indices(&chosen(shape)),
            out: device.zeros(agents * rows * WIDTH),
        }
    }
}

impl<D: Device> Kernel<D> for Gather<D> {
    fn shape(&self) -> String {
        format!("{} of {} rows of {WIDTH}", self.shape[2], self.shape[1])
    }

    fn cost(&self) -> Cost {
        let [agents, _, rows] = self.shape;
        let items = (agents * rows) as f64;
        // A row is read and written, its number is read.
        Cost { items, flops: None, bytes: Some(4.0 * items * (2 * WIDTH + 1) as f64) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        let [agents, _, rows] = self.shape;
        let selection = Selection { rows: &self.rows, stride: rows, first: 0 };
        device.gather(agents, WIDTH, &self.source, selection, rows, &mut self.out);
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("rows", device.download(&self.out)?)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        let [_, source, rows] = self.shape;
        let row = |(i, &row): (usize, &u32)| {
            let first = (i / rows * source + row as usize) * WIDTH;
            (first..first + WIDTH).map(|at| f64::from(number(at, 1)))
        };
        Ok(vec![chosen(self.shape).iter().enumerate().flat_map(row).collect()])
    }
}

/// The order of an epoch, of every agent.
struct Shuffle<D: Backend> {
    keys: Vec<[u32; 2]>,
    rows: usize,
    order: D::Indices,
}

impl<D: Device> Shuffle<D> {
    fn new(device: &D, agents: usize, rows: usize) -> Self {
        let keys = (0..agents).map(|agent| [word(agent, 1), word(agent, 2)]).collect();
        Self { keys, rows, order: device.upload_indices(&vec![0; agents * rows]) }
    }
}

impl<D: Device> Kernel<D> for Shuffle<D> {
    fn shape(&self) -> String {
        let agents = if self.keys.len() > 1 { format!("{} x ", self.keys.len()) } else { String::new() };
        format!("{agents}{} rows", self.rows)
    }

    fn cost(&self) -> Cost {
        let items = (self.keys.len() * self.rows) as f64;
        Cost { items, flops: None, bytes: Some(4.0 * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.shuffle(&self.keys, self.rows, &mut self.order);
        Ok(())
    }

    /// The order, as a gathering of 0, 1, 2 .. by it: indices are not downloaded.
    fn outputs(&self, device: &D) -> Result<Outputs> {
        let (agents, rows) = (self.keys.len(), self.rows);
        let counted: Vec<f32> = (0..agents * rows).map(|i| (i % rows) as f32).collect();
        let (counted, mut out) = (device.upload(&counted), device.zeros(agents * rows));
        let selection = Selection { rows: &self.order, stride: rows, first: 0 };
        device.gather(agents, 1, &counted, selection, rows, &mut out);
        Ok(vec![("order", device.download(&out)?)])
    }

    /// One number at a time.
    fn expected(&self, _: &D) -> Result<Expected> {
        let rows = self.rows as u32;
        let order = |&key: &[u32; 2]| {
            let order = Permutation::new(key, rows);
            (0..rows).map(move |i| f64::from(order.at(i)))
        };
        Ok(vec![self.keys.iter().flat_map(order).collect()])
    }
}

/// Columns of an output row: two logits and a value.
const OUTPUTS: usize = 3;

/// The values among a network's outputs, each head's in a line.
struct TakeColumns<D: Backend> {
    agents: usize,
    rows: usize,
    source: D::Buffer,
    out: D::Buffer,
}

impl<D: Device> TakeColumns<D> {
    fn new(device: &D, agents: usize, rows: usize) -> Self {
        let source = device.upload(&numbers(agents * rows * OUTPUTS, 1, 1.0));
        Self { agents, rows, source, out: device.zeros(agents * rows) }
    }
}

impl<D: Device> Kernel<D> for TakeColumns<D> {
    fn shape(&self) -> String {
        format!("1 of {OUTPUTS} of {} rows", self.rows)
    }

    fn cost(&self) -> Cost {
        let items = (self.agents * self.rows) as f64;
        Cost { items, flops: None, bytes: Some(8.0 * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.take_columns(TakeColumnsArgs {
            agents: self.agents,
            rows: self.rows,
            source: &self.source,
            width: OUTPUTS,
            column: OUTPUTS - 1,
            columns: 1,
            places: None,
            at: 0,
            out: &mut self.out,
            stride: self.rows,
        });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("columns", device.download(&self.out)?)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        Ok(vec![(0..self.agents * self.rows).map(|i| f64::from(number(i * OUTPUTS + OUTPUTS - 1, 1))).collect()])
    }
}

/// Bytes of a row: four stacked frames of 84 x 84 pixels.
const BYTES: usize = 4 * 84 * 84;

/// Packed bytes as numbers.
struct UnpackBytes<D: Backend> {
    rows: usize,
    source: D::Buffer,
    out: D::Buffer,
}

/// The `i`-th four bytes.
fn packed(i: usize) -> u32 {
    word(i, 3)
}

impl<D: Device> UnpackBytes<D> {
    fn new(device: &D, rows: usize) -> Self {
        let source: Vec<f32> = (0..rows * BYTES / 4).map(|i| f32::from_bits(packed(i))).collect();
        Self { rows, source: device.upload(&source), out: device.zeros(rows * BYTES) }
    }
}

impl<D: Device> Kernel<D> for UnpackBytes<D> {
    fn shape(&self) -> String {
        format!("{} rows of {BYTES}", self.rows)
    }

    fn cost(&self) -> Cost {
        let items = (self.rows * BYTES) as f64;
        Cost { items, flops: None, bytes: Some(5.0 * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        let (source, out) = (&self.source, &mut self.out);
        device.unpack_bytes(UnpackBytesArgs { rows: self.rows, bytes: BYTES, rest: 0, source, out });
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("numbers", device.download(&self.out)?)])
    }

    fn expected(&self, _: &D) -> Result<Expected> {
        let bytes = (0..self.rows * BYTES / 4).flat_map(|i| packed(i).to_ne_bytes());
        Ok(vec![bytes.map(|byte| f64::from(byte) / 255.0).collect()])
    }
}
