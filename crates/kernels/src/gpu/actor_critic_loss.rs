use super::{Bind, Gpu, GpuBuffer, GpuIndices, Shader, WORKGROUP, shader, word};
use crate::{Backend, LOSS_METRICS, LossArgs, Policy};
use bytemuck::cast_slice;

const ACTOR_CRITIC_LOSS: Shader = shader!("actor_critic_loss");
const LOSS_METRICS_MEAN: Shader = shader!("loss_metrics");
const LOG_STD_GRADIENT: Shader = shader!("log_std_gradient");

impl Gpu {
    pub(super) fn launch_actor_critic_loss(&self, mut args: LossArgs<'_, GpuBuffer, GpuIndices>) {
        args.assert_lengths(|buffer| buffer.len(), |indices| indices.len());
        let (layout, agents, rows) = (args.layout, args.batch.agents, args.batch.rows);
        let policy = &layout.policy;
        let parts = rows.div_ceil(WORKGROUP);
        let partial = self.scratch("loss metrics", agents * parts * LOSS_METRICS);
        let dims = if policy.is_continuous() { policy.action_width() } else { 0 };
        let shares = self.scratch("loss shares", agents * rows * dims);
        self.launch_rows(&mut args, parts, &shares, &partial);

        let shape = [agents, parts, args.metrics_at, 0].map(word);
        let bindings =
            [Bind::Data(cast_slice(&shape)), (&partial).into(), args.moments.into(), (&*args.metrics).into()];
        self.launch(&LOSS_METRICS_MEAN, &[], &bindings, agents);

        let sizes = [agents, rows, dims, policy.features(), layout.features_at(), layout.width()];
        let shape = sizes.into_iter().chain([args.log_std.stride, args.log_std.at]).map(word).collect::<Vec<_>>();
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            args.outputs.into(),
            args.weights.into(),
            (&shares).into(),
            (&*args.gradients).into(),
        ];
        self.launch(&LOG_STD_GRADIENT, &[], &bindings, agents * policy.log_std_len());
    }

    /// Everything that a row gives by itself.
    fn launch_rows(
        &self,
        args: &mut LossArgs<'_, GpuBuffer, GpuIndices>,
        parts: usize,
        shares: &GpuBuffer,
        partial: &GpuBuffer,
    ) {
        let (layout, batch) = (args.layout, args.batch);
        let policy = &layout.policy;
        let nvec: Vec<u32> = match policy {
            Policy::Categorical { nvec } => nvec.iter().copied().map(word).collect(),
            _ => Vec::new(),
        };
        let shape = [
            word(batch.agents),
            word(batch.rows),
            word(layout.width()),
            word(policy.logits()),
            word(layout.values_at()),
            word(layout.value_heads),
            word(policy.features()),
            word(policy.action_width()),
            u32::from(policy.is_continuous()),
            u32::from(layout.dual),
            u32::from(policy.squashes()),
            u32::from(args.d_trunk.is_some()),
            word(batch.source_rows),
            word(batch.value_rows),
            word(batch.selection.stride),
            word(batch.selection.first),
            word(args.log_std.stride),
            word(args.log_std.at),
            word(batch.advantage_heads),
            if layout.masked { word(layout.mask_at()) } else { 0 },
        ];
        let unused = self.zeros(0);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            Bind::Data(cast_slice(&args.params[..batch.agents])),
            Bind::Data(cast_slice(&nvec)),
            Bind::Indices(batch.selection.rows),
            args.outputs.into(),
            args.weights.into(),
            batch.actions.into(),
            batch.log_probs.into(),
            batch.advantages.into(),
            batch.returns.into(),
            batch.values.into(),
            batch.mask.into(),
            batch.tone.into(),
            batch.inverse_temperature.into(),
            args.moments.into(),
            (&*args.d_outputs).into(),
            args.d_trunk.as_deref().unwrap_or(&unused).into(),
            shares.into(),
            partial.into(),
        ];
        self.launch(&ACTOR_CRITIC_LOSS, &[], &bindings, batch.agents * parts);
    }
}
