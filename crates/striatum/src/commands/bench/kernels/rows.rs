//! Gathering rows, and the moments of advantages.

use super::super::data::{flags, number, numbers, wide, word};
use super::{Cost, Entry, Expected, Kernel, Outputs, make, mirrored};
use crate::commands::bench::device::Device;
use anyhow::Result;
use striatum_kernels::{Backend, Cpu};

/// Numbers of a gathered row: an observation of CartPole-v1.
const WIDTH: usize = 4;

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

pub fn moments<D: Device + 'static>() -> Entry<D> {
    let at = |agents, rows| make(move |device: &D| Moments::new(device, agents, rows));
    Entry {
        name: "advantage_moments",
        tolerance: 2e-6,
        checks: vec![at(3, 1111)],
        small: vec![at(1, 512)],
        large: vec![at(1, 1 << 20)],
    }
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
        device.gather(self.shape[0], WIDTH, &self.source, &self.rows, &mut self.out);
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        Ok(vec![("rows", device.download(&self.out)?)])
    }

    fn expected(&self) -> Result<Expected> {
        let [_, source, rows] = self.shape;
        let row = |(i, &row): (usize, &u32)| {
            let first = (i / rows * source + row as usize) * WIDTH;
            (first..first + WIDTH).map(|at| f64::from(number(at, 1)))
        };
        Ok(vec![chosen(self.shape).iter().enumerate().flat_map(row).collect()])
    }
}

struct Moments<D: Backend> {
    agents: usize,
    rows: usize,
    advantages: D::Buffer,
    mask: D::Buffer,
    out: D::Buffer,
}

/// Advantages, and a mask that leaves one in ten rows out.
fn masked(rows: usize) -> [Vec<f32>; 2] {
    let advantages = (0..rows).map(|i| 3.0 * number(i, 1) + 0.7).collect();
    [advantages, flags(rows, 2, 10).iter().map(|flag| 1.0 - flag).collect()]
}

impl<D: Device> Moments<D> {
    fn new(device: &D, agents: usize, rows: usize) -> Self {
        let [advantages, mask] = masked(agents * rows).map(|array| device.upload(&array));
        Self { agents, rows, advantages, mask, out: device.zeros(4 * agents) }
    }
}

impl<D: Device> Kernel<D> for Moments<D> {
    fn shape(&self) -> String {
        format!("{} rows", self.rows)
    }

    fn cost(&self) -> Cost {
        let items = (self.agents * self.rows) as f64;
        // The mean's sum; then difference, square and sum.
        Cost { items, flops: Some(4.0 * items), bytes: Some(8.0 * items) }
    }

    fn launch(&mut self, device: &D) -> Result<()> {
        device.advantage_moments(self.agents, true, &self.advantages, &self.mask, &mut self.out);
        Ok(())
    }

    fn outputs(&self, device: &D) -> Result<Outputs> {
        // Counts are thousands of times the rest, and would hide its error.
        let out = device.download(&self.out)?;
        let column = |at: usize| out.iter().skip(at).step_by(4).copied().collect();
        Ok(vec![("count", column(0)), ("mean", column(1)), ("scale", column(2))])
    }

    fn expected(&self) -> Result<Expected> {
        if D::IS_GPU {
            return mirrored(Moments::new(&Cpu::new(), self.agents, self.rows));
        }
        let [advantages, mask] = masked(self.agents * self.rows).map(|array| wide(&array));
        let mut columns = vec![Vec::new(); 3];
        for (advantages, mask) in advantages.chunks(self.rows).zip(mask.chunks(self.rows)) {
            let counted: Vec<f64> = advantages.iter().zip(mask).filter(|(_, m)| **m != 0.0).map(|(a, _)| *a).collect();
            let count = counted.len() as f64;
            let mean = counted.iter().sum::<f64>() / count;
            let variance = counted.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (count - 1.0);
            for (column, number) in columns.iter_mut().zip([count, mean, 1.0 / (variance.sqrt() + 1e-8)]) {
                column.push(number);
            }
        }
        Ok(columns)
    }
}
