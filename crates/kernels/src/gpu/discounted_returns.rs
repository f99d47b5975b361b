use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::{DiscountedReturnsArgs, RolloutShape};
use bytemuck::cast_slice;

const DISCOUNTED_RETURNS: Shader = shader!("discounted_returns");

impl Gpu {
    /// [`discounted_returns`](crate::discounted_returns()) on the device, in single precision. One or two dispatches.
    pub fn discounted_returns(&self, args: DiscountedReturnsArgs<'_, GpuBuffer>) {
        args.assert_lengths(GpuBuffer::len);
        let RolloutShape { agents, steps, envs, .. } = args.shape;
        if agents == 0 {
            return;
        }
        let groups = envs.div_ceil(WORKGROUP).max(1);
        let shape = [agents, steps, envs, groups].map(word);
        self.in_parts(agents, 1, groups, args.moments, |partial| {
            let bindings = [
                Bind::Data(cast_slice(&shape)),
                Bind::Data(cast_slice(&args.gamma[..agents])),
                args.rewards.into(),
                args.terminated.into(),
                args.truncated.into(),
                args.running.into(),
                partial.into(),
            ];
            self.launch(&DISCOUNTED_RETURNS, &[], &bindings, agents * groups);
        });
    }
}
