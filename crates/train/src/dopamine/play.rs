//! Training one agent on `CliffGamble-v0`, and what its returns come to at any tone.

use crate::actor::Choice;
use crate::config::Config;
use crate::engine::{AnyTrainer, open_trainer};
use crate::error::TrainError;
use crate::evaluate::{Evaluation, Occasion, evaluate};
use crate::trainer::Trainer;
use striatum_envs::{Params, make_with};
use striatum_kernels::Cpu;

/// Episodes whose returns are measured, those of them in which gambles and falls are counted, and how many run side by side.
const EPISODES: usize = 10_000;
const COUNTED: usize = 2000;
const SIDE_BY_SIDE: usize = 250;

/// What episodes come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Returns {
    /// Mean return.
    pub mean: f64,
    /// Standard deviation of the returns.
    pub std: f64,
    /// Gambling cells entered an episode.
    pub gambles: f64,
    /// Falls an episode.
    pub falls: f64,
}

/// An agent after its last iteration.
pub(super) struct Player {
    trainer: Trainer<Cpu>,
    config: Config,
}

impl Player {
    /// Trains an agent on the CPU with one thread; nothing is written.
    pub(super) fn train(config: Config) -> Result<Self, TrainError> {
        let make = |count| Ok(make_with(&config.task, count, &config.env)?);
        let (AnyTrainer::Cpu(mut trainer), _) = open_trainer(vec![config.clone()], &make)? else {
            return Err(TrainError::Engine("these agents train on the CPU; set `device` to `cpu`".to_owned()));
        };
        while !trainer.sessions()[0].is_finished() {
            trainer.iterate()?;
            // A gradient that is not finite is an error of its iteration.
            trainer.iteration(0)?;
        }
        Ok(Self { trainer, config })
    }

    /// Plays with sampled actions at a tone and an inverse temperature; `seed` is that of the episodes.
    pub(super) fn play(&mut self, tone: f32, inverse_temperature: f32, seed: u64) -> Result<Returns, TrainError> {
        let mut config = self.config.clone();
        (config.dopamine.tone, config.dopamine.inverse_temperature) = (tone, inverse_temperature);
        let mut measure = |params: &Params, episodes: usize| -> Result<Evaluation, TrainError> {
            let mut envs = make_with(&config.task, SIDE_BY_SIDE, params)?;
            let (choice, occasion) = (Choice::Sampled(seed), (Occasion::Measurement, seed));
            evaluate(self.trainer.learner(), None, &config, &mut *envs, choice, occasion, episodes)
        };
        let returns = measure(&config.env, EPISODES)?;
        // A policy does not see what is paid: these are the first of the same episodes, in which steps and tolls cost 1, and then
        // falls as well.
        let free = ["stake", "goal", "fall"].iter().fold(config.env.clone(), |params, name| params.with(name, 0));
        let free = free.with("toll", 1);
        let (steps, falls) = (measure(&free, COUNTED)?, measure(&free.clone().with("fall", 1), COUNTED)?);
        Ok(Returns {
            mean: returns.mean_return,
            std: returns.std_return,
            gambles: -(steps.mean_return + steps.mean_length),
            falls: steps.mean_return - falls.mean_return,
        })
    }
}
