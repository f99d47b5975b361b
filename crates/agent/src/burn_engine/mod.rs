//! The burn kind of network: any burn module, on any burn device.

mod bridge;
mod encoder;
mod gpu;
mod memory;
mod model;
mod network;

pub use bridge::{Bridge, cpu_device};
pub use gpu::burn_device;
pub use memory::Past;
pub use model::{ActorCritic, BurnModel, Features};
pub use network::BurnNetwork;
