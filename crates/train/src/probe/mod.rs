//! What a trained agent expects, is surprised by, and is pulled to, along episodes.

mod draw;
mod table;

use crate::actor::Choice;
use crate::appraisal::Appraisal;
use crate::config::{Config, DeviceChoice, EngineChoice};
use crate::error::TrainError;
use crate::evaluate::{EVAL_ENVS, Occasion, Series, play};
use crate::export::log_std_at;
use crate::player::Played;
use crate::rows::Rows;
use crate::run::{MakeEnvs, load_learner, open_engine};
use crate::saved::SavedPolicy;
use striatum_agent::Learner;
use striatum_dopamine::{Figure, Table};
use striatum_kernels::{Backend, HeadLayout, Policy, RunningMoments, net_logits, probabilities};

/// Episodes of an agent, step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The task.
    pub task: String,
    /// Environment steps of training.
    pub trained_steps: u64,
    /// Dopamine tone, where there are two pathways.
    pub tone: Option<f32>,
    /// What rewards are multiplied by before the agent learns from them, if they are.
    pub reward_scale: Option<f32>,
    /// What is subtracted from every reward before the agent learns from it, if anything is.
    pub average_reward: Option<f32>,
    /// Every step of one episode after another.
    pub steps: Vec<Step>,
    policy: Policy,
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its episode, from 0.
    pub episode: usize,
    /// Its number in the episode, from 0.
    pub step: usize,
    /// The reward, as the task gives it.
    pub reward: f32,
    /// The reward, as the agent learns from it.
    pub learned_reward: f32,
    /// V(s), of rewards as the agent learns from them.
    pub value: f32,
    /// `r + gamma V(s') - V(s)`, where V(s') is 0 at a terminal state and that of the last observation where the episode is cut.
    pub td_error: f32,
    /// Whether a terminal state was reached.
    pub terminated: bool,
    /// Whether the episode was cut.
    pub truncated: bool,
    /// The action, as the task takes it.
    pub action: Vec<f32>,
    /// The direct pathway, a number a logit or mean.
    pub direct: Vec<f32>,
    /// The indirect pathway, if there is one.
    pub indirect: Vec<f32>,
    /// Probabilities of choices, or means before a squash.
    pub policy: Vec<f32>,
    /// Standard deviations before a squash; none of choices.
    pub std: Vec<f32>,
    /// The logits of the action's choices.
    chosen: Vec<usize>,
}

impl Probe {
    /// Replays `episodes` episodes with the most probable actions, from the starts that [`SavedPolicy::evaluate`] has with this seed.
    ///
    /// # Errors
    /// If the checkpoint does not fit its configuration, or an environment fails.
    pub fn of(saved: &SavedPolicy, make_envs: &MakeEnvs<'_>, seed: u64, episodes: usize) -> Result<Self, TrainError> {
        let config = Config { device: DeviceChoice::Cpu, engine: EngineChoice::Auto, ..saved.config.clone() };
        let (engine, _) = open_engine(&config, make_envs)?;
        let mut envs = make_envs(episodes.min(EVAL_ENVS))?;
        let normalizer = saved.normalizer(envs.observation_space().width() - envs.action_mask_width())?;
        let series = Series { choice: Choice::Deterministic, occasion: Occasion::Measurement, seed, episodes };
        let (layout, steps) = crate::with_learner!(engine, learner => {
            let mut learner = learner;
            load_learner(&mut learner, saved.checkpoint())?;
            let mut recorder = Recorder::new(&learner, &config, saved, envs.num_envs())?;
            play(&mut learner, normalizer.as_ref(), &config, &mut *envs, series, &mut |step| recorder.see(step))?;
            let layout = recorder.layout.clone();
            (layout, recorder.finish(&mut learner, normalizer.as_ref())?)
        });
        Ok(Self {
            task: config.task,
            trained_steps: saved.steps()?,
            tone: saved.tone(),
            reward_scale: saved.reward_scale()?,
            average_reward: saved.average_reward(),
            steps,
            policy: layout.policy,
        })
    }

    /// Everything along time.
    pub fn figure(&self) -> Figure {
        draw::figure(self)
    }

    /// A row a step.
    pub fn table(&self) -> Table {
        table::table(self)
    }
}

/// Takes down the steps of every environment.
struct Recorder<'a> {
    layout: HeadLayout,
    config: &'a Config,
    log_std: Vec<f32>,
    appraisal: Appraisal,
    /// Steps of every environment, one episode after another.
    steps: Vec<Vec<Step>>,
    /// Where in them an episode was cut, and the row of the observation there, not yet standardised.
    cuts: Vec<(usize, usize)>,
    rows: Rows,
    cut_rows: Vec<f32>,
}

impl<'a> Recorder<'a> {
    fn new<B: Backend>(
        learner: &Learner<B>,
        config: &'a Config,
        saved: &SavedPolicy,
        envs: usize,
    ) -> Result<Self, TrainError> {
        let layout = learner.spec().head.clone();
        let mut log_std = vec![0.0; layout.policy.log_std_len()];
        learner.read_log_std(0, &mut log_std)?;
        Ok(Self {
            appraisal: Appraisal::of(saved, &layout)?,
            layout,
            config,
            log_std,
            steps: vec![Vec::new(); envs],
            cuts: Vec::new(),
            rows: Rows::new(learner.spec(), envs),
            cut_rows: Vec::new(),
        })
    }

    /// Takes down a step, but for its TD error.
    fn see(&mut self, played: &Played<'_>) {
        if played.lost {
            let steps = &mut self.steps[played.env];
            let whole = steps.iter().rposition(|step| step.terminated || step.truncated).map_or(0, |last| last + 1);
            steps.truncate(whole);
            return;
        }
        let (layout, outputs) = (&self.layout, played.outputs);
        let logits = layout.policy.logits();
        let mut net = vec![0.0; logits];
        let dopamine = &self.config.dopamine;
        net_logits(layout, 1, outputs, &[dopamine.tone], &[dopamine.inverse_temperature], &mut net);
        let (std, chosen) = match &layout.policy {
            Policy::Categorical { nvec } => {
                probabilities(nvec, &mut net);
                (Vec::new(), chosen(nvec, played.stored))
            }
            policy => {
                let features = &outputs[layout.features_at()..layout.mask_at()];
                let log_std = log_std_at(policy, &self.log_std, features);
                (log_std.into_iter().map(f32::exp).collect(), Vec::new())
            }
        };
        let (value, learned_reward) = (self.appraisal.value(outputs), self.appraisal.learned(played.reward));
        let steps = &mut self.steps[played.env];
        let (episode, step) = match steps.last() {
            Some(last) if last.terminated || last.truncated => (last.episode + 1, 0),
            Some(last) => (last.episode, last.step + 1),
            None => (0, 0),
        };
        if played.truncated && !played.terminated {
            self.cuts.push((played.env, steps.len()));
            self.rows.push_last(played.final_observation, outputs, &mut self.cut_rows);
        }
        steps.push(Step {
            episode,
            step,
            reward: played.game_reward,
            learned_reward,
            value,
            td_error: 0.0,
            terminated: played.terminated,
            truncated: played.truncated,
            action: played.taken.to_vec(),
            direct: outputs[..logits].to_vec(),
            indirect: outputs[layout.indirect_at()..layout.values_at()].to_vec(),
            policy: net,
            std,
            chosen,
        });
    }

    /// All steps, episode after episode, with their TD errors.
    fn finish<B: Backend>(
        mut self,
        learner: &mut Learner<B>,
        normalizer: Option<&RunningMoments>,
    ) -> Result<Vec<Step>, TrainError> {
        let standardizer = normalizer.map(|moments| moments.standardizer(self.config.normalize.observation_clip));
        self.rows.standardize(standardizer.as_ref(), &mut self.cut_rows);
        let outputs = match self.cuts.is_empty() {
            true => Vec::new(),
            false => learner.predict(&self.cut_rows)?,
        };
        let cut_values: Vec<f32> =
            outputs.chunks_exact(self.layout.width()).map(|row| self.appraisal.value(row)).collect();
        for steps in &mut self.steps {
            let next: Vec<f32> = steps.iter().skip(1).map(|step| step.value).chain([0.0]).collect();
            for (step, next) in steps.iter_mut().zip(next) {
                step.td_error = self.appraisal.td_error(step.learned_reward, step.terminated, [step.value, next]);
            }
        }
        for (&(env, at), value) in self.cuts.iter().zip(cut_values) {
            let step = &mut self.steps[env][at];
            step.td_error = self.appraisal.td_error(step.learned_reward, step.terminated, [step.value, value]);
        }
        let mut episode = 0;
        let mut all = Vec::new();
        for mut step in self.steps.into_iter().flatten() {
            step.episode = episode;
            episode += usize::from(step.terminated || step.truncated);
            all.push(step);
        }
        Ok(all)
    }
}

/// Which logits belong to the choices of an action.
fn chosen(nvec: &[usize], action: &[f32]) -> Vec<usize> {
    let starts = nvec.iter().scan(0, |start, n| {
        *start += n;
        Some(*start - n)
    });
    starts.zip(action).map(|(start, &choice)| start + choice as usize).collect()
}
