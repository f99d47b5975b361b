use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::{RolloutShape, SrLambdaArgs};
use bytemuck::cast_slice;

const SR_LAMBDA: Shader = shader!("sr_lambda");

impl Gpu {
    pub(super) fn launch_sr_lambda(&self, args: SrLambdaArgs<'_, GpuBuffer>) {
        args.assert_lengths(|buffer| buffer.len());
        let RolloutShape { agents, heads, steps, envs } = args.shape;
        let [agent_word, heads_word, steps_word, envs_word] = [agents, heads, steps, envs].map(word);
        let shape = [agent_word, heads_word, steps_word, envs_word, args.first_step, 0, 0, 0];
        let keys: Vec<[u32; 2]> = args.seeds.iter().map(|&seed| [seed as u32, (seed >> 32) as u32]).collect();
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            Bind::Data(cast_slice(&args.gamma[..agents])),
            Bind::Data(cast_slice(&args.lambda[..agents])),
            Bind::Data(cast_slice(&keys)),
            args.rewards.into(),
            args.terminated.into(),
            args.truncated.into(),
            args.values.into(),
            args.final_values.into(),
            args.targets.into(),
        ];
        self.launch(&SR_LAMBDA, &[], &bindings, (agents * heads.div_ceil(4) * envs).div_ceil(WORKGROUP));
    }
}
