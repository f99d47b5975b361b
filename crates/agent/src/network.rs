//! The one thing that engines differ in: how observations become outputs, and output gradients become parameter gradients.

use striatum_kernels::{Backend, KernelError};

/// A network on a backend. R rows of observations become R output rows laid out as a
/// [`HeadLayout`](striatum_kernels::HeadLayout); its parameters lie in the *arena*, one flat vector of P numbers.
pub trait Network<B: Backend> {
    /// Takes over new weights, `[P]`, for every later call.
    ///
    /// # Errors
    /// If the device fails.
    fn load(&mut self, backend: &B, weights: &B::Buffer) -> Result<(), KernelError>;

    /// Outputs `[R, W]` of observations `[R, inputs]`.
    ///
    /// # Errors
    /// If the device fails.
    fn forward(
        &mut self,
        backend: &B,
        observations: &B::Buffer,
        rows: usize,
        outputs: &mut B::Buffer,
    ) -> Result<(), KernelError>;

    /// The same, and keeps what [`backward`](Self::backward) needs; `asymmetric` announces that it will be given `d_trunk`.
    ///
    /// # Errors
    /// If the device fails.
    fn forward_train(
        &mut self,
        backend: &B,
        observations: &B::Buffer,
        rows: usize,
        asymmetric: bool,
        outputs: &mut B::Buffer,
    ) -> Result<(), KernelError>;

    /// Gradients `[P]` of the last [`forward_train`](Self::forward_train) for the outputs' gradients `d_outputs` `[R, W]`. With
    /// `d_trunk` `[R, W]` the heads learn from `d_outputs` and everything below them from `d_trunk`. The part of `log_std` is
    /// left alone.
    ///
    /// # Errors
    /// If the device fails.
    fn backward(
        &mut self,
        backend: &B,
        d_outputs: &B::Buffer,
        d_trunk: Option<&B::Buffer>,
        gradients: &mut B::Buffer,
    ) -> Result<(), KernelError>;
}
