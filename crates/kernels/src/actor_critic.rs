//! The fused engine on the CPU: network and loss together, tile by tile.

use crate::actor_critic_loss::{TileOutputs, TiledLoss};
use crate::lanes::prefetch;
use crate::mlp::copy;
use crate::optimizer::AgentArgs;
use crate::pool::Parts;
use crate::records::{AgentRecords, Records};
use crate::{Cpu, Heads, LOSS_METRICS, Minibatch, MlpCpu, MlpSpec, OptimizerArgs, PassArgs, StepArgs, TilePass};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

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
    /// [`Backend::optimizer_step`](crate::Backend::optimizer_step) and then [`load`](Self::load), but for the order in which the norm is
    /// added up.
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
        self.take_up(&args);
        let (rows, asymmetric) = (args.batch.rows, args.is_asymmetric());
        for agent in 0..self.agents {
            self.begin(agent, &args);
            let metrics = &mut args.metrics[args.metrics_at + agent * LOSS_METRICS..][..LOSS_METRICS];
            let pass =
                Pass::new(agent, &args.batch, (args.observations, self.inputs), (&self.records, &self.loss), metrics);
            let own = agent * args.log_std.stride..(agent + 1) * args.log_std.stride;
            self.mlp.train_pass(agent, rows, asymmetric, &pass, &mut args.gradients[own]);
        }
    }

    /// [`differentiate`](Self::differentiate) and then [`optimize`](Self::optimize), to the last bit, but that threads wait for each other
    /// less often.
    pub fn step(&mut self, mut args: StepArgs<'_, Vec<f32>, Vec<u32>>) {
        self.take_up(&args.pass());
        let (rows, asymmetric) = (args.batch.rows, args.pass().is_asymmetric());
        let parameters = args.optimizer().parameters(Vec::len);
        for agent in 0..self.agents {
            self.begin(agent, &args.pass());
            let metrics = &mut args.metrics[args.metrics_at + agent * LOSS_METRICS..][..LOSS_METRICS];
            let pass =
                Pass::new(agent, &args.batch, (args.observations, self.inputs), (&self.records, &self.loss), metrics);
            let own = agent * parameters..(agent + 1) * parameters;
            let step = AgentArgs {
                params: args.optimizer[agent],
                gradients: Parts::new(&mut args.gradients[own.clone()]),
                weights: Parts::new(&mut args.weights[own.clone()]),
                first_moment: Parts::new(&mut args.first_moment[own.clone()]),
                second_moment: Parts::new(&mut args.second_moment[own]),
                grad_norm: &mut args.grad_norm[args.grad_norm_at + agent],
            };
            self.mlp.step(agent, rows, asymmetric, &pass, step);
        }
    }

    /// Takes up what is kept of a rollout.
    fn take_up(&mut self, args: &PassArgs<'_, Vec<f32>, Vec<u32>>) {
        let policy = &args.layout.policy;
        args.batch.assert_lengths(policy.action_width(), Vec::len, Vec::len);
        if args.is_first {
            self.records.take_up(self.cpu.pool(), &args.batch, policy);
        }
    }

    /// Begins the loss of an agent's minibatch.
    fn begin(&mut self, agent: usize, args: &PassArgs<'_, Vec<f32>, Vec<u32>>) {
        let tiles = args.batch.rows.div_ceil(self.mlp.tile_rows());
        let networks = if self.mlp.is_apart(args.batch.rows) { 2 } else { 1 };
        let log_std = &args.weights[agent * args.log_std.stride + args.log_std.at..];
        let log_std = &log_std[..args.layout.policy.log_std_len()];
        self.loss.begin(networks, tiles, args.params[agent], &args.moments[4 * agent..], log_std);
    }
}

struct Pass<'a> {
    chosen: &'a [u32],
    records: AgentRecords<'a>,
    /// The agent's.
    observations: &'a [f32],
    inputs: usize,
    loss: &'a TiledLoss,
    metrics: Mutex<&'a mut [f32]>,
}

impl<'a> Pass<'a> {
    /// An agent's; `observations` are all agents'.
    fn new(
        agent: usize,
        batch: &Minibatch<'a, Vec<f32>, Vec<u32>>,
        (observations, inputs): (&'a [f32], usize),
        (records, loss): (&'a Records, &'a TiledLoss),
        metrics: &'a mut [f32],
    ) -> Self {
        Self {
            chosen: batch.chosen(agent),
            records: records.of(agent),
            observations: &observations[agent * batch.source_rows * inputs..],
            inputs,
            loss,
            metrics: Mutex::new(metrics),
        }
    }
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
        let outputs = TileOutputs { outputs, d_outputs, d_trunk };
        self.loss.rows((tile, heads), self.records, &self.chosen[rows], outputs);
    }

    fn finish(&self, d_log_std: &mut [f32]) {
        self.loss.finish(d_log_std, &mut self.metrics.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
