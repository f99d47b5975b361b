use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use bytemuck::cast_slice;

const COLUMN_MOMENTS: Shader = shader!("column_moments");
const MERGE_MOMENTS: Shader = shader!("merge_moments");

/// Parts an agent's rows are split into, at most: as many as a workgroup merges with one each.
const MOST_PARTS: usize = 256;

/// Rows that an invocation takes, at least.
const LEAST_ROWS: usize = 16;

impl Gpu {
    /// [`column_moments`](crate::column_moments()) on the device, in single precision. One or two dispatches.
    pub fn column_moments(&self, agents: usize, columns: usize, rows: &GpuBuffer, out: &mut GpuBuffer) {
        let per_agent = crate::column_moments::rows_of(agents, columns, rows.len(), out.len());
        if agents * columns == 0 {
            return;
        }
        let rows_at_once = WORKGROUP / columns.min(WORKGROUP);
        let parts = per_agent.div_ceil(LEAST_ROWS * rows_at_once).clamp(1, MOST_PARTS);
        let blocks = columns.div_ceil(WORKGROUP);
        let shape = [agents, per_agent, columns, parts, per_agent.div_ceil(parts), blocks, 0, 0].map(word);
        self.in_parts(agents, columns, parts, out, |partial| {
            let bindings = [Bind::Data(cast_slice(&shape)), rows.into(), partial.into()];
            self.launch(&COLUMN_MOMENTS, &[], &bindings, agents * parts * blocks);
        });
    }

    /// Lets `launch` write the moments of parts, `[A, parts, C, 4]`, and merges them into `out`, `[A, C, 3]`; one part's go there at once.
    pub(super) fn in_parts(
        &self,
        agents: usize,
        columns: usize,
        parts: usize,
        out: &mut GpuBuffer,
        launch: impl FnOnce(&mut GpuBuffer),
    ) {
        if parts == 1 {
            return launch(out);
        }
        let mut partial = self.scratch("column moments", 4 * agents * parts * columns);
        launch(&mut partial);
        let shape = [agents, columns, parts, 0].map(word);
        let bindings = [Bind::Data(cast_slice(&shape)), (&partial).into(), out.into()];
        self.launch(&MERGE_MOMENTS, &[], &bindings, agents * columns);
    }
}
