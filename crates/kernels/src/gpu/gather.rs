use super::{Bind, Gpu, GpuBuffer, GpuIndices, Shader, WORKGROUP, shader, word};
use crate::{Selection, TakeColumnsArgs};
use bytemuck::cast_slice;

const GATHER: Shader = shader!("gather");
const TAKE_COLUMNS: Shader = shader!("take_columns");

impl Gpu {
    pub(super) fn launch_gather(
        &self,
        agents: usize,
        width: usize,
        source: &GpuBuffer,
        selection: Selection<'_, GpuIndices>,
        rows: usize,
        out: &mut GpuBuffer,
    ) {
        let lengths = [source.len(), selection.rows.len(), out.len()];
        let source_rows = crate::gather::source_rows(agents, width, &selection, rows, lengths);
        let shape = [agents, width, rows, source_rows, selection.stride, selection.first, 0, 0].map(word);
        let bindings = [Bind::Data(cast_slice(&shape)), source.into(), Bind::Indices(selection.rows), out.into()];
        self.launch(&GATHER, &[], &bindings, (agents * rows * width).div_ceil(WORKGROUP));
    }

    pub(super) fn launch_take_columns(&self, args: TakeColumnsArgs<'_, GpuBuffer, GpuIndices>) {
        args.assert_lengths(|buffer| buffer.len(), |indices| indices.len());
        let placed = usize::from(args.places.is_some());
        let shape =
            [args.agents, args.rows, args.width, args.column, args.columns, args.at, args.stride, placed].map(word);
        let unused = GpuIndices(self.allocate(0));
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            args.source.into(),
            Bind::Indices(args.places.unwrap_or(&unused)),
            args.out.into(),
        ];
        self.launch(&TAKE_COLUMNS, &[], &bindings, (args.agents * args.rows * args.columns).div_ceil(WORKGROUP));
    }
}
