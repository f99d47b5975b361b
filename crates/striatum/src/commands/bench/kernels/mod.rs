//! The kernels: how each is launched, what it must give, and what it costs at least.

mod advantages;
mod batch;
mod convolution;
mod distribution;
mod envs;
mod loss;
mod loss_reference;
mod minibatch;
mod mlp;
mod mlp_reference;
mod networks;
mod optimizer;
mod policy;
mod resident;
mod rollout;
mod rows;
mod statistics;

pub use mlp::flops;
pub use networks::Networks;

use super::device::Device;
use anyhow::Result;
use striatum_kernels::{Cpu, Gpu};

/// Arrays that a kernel gives, by name.
pub type Outputs = Vec<(&'static str, Vec<f32>)>;

/// The same arrays as they must be.
pub type Expected = Vec<Vec<f64>>;

/// What one launch costs at least.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// What is counted of it: environment steps, rows, parameters, or numbers of the output.
    pub items: f64,
    /// Additions, multiplications, divisions and roots of the algorithm, a fused multiply-add being two; nothing where
    /// exponentials and logarithms, or branches, are most of it.
    pub flops: Option<f64>,
    /// Bytes that must be read and written if every array is touched once.
    pub bytes: Option<f64>,
}

/// A kernel at one shape, on its memory.
pub trait Kernel<D> {
    /// The shape, for people.
    fn shape(&self) -> String;

    /// What a launch costs.
    fn cost(&self) -> Cost;

    /// Launches it.
    ///
    /// # Errors
    /// If an environment fails.
    fn launch(&mut self, device: &D) -> Result<()>;

    /// What the last launch gave.
    ///
    /// # Errors
    /// If the device fails.
    fn outputs(&self, device: &D) -> Result<Outputs>;

    /// What one launch must give: by a reference on the host, by the host's kernel on a GPU.
    ///
    /// # Errors
    /// If the device or the host's kernel fails.
    fn expected(&self, device: &D) -> Result<Expected>;
}

/// Makes a kernel at a shape.
pub type Make<D> = Box<dyn Fn(&D) -> Result<Box<dyn Kernel<D>>>>;

/// A kernel and the shapes that it is looked at.
pub struct Entry<D> {
    /// Its name, which the filter is matched with.
    pub name: &'static str,
    /// The largest error that is accepted, relative to the largest magnitude of an array.
    pub tolerance: f64,
    /// Shapes that it is verified at.
    pub checks: Vec<Make<D>>,
    /// Small shapes that it is timed at.
    pub small: Vec<Make<D>>,
    /// Large ones, which `--quick` leaves out.
    pub large: Vec<Make<D>>,
}

/// Every kernel that the device has.
pub fn entries<D: Device + 'static>() -> Vec<Entry<D>> {
    let mut entries = advantages::entries();
    entries.extend([distribution::mean_heads(), distribution::sr_lambda()]);
    entries.extend([
        rows::shuffle(),
        rows::gather(),
        rows::take_columns(),
        rows::unpack_bytes(),
        statistics::moments(),
    ]);
    entries.extend(mlp::entries());
    entries.extend([loss::entry(), minibatch::entry(), optimizer::entry(), statistics::rollout_stats()]);
    entries.extend(D::own_kernels());
    entries
}

/// The kernels that the host alone has.
pub fn host() -> Vec<Entry<Cpu>> {
    let mut entries = vec![policy::entry(), envs::entry()];
    entries.extend(convolution::entries());
    entries
}

/// The kernels that a GPU alone has.
pub fn device() -> Vec<Entry<Gpu>> {
    let mut entries = vec![rollout::entry()];
    entries.extend(resident::entries());
    entries
}

/// A maker from a constructor that cannot fail.
fn make<D, K: Kernel<D> + 'static>(new: impl Fn(&D) -> K + 'static) -> Make<D> {
    Box::new(move |device| Ok(Box::new(new(device))))
}

/// What a kernel of the host gives.
fn mirrored(mut kernel: impl Kernel<Cpu>) -> Result<Expected> {
    let cpu = Cpu::new();
    kernel.launch(&cpu)?;
    Ok(kernel.outputs(&cpu)?.iter().map(|(_, array)| super::data::wide(array)).collect())
}
