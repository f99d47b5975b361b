//! From observations to actions: normaliser, network, distribution.

use striatum_agent::{DopamineSettings, Learner, NetworkSettings};
use striatum_envs::Space;
use striatum_kernels::{Backend, KernelError, Noise, RunningMoments, environment_action, policy_head};
use striatum_rng::{Purpose, Stream};

use crate::spec::action_bounds;

/// How actions are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// The most probable action, or the mean.
    Deterministic,
    /// Sampled, counted by this seed.
    Sampled(u64),
}

/// Actions of one step of N environments.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    /// As the policy sees them (`u` where squashed), `[N, action width]`.
    pub stored: Vec<f32>,
    /// As the environment takes them, `[N, action width]`.
    pub taken: Vec<f32>,
    /// `log pi(a|s)`, `[N]`.
    pub log_probs: Vec<f32>,
}

/// Chooses actions from a network's outputs.
#[derive(Clone, Debug)]
pub struct Actor {
    choice: Choice,
    low: Vec<f32>,
    high: Vec<f32>,
    log_std: Vec<f32>,
    tone: f32,
    inverse_temperature: f32,
    exploration_interval: usize,
    /// Standard normal numbers of state-dependent exploration, `[N, log_std_len]`.
    exploration: Vec<f32>,
}

impl Actor {
    /// An actor in an action space.
    pub fn new(choice: Choice, actions: &Space, network: &NetworkSettings, dopamine: &DopamineSettings) -> Self {
        let (low, high) = action_bounds(actions);
        Self {
            choice,
            low: low.to_vec(),
            high: high.to_vec(),
            log_std: Vec::new(),
            tone: dopamine.tone,
            inverse_temperature: dopamine.inverse_temperature,
            exploration_interval: network.exploration_interval,
            exploration: Vec::new(),
        }
    }

    /// Dopamine tone.
    pub fn tone(&self) -> f32 {
        self.tone
    }

    /// Inverse temperature.
    pub fn inverse_temperature(&self) -> f32 {
        self.inverse_temperature
    }

    /// Starts a rollout: reads the current standard deviations.
    ///
    /// # Errors
    /// If the device fails.
    pub fn begin<B: Backend>(&mut self, learner: &Learner<B>) -> Result<(), KernelError> {
        self.log_std = learner.log_std()?;
        Ok(())
    }

    /// Actions for output rows `[N, W]`. `step` counts the batch's steps since the run began, `rollout_step` those since
    /// [`begin`](Self::begin).
    pub fn act<B: Backend>(
        &mut self,
        learner: &Learner<B>,
        outputs: &[f32],
        step: u32,
        rollout_step: usize,
    ) -> Actions {
        let layout = &learner.spec().head;
        let rows = outputs.len() / layout.width();
        let width = layout.policy.action_width();
        let mut actions =
            Actions { stored: vec![0.0; rows * width], taken: vec![0.0; rows * width], log_probs: vec![0.0; rows] };
        if layout.policy.features() > 0 {
            self.explore(rows, step, rollout_step);
        }
        let noise = match self.choice {
            Choice::Deterministic => Noise::Mode,
            Choice::Sampled(_) if !self.exploration.is_empty() => Noise::Matrix { exploration: &self.exploration },
            Choice::Sampled(seed) => Noise::Counted { seed, step, first_lane: 0 },
        };
        policy_head(
            layout,
            rows,
            outputs,
            &self.log_std,
            &vec![self.tone; rows],
            &vec![self.inverse_temperature; rows],
            noise,
            &mut actions.stored,
            &mut actions.log_probs,
        );
        for (stored, taken) in actions.stored.chunks_exact(width).zip(actions.taken.chunks_exact_mut(width)) {
            environment_action(&layout.policy, &self.low, &self.high, stored, taken);
        }
        actions
    }

    /// Draws a new exploration matrix for each environment at the start of a rollout and every `exploration_interval` steps.
    fn explore(&mut self, rows: usize, step: u32, rollout_step: usize) {
        let Choice::Sampled(seed) = self.choice else { return };
        let due = match self.exploration_interval {
            0 => rollout_step == 0,
            interval => rollout_step.is_multiple_of(interval),
        };
        if due {
            let matrix = |row| {
                let mut stream = Stream::new(seed, Purpose::Exploration, row as u32, step);
                (0..self.log_std.len()).map(move |_| stream.normal())
            };
            self.exploration = (0..rows).flat_map(matrix).collect();
        }
    }
}

/// Normalises a copy of raw observations, if there is a normaliser.
pub fn normalized(normalizer: Option<&RunningMoments>, clip: f32, observations: &[f32]) -> Vec<f32> {
    let mut rows = observations.to_vec();
    if let Some(normalizer) = normalizer {
        normalizer.normalize(&mut rows, clip);
    }
    rows
}
