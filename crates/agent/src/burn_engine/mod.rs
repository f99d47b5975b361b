//! The burn kind of network: any burn module, on any burn device.

mod bridge;
mod encoder;
mod front;
mod gpu;
mod memory;
mod model;
mod network;
mod own;

pub use bridge::{Bridge, cpu_device};
pub use burn;
pub use front::{Front, HostConvolutions};
pub use gpu::burn_device;
pub use memory::Past;
pub use model::{ActorCritic, BurnModel, Features};
pub use network::BurnNetwork;
pub use own::OwnModule;
