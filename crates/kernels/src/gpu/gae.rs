use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::{GaeArgs, RolloutShape};
use bytemuck::cast_slice;

const GAE: Shader = shader!("gae");
const GAE_SCAN: Shader = shader!("gae_scan");

/// How the GPU computes generalised advantages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaeForm {
    /// One invocation an agent, head and environment walks back through time (`gae.wgsl`).
    Sequential,
    /// One workgroup an agent, head and environment scans through time, since `x -> b + a x` composes associatively (Blelloch
    /// 1990; `gae_scan.wgsl`).
    Scan,
}

impl GaeForm {
    /// The scan does a dozen times the work and reads time with a stride, but its depth is logarithmic: it is taken where there
    /// are too few sequences (A K N at most 1024) to fill a GPU by themselves and they are long (T at least 256).
    pub fn for_shape(shape: RolloutShape) -> Self {
        let sequences = shape.agents * shape.heads * shape.envs;
        if sequences <= 1024 && shape.steps >= 256 { Self::Scan } else { Self::Sequential }
    }
}

impl Gpu {
    /// [`Backend::gae`](crate::Backend::gae) in the form asked for.
    pub fn gae_as(&self, form: GaeForm, args: GaeArgs<'_, GpuBuffer>) {
        args.assert_lengths(|buffer| buffer.len());
        let RolloutShape { agents, heads, steps, envs } = args.shape;
        if steps == 0 {
            return;
        }
        let shape = [agents, heads, steps, envs].map(word);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            Bind::Data(cast_slice(args.gamma)),
            Bind::Data(cast_slice(args.lambda)),
            args.deltas.into(),
            args.terminated.into(),
            args.truncated.into(),
            args.values.into(),
            args.advantages.into(),
            args.returns.into(),
        ];
        let sequences = agents * heads * envs;
        match form {
            GaeForm::Sequential => self.launch(&GAE, &[], &bindings, sequences.div_ceil(WORKGROUP)),
            GaeForm::Scan => self.launch(&GAE_SCAN, &[], &bindings, sequences),
        }
    }
}
