//! Rollouts on the GPU with everything read back, and the host's environments from the same states.

use striatum_agent::{NetworkSettings, initial_weights};
use striatum_envs::{Params, Purpose, Snapshot, Space, StepBuffers, Stream, VecEnv, make_with};
use striatum_kernels::{
    Activation, Backend, Cpu, EnvStates, Gpu, GpuBuffer, GpuTask, HeadLayout, MlpCpu, MlpSpec, Policy, ResidentEnvs,
    RolloutArgs, environment_action,
};

/// Where normalised observations are clipped.
const CLIP: f32 = 10.0;

/// The argument of the parameter of a task that has one.
const PARAMETER: f32 = -1.5;

/// A agents with networks of their own and N environments each.
#[derive(Clone)]
pub struct Setup {
    pub task: GpuTask,
    pub spec: MlpSpec,
    pub envs: usize,
    pub seeds: Vec<u64>,
    /// `[A, P]`.
    pub weights: Vec<f32>,
    /// `[A, 2, inputs]`.
    pub normalizer: Vec<f32>,
}

/// What a rollout wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub observations: Vec<f32>,
    pub raw: Vec<f32>,
    pub actions: Vec<f32>,
    pub log_probs: Vec<f32>,
    pub rewards: Vec<f32>,
    pub terminated: Vec<f32>,
    pub truncated: Vec<f32>,
    pub values: Vec<f32>,
    pub final_values: Vec<f32>,
    pub returns: Vec<f32>,
    pub lengths: Vec<f32>,
}

/// What the host's batch gave for one step.
pub struct Stepped {
    pub observations: Vec<f32>,
    pub rewards: Vec<f32>,
    pub terminated: Vec<f32>,
    pub truncated: Vec<f32>,
    pub final_observations: Vec<f32>,
}

impl Setup {
    /// Networks of 16-16 with two pathways for choices, one for forces; Pendulum's is squashed.
    pub fn new(task: GpuTask, seeds: &[u64], envs: usize) -> Self {
        let policy = match task {
            GpuTask::CartPole => Policy::Categorical { nvec: vec![2] },
            GpuTask::MountainCar | GpuTask::Acrobot => Policy::Categorical { nvec: vec![3] },
            GpuTask::MountainCarContinuous => Policy::Gaussian { dims: 1, squash: false },
            GpuTask::Pendulum | GpuTask::PendulumContinuing => Policy::Gaussian { dims: 1, squash: true },
        };
        let dual = !policy.is_continuous();
        let head = HeadLayout::new(policy, dual, 1);
        let spec = MlpSpec {
            inputs: task.observation_width(),
            hidden: vec![16, 16],
            activation: Activation::Tanh,
            shared_trunk: false,
            head,
        };
        let weights = |seed: &u64| initial_weights(&spec.clone().into(), &NetworkSettings::default(), *seed);
        let statistics = |seed: &u64| {
            let mut stream = Stream::new(*seed, Purpose::User, 1, 0);
            (0..2 * spec.inputs).map(move |_| stream.range(0.4, 0.6) as f32)
        };
        Self {
            weights: seeds.iter().flat_map(weights).collect(),
            normalizer: seeds.iter().flat_map(statistics).collect(),
            seeds: seeds.to_vec(),
            envs,
            task,
            spec,
        }
    }

    /// T steps.
    pub fn rollout(
        &self,
        gpu: &Gpu,
        envs: &mut ResidentEnvs,
        steps: usize,
        first_step: u32,
    ) -> Result<Written, String> {
        let agents = self.seeds.len();
        let (rows, inputs) = (agents * steps * self.envs, self.spec.inputs);
        // Every output must be overwritten.
        let unset = |len: usize| gpu.upload(&vec![f32::NAN; len]);
        let (mut observations, mut raw) = (unset(rows * inputs), unset(rows * inputs));
        let [mut actions, mut log_probs, mut rewards, mut terminated, mut truncated] =
            std::array::from_fn(|_| unset(rows));
        let (mut final_values, mut returns, mut lengths) = (unset(rows), unset(rows), unset(rows));
        let mut values = unset(agents * (steps + 1) * self.envs);
        gpu.rollout(
            envs,
            RolloutArgs {
                spec: &self.spec,
                steps,
                seeds: &self.seeds,
                first_step,
                weights: &gpu.upload(&self.weights),
                normalizer: Some(&gpu.upload(&self.normalizer)),
                observation_clip: CLIP,
                tone: &vec![0.2; agents],
                inverse_temperature: &vec![1.5; agents],
                exploration_interval: 0,
                observations: &mut observations,
                raw_observations: Some(&mut raw),
                actions: &mut actions,
                log_probs: &mut log_probs,
                rewards: &mut rewards,
                terminated: &mut terminated,
                truncated: &mut truncated,
                values: &mut values,
                final_values: &mut final_values,
                episode_returns: &mut returns,
                episode_lengths: &mut lengths,
            },
        );
        let read = |buffer: &GpuBuffer| gpu.download(buffer).map_err(|error| error.to_string());
        Ok(Written {
            observations: read(&observations)?,
            raw: read(&raw)?,
            actions: read(&actions)?,
            log_probs: read(&log_probs)?,
            rewards: read(&rewards)?,
            terminated: read(&terminated)?,
            truncated: read(&truncated)?,
            values: read(&values)?,
            final_values: read(&final_values)?,
            returns: read(&returns)?,
            lengths: read(&lengths)?,
        })
    }

    /// Values of raw observations, by the mirror; one agent.
    pub fn values(&self, raw: &[f32]) -> Vec<f32> {
        let inputs = self.spec.inputs;
        let (means, scales) = self.normalizer.split_at(inputs);
        let normalized = |(i, x): (usize, &f32)| ((x - means[i % inputs]) * scales[i % inputs]).clamp(-CLIP, CLIP);
        let observations: Vec<f32> = raw.iter().enumerate().map(normalized).collect();
        let (rows, width) = (raw.len() / inputs, self.spec.head.width());
        let mut outputs = vec![0.0; rows * width];
        let mut network = MlpCpu::new(&self.spec, 1, &Cpu::with_threads(1));
        network.load(&self.weights);
        network.forward(0, &observations, rows, &mut outputs);
        outputs.iter().skip(self.spec.head.values_at()).step_by(width).copied().collect()
    }

    /// The host's environments.
    pub fn batch(&self) -> Box<dyn VecEnv> {
        let with = |params: Params, name: &str| params.with(name, PARAMETER);
        let params = self.task.parameter().into_iter().fold(Params::default(), with);
        make_with(self.task.name(), self.envs, &params).expect("a built-in task")
    }

    /// The device's environments.
    pub fn resident(&self, gpu: &Gpu) -> ResidentEnvs {
        ResidentEnvs::new(gpu, self.task, self.seeds.len(), self.envs).with_parameter(PARAMETER)
    }

    /// One step of the host's environments with actions as a rollout stored them.
    pub fn step(&self, batch: &mut dyn VecEnv, stored: &[f32]) -> Stepped {
        let (low, high) = match batch.action_space() {
            Space::Box { low, high } => (low.clone(), high.clone()),
            _ => (Vec::new(), Vec::new()),
        };
        let mut taken = vec![0.0; stored.len()];
        for (stored, taken) in stored.chunks_exact(1).zip(taken.chunks_exact_mut(1)) {
            environment_action(&self.spec.head.policy, &low, &high, stored, taken);
        }
        let (n, width) = (self.envs, self.spec.inputs);
        let mut out = Stepped {
            observations: vec![0.0; n * width],
            rewards: vec![0.0; n],
            terminated: vec![0.0; n],
            truncated: vec![0.0; n],
            final_observations: vec![0.0; n * width],
        };
        let buffers = StepBuffers {
            observations: &mut out.observations,
            rewards: &mut out.rewards,
            terminated: &mut out.terminated,
            truncated: &mut out.truncated,
            final_observations: &mut out.final_observations,
        };
        batch.step(&taken, buffers).expect("finite numbers");
        out
    }

    /// States all over the task, each environment somewhere in an episode and some near its end.
    pub fn anywhere(&self, seed: u64) -> EnvStates {
        let pi = std::f64::consts::PI;
        let (low, high) = match self.task {
            GpuTask::CartPole => (vec![-2.4, -3.0, -0.21, -3.0], vec![2.4, 3.0, 0.21, 3.0]),
            GpuTask::MountainCar | GpuTask::MountainCarContinuous => (vec![-1.2, -0.07], vec![0.6, 0.07]),
            GpuTask::Acrobot => (vec![-pi, -pi, -4.0 * pi, -9.0 * pi], vec![pi, pi, 4.0 * pi, 9.0 * pi]),
            GpuTask::Pendulum | GpuTask::PendulumContinuing => (vec![-20.0, -8.0], vec![20.0, 8.0]),
        };
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let mut states = Vec::new();
        for _ in 0..self.envs {
            states.extend(low.iter().zip(&high).map(|(&low, &high)| f64::from(stream.range(low, high) as f32)));
        }
        let count = |first: u32, modulus: u32| (0..self.envs as u32).map(|env| first + env % modulus).collect();
        EnvStates {
            states,
            episodes: count(5, 1000),
            steps: count(self.task.time_limit().unwrap_or(1000) - 37, 37),
            total_steps: count(1000, 1000),
            running_returns: vec![-3.0; self.envs],
            running_lengths: count(2, 19),
        }
    }

    /// The state of one agent's environments as the host's batch takes it.
    pub fn snapshot(&self, agent: usize, from: &EnvStates) -> Snapshot {
        Snapshot {
            seed: self.seeds[agent],
            first: 0,
            state_width: self.task.state_width(),
            states: from.states.clone(),
            episodes: from.episodes.clone(),
            steps: from.steps.clone(),
            total_steps: from.total_steps.clone(),
        }
    }
}

/// The device's view of a batch whose episodes have just begun.
pub fn started(snapshot: &Snapshot) -> EnvStates {
    let n = snapshot.episodes.len();
    EnvStates {
        states: snapshot.states.clone(),
        episodes: snapshot.episodes.clone(),
        steps: snapshot.steps.clone(),
        total_steps: snapshot.total_steps.clone(),
        running_returns: vec![0.0; n],
        running_lengths: vec![0; n],
    }
}
