//! The one thing that engines differ in: how observations become outputs, and a minibatch becomes gradients.

use crate::NetworkSpec;
use striatum_kernels::{Backend, Cpu, Gpu, KernelError, OptimizerArgs, PassArgs, StepArgs};

/// What is done with the outputs of a forward pass, `[A, R, W]`, in the network's own memory.
pub type WithOutputs<'a, B> = dyn FnMut(&<B as Backend>::Buffer) -> Result<(), KernelError> + 'a;

/// The arguments of [`Network::differentiate`].
pub type Pass<'a, B> = PassArgs<'a, <B as Backend>::Buffer, <B as Backend>::Indices>;

/// The arguments of [`Network::step`].
pub type Step<'a, B> = StepArgs<'a, <B as Backend>::Buffer, <B as Backend>::Indices>;

/// A network on a backend, for A agents at once. R rows of observations become R output rows laid out as a
/// [`HeadLayout`](striatum_kernels::HeadLayout); an agent's parameters lie in its *arena*, one flat vector of P numbers.
pub trait Network<B: Backend> {
    /// Takes over new weights, `[A, P]`, for every later call.
    ///
    /// # Errors
    /// If the device fails.
    fn load(&mut self, backend: &B, weights: &B::Buffer) -> Result<(), KernelError>;

    /// Hands the outputs `[A, R, W]` of observations `[A, R, inputs]` to `with`, without moving them.
    ///
    /// # Errors
    /// If the device fails, or `with` does.
    fn forward(
        &mut self,
        backend: &B,
        observations: &[f32],
        rows: usize,
        with: &mut WithOutputs<'_, B>,
    ) -> Result<(), KernelError>;

    /// Gradients and metrics of a minibatch's loss. Heads learn from the kernel's `d_outputs` and, where kappa is not 0, everything
    /// below them from its `d_trunk`.
    ///
    /// # Errors
    /// If the device fails.
    fn differentiate(&mut self, backend: &B, pass: Pass<'_, B>) -> Result<(), KernelError>;

    /// An optimiser step on the weights, of which the new ones are taken over as by [`load`](Self::load).
    ///
    /// # Errors
    /// If the device fails.
    fn optimize(&mut self, backend: &B, args: OptimizerArgs<'_, B::Buffer>) -> Result<(), KernelError> {
        let weights = &mut *args.weights;
        backend.optimizer_step(OptimizerArgs { weights: &mut *weights, ..args });
        self.load(backend, weights)
    }

    /// A gradient step on a minibatch: [`differentiate`](Self::differentiate), then [`optimize`](Self::optimize).
    ///
    /// # Errors
    /// If the device fails.
    fn step(&mut self, backend: &B, mut step: Step<'_, B>) -> Result<(), KernelError> {
        self.differentiate(backend, step.pass())?;
        self.optimize(backend, step.optimizer())
    }

    /// The same network for any thread of the host, if it runs there.
    fn on_host(&self) -> Option<&dyn HostNetwork> {
        None
    }
}

/// A network that every thread of the host can ask.
pub trait HostNetwork: Sync {
    /// Outputs `[R, W]` of one agent's observations `[R, inputs]`, on the calling thread.
    fn forward(&self, agent: usize, observations: &[f32], outputs: &mut [f32]);

    /// Does `work` once with every number below `items`, on the network's threads; not to be called from within `work`.
    fn each(&self, items: usize, work: &(dyn Fn(usize) + Sync));
}

/// A network of one's own, in place of the one that settings describe.
pub trait OwnNetwork {
    /// What `spec` says of rows and heads, with the network's own parameters.
    ///
    /// # Errors
    /// If the network does not fit the spec, in words.
    fn spec(&self, spec: NetworkSpec) -> Result<NetworkSpec, String>;

    /// Initial weights in arena order, without `log_std`.
    fn weights(&self, spec: &NetworkSpec, seed: u64) -> Vec<f32>;

    /// The network on the host.
    fn on_cpu(&self, spec: &NetworkSpec) -> Box<dyn Network<Cpu>>;

    /// The network on a GPU.
    ///
    /// # Errors
    /// If the device fails.
    fn on_gpu(&self, spec: &NetworkSpec, gpu: &Gpu) -> Result<Box<dyn Network<Gpu>>, KernelError>;
}
