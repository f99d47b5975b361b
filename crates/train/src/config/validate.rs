//! Ranges, and the rules that tie keys to each other.

use super::keys::KEYS;
use super::{Config, ConfigError, write};
use serde_json::Value;
use striatum_agent::{
    A2cSettings, Algorithm, CriticSettings, DopamineSettings, MemoryKind, Pathways, PpoSettings, RewardCentering,
};
use striatum_envs::{EnvError, Params};
use striatum_gym::Task;

/// The most samples of a rollout: up to here an `f32` counts them exactly, and with 256 features an element's index
/// still fits the shaders' 32 bits.
const MAX_ROLLOUT: usize = 1 << 24;

/// The most numbers that the states of a rollout's samples have, 4 GiB.
const MAX_REMEMBERED: usize = 1 << 30;

impl Config {
    /// Checks every value's range and the rules between keys. What depends on the task's spaces is checked where they
    /// are known.
    ///
    /// # Errors
    /// The first broken rule, with its key, value and a fix.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_ranges()?;
        self.check_env()?;
        self.check_rollout()?;
        self.check_sequences()?;
        self.check_pathways()?;
        self.check_critic()?;
        self.check_tonic()
    }

    /// This configuration with an argument for each of the task's parameters, if it is valid.
    pub(super) fn completed(self) -> Result<Self, ConfigError> {
        self.validate()?;
        let env = self.check_env()?;
        Ok(Self { env, ..self })
    }

    /// Steps of each environment in a rollout of the chosen algorithm.
    #[must_use]
    pub fn num_steps(&self) -> usize {
        match self.algo {
            Algorithm::Ppo => self.ppo.num_steps,
            Algorithm::A2c => self.a2c.num_steps,
        }
    }

    /// The settings that agents must share to learn in one launch: those that decide the shape of networks, rollouts and minibatches, or
    /// how numbers are normalised. What each agent may have for itself is at its default.
    #[must_use]
    pub fn shape(&self) -> Self {
        let default = Self::default();
        let mut shape = Self { seed: default.seed, dopamine: default.dopamine, ..self.clone() };
        shape.ppo = PpoSettings {
            num_steps: self.ppo.num_steps,
            epochs: self.ppo.epochs,
            minibatches: self.ppo.minibatches,
            sequence_length: self.ppo.sequence_length,
            normalize_advantages: self.ppo.normalize_advantages,
            ..default.ppo
        };
        shape.a2c = A2cSettings {
            num_steps: self.a2c.num_steps,
            normalize_advantages: self.a2c.normalize_advantages,
            ..default.a2c
        };
        let CriticSettings { kind, quantiles, opponent, horizons, .. } = self.critic;
        shape.critic = CriticSettings { kind, quantiles, opponent, horizons, ..default.critic };
        shape.network.log_std_init = default.network.log_std_init;
        shape.network.orthogonal_init = default.network.orthogonal_init;
        shape
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        let (values, defaults) = (write::values(self), write::values(&Self::default()));
        for key in KEYS {
            let value = write::get(&values, key);
            if !key.kind.allows(value) {
                return Err(ConfigError::OutOfRange {
                    key: key.name.to_owned(),
                    value: write::literal(value),
                    allowed: key.kind.to_string(),
                    fix: write::literal(write::get(&defaults, key)),
                });
            }
        }
        Ok(())
    }

    /// The arguments of all of the task's parameters.
    fn check_env(&self) -> Result<Params, ConfigError> {
        if Task::is_name(&self.task) {
            return self.check_arguments().map(|()| self.env.clone());
        }
        match (striatum_envs::check_params(&self.task, &self.env), self.env.names().next()) {
            (Err(EnvError::UnknownTask { .. }), None) => Ok(Params::default()),
            (Err(EnvError::UnknownTask { .. }), Some(name)) => {
                Err(ConfigError::ForeignParam { name: name.to_owned(), task: self.task.clone() })
            }
            (checked, _) => Ok(checked?),
        }
    }

    /// What a Python task's constructor takes, Python knows; here it is seen to that it gets there.
    fn check_arguments(&self) -> Result<(), ConfigError> {
        for name in self.env.names() {
            let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            let expected = match self.env.get(name) {
                _ if !is_name => "the name of an argument, such as `env.gravity`",
                // JSON has no NaN and no infinity: both arrive as null.
                Some(Value::Null) => "a number that is finite, a text, a flag, or a list or section of them",
                _ => continue,
            };
            return Err(ConfigError::Argument { name: name.to_owned(), task: self.task.clone(), expected });
        }
        Ok(())
    }

    fn check_rollout(&self) -> Result<(), ConfigError> {
        // Both factors are at most 2^20.
        let samples = self.num_steps() * self.num_envs;
        let (algo, normalize, minibatches) = match self.algo {
            Algorithm::Ppo => ("ppo", self.ppo.normalize_advantages, self.ppo.minibatches),
            Algorithm::A2c => ("a2c", self.a2c.normalize_advantages, 1),
        };
        if samples > MAX_ROLLOUT {
            let fix = MAX_ROLLOUT / self.num_envs;
            return Err(ConfigError::RolloutTooLarge { algo, samples, max: MAX_ROLLOUT, fix });
        }
        if !samples.is_multiple_of(minibatches) {
            let fix = nearest_divisor(samples, minibatches);
            return Err(ConfigError::Minibatches { minibatches, samples, fix });
        }
        if normalize && samples / minibatches < 2 {
            let (change, key) = match self.algo {
                Algorithm::Ppo if minibatches > 1 => ("fewer", "ppo.minibatches"),
                Algorithm::Ppo => ("more", "ppo.num_steps"),
                Algorithm::A2c => ("more", "a2c.num_steps"),
            };
            return Err(ConfigError::SingleSample { algo, change, key });
        }
        Ok(())
    }

    /// What a network with memory learns from.
    fn check_sequences(&self) -> Result<(), ConfigError> {
        let (width, samples) = (self.network.memory_width, self.num_steps() * self.num_envs);
        let states = self.network.memory.states() * if self.network.shared_trunk { 1 } else { 2 };
        let numbers = samples * states * width;
        if numbers > MAX_REMEMBERED {
            let (max, fix) = (MAX_REMEMBERED, (MAX_REMEMBERED / (samples * states)).max(1));
            return Err(ConfigError::Remembered { width, numbers, samples, max, fix });
        }
        if self.network.memory == MemoryKind::None || self.algo != Algorithm::Ppo {
            return Ok(());
        }
        let &PpoSettings { num_steps: steps, minibatches, sequence_length, .. } = &self.ppo;
        let length = if sequence_length == 0 { steps } else { sequence_length };
        if !steps.is_multiple_of(length) {
            return Err(ConfigError::SequenceLength { length, steps, fix: nearest_divisor(steps, length) });
        }
        let sequences = self.num_envs * (steps / length);
        if !sequences.is_multiple_of(minibatches) {
            let fix = nearest_divisor(sequences, minibatches);
            return Err(ConfigError::SequenceMinibatches { minibatches, sequences, fix });
        }
        Ok(())
    }

    fn check_pathways(&self) -> Result<(), ConfigError> {
        let dopamine = &self.dopamine;
        match self.network.pathways {
            Pathways::Single => {
                let pairs = [("dopamine.tone", dopamine.tone), ("dopamine.kappa", dopamine.kappa)];
                match pairs.into_iter().find(|(_, value)| *value != 0.0) {
                    Some((key, value)) => Err(ConfigError::SinglePathway { key, value }),
                    None => Ok(()),
                }
            }
            Pathways::Dual if dopamine.kappa > 0.0 && dopamine.sum_decay == 0.0 => {
                Err(ConfigError::SumDecay { kappa: dopamine.kappa })
            }
            Pathways::Dual => Ok(()),
        }
    }

    fn check_critic(&self) -> Result<(), ConfigError> {
        let CriticSettings { shortest_horizon: shortest, longest_horizon: longest, horizons, opponent, .. } =
            self.critic;
        if shortest > longest {
            return Err(ConfigError::Horizons { shortest, longest });
        }
        let is_distribution = self.critic.is_distribution();
        if is_distribution && horizons > 0 {
            return Err(ConfigError::HorizonsOfDistribution { horizons });
        }
        if is_distribution && self.dopamine.reward_centering != RewardCentering::None {
            return Err(ConfigError::CentredDistribution);
        }
        let clip = self.ppo.value_clip;
        if is_distribution && self.algo == Algorithm::Ppo && clip > 0.0 {
            return Err(ConfigError::ValueClip { clip });
        }
        let needs = [
            (is_distribution, "`critic.kind` \"quantile\" or \"expectile\""),
            (self.network.pathways == Pathways::Dual, "`network.pathways` \"dual\""),
            (self.dopamine.kappa > 0.0, "a `dopamine.kappa` above 0"),
        ];
        match needs.into_iter().find(|(met, _)| opponent && !met) {
            Some((_, needs)) => Err(ConfigError::Opponent { needs }),
            None => Ok(()),
        }
    }

    fn check_tonic(&self) -> Result<(), ConfigError> {
        let &DopamineSettings { tonic_gain: gain, tonic_fast: fast, tonic_slow: slow, .. } = &self.dopamine;
        if gain > 0.0 && fast <= slow {
            return Err(ConfigError::TonicRates { gain, fast, slow });
        }
        Ok(())
    }
}

/// The divisor of `samples` nearest to `wanted`, the smaller of two.
fn nearest_divisor(samples: usize, wanted: usize) -> usize {
    let below = (1..=wanted.min(samples)).rev().find(|n| samples.is_multiple_of(*n)).unwrap_or(1);
    let above = (wanted..=samples).find(|n| samples.is_multiple_of(*n)).unwrap_or(below);
    if above.abs_diff(wanted) < wanted - below { above } else { below }
}
