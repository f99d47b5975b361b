use super::{Bind, Gpu, GpuBuffer, GpuIndices, Shader, WORKGROUP, shader, word};
use bytemuck::cast_slice;

const GATHER: Shader = shader!("gather");

impl Gpu {
    pub(super) fn launch_gather(
        &self,
        agents: usize,
        width: usize,
        source: &GpuBuffer,
        rows: &GpuIndices,
        out: &mut GpuBuffer,
    ) {
        let [per_agent, source_rows] = crate::gather::rows_of(agents, width, source.len(), rows.len(), out.len());
        let shape = [agents, width, per_agent, source_rows].map(word);
        let groups = out.len().div_ceil(WORKGROUP);
        self.launch(
            &GATHER,
            &[],
            &[Bind::Data(cast_slice(&shape)), source.into(), Bind::Indices(rows), out.into()],
            groups,
        );
    }
}
