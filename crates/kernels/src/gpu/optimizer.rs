use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::OptimizerArgs;
use bytemuck::cast_slice;

const GLOBAL_NORM: Shader = shader!("global_norm");
const OPTIMIZER: Shader = shader!("optimizer");

/// Parts an agent's gradient is added up in, at most: every workgroup of the step adds up all of them.
const MOST_PARTS: usize = 64;

/// Numbers in a part, at least.
const LEAST_PART: usize = 1024;

impl Gpu {
    pub(super) fn launch_optimizer_step(&self, args: OptimizerArgs<'_, GpuBuffer>) {
        let parameters = args.parameters(|buffer| buffer.len());
        let agents = args.agents;
        if agents == 0 {
            return;
        }
        let parts = parameters.div_ceil(LEAST_PART).clamp(1, MOST_PARTS);
        let sums = self.scratch("norm parts", agents * parts);
        let shape = [agents, parameters, parts, parameters.div_ceil(parts)].map(word);
        let bindings = [Bind::Data(cast_slice(&shape)), args.gradients.into(), (&sums).into()];
        self.launch(&GLOBAL_NORM, &[], &bindings, agents * parts);

        let groups = parameters.div_ceil(WORKGROUP).max(1);
        let shape = [agents, parameters, parts, groups, args.grad_norm_at, 0, 0, 0].map(word);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            Bind::Data(cast_slice(&args.params[..agents])),
            (&sums).into(),
            args.gradients.into(),
            args.weights.into(),
            args.first_moment.into(),
            args.second_moment.into(),
            args.grad_norm.into(),
        ];
        self.launch(&OPTIMIZER, &[], &bindings, agents * groups);
    }
}
