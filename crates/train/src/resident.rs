//! Rollouts that never leave the GPU: policy, sampling and environments in one dispatch, for many agents at once.

use crate::config::Config;
use crate::error::TrainError;
use crate::run::MakeEnvs;
use crate::session::Session;
use crate::source::Source;
use striatum_agent::{Learner, Rollout};
use striatum_envs::Snapshot;
use striatum_kernels::{
    Backend, DiscountedReturnsArgs, EPISODE_NUMBERS, EPISODE_WINDOW, EnvStates, EpisodeWindowArgs, Gpu, GpuBuffer,
    GpuReading, GpuTask, MlpSpec, ResidentEnvs, RolloutArgs,
};

/// N environments of each of A agents on the GPU, and what is learned of them there.
pub struct Resident {
    envs: ResidentEnvs,
    spec: MlpSpec,
    seeds: Vec<u64>,
    tone: Vec<f32>,
    /// Of the last rollout; not a number before the first.
    inverse_temperature: Vec<f32>,
    gamma: Vec<f32>,
    exploration_interval: u32,
    observation_clip: f32,
    reward_clip: f32,
    steps: u32,
    /// `[A, T, N]` each.
    episode_returns: GpuBuffer,
    episode_lengths: GpuBuffer,
    /// `[A, EPISODE_NUMBERS]`.
    window: GpuBuffer,
    observations: Option<Observations>,
    rewards: Option<Rewards>,
    /// Whether the columns of the rollout that never change have been written.
    prepared: bool,
}

/// Observations that are normalised.
struct Observations {
    /// As the environments gave them, `[A, T, N, inputs]`.
    raw: GpuBuffer,
    /// Means, then scales, `[A, 2, inputs]`.
    normalizer: GpuBuffer,
    host_normalizer: Vec<f32>,
    /// Count, mean and sum of squared deviations, `[A, inputs, 3]`.
    moments: GpuBuffer,
}

/// Rewards that are scaled.
struct Rewards {
    /// Discounted returns under way, `[A, N]`.
    running: GpuBuffer,
    /// `[A, 3]`.
    moments: GpuBuffer,
    host_moments: Vec<f32>,
    /// `[A]`.
    scale: GpuBuffer,
    host_scale: Vec<f32>,
}

/// The argument of the parameter that a task's shader reads, if it reads one.
fn parameter(task: GpuTask, config: &Config) -> Result<f32, TrainError> {
    let arguments = striatum_envs::check_params(task.name(), &config.env)?;
    let argument = task.parameter().and_then(|name| arguments.get(name)?.as_f64());
    Ok(argument.unwrap_or(0.0) as f32)
}

impl Resident {
    /// Environments in the states that the host's would start in, one batch a configuration, which differ in nothing that decides a
    /// shape.
    ///
    /// # Errors
    /// If an environment fails, or the device does.
    pub fn new(
        gpu: &Gpu,
        task: GpuTask,
        configs: &[Config],
        spec: &MlpSpec,
        make_envs: &MakeEnvs<'_>,
    ) -> Result<Self, TrainError> {
        let (agents, first) = (configs.len(), &configs[0]);
        let (envs, inputs) = (first.num_envs, spec.inputs);
        let rows = agents * first.num_steps() * envs;
        let mut resident = Self {
            envs: ResidentEnvs::new(gpu, task, agents, envs).with_parameter(parameter(task, first)?),
            spec: spec.clone(),
            seeds: configs.iter().map(|config| config.seed).collect(),
            tone: configs.iter().map(|config| config.dopamine.tone).collect(),
            inverse_temperature: vec![f32::NAN; agents],
            gamma: configs.iter().map(Config::gamma).collect(),
            exploration_interval: first.network.exploration_interval as u32,
            observation_clip: first.normalize.observation_clip,
            reward_clip: first.normalize.reward_clip,
            steps: 0,
            episode_returns: gpu.zeros(rows),
            episode_lengths: gpu.zeros(rows),
            window: gpu.zeros(agents * EPISODE_NUMBERS),
            observations: first.normalize.observations.then(|| Observations {
                raw: gpu.zeros(rows * inputs),
                normalizer: gpu.zeros(agents * 2 * inputs),
                host_normalizer: Vec::new(),
                moments: gpu.zeros(agents * inputs * 3),
            }),
            rewards: first.normalize.rewards.then(|| Rewards {
                running: gpu.zeros(agents * envs),
                moments: gpu.zeros(agents * 3),
                host_moments: vec![0.0; agents * 3],
                scale: gpu.zeros(agents),
                host_scale: vec![1.0; agents],
            }),
            prepared: false,
        };
        let mut batch = make_envs(envs)?;
        for (agent, config) in configs.iter().enumerate() {
            batch.reset(config.seed, 0, &mut vec![0.0; envs * inputs])?;
            let begun = Started { returns: &vec![0.0; envs], lengths: &vec![0; envs] };
            resident.envs.write(gpu, agent, &begun.at(&batch.snapshot()));
        }
        Ok(resident)
    }

    /// Masks and tones, which stay as they are, and temperatures where they have changed.
    fn prepare(&mut self, gpu: &Gpu, sessions: &[Session], rollout: &mut Rollout<Gpu>) {
        let rows = rollout.rows();
        for (agent, (beta, session)) in self.inverse_temperature.iter_mut().zip(sessions).enumerate() {
            let now = session.inverse_temperature();
            if *beta != now {
                *beta = now;
                gpu.write(&mut rollout.inverse_temperature, agent * rows, &vec![now; rows]);
            }
        }
        if self.prepared {
            return;
        }
        gpu.write(&mut rollout.mask, 0, &vec![1.0; rollout.agents * rows]);
        for (agent, &tone) in self.tone.iter().enumerate() {
            gpu.write(&mut rollout.tone, agent * rows, &vec![tone; rows]);
        }
        self.prepared = true;
    }

    fn write_normalizer(&mut self, gpu: &Gpu, sessions: &[Session]) {
        let Some(observations) = &mut self.observations else { return };
        observations.host_normalizer.clear();
        for normalizer in sessions.iter().filter_map(|session| session.normalizer.as_ref()) {
            observations.host_normalizer.extend(normalizer.standardizer(self.observation_clip).numbers());
        }
        gpu.write(&mut observations.normalizer, 0, &observations.host_normalizer);
    }

    /// Divides rewards by the running standard deviation of the discounted return, which takes this rollout into account first.
    fn scale_rewards(
        &mut self,
        gpu: &Gpu,
        sessions: &mut [Session],
        rollout: &mut Rollout<Gpu>,
    ) -> Result<(), TrainError> {
        let Some(rewards) = &mut self.rewards else { return Ok(()) };
        gpu.discounted_returns(DiscountedReturnsArgs {
            shape: rollout.shape(),
            gamma: &self.gamma,
            rewards: &rollout.rewards,
            terminated: &rollout.terminated,
            truncated: &rollout.truncated,
            running: &mut rewards.running,
            moments: &mut rewards.moments,
        });
        gpu.read(&rewards.moments, 0, &mut rewards.host_moments)?;
        let moments = rewards.host_moments.as_chunks::<3>().0;
        for ((session, &moments), scale) in sessions.iter_mut().zip(moments).zip(&mut rewards.host_scale) {
            if let Some(scaler) = &mut session.scaler {
                // The returns under way stay on the device.
                scaler.merge_batch(&[], moments);
                *scale = scaler.scale();
            }
        }
        gpu.write(&mut rewards.scale, 0, &rewards.host_scale);
        gpu.scale_rewards(rollout.agents, &rewards.scale, self.reward_clip, &mut rollout.rewards);
        Ok(())
    }
}

/// Episodes under way.
struct Started<'a> {
    returns: &'a [f64],
    lengths: &'a [u32],
}

impl Started<'_> {
    fn at(&self, snapshot: &Snapshot) -> EnvStates {
        EnvStates {
            states: snapshot.states.clone(),
            episodes: snapshot.episodes.clone(),
            steps: snapshot.steps.clone(),
            total_steps: snapshot.total_steps.clone(),
            running_returns: self.returns.to_vec(),
            running_lengths: self.lengths.to_vec(),
        }
    }
}

impl Source<Gpu> for Resident {
    fn collect(
        &mut self,
        learner: &mut Learner<Gpu>,
        sessions: &mut [Session],
        rollout: &mut Rollout<Gpu>,
    ) -> Result<(), TrainError> {
        let gpu = learner.backend();
        self.prepare(gpu, sessions, rollout);
        self.write_normalizer(gpu, sessions);
        let (normalizer, raw_observations) = match &mut self.observations {
            None => (None, None),
            Some(observations) => (Some(&observations.normalizer), Some(&mut observations.raw)),
        };
        gpu.rollout(
            &mut self.envs,
            RolloutArgs {
                spec: &self.spec,
                steps: rollout.steps,
                seeds: &self.seeds,
                first_step: self.steps,
                weights: learner.weights(),
                normalizer,
                observation_clip: self.observation_clip,
                tone: &self.tone,
                inverse_temperature: &self.inverse_temperature,
                exploration_interval: self.exploration_interval,
                observations: &mut rollout.observations,
                raw_observations,
                actions: &mut rollout.actions,
                log_probs: &mut rollout.log_probs,
                rewards: &mut rollout.rewards,
                terminated: &mut rollout.terminated,
                truncated: &mut rollout.truncated,
                values: &mut rollout.values,
                final_values: &mut rollout.final_values,
                episode_returns: &mut self.episode_returns,
                episode_lengths: &mut self.episode_lengths,
            },
        );
        self.steps = self.steps.wrapping_add(rollout.steps as u32);
        gpu.episode_window(EpisodeWindowArgs {
            shape: rollout.shape(),
            terminated: &rollout.terminated,
            truncated: &rollout.truncated,
            episode_returns: &self.episode_returns,
            episode_lengths: &self.episode_lengths,
            out: &mut self.window,
        });
        if let Some(observations) = &mut self.observations {
            gpu.column_moments(rollout.agents, self.spec.inputs, &observations.raw, &mut observations.moments);
        }
        self.scale_rewards(gpu, sessions, rollout)
    }

    fn is_resident(&self) -> bool {
        true
    }

    fn begin_report(&self, gpu: &Gpu, reading: &mut GpuReading) {
        let window = (&self.window, self.window.len());
        match &self.observations {
            None => gpu.begin_read(&[window], reading),
            Some(Observations { moments, .. }) => gpu.begin_read(&[window, (moments, moments.len())], reading),
        }
    }

    fn report(&mut self, numbers: &[f32], sessions: &mut [Session]) {
        let (windows, moments) = numbers.split_at(self.window.len());
        for (session, window) in sessions.iter_mut().zip(windows.chunks_exact(EPISODE_NUMBERS)) {
            let (returns, lengths) = window[1..].split_at(EPISODE_WINDOW);
            session.episodes.extend(window[0] as u64, returns, lengths);
        }
        for (session, moments) in sessions.iter_mut().zip(moments.chunks_exact(3 * self.spec.inputs)) {
            let column = |i: usize| -> Vec<f64> { moments.iter().skip(i).step_by(3).map(|&x| f64::from(x)).collect() };
            if let Some(normalizer) = &mut session.normalizer {
                normalizer.merge_batch(f64::from(moments[0]), &column(1), &column(2));
            }
        }
    }

    fn steps(&self) -> u32 {
        self.steps
    }

    fn snapshot(&self, gpu: &Gpu, agent: usize, session: &mut Session) -> Result<Snapshot, TrainError> {
        let at = self.envs.read(gpu, agent)?;
        session.episodes.running_returns = at.running_returns;
        session.episodes.running_lengths = at.running_lengths;
        if let (Some(rewards), Some(scaler)) = (&self.rewards, &mut session.scaler) {
            let mut running = vec![0.0; self.envs.envs()];
            gpu.read(&rewards.running, agent * running.len(), &mut running)?;
            scaler.merge_batch(&running, [0.0; 3]);
        }
        Ok(Snapshot {
            seed: self.seeds[agent],
            first: 0,
            state_width: self.state_width(),
            states: at.states,
            episodes: at.episodes,
            steps: at.steps,
            total_steps: at.total_steps,
        })
    }

    fn restore(
        &mut self,
        gpu: &Gpu,
        agent: usize,
        snapshot: &Snapshot,
        steps: u32,
        session: &Session,
    ) -> Result<(), TrainError> {
        self.steps = steps;
        let episodes = &session.episodes;
        let begun = Started { returns: &episodes.running_returns, lengths: &episodes.running_lengths };
        self.envs.write(gpu, agent, &begun.at(snapshot));
        if let (Some(rewards), Some(scaler)) = (&mut self.rewards, &session.scaler) {
            let running: Vec<f32> = scaler.returns().iter().map(|&x| x as f32).collect();
            gpu.write(&mut rewards.running, agent * running.len(), &running);
        }
        Ok(())
    }

    fn state_width(&self) -> usize {
        self.envs.task().state_width()
    }
}
