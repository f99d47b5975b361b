//! Collecting rollouts from environments outside the engine.

use crate::actor::{Actor, normalized};
use crate::config::Config;
use crate::episodes::EpisodeStats;
use crate::error::TrainError;
use striatum_agent::{Learner, Transitions};
use striatum_envs::{EnvError, StepBuffers, VecEnv};
use striatum_kernels::{Backend, ReturnScaler, RunningMoments};

/// Environments under way, and what normalises their numbers.
pub struct Collector {
    pub(crate) envs: Box<dyn VecEnv>,
    pub(crate) actor: Actor,
    pub(crate) episodes: EpisodeStats,
    pub(crate) normalizer: Option<RunningMoments>,
    pub(crate) scaler: Option<ReturnScaler>,
    observation_clip: f32,
    reward_clip: f32,
    /// Raw observations that the next action is for, `[N, inputs]`.
    pub(crate) observations: Vec<f32>,
    /// Raw observations of the last rollout: they reach the normaliser when the update is over, so that it is the same
    /// throughout.
    seen: Vec<f32>,
    /// Steps of the batch since the run began.
    pub(crate) steps: u32,
}

impl Collector {
    /// Resets the environments with the run's seed.
    ///
    /// # Errors
    /// If an environment gives a number that is not finite.
    pub fn new(mut envs: Box<dyn VecEnv>, actor: Actor, config: &Config, gamma: f32) -> Result<Self, EnvError> {
        let (count, width) = (envs.num_envs(), envs.observation_space().width());
        let mut observations = vec![0.0; count * width];
        envs.reset(config.seed, &mut observations)?;
        Ok(Self {
            actor,
            episodes: EpisodeStats::new(count),
            normalizer: config.normalize.observations.then(|| RunningMoments::new(width)),
            scaler: config.normalize.rewards.then(|| ReturnScaler::new(f64::from(gamma), count)),
            observation_clip: config.normalize.observation_clip,
            reward_clip: config.normalize.reward_clip,
            observations,
            seen: Vec::new(),
            steps: 0,
            envs,
        })
    }

    /// T steps of every environment.
    ///
    /// # Errors
    /// If an environment or the device fails.
    pub fn collect<B: Backend>(
        &mut self,
        learner: &mut Learner<B>,
        num_steps: usize,
    ) -> Result<Transitions, TrainError> {
        let (count, inputs) = (self.envs.num_envs(), learner.spec().inputs);
        let rows = num_steps * count;
        let mut transitions = Transitions {
            mask: vec![1.0; rows],
            tone: vec![self.actor.tone(); rows],
            inverse_temperature: vec![self.actor.inverse_temperature(); rows],
            rewards: vec![0.0; rows],
            terminated: vec![0.0; rows],
            truncated: vec![0.0; rows],
            ..Default::default()
        };
        let mut truncated_observations = Vec::new();
        let mut final_observations = vec![0.0; count * inputs];
        self.seen.clear();
        learner.begin_rollout(rows);
        self.actor.begin(learner)?;

        for t in 0..num_steps {
            let observations = self.normalized(&self.observations);
            self.seen.extend_from_slice(&self.observations);
            let outputs = learner.act(&observations, t * count)?;
            let actions = self.actor.act(learner, &outputs, self.steps, t);
            let step = t * count..(t + 1) * count;
            self.envs.step(
                &actions.taken,
                StepBuffers {
                    observations: &mut self.observations,
                    rewards: &mut transitions.rewards[step.clone()],
                    terminated: &mut transitions.terminated[step.clone()],
                    truncated: &mut transitions.truncated[step.clone()],
                    final_observations: &mut final_observations,
                },
            )?;
            self.steps = self.steps.wrapping_add(1);
            transitions.observations.extend_from_slice(&observations);
            transitions.actions.extend_from_slice(&actions.stored);
            transitions.log_probs.extend_from_slice(&actions.log_probs);
            for (env, row) in step.enumerate() {
                let ended = transitions.terminated[row] + transitions.truncated[row] > 0.0;
                self.episodes.step(env, transitions.rewards[row], ended);
                if transitions.truncated[row] > 0.0 {
                    transitions.truncated_rows.push(row as u32);
                    truncated_observations.extend_from_slice(&final_observations[env * inputs..(env + 1) * inputs]);
                }
            }
        }
        transitions.bootstrap_observations = self.normalized(&self.observations);
        transitions.bootstrap_observations.extend(self.normalized(&truncated_observations));
        self.scale_rewards(&mut transitions);
        Ok(transitions)
    }

    fn normalized(&self, observations: &[f32]) -> Vec<f32> {
        normalized(self.normalizer.as_ref(), self.observation_clip, observations)
    }

    /// Divides rewards by the running standard deviation of the discounted return, which takes this rollout into account first.
    fn scale_rewards(&mut self, transitions: &mut Transitions) {
        let Some(scaler) = &mut self.scaler else { return };
        let count = self.envs.num_envs();
        let ends = transitions.terminated.chunks_exact(count).zip(transitions.truncated.chunks_exact(count));
        for (rewards, (terminated, truncated)) in transitions.rewards.chunks_exact(count).zip(ends) {
            let dones: Vec<f32> = terminated.iter().zip(truncated).map(|(a, b)| a + b).collect();
            scaler.update(rewards, &dones);
        }
        let scale = scaler.scale();
        for reward in &mut transitions.rewards {
            *reward = (*reward * scale).clamp(-self.reward_clip, self.reward_clip);
        }
    }

    /// Lets the normaliser learn from the last rollout; call it when the update is over.
    pub fn finish_iteration(&mut self) {
        if let Some(normalizer) = &mut self.normalizer {
            normalizer.update(&self.seen, None);
        }
    }
}
