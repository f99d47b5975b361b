//! Episodes of a trained agent as somebody sees them: picture after picture, with what the agent does and expects.

use crate::actor::Choice;
use crate::appraisal::Appraisal;
use crate::config::{Config, DeviceChoice, EngineChoice};
use crate::error::TrainError;
use crate::evaluate::{Occasion, Schedule, Series};
use crate::player::Player;
use crate::run::{MakeEnvs, load_learner, open_engine};
use crate::saved::SavedPolicy;
use serde::Serialize;
use std::ops::ControlFlow;
use striatum_envs::{Moment, Picture, Space};
use striatum_kernels::Backend;

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Where and by what the network is computed.
    pub engine: (DeviceChoice, EngineChoice),
    /// How actions are chosen.
    pub choice: Choice,
    /// The seed of the episodes, which are the first ones of [`SavedPolicy::evaluate`]'s first environment.
    pub seed: u64,
    /// How many, one after the other.
    pub episodes: usize,
}

/// A moment of an episode: its start, or what a step led to.
#[derive(Debug)]
pub struct Sight<'a> {
    /// What it looks like; none if the task draws nothing.
    pub picture: Option<Picture>,
    /// Moments a second at which the task is shown.
    pub rate: f32,
    /// What an action is.
    pub actions: &'a Space,
    /// The episode, from 0.
    pub episode: usize,
    /// Steps and rewards so far.
    pub score: Score,
    /// The step; none at the start.
    pub act: Option<Act<'a>>,
}

/// What an episode came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// The sum of rewards.
    #[serde(rename = "return")]
    pub total: f64,
    /// The number of steps.
    pub length: u32,
}

/// A step.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// The action, as the task took it.
    pub action: &'a [f32],
    /// The reward, as the task gave it.
    pub reward: f32,
    /// V(s) before the step, of rewards as the agent learns from them.
    pub value: f32,
    /// `r + gamma V(s') - V(s)`, where V(s') is 0 at a terminal state and that of the last observation where the episode is cut.
    pub td_error: f32,
    /// Whether the episode ended.
    pub ends: bool,
}

/// Takes what is seen; [`ControlFlow::Break`] ends the show.
pub type Spectator<'a> = dyn FnMut(&Sight<'_>) -> Result<ControlFlow<()>, TrainError> + 'a;

impl SavedPolicy {
    /// Plays episodes before a spectator; gives what those came to that ended.
    ///
    /// # Errors
    /// If the checkpoint does not fit its configuration, an environment or the device fails, or the spectator does.
    pub fn show(
        &self,
        make_envs: &MakeEnvs<'_>,
        program: Program,
        spectator: &mut Spectator<'_>,
    ) -> Result<Vec<Score>, TrainError> {
        let Program { engine: (device, engine), choice, seed, episodes } = program;
        let config = Config { device, engine, ..self.config.clone() };
        let (engine, _) = open_engine(&config, make_envs)?;
        let mut envs = make_envs(1)?;
        envs.watch();
        let normalizer = self.normalizer(envs.observation_space().width() - envs.action_mask_width())?;
        let series = Series { choice, occasion: Occasion::Measurement, seed, episodes };
        let (rate, actions) = (envs.frame_rate(), envs.action_space().clone());
        let schedule = series.schedule(&config, &*envs);
        crate::with_learner!(engine, learner => {
            let mut learner = learner;
            load_learner(&mut learner, self.checkpoint())?;
            let appraisal = Appraisal::of(self, &learner.spec().head)?;
            let player = Player::start(&mut learner, normalizer.as_ref(), &config, &mut *envs, &series)?;
            Stage { player, appraisal, schedule, rate, actions: &actions, scores: Vec::new() }.play(spectator)
        })
    }
}

/// One environment and who plays in it.
struct Stage<'a, B: Backend> {
    player: Player<'a, B>,
    appraisal: Appraisal,
    schedule: Schedule,
    rate: f32,
    actions: &'a Space,
    scores: Vec<Score>,
}

impl<B: Backend> Stage<'_, B> {
    fn play(mut self, spectator: &mut Spectator<'_>) -> Result<Vec<Score>, TrainError> {
        let mut score = Score::default();
        let mut flow = self.open(spectator)?;
        while flow.is_continue() && !self.schedule.is_done() {
            self.player.step()?;
            if !self.player.counts(0) {
                if self.schedule.lose(0)? {
                    score = Score::default();
                    flow = self.open(spectator)?;
                }
                continue;
            }
            let cut = self.schedule.step(0, self.player.ends(0)).unwrap_or(false);
            let ends = cut || self.player.ends(0);
            let [value, td_error] = self.appraise(cut, cut || self.player.ended(0))?;
            let moment = if self.player.ends(0) { Moment::End } else { Moment::Now };
            let picture = self.player.envs.picture(0, moment)?;
            let played = self.player.played(0, cut);
            score.total += f64::from(played.game_reward);
            score.length += 1;
            let act = Act { action: played.taken, reward: played.game_reward, value, td_error, ends };
            flow = spectator(&self.sight(picture, score, Some(act)))?;
            if ends {
                self.scores.push(std::mem::take(&mut score));
                if flow.is_continue() && !self.schedule.is_done() {
                    flow = self.open(spectator)?;
                }
            }
        }
        Ok(self.scores)
    }

    /// Shows the start of an episode.
    fn open(&mut self, spectator: &mut Spectator<'_>) -> Result<ControlFlow<()>, TrainError> {
        let picture = self.player.envs.picture(0, Moment::Now)?;
        spectator(&self.sight(picture, Score::default(), None))
    }

    fn sight<'s>(&'s self, picture: Option<Picture>, score: Score, act: Option<Act<'s>>) -> Sight<'s> {
        Sight { picture, rate: self.rate, actions: self.actions, episode: self.scores.len(), score, act }
    }

    /// V(s) before the last step, and its TD error.
    fn appraise(&mut self, cut: bool, ends: bool) -> Result<[f32; 2], TrainError> {
        let next = self.player.predict_next(0, cut, ends)?;
        let (played, appraisal) = (self.player.played(0, cut), &self.appraisal);
        let values = [appraisal.value(played.outputs), appraisal.value(&next)];
        Ok([values[0], appraisal.td_error(appraisal.learned(played.reward), played.terminated, values)])
    }
}
