use super::{Bind, Gpu, GpuBuffer, GpuIndices, Shader, shader, word};
use crate::{Minibatch, Selection};
use bytemuck::cast_slice;

const ADVANTAGE_MOMENTS: Shader = shader!("advantage_moments");

impl Gpu {
    pub(super) fn launch_advantage_moments(
        &self,
        batch: Minibatch<'_, GpuBuffer, GpuIndices>,
        normalize: bool,
        out: &mut GpuBuffer,
    ) {
        batch.assert_lengths(0, |buffer| buffer.len(), |indices| indices.len());
        let Selection { rows, stride, first } = batch.selection;
        let (sources, heads, normalize) = (batch.source_rows, batch.advantage_heads, usize::from(normalize));
        let shape = [batch.agents, batch.rows, sources, heads, stride, first, normalize, 0].map(word);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            Bind::Indices(rows),
            batch.advantages.into(),
            batch.mask.into(),
            out.into(),
        ];
        self.launch(&ADVANTAGE_MOMENTS, &[], &bindings, batch.agents);
    }
}
