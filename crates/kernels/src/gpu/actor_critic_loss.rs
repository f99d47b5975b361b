use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::{Backend, LOSS_METRICS, LossArgs, Policy};
use bytemuck::cast_slice;

const ACTOR_CRITIC_LOSS: Shader = shader!("actor_critic_loss");
const LOSS_METRICS_MEAN: Shader = shader!("loss_metrics");
const LOG_STD_GRADIENT: Shader = shader!("log_std_gradient");

impl Gpu {
    pub(super) fn launch_actor_critic_loss(&self, mut args: LossArgs<'_, GpuBuffer>) {
        args.assert_lengths(|buffer| buffer.len());
        let policy = &args.layout.policy;
        let parts = args.rows.div_ceil(WORKGROUP);
        let partial = self.zeros(args.agents * parts * LOSS_METRICS);
        let dims = if policy.is_continuous() { policy.action_width() } else { 0 };
        let shares = self.zeros(args.agents * args.rows * dims);
        self.launch_rows(&mut args, parts, &shares, &partial);

        let shape = [word(args.agents), word(parts), 0, 0];
        let bindings =
            [Bind::Data(cast_slice(&shape)), (&partial).into(), args.moments.into(), (&*args.metrics).into()];
        self.launch(&LOSS_METRICS_MEAN, &[], &bindings, args.agents);

        let layout = args.layout;
        let sizes = [args.agents, args.rows, dims, policy.features(), layout.features_at(), layout.width(), 0, 0];
        let shape = sizes.map(word);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            args.outputs.into(),
            args.log_std.into(),
            (&shares).into(),
            (&*args.d_log_std).into(),
        ];
        self.launch(&LOG_STD_GRADIENT, &[], &bindings, args.agents * policy.log_std_len());
    }

    /// Everything that a row gives by itself.
    fn launch_rows(&self, args: &mut LossArgs<'_, GpuBuffer>, parts: usize, shares: &GpuBuffer, partial: &GpuBuffer) {
        let layout = args.layout;
        let policy = &layout.policy;
        let nvec: Vec<u32> = match policy {
            Policy::Categorical { nvec } => nvec.iter().copied().map(word).collect(),
            _ => Vec::new(),
        };
        let shape = [
            word(args.agents),
            word(args.rows),
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
        ];
        let unused = self.zeros(0);
        let bindings = [
            Bind::Data(cast_slice(&shape)),
            Bind::Data(cast_slice(&args.params[..args.agents])),
            Bind::Data(cast_slice(&nvec)),
            args.outputs.into(),
            args.log_std.into(),
            args.actions.into(),
            args.log_probs.into(),
            args.advantages.into(),
            args.returns.into(),
            args.values.into(),
            args.mask.into(),
            args.tone.into(),
            args.inverse_temperature.into(),
            args.moments.into(),
            (&*args.d_outputs).into(),
            args.d_trunk.as_deref().unwrap_or(&unused).into(),
            shares.into(),
            partial.into(),
        ];
        self.launch(&ACTOR_CRITIC_LOSS, &[], &bindings, args.agents * parts);
    }
}
