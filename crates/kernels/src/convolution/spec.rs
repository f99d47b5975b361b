//! What becomes of a picture, step by step.

/// A step of a [`ConvolutionSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolutionStep {
    /// A convolution with a square kernel, and `max(x, 0)` of it if `relu`.
    Convolve {
        /// Channels that it gives, a multiple of 16.
        outputs: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Distance between its places.
        stride: usize,
        /// Zeros around the picture.
        padding: usize,
        /// Whether negative numbers become 0.
        relu: bool,
    },
    /// The largest number of 3 x 3 places around every second place.
    Pool,
    /// `x + c(relu(c(relu(x))))` with two convolutions c of 3 x 3 places that keep size and channels.
    Residual,
    /// `max(x, 0)`.
    Relu,
}

/// Pictures, and what is done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvolutionSpec {
    /// Channels, height and width.
    pub picture: [usize; 3],
    /// Whether pixels are packed bytes, taken as 0 to 1; else they are numbers.
    pub bytes: bool,
    /// The steps in order.
    pub steps: Vec<ConvolutionStep>,
}

/// A convolution of a [`ConvolutionSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels that it reads.
    pub inputs: usize,
    /// Channels that it gives.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Distance between its places.
    pub stride: usize,
    /// Zeros around the picture.
    pub padding: usize,
    /// Height and width of what it reads.
    pub from: [usize; 2],
}

impl Convolution {
    /// Height and width of what it gives.
    pub fn to(&self) -> [usize; 2] {
        self.from.map(|side| (side + 2 * self.padding - self.kernel) / self.stride + 1)
    }

    /// Numbers of its weight, `[outputs, inputs, kernel, kernel]`.
    pub fn weights(&self) -> usize {
        self.outputs * self.inputs * self.kernel * self.kernel
    }
}

impl ConvolutionSpec {
    /// Numbers of a row that holds a picture.
    pub fn words(&self) -> usize {
        let pixels = self.picture.iter().product::<usize>();
        if self.bytes { pixels.div_ceil(4) } else { pixels }
    }

    /// Every convolution in order.
    pub fn convolutions(&self) -> Vec<Convolution> {
        self.walk().0
    }

    /// Channels, height and width after the last step.
    pub fn result(&self) -> [usize; 3] {
        self.walk().1
    }

    /// Numbers after the last step.
    pub fn flat(&self) -> usize {
        self.result().iter().product()
    }

    /// Length of the parameters: weight and bias of every convolution.
    pub fn param_count(&self) -> usize {
        self.convolutions().iter().map(|convolution| convolution.weights() + convolution.outputs).sum()
    }

    /// Multiply-adds of a picture's forward pass.
    pub fn work(&self) -> usize {
        let work = |convolution: &Convolution| convolution.weights() * convolution.to().iter().product::<usize>();
        self.convolutions().iter().map(work).sum()
    }

    fn walk(&self) -> (Vec<Convolution>, [usize; 3]) {
        let (mut list, [mut channels, height, width]) = (Vec::new(), self.picture);
        let mut size = [height, width];
        for step in &self.steps {
            match *step {
                ConvolutionStep::Convolve { outputs, kernel, stride, padding, .. } => {
                    let convolution = Convolution { inputs: channels, outputs, kernel, stride, padding, from: size };
                    (channels, size) = (outputs, convolution.to());
                    list.push(convolution);
                }
                ConvolutionStep::Pool => size = size.map(|side| side.div_ceil(2)),
                ConvolutionStep::Residual => {
                    let (inputs, outputs) = (channels, channels);
                    let inner = Convolution { inputs, outputs, kernel: 3, stride: 1, padding: 1, from: size };
                    list.extend([inner; 2]);
                }
                ConvolutionStep::Relu => {}
            }
        }
        (list, [channels, size[0], size[1]])
    }
}
