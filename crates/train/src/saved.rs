//! The policy of a saved run: evaluated, or exported.

use crate::actor::Choice;
use crate::checkpoint::Checkpoint;
use crate::config::{Config, DeviceChoice, EngineChoice};
use crate::engine::EngineInfo;
use crate::error::TrainError;
use crate::evaluate::{EVAL_ENVS, Evaluation, Occasion, evaluate};
use crate::export::{ObservationNormalizer, PolicyExport};
use crate::folder::RunFolder;
use crate::run::{MakeEnvs, load_learner, open_engine};
use crate::spec::{action_bounds, network_spec, rows_spec};
use crate::state::load_moments;
use std::path::{Path, PathBuf};
use striatum_agent::{Encoder, NetworkSpec, Pathways};
use striatum_kernels::{ParamList, ParamSpec, ReturnScaler, RunningMoments};

/// Which checkpoint of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The best evaluation's, or the latest if there was none.
    #[default]
    Best,
    /// The latest.
    Latest,
}

/// A checkpoint and the configuration it was made with.
#[derive(Clone, Debug)]
pub struct SavedPolicy {
    /// The configuration.
    pub config: Config,
    /// The checkpoint's file.
    pub path: PathBuf,
    checkpoint: Checkpoint,
}

impl SavedPolicy {
    /// Reads a run folder's checkpoint, or a checkpoint file.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn load(path: &Path, which: Which) -> Result<Self, TrainError> {
        let file = if path.is_dir() {
            let folder = RunFolder::open(path)?;
            if which == Which::Best && folder.best().is_file() { folder.best() } else { folder.latest() }
        } else {
            path.to_owned()
        };
        let checkpoint = Checkpoint::load(&file)?;
        let config = Config::from_toml(&checkpoint.config, &file.display().to_string())?;
        Ok(Self { config, path: file, checkpoint })
    }

    /// Sets the dopamine tone with which the policy acts, in place of the trained one.
    ///
    /// # Errors
    /// If the policy has a single pathway, on which tone does not act.
    pub fn set_tone(&mut self, tone: f32) -> Result<(), TrainError> {
        if self.config.network.pathways == Pathways::Single {
            return Err(TrainError::SinglePathway { path: self.path.clone() });
        }
        self.config.dopamine.tone = tone;
        Ok(())
    }

    /// The dopamine tone with which the policy acts; none if it has a single pathway.
    pub fn tone(&self) -> Option<f32> {
        (self.config.network.pathways == Pathways::Dual).then_some(self.config.dopamine.tone)
    }

    /// Environment steps of training.
    ///
    /// # Errors
    /// If the checkpoint does not say.
    pub fn steps(&self) -> Result<u64, TrainError> {
        Ok(self.checkpoint.counter("steps")?)
    }

    /// Plays `episodes` episodes.
    ///
    /// # Errors
    /// If the checkpoint does not fit its configuration, or an environment or the device fails.
    pub fn evaluate(
        &self,
        make_envs: &MakeEnvs<'_>,
        (device, engine): (DeviceChoice, EngineChoice),
        choice: Choice,
        seed: u64,
        episodes: usize,
    ) -> Result<(Evaluation, EngineInfo), TrainError> {
        let config = Config { device, engine, ..self.config.clone() };
        let (engine, info) = open_engine(&config, make_envs)?;
        let mut envs = make_envs(episodes.min(EVAL_ENVS))?;
        let normalizer = self.normalizer(envs.observation_space().width() - envs.action_mask_width())?;
        let evaluation = crate::with_learner!(engine, learner => {
            let mut learner = learner;
            load_learner(&mut learner, &self.checkpoint)?;
            evaluate(&mut learner, normalizer.as_ref(), &config, &mut *envs, choice, (Occasion::Measurement, seed), episodes)?
        });
        Ok((evaluation, info))
    }

    /// The checkpoint itself.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The normaliser of observations of `width` numbers, if the run had one.
    ///
    /// # Errors
    /// If the checkpoint lacks it.
    pub fn normalizer(&self, width: usize) -> Result<Option<RunningMoments>, TrainError> {
        let on = self.config.normalize.observations;
        Ok(on.then(|| load_moments(&self.checkpoint, "normalizer", width)).transpose()?)
    }

    /// What rewards were multiplied by at last, if they were scaled.
    ///
    /// # Errors
    /// If the checkpoint lacks it.
    pub fn reward_scale(&self) -> Result<Option<f32>, TrainError> {
        let scale = |moments| ReturnScaler::from_parts(f64::from(self.config.gamma()), Vec::new(), moments).scale();
        let on = self.config.normalize.rewards;
        Ok(on.then(|| load_moments(&self.checkpoint, "reward_scaler", 1).map(scale)).transpose()?)
    }

    /// The average reward that was subtracted from rewards at last, if they were centred.
    pub fn average_reward(&self) -> Option<f32> {
        self.checkpoint.numbers.get("tonic.average_reward").map(|&average| average as f32)
    }

    /// The parameters of a module that is not in this program, by name.
    fn own_params(&self) -> Result<Vec<ParamSpec>, TrainError> {
        let mut list = ParamList::default();
        for name in self.checkpoint.tensors.keys().filter(|name| name.starts_with("module.")) {
            list.push(name.clone(), self.checkpoint.shape(name)?.to_vec());
        }
        Ok(list.params)
    }

    /// The policy alone, with its normaliser and action scaling.
    ///
    /// # Errors
    /// If the checkpoint does not fit its configuration.
    pub fn export(&self, make_envs: &MakeEnvs<'_>) -> Result<PolicyExport, TrainError> {
        let envs = make_envs(1)?;
        let spec = match self.config.network.encoder {
            Encoder::Custom => NetworkSpec { custom: Some(self.own_params()?), ..rows_spec(&self.config, &*envs)? },
            _ => network_spec(&self.config, &*envs)?,
        };
        let mut params = Vec::with_capacity(spec.param_count());
        for param in spec.params() {
            params.extend_from_slice(self.checkpoint.f32(&param.name, &param.shape)?);
        }
        let normalizer = self.normalizer(spec.observation.words())?.map(|moments| ObservationNormalizer {
            mean: moments.mean().to_vec(),
            std: moments.variance().map(|variance| (variance + 1e-8).sqrt()).collect(),
            clip: self.config.normalize.observation_clip,
        });
        let (low, high) = action_bounds(envs.action_space());
        Ok(PolicyExport {
            task: self.config.task.clone(),
            spec,
            params,
            observation_normalizer: normalizer,
            action_low: low.to_vec(),
            action_high: high.to_vec(),
            tone: self.config.dopamine.tone,
            inverse_temperature: self.config.dopamine.inverse_temperature,
        })
    }
}
