//! The fused engine on the CPU: network and loss together, tile by tile.

use crate::actor_critic_loss::{TileOutputs, TiledLoss};
use crate::lanes::prefetch;
use crate::mlp::copy;
use crate::records::{AgentRecords, Records};
use crate::{Cpu, Heads, LOSS_METRICS, MlpCpu, MlpSpec, OptimizerArgs, PassArgs, TilePass};
use std::ops::Range;

/// A multilayer actor-critic of A agents on the CPU. A minibatch's rows are gathered, taken forward, weighed by the loss and taken back
/// tile by tile on all threads; nothing is allocated once the largest minibatch has been seen.
pub struct ActorCriticCpu {
    mlp: MlpCpu,
    loss: TiledLoss,
    records: Records,
    cpu: Cpu,
    agents: usize,
    inputs: usize,
    width: usize,
}

impl ActorCriticCpu {
    /// A network of `spec`'s shape on the threads of `cpu`; results do not depend on their number.
    pub fn new(spec: &MlpSpec, agents: usize, cpu: &Cpu) -> Self {
        let (inputs, width) = (spec.inputs, spec.head.width());
        let (mlp, loss) = (MlpCpu::new(spec, agents, cpu), TiledLoss::new(&spec.head));
        Self { mlp, loss, records: Records::new(), cpu: cpu.clone(), agents, inputs, width }
    }

    /// Takes over all agents' parameters, `[A, P]`.
    pub fn load(&mut self, weights: &[f32]) {
        self.mlp.load(weights);
    }

    /// An optimiser step whose new parameters are taken over, on all threads at once; the same numbers as
    /// [`Backend::optimizer_step`](crate::Backend::optimizer_step) and then [`load`](Self::load).
    pub fn optimize(&mut self, args: OptimizerArgs<'_, Vec<f32>>) {
        self.mlp.optimize(args);
    }

    /// Outputs `[A, R, W]` of observations `[A, R, inputs]`.
    pub fn forward(&self, observations: &[f32], rows: usize, outputs: &mut [f32]) {
        for agent in 0..self.agents {
            let observations = &observations[agent * rows * self.inputs..][..rows * self.inputs];
            let outputs = &mut outputs[agent * rows * self.width..][..rows * self.width];
            self.mlp.forward(agent, observations, rows, outputs);
        }
    }

    /// Outputs `[R, W]` of one agent's observations `[R, inputs]`, on the calling thread alone.
    pub fn forward_here(&self, agent: usize, observations: &[f32], outputs: &mut [f32]) {
        self.mlp.forward_here(agent, observations, observations.len() / self.inputs, outputs);
    }

    /// Gradients and metrics of every agent's minibatch.
    pub fn differentiate(&mut self, args: PassArgs<'_, Vec<f32>, Vec<u32>>) {
        let batch = args.batch;
        let policy = &args.layout.policy;
        batch.assert_lengths(policy.action_width(), Vec::len, Vec::len);
        if args.is_first {
            self.records.take_up(self.cpu.pool(), &batch, policy);
        }
        let asymmetric = args.is_asymmetric();
        let (params, log_std_len) = (args.log_std.stride, args.layout.policy.log_std_len());
        for agent in 0..self.agents {
            let log_std = args.log_std.at..args.log_std.at + log_std_len;
            let weights = &args.weights[agent * params..][..params];
            let gradients = &mut args.gradients[agent * params..][..params];
            let tiles = batch.rows.div_ceil(self.mlp.tile_rows());
            let networks = if self.mlp.is_apart(batch.rows) { 2 } else { 1 };
            self.loss.begin(
                networks * tiles,
                args.params[agent],
                &args.moments[4 * agent..],
                &weights[log_std.clone()],
            );
            let observations = &args.observations[agent * batch.source_rows * self.inputs..];
            let pass = Pass {
                chosen: batch.chosen(agent),
                records: self.records.of(agent),
                observations,
                inputs: self.inputs,
                tiles,
                loss: &self.loss,
            };
            self.mlp.train_pass(agent, batch.rows, asymmetric, &pass, gradients);
            let metrics = args.metrics_at + agent * LOSS_METRICS;
            self.loss.finish(&mut gradients[log_std], &mut args.metrics[metrics..metrics + LOSS_METRICS]);
        }
    }
}

struct Pass<'a> {
    chosen: &'a [u32],
    records: AgentRecords<'a>,
    /// The agent's.
    observations: &'a [f32],
    inputs: usize,
    /// How many there are, of actor or critic.
    tiles: usize,
    loss: &'a TiledLoss,
}

impl TilePass for Pass<'_> {
    fn observations(&self, rows: Range<usize>, observations: &mut [f32]) {
        for (to, &row) in observations.chunks_exact_mut(self.inputs).zip(&self.chosen[rows]) {
            copy(to, &self.observations[row as usize * self.inputs..][..self.inputs]);
            // For the loss.
            prefetch(self.records.get(row));
        }
    }

    fn loss(
        &self,
        tile: usize,
        heads: Heads,
        rows: Range<usize>,
        outputs: &[f32],
        d_outputs: &mut [f32],
        d_trunk: Option<&mut [f32]>,
    ) {
        // Where they are apart, the policy's tiles come first.
        let tile = if heads.has_policy() { tile } else { self.tiles + tile };
        let outputs = TileOutputs { outputs, d_outputs, d_trunk };
        self.loss.rows((tile, heads), self.records, &self.chosen[rows], outputs);
    }
}
