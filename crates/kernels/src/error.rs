//! What can go wrong on a device.

/// An error of a device; kernels themselves do not fail.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// There is no such adapter.
    #[error("no GPU adapter {0}; `striatum devices` lists what there is")]
    NoAdapter(String),
    /// The device could not be made.
    #[error("the GPU `{adapter}` could not be opened: {reason}")]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// What the driver said.
        reason: String,
    },
    /// The device was lost, ran out of memory, or refused a command.
    #[error("the GPU failed: {0}")]
    Device(String),
}
