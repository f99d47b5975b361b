//! Where everything lies: planes of activations, packed weights, gradients.

use super::{Convolution, ConvolutionSpec, ConvolutionStep};
use crate::mlp::SimdLevel;

/// Pictures that go through all steps together.
pub(super) const GROUP: usize = 4;

/// Numbers after a group's planes, which whole vectors may touch.
const SLACK: usize = 64;

/// The picture after a step: rows of pixels, channels next to each other, with a border of zeros.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    /// In an image's memory.
    pub(super) at: usize,
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) border: usize,
}

impl Plane {
    /// Numbers between two rows.
    pub(super) fn pitch(&self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    pub(super) fn len(&self) -> usize {
        (self.height + 2 * self.border) * self.pitch()
    }

    /// Where row `y` starts in an image's memory.
    pub(super) fn row(&self, y: usize) -> usize {
        self.at + (y + self.border) * self.pitch() + self.border * self.channels
    }
}

/// A convolution between two planes.
pub(super) struct Layer {
    pub(super) shape: Convolution,
    pub(super) from: usize,
    pub(super) to: usize,
    /// Added to the result.
    pub(super) add: Option<usize>,
    pub(super) relu: bool,
    /// For every place of a group's pictures, where its window, its result and what is added start in the group's memory.
    pub(super) windows: Vec<u32>,
    pub(super) places: Vec<u32>,
    pub(super) added: Vec<u32>,
    /// In the parameters: the weight, which the bias follows.
    pub(super) weight: usize,
    /// In the packed parameters: weights `[kernel * run, outputs]` and biases; transposes, `[outputs, run]` for every row of the kernel.
    pub(super) packed: usize,
    pub(super) packed_bias: usize,
    pub(super) packed_transpose: usize,
    /// In a segment's gradient: `[kernel * run, outputs]`, then `[outputs]`.
    pub(super) gradient: usize,
}

impl Layer {
    /// Numbers of a window's row.
    pub(super) fn run(&self) -> usize {
        self.shape.kernel * self.shape.inputs
    }

    /// Numbers of a window.
    pub(super) fn window(&self) -> usize {
        self.shape.kernel * self.run()
    }
}

/// What is done between planes.
pub(super) enum Task {
    Convolve(Layer),
    Pool { from: usize, to: usize },
    Relu { from: usize, to: usize },
}

/// The whole.
pub(super) struct Plan {
    pub(super) level: SimdLevel,
    pub(super) bytes: bool,
    /// Numbers of a row's picture.
    pub(super) words: usize,
    /// The first one is the picture, the last one the result.
    pub(super) planes: Vec<Plane>,
    pub(super) tasks: Vec<Task>,
    /// Length of an image's memory, and of a group's.
    pub(super) image: usize,
    pub(super) group: usize,
    pub(super) params: usize,
    pub(super) packed_len: usize,
    pub(super) gradient_len: usize,
    /// Multiply-adds of a picture.
    pub(super) work: usize,
}

impl Plan {
    pub(super) fn new(spec: &ConvolutionSpec, level: SimdLevel) -> Self {
        let [channels, height, width] = spec.picture;
        let mut plan = Self {
            level,
            bytes: spec.bytes,
            words: spec.words(),
            planes: vec![Plane { at: 0, channels, height, width, border: 0 }],
            tasks: Vec::new(),
            image: 0,
            group: 0,
            params: 0,
            packed_len: 0,
            gradient_len: 0,
            work: spec.work(),
        };
        for step in &spec.steps {
            plan.step(*step);
        }
        plan.place();
        plan
    }

    /// The plane after the last step.
    pub(super) fn last(&self) -> usize {
        self.planes.len() - 1
    }

    fn step(&mut self, step: ConvolutionStep) {
        let from = self.last();
        match step {
            ConvolutionStep::Convolve { outputs, kernel, stride, padding, relu } => {
                let Plane { channels: inputs, height, width, .. } = self.planes[from];
                let shape = Convolution { inputs, outputs, kernel, stride, padding, from: [height, width] };
                self.convolve(shape, None, relu);
            }
            ConvolutionStep::Pool => {
                let Plane { height, width, .. } = self.planes[from];
                let to = self.plane(self.planes[from].channels, [height.div_ceil(2), width.div_ceil(2)]);
                self.tasks.push(Task::Pool { from, to });
            }
            ConvolutionStep::Relu => self.relu(),
            ConvolutionStep::Residual => {
                self.relu();
                let Plane { channels, height, width, .. } = self.planes[from];
                let from_size = [height, width];
                let shape = Convolution {
                    inputs: channels,
                    outputs: channels,
                    kernel: 3,
                    stride: 1,
                    padding: 1,
                    from: from_size,
                };
                self.convolve(shape, None, true);
                self.convolve(shape, Some(from), false);
            }
        }
    }

    fn relu(&mut self) {
        let from = self.last();
        let Plane { channels, height, width, .. } = self.planes[from];
        let to = self.plane(channels, [height, width]);
        self.tasks.push(Task::Relu { from, to });
    }

    /// A new plane, without a place yet.
    fn plane(&mut self, channels: usize, [height, width]: [usize; 2]) -> usize {
        self.planes.push(Plane { at: 0, channels, height, width, border: 0 });
        self.last()
    }

    fn convolve(&mut self, shape: Convolution, add: Option<usize>, relu: bool) {
        assert!(shape.outputs.is_multiple_of(16), "a convolution of {} channels, not of 16 n", shape.outputs);
        let from = self.last();
        let border = &mut self.planes[from].border;
        *border = shape.padding.max(*border);
        let to = self.plane(shape.outputs, shape.to());
        let mut layer = Layer {
            shape,
            from,
            to,
            add,
            relu,
            windows: Vec::new(),
            places: Vec::new(),
            added: Vec::new(),
            weight: self.params,
            packed: self.packed_len,
            packed_bias: 0,
            packed_transpose: 0,
            gradient: self.gradient_len,
        };
        let weights = layer.window() * shape.outputs;
        layer.packed_bias = layer.packed + weights;
        layer.packed_transpose = layer.packed_bias + shape.outputs;
        self.params += weights + shape.outputs;
        self.packed_len = (layer.packed_transpose + if from > 0 { weights } else { 0 }).next_multiple_of(16);
        self.gradient_len = (layer.gradient + weights + shape.outputs).next_multiple_of(16);
        self.tasks.push(Task::Convolve(layer));
    }

    /// Gives every plane its place, and every place of a convolution its window.
    fn place(&mut self) {
        for plane in &mut self.planes {
            plane.at = self.image;
            self.image += plane.len().next_multiple_of(16);
        }
        self.group = GROUP * self.image + SLACK;
        assert!(u32::try_from(self.group).is_ok(), "pictures of {:?} are too large", self.planes[0].len());
        let (planes, image) = (&self.planes, self.image);
        for task in &mut self.tasks {
            let Task::Convolve(layer) = task else { continue };
            let (from, to) = (planes[layer.from], planes[layer.to]);
            let Convolution { stride, padding, .. } = layer.shape;
            let pixels = |plane: Plane| move |y: usize, x: usize| plane.row(y) + x * plane.channels;
            let start = from.at + (from.border - padding) * (from.pitch() + from.channels);
            let window = |y: usize, x: usize| start + stride * (y * from.pitch() + x * from.channels);
            layer.windows = places(to, image, window);
            layer.places = places(to, image, pixels(to));
            layer.added = layer.add.map_or_else(Vec::new, |add| places(to, image, pixels(planes[add])));
        }
    }
}

/// What `at` says of every pixel of a plane, for all images of a group.
fn places(plane: Plane, image: usize, at: impl Fn(usize, usize) -> usize) -> Vec<u32> {
    let mut places = Vec::with_capacity(GROUP * plane.height * plane.width);
    for first in (0..GROUP).map(|i| i * image) {
        for y in 0..plane.height {
            places.extend((0..plane.width).map(|x| (first + at(y, x)) as u32));
        }
    }
    places
}
