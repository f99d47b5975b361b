use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::{RolloutShape, TdErrorArgs};
use bytemuck::cast_slice;

const TD_ERROR: Shader = shader!("td_error");

impl Gpu {
    pub(super) fn launch_td_error(&self, args: TdErrorArgs<'_, GpuBuffer>) {
        args.assert_lengths(|buffer| buffer.len());
        let RolloutShape { agents, heads, steps, envs } = args.shape;
        let shape = [agents, heads, steps, envs].map(word);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            Bind::Data(cast_slice(args.gamma)),
            Bind::Data(cast_slice(args.average_reward)),
            args.rewards.into(),
            args.terminated.into(),
            args.truncated.into(),
            args.values.into(),
            args.final_values.into(),
            args.deltas.into(),
        ];
        self.launch(&TD_ERROR, &[], &bindings, (agents * heads * steps * envs).div_ceil(WORKGROUP));
    }
}
