//! Where everything lies: the network's stages, and how many environments a workgroup steps.

use crate::gpu::word;
use crate::{MlpSpec, ParamSpec};
use bytemuck::{Pod, Zeroable};

/// Vectors of activations that fit into the 16 KiB of workgroup memory that every adapter has, beside the rest's 964 bytes.
const RESIDENT_VECTORS: usize = (16 - 1) * 1024 / 16;
/// Environments of a workgroup whose activations lie in global memory.
const LARGE_ENVS: usize = 16;

/// `Block` of rollout_network.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub(super) struct Block {
    weight: u32,
    bias: u32,
    inputs: u32,
    outputs: u32,
    input_at: u32,
    output_at: u32,
    reads_observation: u32,
    activates: u32,
    stage_columns: u32,
    stage_blocks: u32,
    padding: [u32; 2],
}

/// How a rollout of one kind of network is computed.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// Stage after stage.
    pub(super) blocks: Vec<Block>,
    /// Environments of a workgroup.
    pub(super) envs: usize,
    /// Whether activations fit into workgroup memory.
    pub(super) resident: bool,
    /// Vectors of four environments that the activations of a workgroup take.
    pub(super) activations: usize,
    /// Where the outputs lie, in numbers of an environment.
    pub(super) outputs_at: usize,
    /// Where the actor's features lie; none where they are the observation.
    pub(super) features_at: Option<usize>,
    /// Where `log_std` starts in the arena; 0 without one.
    pub(super) log_std_at: usize,
}

impl Plan {
    pub(super) fn new(spec: &MlpSpec) -> Self {
        let params = spec.params();
        let at =
            |name: &str| params.iter().find(|param| param.name == name).map_or(0, |param: &ParamSpec| param.offset);
        let trunks: &[&str] = if spec.shared_trunk { &["trunk"] } else { &["actor", "critic"] };
        let columns: Vec<usize> = spec.hidden.iter().map(|width| width * trunks.len()).collect();
        // A stage reads one half of the memory and writes the other.
        let half = |parity: usize| columns.iter().skip(parity).step_by(2).copied().max().unwrap_or(0);
        let halves = [0, half(0)];
        let outputs_at = half(0) + half(1);

        let linear = |name: &str, input: Option<usize>, inputs: usize, output_at: usize, outputs: usize| Block {
            weight: word(at(&format!("{name}.weight"))),
            bias: word(at(&format!("{name}.bias"))),
            inputs: word(inputs),
            outputs: word(outputs),
            input_at: word(input.unwrap_or(0)),
            output_at: word(output_at),
            reads_observation: u32::from(input.is_none()),
            ..Default::default()
        };
        let mut blocks = Vec::new();
        let (mut inputs, mut below) = (spec.inputs, vec![None; trunks.len()]);
        for (layer, &width) in spec.hidden.iter().enumerate() {
            let start = halves[layer % 2];
            let stage = trunks.iter().enumerate().map(|(i, trunk)| Block {
                activates: 1,
                ..linear(&format!("{trunk}.{layer}"), below[i], inputs, start + i * width, width)
            });
            push_stage(&mut blocks, stage.collect());
            below = (0..trunks.len()).map(|i| Some(start + i * width)).collect();
            inputs = width;
        }
        let (actor, critic) = (below[0], below[trunks.len() - 1]);
        let head = &spec.head;
        let logits = head.policy.logits();
        let mut heads = vec![linear("direct", actor, inputs, outputs_at, logits)];
        if head.dual {
            heads.push(linear("indirect", actor, inputs, outputs_at + head.indirect_at(), logits));
        }
        heads.push(linear("value", critic, inputs, outputs_at + head.values_at(), head.value_heads));
        push_stage(&mut blocks, heads);

        let numbers = outputs_at + head.features_at();
        let (envs, resident) = match numbers {
            n if 2 * n <= RESIDENT_VECTORS => (8, true),
            n if n <= RESIDENT_VECTORS => (4, true),
            _ => (LARGE_ENVS, false),
        };
        Self {
            blocks,
            envs,
            resident,
            activations: numbers * envs / 4,
            outputs_at,
            features_at: actor,
            log_std_at: at("log_std"),
        }
    }

    /// The workgroups of A agents of N environments.
    pub(super) fn groups(&self, agents: usize, envs: usize) -> usize {
        agents * envs.div_ceil(self.envs)
    }
}

/// Appends the blocks of one stage, the first of which says how many.
fn push_stage(blocks: &mut Vec<Block>, mut stage: Vec<Block>) {
    let (columns, count) = (stage.iter().map(|block| block.outputs).sum(), word(stage.len()));
    if let Some(first) = stage.first_mut() {
        (first.stage_columns, first.stage_blocks) = (columns, count);
    }
    blocks.append(&mut stage);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, HeadLayout, Policy};

    fn spec(hidden: &[usize], shared_trunk: bool) -> MlpSpec {
        let head = HeadLayout::new(Policy::Categorical { nvec: vec![3] }, true, 2);
        MlpSpec { inputs: 4, hidden: hidden.to_vec(), activation: Activation::Tanh, shared_trunk, head }
    }

    #[test]
    fn a_workgroup_steps_as_many_environments_as_its_memory_holds() {
        for (width, envs, resident) in
            [(8, 8, true), (64, 8, true), (128, 4, true), (256, 16, false), (1024, 16, false)]
        {
            let plan = Plan::new(&spec(&[width, width], false));
            assert_eq!((plan.envs, plan.resident), (envs, resident), "{width}");
            assert!(!resident || plan.activations <= RESIDENT_VECTORS);
        }
        assert_eq!(Plan::new(&spec(&[64], false)).groups(3, 17), 9);
    }

    #[test]
    fn no_stage_overwrites_what_it_reads() {
        for (hidden, shared) in [(&[][..], false), (&[5], true), (&[7, 3, 9, 2], false), (&[2, 9, 3], true)] {
            let plan = Plan::new(&spec(hidden, shared));
            let mut at = 0;
            while at < plan.blocks.len() {
                let stage = &plan.blocks[at..at + plan.blocks[at].stage_blocks as usize];
                assert_eq!(stage.iter().map(|block| block.outputs).sum::<u32>(), stage[0].stage_columns);
                for reader in stage.iter().filter(|block| block.reads_observation == 0) {
                    let read = reader.input_at..reader.input_at + reader.inputs;
                    let clear = |b: &Block| b.output_at + b.outputs <= read.start || b.output_at >= read.end;
                    assert!(stage.iter().all(clear), "{hidden:?}: {stage:?}");
                }
                at += stage.len();
            }
            assert_eq!(at, plan.blocks.len());
            // Two pathways of 3 logits and two values.
            assert_eq!(plan.activations * 4 / plan.envs, plan.outputs_at + 8);
        }
    }
}
