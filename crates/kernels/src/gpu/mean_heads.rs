use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::MeanHeadsArgs;
use bytemuck::cast_slice;

const MEAN_HEADS: Shader = shader!("mean_heads");

impl Gpu {
    pub(super) fn launch_mean_heads(&self, args: MeanHeadsArgs<'_, GpuBuffer>) {
        args.assert_lengths(|buffer| buffer.len());
        let MeanHeadsArgs { agents, heads, columns, groups, values, means } = args;
        let shape = [agents, heads, groups.len(), columns].map(word);
        let groups: Vec<[u32; 2]> = groups.iter().map(|group| [group.start, group.len()].map(word)).collect();
        let bindings = [Bind::Data(cast_slice(&shape)), Bind::Data(cast_slice(&groups)), values.into(), means.into()];
        self.launch(&MEAN_HEADS, &[], &bindings, (agents * groups.len() * columns).div_ceil(WORKGROUP));
    }
}
