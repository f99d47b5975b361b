use super::{Bind, Gpu, GpuBuffer, Shader, shader, word};
use bytemuck::cast_slice;

const ADVANTAGE_MOMENTS: Shader = shader!("advantage_moments");

impl Gpu {
    pub(super) fn launch_advantage_moments(
        &self,
        agents: usize,
        normalize: bool,
        advantages: &GpuBuffer,
        mask: &GpuBuffer,
        out: &mut GpuBuffer,
    ) {
        crate::advantage_moments::assert_lengths(agents, advantages.len(), mask.len(), out.len());
        if agents == 0 {
            return;
        }
        let shape = [word(agents), word(advantages.len() / agents), u32::from(normalize), 0];
        let bindings = [Bind::Data(cast_slice(&shape)), advantages.into(), mask.into(), out.into()];
        self.launch(&ADVANTAGE_MOMENTS, &[], &bindings, agents);
    }
}
