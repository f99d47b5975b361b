use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::{EpisodeWindowArgs, RolloutShape};
use bytemuck::cast_slice;

const EPISODE_COUNT: Shader = shader!("episode_count");
const EPISODE_WINDOW: Shader = shader!("episode_window");

/// Parts an agent's rows are split into, at most: an invocation reads the count of one.
const MOST_PARTS: usize = WORKGROUP;

/// Rows that an invocation takes, at least.
const LEAST_ROWS: usize = 8;

impl Gpu {
    /// [`episode_window`](crate::episode_window()) on the device. Two dispatches.
    pub fn episode_window(&self, args: EpisodeWindowArgs<'_, GpuBuffer>) {
        args.assert_lengths(GpuBuffer::len);
        let RolloutShape { agents, steps, envs, .. } = args.shape;
        let rows = steps * envs;
        let each = rows.div_ceil(WORKGROUP * MOST_PARTS).max(LEAST_ROWS);
        let part = each * WORKGROUP;
        let parts = rows.div_ceil(part).max(1);
        let shape = [agents, rows, parts, part].map(word);
        let mut counts = self.scratch("episode counts", agents * parts);
        let bindings =
            [Bind::Data(cast_slice(&shape)), args.terminated.into(), args.truncated.into(), (&mut counts).into()];
        self.launch(&EPISODE_COUNT, &[], &bindings, agents * parts);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            (&counts).into(),
            args.terminated.into(),
            args.truncated.into(),
            args.episode_returns.into(),
            args.episode_lengths.into(),
            args.out.into(),
        ];
        self.launch(&EPISODE_WINDOW, &[], &bindings, agents * parts);
    }
}
