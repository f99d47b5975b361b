//! Convolutions on the CPU: what they are ([`ConvolutionSpec`]), and their forward and backward pass ([`ConvolutionCpu`]).
//!
//! Activations lie with channels next to each other, so that a row of a window is one run of numbers. Products find windows through lists of
//! where they start and copy nothing; a group of pictures goes through all steps on one thread.

mod pass;
mod plan;
mod product;
mod spec;

pub use spec::{Convolution, ConvolutionSpec, ConvolutionStep};

use crate::Cpu;
use crate::mlp::{Buffer, SimdLevel, packed_at};
use crate::pool::Parts;
use plan::{GROUP, Layer, Plan, Task};
use std::sync::{Mutex, PoisonError};

/// A batch's gradient is summed over at most so many segments.
const SEGMENTS: usize = 16;
/// Multiply-adds from which waking other threads pays.
const PARALLEL: usize = 400_000;

/// Convolutions on the CPU. Vector instructions are chosen at run time; results are the same bits for any number of threads.
pub struct ConvolutionCpu {
    plan: Plan,
    cpu: Cpu,
    packed: Buffer,
    /// Planes of a group a thread, of a forward pass that keeps nothing.
    planes: Vec<Mutex<Buffer>>,
    /// Planes of every group of the last forward pass that kept them.
    kept: Buffer,
    kept_rows: usize,
    /// The gradient of a group's planes, a thread.
    d: Vec<Mutex<Buffer>>,
    /// A gradient a segment.
    gradients: Buffer,
}

impl ConvolutionCpu {
    /// Convolutions on the threads of `cpu`, at the machine's best [`SimdLevel`].
    ///
    /// # Panics
    /// If a picture is smaller than a kernel, or a convolution's channels are no multiple of 16.
    pub fn new(spec: &ConvolutionSpec, cpu: &Cpu) -> Self {
        Self::with_simd(spec, cpu, SimdLevel::detect())
    }

    /// As [`new`](Self::new), at a given level; one that the machine lacks is replaced by [`SimdLevel::Portable`].
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_simd(spec: &ConvolutionSpec, cpu: &Cpu, level: SimdLevel) -> Self {
        let plan = Plan::new(spec, level.checked());
        let buffers = || (0..cpu.threads()).map(|_| Mutex::new(Buffer::new(0))).collect();
        Self {
            packed: Buffer::new(plan.packed_len),
            planes: buffers(),
            kept: Buffer::new(0),
            kept_rows: 0,
            d: buffers(),
            gradients: Buffer::new(0),
            cpu: cpu.clone(),
            plan,
        }
    }

    /// Numbers that a picture becomes.
    pub fn flat(&self) -> usize {
        let last = self.plan.planes[self.plan.last()];
        last.channels * last.height * last.width
    }

    /// Takes over the parameters: of every convolution the weight `[outputs, inputs, kernel, kernel]`, then the bias.
    ///
    /// # Panics
    /// If the length does not fit.
    pub fn load(&mut self, params: &[f32]) {
        assert_eq!(params.len(), self.plan.params, "length of the parameters");
        let plan = &self.plan;
        let packed = self.packed.as_mut_slice();
        for task in &plan.tasks {
            if let Task::Convolve(layer) = task {
                pack(layer, plan.level.lanes(), params, packed);
            }
        }
    }

    /// Numbers `[rows, flat]`, channel after channel, of the pictures that rows `[rows, stride]` begin with: written to the columns from
    /// `at` on of `out`, whose rows are `width` wide. With `keep` a [`backward`](Self::backward) may follow.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward(&mut self, rows: &[f32], stride: usize, keep: bool, (out, width, at): (&mut [f32], usize, usize)) {
        let count = rows.len() / stride;
        assert!(rows.len() == count * stride && stride >= self.plan.words, "length of the rows");
        assert!(out.len() >= count * width && at + self.flat() <= width, "length of the results");
        let (plan, groups, packed) = (&self.plan, count.div_ceil(GROUP), self.packed.as_slice());
        if keep {
            grow(&mut self.kept, groups * plan.group);
            self.kept_rows = count;
        }
        let (kept, out) = (Parts::new(self.kept.as_mut_slice()), Parts::new(out));
        self.cpu.pool().split(groups, count * plan.work >= PARALLEL, &|thread, group| {
            let images = group * GROUP..count.min((group + 1) * GROUP);
            let rows = &rows[images.start * stride..images.end * stride];
            // SAFETY: every group has planes and rows of its own.
            let out = unsafe { out.part(images.start * width..images.end * width) };
            if keep {
                // SAFETY: as above.
                let planes = unsafe { kept.part(group * plan.group..(group + 1) * plan.group) };
                pass::forward(plan, packed, rows, stride, planes);
                write_flat(plan, planes, out, width, at);
            } else {
                let mut planes = self.planes[thread].lock().unwrap_or_else(PoisonError::into_inner);
                grow(&mut planes, plan.group);
                pass::forward(plan, packed, rows, stride, planes.as_mut_slice());
                write_flat(plan, planes.as_slice(), out, width, at);
            }
        });
    }

    /// The gradient with respect to the parameters, which overwrites `gradients`, from that with respect to what the last
    /// [`forward`](Self::forward) gave: the columns from `at` on of `d`, `[rows, width]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn backward(&mut self, (d_flat, width, at): (&[f32], usize, usize), gradients: &mut [f32]) {
        let (plan, count) = (&self.plan, self.kept_rows);
        assert!(d_flat.len() >= count * width && at + self.flat() <= width, "length of the gradients of results");
        assert_eq!(gradients.len(), plan.params, "length of the gradients");
        let groups = count.div_ceil(GROUP);
        let size = groups.div_ceil(SEGMENTS).max(1);
        let segments = groups.div_ceil(size);
        grow(&mut self.gradients, segments.max(1) * plan.gradient_len);
        let (packed, kept) = (self.packed.as_slice(), Parts::new(self.kept.as_mut_slice()));
        let sums = Parts::new(self.gradients.as_mut_slice());
        self.cpu.pool().split(segments, count * plan.work >= PARALLEL, &|thread, segment| {
            let mut d = self.d[thread].lock().unwrap_or_else(PoisonError::into_inner);
            grow(&mut d, plan.group);
            // SAFETY: every segment has a gradient and groups of its own.
            let gradient = unsafe { sums.part(segment * plan.gradient_len..(segment + 1) * plan.gradient_len) };
            gradient.fill(0.0);
            for group in segment * size..groups.min((segment + 1) * size) {
                let images = group * GROUP..count.min((group + 1) * GROUP);
                // SAFETY: as above.
                let planes = unsafe { kept.part(group * plan.group..(group + 1) * plan.group) };
                let d_flat = &d_flat[images.start * width..images.end * width];
                read_flat(plan, d_flat, width, at, d.as_mut_slice());
                pass::backward(plan, packed, images.len(), planes, d.as_mut_slice(), gradient);
            }
        });
        let (first, others) = self.gradients.as_mut_slice().split_at_mut(plan.gradient_len);
        if segments == 0 {
            first.fill(0.0);
        }
        for other in others.chunks_exact(plan.gradient_len).take(segments.saturating_sub(1)) {
            first.iter_mut().zip(other).for_each(|(sum, &g)| *sum += g);
        }
        for task in &plan.tasks {
            if let Task::Convolve(layer) = task {
                unpack(layer, first, gradients);
            }
        }
    }
}

/// Makes a buffer at least so long. A new one is zeros.
fn grow(buffer: &mut Buffer, len: usize) {
    if buffer.as_slice().len() < len {
        *buffer = Buffer::new(len);
    }
}

/// Writes the last plane of a group's pictures, channel after channel.
fn write_flat(plan: &Plan, planes: &[f32], out: &mut [f32], width: usize, at: usize) {
    let last = plan.planes[plan.last()];
    let size = last.height * last.width;
    for (image, out) in planes.chunks_exact(plan.image).zip(out.chunks_exact_mut(width)) {
        for (i, pixel) in image[last.at..][..size * last.channels].chunks_exact(last.channels).enumerate() {
            for (to, &x) in out[at + i..].iter_mut().step_by(size).zip(pixel) {
                *to = x;
            }
        }
    }
}

/// Clears a group's gradient and reads that of its last plane.
fn read_flat(plan: &Plan, d_flat: &[f32], width: usize, at: usize, d: &mut [f32]) {
    let last = plan.planes[plan.last()];
    let size = last.height * last.width;
    let unread = plan.planes.get(1).map_or(last.at, |plane| plane.at);
    for (image, d_flat) in d.chunks_exact_mut(plan.image).zip(d_flat.chunks_exact(width)) {
        image[unread..last.at].fill(0.0);
        for (i, pixel) in image[last.at..][..size * last.channels].chunks_exact_mut(last.channels).enumerate() {
            for (to, &d) in pixel.iter_mut().zip(d_flat[at + i..].iter().step_by(size)) {
                *to = d;
            }
        }
    }
}

/// Puts a weight in the order in which products read it, and its transpose.
fn pack(layer: &Layer, lanes: usize, params: &[f32], packed: &mut [f32]) {
    let (shape, run, window) = (layer.shape, layer.run(), layer.window());
    let outputs = shape.outputs;
    let weight = &params[layer.weight..][..window * outputs];
    packed[layer.packed_bias..][..outputs].copy_from_slice(&params[layer.weight + weight.len()..][..outputs]);
    for (output, weight) in weight.chunks_exact(window).enumerate() {
        each_weight(layer, |from, ky, k| {
            packed[layer.packed + packed_at(window, outputs, lanes, ky * run + k, output)] = weight[from];
        });
        if layer.from > 0 {
            each_weight(layer, |from, ky, k| {
                let to = layer.packed_transpose + ky * outputs * run + packed_at(outputs, run, lanes, output, k);
                packed[to] = weight[from];
            });
        }
    }
}

/// Calls `work` for every weight of an output: where the arena has it, the row of the kernel, and its place in that row's run.
fn each_weight(layer: &Layer, mut work: impl FnMut(usize, usize, usize)) {
    let (inputs, kernel) = (layer.shape.inputs, layer.shape.kernel);
    for input in 0..inputs {
        for ky in 0..kernel {
            for kx in 0..kernel {
                work((input * kernel + ky) * kernel + kx, ky, kx * inputs + input);
            }
        }
    }
}

/// Puts a layer's gradient where the parameters have it.
fn unpack(layer: &Layer, sum: &[f32], gradients: &mut [f32]) {
    let (outputs, run, window) = (layer.shape.outputs, layer.run(), layer.window());
    let (weights, biases) = sum[layer.gradient..][..(window + 1) * outputs].split_at(window * outputs);
    let (to, to_bias) = gradients[layer.weight..][..(window + 1) * outputs].split_at_mut(window * outputs);
    to_bias.copy_from_slice(biases);
    for (output, to) in to.chunks_exact_mut(window).enumerate() {
        each_weight(layer, |at, ky, k| to[at] = weights[(ky * run + k) * outputs + output]);
    }
}
