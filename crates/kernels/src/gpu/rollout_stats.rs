use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::{ROLLOUT_STATS, RolloutShape, RolloutStatsArgs};
use bytemuck::cast_slice;

const ROLLOUT_MOMENTS: Shader = shader!("rollout_moments");
const STATS: Shader = shader!("rollout_stats");

/// Parts an agent's rows are split into, at most: as many as a workgroup merges with one each.
const MOST_PARTS: usize = 256;

/// Rows that an invocation takes, at least.
const LEAST_ROWS: usize = 8;

impl Gpu {
    /// [`rollout_stats`](crate::rollout_stats()) on the device, in single precision. Two dispatches.
    pub fn rollout_stats(&self, args: RolloutStatsArgs<'_, GpuBuffer>) {
        args.assert_lengths(GpuBuffer::len);
        let RolloutShape { agents, heads, steps, envs } = args.shape;
        let rows = steps * envs;
        let parts = rows.div_ceil(LEAST_ROWS * WORKGROUP).clamp(1, MOST_PARTS);
        let shape = [agents, heads, rows, parts, rows.div_ceil(parts), 0, 0, 0].map(word);
        let mut partial = self.scratch("rollout stats", agents * parts * ROLLOUT_STATS);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            args.deltas.into(),
            args.advantages.into(),
            args.returns.into(),
            args.rewards.into(),
            (&mut partial).into(),
        ];
        self.launch(&ROLLOUT_MOMENTS, &[], &bindings, agents * parts);
        let bindings = [Bind::Data(cast_slice(&shape)), (&partial).into(), args.stats.into()];
        self.launch(&STATS, &[], &bindings, agents);
    }
}
