//! What the benchmark asks of a device beyond its kernels.

use super::kernels::{Entry, Networks, device, host};
use anyhow::Result;
use striatum_kernels::{Backend, Cpu, GaeArgs, GaeForm, Gpu};

/// The host or a GPU.
pub trait Device: Networks + Sized {
    /// Whether kernels are checked against the host's; the host's are checked against references.
    const IS_GPU: bool;

    /// Seconds that a timed stretch lasts at least, so that neither the clock nor the wait at its end counts.
    const STRETCH: f64;

    /// [`Backend::gae`] in a form of its own, where the device has several.
    fn gae_as(&self, form: GaeForm, args: GaeArgs<'_, Self::Buffer>);

    /// Dispatches since the device was opened; nothing on the host.
    fn dispatches(&self) -> Option<u64>;

    /// The forms of [`gae_as`](Self::gae_as).
    fn gae_forms() -> &'static [GaeForm];

    /// Kernels that only this kind of device has.
    fn own_kernels() -> Vec<Entry<Self>>;

    /// Waits for everything launched; `mark` is any small buffer.
    fn wait(&self, mark: &Self::Buffer) -> Result<()> {
        self.download(mark)?;
        Ok(())
    }
}

impl Device for Cpu {
    const IS_GPU: bool = false;
    const STRETCH: f64 = 0.001;

    fn gae_as(&self, _: GaeForm, args: GaeArgs<'_, Vec<f32>>) {
        self.gae(args);
    }

    fn dispatches(&self) -> Option<u64> {
        None
    }

    fn gae_forms() -> &'static [GaeForm] {
        &[GaeForm::Sequential]
    }

    fn own_kernels() -> Vec<Entry<Self>> {
        host()
    }
}

impl Device for Gpu {
    const IS_GPU: bool = true;
    const STRETCH: f64 = 0.02;

    fn gae_as(&self, form: GaeForm, args: GaeArgs<'_, Self::Buffer>) {
        Gpu::gae_as(self, form, args);
    }

    fn dispatches(&self) -> Option<u64> {
        Some(Gpu::dispatches(self))
    }

    fn gae_forms() -> &'static [GaeForm] {
        &[GaeForm::Sequential, GaeForm::Scan]
    }

    fn own_kernels() -> Vec<Entry<Self>> {
        device()
    }
}
