use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use bytemuck::cast_slice;

const SCALE_REWARDS: Shader = shader!("scale_rewards");

impl Gpu {
    /// [`scale_rewards`](crate::scale_rewards()) on the device.
    pub fn scale_rewards(&self, agents: usize, scale: &GpuBuffer, clip: f32, rewards: &mut GpuBuffer) {
        let rows = crate::scale_rewards::rows_of(agents, scale.len(), rewards.len());
        let shape = [word(agents), word(rows), clip.to_bits(), 0];
        let bindings = [Bind::Data(cast_slice(&shape)), scale.into(), rewards.into()];
        self.launch(&SCALE_REWARDS, &[], &bindings, (agents * rows).div_ceil(WORKGROUP));
    }
}
