//! Whole rollouts in one dispatch: policy, sampling and environments on the device.

mod envs;
mod plan;
mod task;

pub use envs::{EnvStates, ResidentEnvs};
pub use task::GpuTask;

use super::{Bind, Gpu, GpuBuffer, word};
use crate::{Activation, Backend, MlpSpec, Policy};
use bytemuck::{Pod, Zeroable, cast_slice};
use plan::Plan;
use std::ops::Range;

/// Multiply-adds of one dispatch of a rollout, at most.
const MULTIPLY_ADDS: u64 = 200_000_000_000;

/// What a rollout of T steps of [`ResidentEnvs`] reads, and where it writes. K is the number of value heads.
#[derive(Debug)]
pub struct RolloutArgs<'a> {
    /// The network. Its inputs are the task's observation; the task takes the first number of an action row.
    pub spec: &'a MlpSpec,
    /// T.
    pub steps: usize,
    /// The seed of each agent's run, `[A]`.
    pub seeds: &'a [u64],
    /// Steps of the batch since the run began: the index of the first step's random numbers.
    pub first_step: u32,
    /// Parameters, `[A, P]`.
    pub weights: &'a GpuBuffer,
    /// Statistics that observations are normalised by: the means and one over the standard deviations, `[A, 2, inputs]`.
    pub normalizer: Option<&'a GpuBuffer>,
    /// Normalised observations are clipped to this, both ways.
    pub observation_clip: f32,
    /// Dopamine tone, `[A]`.
    pub tone: &'a [f32],
    /// Inverse temperature, `[A]`.
    pub inverse_temperature: &'a [f32],
    /// Steps after which state-dependent exploration draws new matrices, counted from the rollout's start; 0: never within it.
    pub exploration_interval: u32,
    /// Observations as the network saw them, `[A, T, N, inputs]`.
    pub observations: &'a mut GpuBuffer,
    /// Observations as the environments gave them, `[A, T, N, inputs]`.
    pub raw_observations: Option<&'a mut GpuBuffer>,
    /// Actions as the policy sees them (`u` where squashed), `[A, T, N, action width]`.
    pub actions: &'a mut GpuBuffer,
    /// `log pi(a|s)`, `[A, T, N]`.
    pub log_probs: &'a mut GpuBuffer,
    /// Unscaled rewards, `[A, T, N]`.
    pub rewards: &'a mut GpuBuffer,
    /// 1.0 where a terminal state was reached, else 0.0, `[A, T, N]`.
    pub terminated: &'a mut GpuBuffer,
    /// 1.0 where the time was up, else 0.0, `[A, T, N]`. Never 1.0 where `terminated` is.
    pub truncated: &'a mut GpuBuffer,
    /// Values of the observations, the last row of those after the rollout, `[A, K, T + 1, N]`.
    pub values: &'a mut GpuBuffer,
    /// Values of the last observations of truncated episodes, else 0, `[A, K, T, N]`.
    pub final_values: &'a mut GpuBuffer,
    /// Unscaled returns of the episodes that ended, else 0, `[A, T, N]`.
    pub episode_returns: &'a mut GpuBuffer,
    /// Lengths of the episodes that ended, else 0, `[A, T, N]`.
    pub episode_lengths: &'a mut GpuBuffer,
}

/// `Shape` of rollout.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Shape {
    agents: u32,
    envs: u32,
    steps: u32,
    first_step: u32,
    exploration_interval: u32,
    params: u32,
    log_std_at: u32,
    blocks: u32,
    normalize: u32,
    raw: u32,
    observation_clip: f32,
    from_step: u32,
    until_step: u32,
    parameter: f32,
    padding: [u32; 2],
}

/// `Agent` of rollout.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Agent {
    seed: [u32; 2],
    tone: f32,
    inverse_temperature: f32,
}

impl RolloutArgs<'_> {
    fn assert_lengths(&self, envs: &ResidentEnvs) {
        let (agents, steps, inputs) = (envs.agents, self.steps, self.spec.inputs);
        let (rows, heads) = (agents * steps * envs.envs, agents * self.spec.head.value_heads);
        let check = |name: &str, len: usize, expected: usize| {
            assert!(len >= expected, "rollout: `{name}` must hold {expected} numbers, not {len}");
        };
        for (name, len) in [
            ("seeds", self.seeds.len()),
            ("tone", self.tone.len()),
            ("inverse_temperature", self.inverse_temperature.len()),
        ] {
            check(name, len, agents);
        }
        check("weights", self.weights.len(), agents * self.spec.param_count());
        if let Some(normalizer) = self.normalizer {
            check("normalizer", normalizer.len(), agents * 2 * inputs);
        }
        if let Some(raw) = &self.raw_observations {
            check("raw_observations", raw.len(), rows * inputs);
        }
        check("observations", self.observations.len(), rows * inputs);
        check("actions", self.actions.len(), rows * self.spec.head.policy.action_width());
        for (name, buffer) in [
            ("log_probs", &self.log_probs),
            ("rewards", &self.rewards),
            ("terminated", &self.terminated),
            ("truncated", &self.truncated),
            ("episode_returns", &self.episode_returns),
            ("episode_lengths", &self.episode_lengths),
        ] {
            check(name, buffer.len(), rows);
        }
        check("values", self.values.len(), heads * (steps + 1) * envs.envs);
        check("final_values", self.final_values.len(), heads * steps * envs.envs);
    }

    fn assert_fits(&self, task: GpuTask) {
        let (spec, policy) = (self.spec, &self.spec.head.policy);
        assert_eq!(
            spec.inputs,
            task.observation_width(),
            "rollout: the network reads another observation than {task:?}'s"
        );
        assert_eq!(
            policy.is_continuous(),
            task.is_continuous(),
            "rollout: the policy acts in another way than {task:?}"
        );
        let options = match policy {
            Policy::Categorical { nvec } => nvec.iter().copied().min().unwrap_or(0),
            _ => policy.action_width(),
        };
        let widths = spec.hidden.iter().chain([&options, &spec.head.value_heads]);
        assert!(widths.copied().all(|width| width > 0), "rollout: a width of the network is 0: {spec:?}");
        assert!(
            !spec.head.masked && spec.head.carried == 0,
            "rollout: its tasks have no masks, its networks no memory"
        );
        assert!([0, spec.features()].contains(&policy.features()), "rollout: the features are not the last layer's");
    }

    /// The `override`s of the shader.
    fn constants(&self, plan: &Plan) -> [(&'static str, f64); 15] {
        let head = &self.spec.head;
        let activation = match self.spec.activation {
            Activation::Tanh => 0,
            Activation::Relu => 1,
            Activation::Silu => 2,
        };
        [
            ("ENVS", plan.envs),
            ("RESIDENT", usize::from(plan.resident)),
            ("ACTIVATIONS", plan.activations),
            ("OUTPUTS_AT", plan.outputs_at),
            ("FEATURES_AT", plan.features_at.unwrap_or(0)),
            ("FEATURES_ARE_OBSERVED", usize::from(plan.features_at.is_none())),
            ("ACTIVATION", activation),
            ("VALUE_HEADS", head.value_heads),
            ("VALUES_AT", head.values_at()),
            ("ACTION_WIDTH", head.policy.action_width()),
            ("LOGITS", head.policy.logits()),
            ("CONTINUOUS", usize::from(head.policy.is_continuous())),
            ("DUAL", usize::from(head.dual)),
            ("SQUASH", usize::from(head.policy.squashes())),
            ("FEATURES", head.policy.features()),
        ]
        .map(|(name, value)| (name, value as f64))
    }

    fn agents(&self) -> Vec<Agent> {
        let numbers = self.tone.iter().zip(self.inverse_temperature);
        let agent = |(&seed, (&tone, &inverse_temperature)): (&u64, (&f32, &f32))| Agent {
            seed: [seed as u32, (seed >> 32) as u32],
            tone,
            inverse_temperature,
        };
        self.seeds.iter().zip(numbers).map(agent).collect()
    }
}

impl Gpu {
    /// T steps of every environment, as the host's loop would take them: observe, normalise, sample with the numbers of
    /// `Purpose::Action` at (environment, `first_step + t`), step, and where an episode ended start the next one with those of
    /// `Purpose::Reset` at (environment, episode). The environments go on where they are.
    ///
    /// One dispatch, unless the work is so much (2e11 multiply-adds) that a desktop's driver might take it for a hang.
    ///
    /// # Panics
    /// If a length does not fit, or the network's policy does not fit the task.
    pub fn rollout(&self, envs: &mut ResidentEnvs, args: RolloutArgs<'_>) {
        let step = (envs.agents * envs.envs) as u64 * args.spec.param_count() as u64;
        let part = usize::try_from(MULTIPLY_ADDS / step.max(1)).unwrap_or(usize::MAX);
        self.rollout_in_parts(envs, args, part);
    }

    /// [`rollout`](Self::rollout) in dispatches of at most `part` steps (0 counts as 1), each submitted by itself. The numbers are
    /// the same.
    ///
    /// # Panics
    /// As [`rollout`](Self::rollout).
    pub fn rollout_in_parts(&self, envs: &mut ResidentEnvs, args: RolloutArgs<'_>, part: usize) {
        args.assert_lengths(envs);
        args.assert_fits(envs.task);
        let plan = Plan::new(args.spec);
        envs.reserve(self, plan.groups(envs.agents, envs.envs), &plan, &args.spec.head.policy);
        let mut from = 0;
        loop {
            let until = from + (args.steps - from).min(part.max(1));
            self.launch_rollout(envs, &args, &plan, from..until);
            if until == args.steps {
                return;
            }
            self.flush();
            from = until;
        }
    }

    fn launch_rollout(&self, envs: &ResidentEnvs, args: &RolloutArgs<'_>, plan: &Plan, steps: Range<usize>) {
        let shape = Shape {
            agents: word(envs.agents),
            envs: word(envs.envs),
            steps: word(args.steps),
            first_step: args.first_step,
            exploration_interval: args.exploration_interval,
            params: word(args.spec.param_count()),
            log_std_at: word(plan.log_std_at),
            blocks: word(plan.blocks.len()),
            normalize: u32::from(args.normalizer.is_some()),
            raw: u32::from(args.raw_observations.is_some()),
            observation_clip: args.observation_clip,
            from_step: word(steps.start),
            until_step: word(steps.end),
            parameter: envs.parameter,
            padding: [0; 2],
        };
        let nvec: Vec<u32> = match &args.spec.head.policy {
            Policy::Categorical { nvec } => nvec.iter().copied().map(word).collect(),
            _ => Vec::new(),
        };
        let agents = args.agents();
        let unused = [self.zeros(0), self.zeros(0)];
        let bindings = [
            Bind::Data(bytemuck::bytes_of(&shape)),
            Bind::Data(cast_slice(&agents)),
            Bind::Data(cast_slice(&nvec)),
            Bind::Data(cast_slice(&plan.blocks)),
            args.weights.into(),
            args.normalizer.unwrap_or(&unused[0]).into(),
            (&envs.slots).into(),
            (&envs.scratch).into(),
            (&envs.exploration).into(),
            (&*args.observations).into(),
            args.raw_observations.as_deref().unwrap_or(&unused[1]).into(),
            (&*args.actions).into(),
            (&*args.log_probs).into(),
            (&*args.rewards).into(),
            (&*args.terminated).into(),
            (&*args.truncated).into(),
            (&*args.values).into(),
            (&*args.final_values).into(),
            (&*args.episode_returns).into(),
            (&*args.episode_lengths).into(),
        ];
        let groups = plan.groups(envs.agents, envs.envs);
        self.launch(&envs.task.shader(), &args.constants(plan), &bindings, groups);
    }
}
