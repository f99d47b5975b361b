//! [`GymEnvs`]: a batch of a task's environments, shared out over worker processes.

mod crew;

use crate::layout::{Section, Shared};
use crate::worker::{Description, Worker};
use crate::{OnFailure, Task};
use std::ops::Range;
use std::sync::Arc;
use striatum_envs::{
    Account, EnvError, FRAME_RATE, Frame, Moment, Picture, Pixel, Purpose, Repeat, Snapshot, Space, StepBuffers,
    Stream, VecEnv,
};

/// Environments of a task of Python's.
///
/// The episode that environment `i` of seed `s` starts as its `k`-th is seeded with the first word of
/// `Stream::new(s, Purpose::Reset, i, k)`, less a bit: so episodes depend neither on N nor on the number of workers. A snapshot holds no state
/// of the environments, which Python does not give: restored ones start their next episodes.
#[derive(Debug)]
pub struct GymEnvs {
    task: Task,
    description: Arc<Description>,
    count: usize,
    /// Numbers of an observation's row, and how many at its beginning are bytes.
    width: usize,
    packed: usize,
    action_width: usize,
    seed: u64,
    first: u32,
    episodes: Vec<u32>,
    steps: Vec<u32>,
    total_steps: Vec<u32>,
    shares: Vec<Share>,
    /// Whether every worker waits for a command.
    is_idle: bool,
    /// Whether pictures are kept of the ends of episodes.
    is_watched: bool,
    /// The last observations that were given, where cut episodes may have to end with them.
    last: Vec<f32>,
    counts: Vec<f32>,
    rewards: Vec<f32>,
    ends: Vec<f32>,
    lives: Vec<u32>,
    notes: Vec<String>,
}

/// A worker and which environments it has.
#[derive(Debug)]
struct Share {
    worker: Worker,
    envs: Range<usize>,
    /// Failures since it last finished a step.
    failures: u32,
}

impl GymEnvs {
    pub(crate) fn new(task: Task, description: Arc<Description>, count: usize) -> Self {
        let (observation, width) = (&description.observation, description.row());
        let packed = matches!(observation, Space::Image { pixel: Pixel::Byte, .. });
        Self {
            count,
            width,
            packed: if packed { observation.width() } else { 0 },
            action_width: description.action.width(),
            seed: 0,
            first: 0,
            episodes: vec![0; count],
            steps: vec![0; count],
            total_steps: vec![0; count],
            shares: Vec::new(),
            is_idle: false,
            is_watched: false,
            last: if task.settings.on_env_failure == OnFailure::Restart {
                vec![0.0; count * width]
            } else {
                Vec::new()
            },
            counts: vec![1.0; count],
            rewards: vec![0.0; count],
            ends: vec![0.0; count],
            lives: vec![0; count],
            notes: Vec::new(),
            task,
            description,
        }
    }

    /// The workers' process numbers; none before the first reset.
    pub fn process_ids(&self) -> Vec<u32> {
        self.shares.iter().map(|share| share.worker.process_id()).collect()
    }

    /// The seed of an environment's episode: 31 bits, which every library takes.
    fn episode_seed(&self, env: usize, episode: u32) -> u32 {
        Stream::new(self.seed, Purpose::Reset, self.first.wrapping_add(env as u32), episode).word() >> 1
    }

    /// Starts the episodes that `self.episodes` names in the environments that `active` marks.
    fn begin_episodes(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        for w in 0..self.shares.len() {
            self.order_reset(w, active);
        }
        for w in 0..self.shares.len() {
            self.finish_reset(w, active, observations)?;
        }
        Ok(())
    }

    fn order_reset(&mut self, w: usize, active: &[bool]) {
        let envs = self.shares[w].envs.clone();
        for env in envs.clone().filter(|&env| active[env]) {
            let seed = self.episode_seed(env, self.episodes[env]);
            self.shares[w].worker.shared().get_mut(Section::Seeds)[env - envs.start] = seed;
        }
        let worker = &mut self.shares[w].worker;
        worker.shared().choose(active[envs].iter().copied());
        worker.send(b"r");
    }

    fn finish_reset(&mut self, w: usize, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        let envs = self.shares[w].envs.clone();
        let answer = self.shares[w].worker.answer();
        answer.map_err(|trouble| self.error(&envs, &trouble))?;
        let width = self.width;
        for env in envs.clone().filter(|&env| active[env]) {
            self.steps[env] = 0;
            let seed = self.episode_seed(env, self.episodes[env].wrapping_add(1));
            let (k, row) = (env - envs.start, env * width..(env + 1) * width);
            let shared = self.shares[w].worker.shared();
            shared.get_mut(Section::Seeds)[k] = seed;
            observations[row.clone()].copy_from_slice(&shared.get(Section::Observations)[k * width..(k + 1) * width]);
            self.lives[env] = shared.get(Section::Lives)[k];
            self.check("observation", env, &observations[row.clone()])?;
            if !self.last.is_empty() {
                self.last[row.clone()].copy_from_slice(&observations[row]);
            }
        }
        Ok(())
    }

    /// Hands actions to the workers and wakes them.
    fn order_step(&mut self, active: Option<&[bool]>, actions: &[f32], repeat: Option<Repeat>) {
        let width = self.action_width;
        let [all, some] = if repeat.is_some() { [b"p", b"q"] } else { [b"s", b"a"] };
        self.is_idle = false;
        for Share { worker, envs, .. } in &mut self.shares {
            worker.shared().write_actions(&actions[envs.start * width..envs.end * width]);
            repeat.into_iter().for_each(|repeat| worker.shared().write_repeat(repeat));
            match active {
                None => worker.send(all),
                Some(active) => {
                    worker.shared().choose(active[envs.clone()].iter().copied());
                    worker.send(some);
                }
            }
        }
    }

    fn finish(&mut self, active: Option<&[bool]>, mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        for w in 0..self.shares.len() {
            let envs = self.shares[w].envs.clone();
            let outcome = match self.shares[w].worker.answer() {
                Ok(_) => self.take(w, active, &mut out),
                Err(trouble) => Err(self.error(&envs, &trouble)),
            };
            match outcome {
                Ok(()) => self.shares[w].failures = 0,
                Err(error) if self.task.settings.on_env_failure == OnFailure::Restart => {
                    self.recover(w, error, &mut out)?;
                }
                Err(error) => return Err(error),
            }
        }
        if !self.last.is_empty() {
            self.last.copy_from_slice(out.observations);
        }
        self.is_idle = true;
        Ok(())
    }

    /// Copies what a worker's step gave.
    fn take(&mut self, w: usize, active: Option<&[bool]>, out: &mut StepBuffers<'_>) -> Result<(), EnvError> {
        let (envs, width) = (self.shares[w].envs.clone(), self.width);
        if active.is_none() {
            let rows = self.shares[w].worker.shared().get(Section::Observations);
            out.observations[envs.start * width..envs.end * width].copy_from_slice(rows);
        }
        for env in envs.clone().filter(|&env| active.is_none_or(|active| active[env])) {
            let (k, row) = (env - envs.start, env * width..(env + 1) * width);
            let shared = self.shares[w].worker.shared();
            let number = |shared: &Shared, section| shared.get::<f32>(section)[k];
            if active.is_some() {
                out.observations[row.clone()]
                    .copy_from_slice(&shared.get(Section::Observations)[k * width..(k + 1) * width]);
            }
            out.rewards[env] = number(shared, Section::Rewards);
            out.terminated[env] = number(shared, Section::Terminated);
            out.truncated[env] = number(shared, Section::Truncated);
            self.lives[env] = shared.get(Section::Lives)[k];
            let counts = if self.description.counts { number(shared, Section::Counts) } else { 1.0 };
            let ends = out.terminated[env] + out.truncated[env];
            if ends > 0.0 {
                let last = &shared.get(Section::Finals)[k * width..(k + 1) * width];
                out.final_observations[row.clone()].copy_from_slice(last);
            }
            self.account(env, counts, out.rewards[env], ends);
            self.check("reward", env, &out.rewards[env..=env])?;
            self.check("observation", env, &out.observations[row.clone()])?;
            if ends > 0.0 {
                self.check("observation", env, &out.final_observations[row])?;
            }
            if ends > 0.0 && counts > 0.0 {
                self.next_episode(w, env);
            }
        }
        Ok(())
    }

    fn account(&mut self, env: usize, counts: f32, reward: f32, ends: f32) {
        self.steps[env] = self.steps[env].saturating_add(u32::from(counts > 0.0));
        self.total_steps[env] = self.total_steps[env].wrapping_add(1);
        self.counts[env] = counts;
        self.rewards[env] = reward;
        self.ends[env] = ends;
    }

    /// An environment has started its next episode: the one after it gets its seed.
    fn next_episode(&mut self, w: usize, env: usize) {
        self.episodes[env] = self.episodes[env].wrapping_add(1);
        self.steps[env] = 0;
        let seed = self.episode_seed(env, self.episodes[env].wrapping_add(1));
        let share = &mut self.shares[w];
        share.worker.shared().get_mut(Section::Seeds)[env - share.envs.start] = seed;
    }

    /// A picture of an environment as it is now, or of the end of its last episode.
    fn ask_frame(&mut self, env: usize, moment: Moment) -> Result<Option<Frame>, EnvError> {
        let Some(w) = self.shares.iter().position(|share| share.envs.contains(&env)) else { return Ok(None) };
        let Share { worker, envs, .. } = &mut self.shares[w];
        let envs = envs.clone();
        worker.shared().choose(envs.clone().map(|i| i == env));
        worker.frame(moment).map_err(|trouble| self.error(&envs, &trouble))
    }

    fn check(&self, what: &str, env: usize, values: &[f32]) -> Result<(), EnvError> {
        let skipped = if what == "reward" { 0 } else { self.packed };
        match values[skipped..].iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(i) => Err(EnvError::NotFinite {
                env: self.first as usize + env,
                episode: self.episodes[env],
                step: self.steps[env],
                what: if what == "reward" { what.to_owned() } else { format!("{what}[{}]", skipped + i) },
                value: values[skipped + i],
            }),
        }
    }
}

impl VecEnv for GymEnvs {
    fn num_envs(&self) -> usize {
        self.count
    }

    fn observation_space(&self) -> &Space {
        &self.description.observation
    }

    fn action_space(&self) -> &Space {
        &self.description.action
    }

    fn solved_at(&self) -> Option<f32> {
        self.description.solved_at
    }

    fn processes(&self) -> Option<usize> {
        Some(self.task.workers())
    }

    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        (self.seed, self.first) = (seed, first);
        self.episodes.fill(0);
        self.total_steps.fill(0);
        self.begin(observations)
    }

    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.begin_step(actions)?;
        self.finish(None, out)
    }

    fn step_active(&mut self, active: &[bool], actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        if self.description.together {
            return Err(EnvError::Together);
        }
        self.order_step(Some(active), actions, None);
        self.finish(Some(active), out)
    }

    fn can_repeat(&self) -> bool {
        !self.description.together
    }

    fn step_repeated(
        &mut self,
        active: &[bool],
        actions: &[f32],
        repeat: Repeat,
        out: StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        if self.description.together {
            return Err(EnvError::Together);
        }
        let active = active.contains(&false).then_some(active);
        self.order_step(active, actions, Some(repeat));
        self.finish(active, out)
    }

    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        if self.description.together {
            return Err(EnvError::Together);
        }
        for env in (0..self.count).filter(|&env| active[env]) {
            self.episodes[env] = self.episodes[env].wrapping_add(1);
        }
        self.begin_episodes(active, observations)
    }

    fn is_asynchronous(&self) -> bool {
        true
    }

    fn begin_step(&mut self, actions: &[f32]) -> Result<(), EnvError> {
        self.order_step(None, actions, None);
        Ok(())
    }

    fn finish_step(&mut self, _: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.finish(None, out)
    }

    fn account(&self) -> Option<Account<'_>> {
        let differs = self.description.counts || self.task.settings.on_env_failure == OnFailure::Restart;
        differs.then_some(Account { counts: &self.counts, rewards: &self.rewards, ends: &self.ends })
    }

    fn frame_rate(&self) -> f32 {
        self.description.frame_rate.unwrap_or(FRAME_RATE)
    }

    fn lives(&self) -> Option<&[u32]> {
        self.description.lives.then_some(&self.lives)
    }

    fn action_mask_width(&self) -> usize {
        self.description.mask
    }

    fn frame(&mut self, env: usize) -> Result<Option<Frame>, EnvError> {
        self.ask_frame(env, Moment::Now)
    }

    fn watch(&mut self) {
        self.is_watched = true;
        self.shares.iter_mut().for_each(|share| share.worker.watch());
    }

    fn picture(&mut self, env: usize, moment: Moment) -> Result<Option<Picture>, EnvError> {
        Ok(self.ask_frame(env, moment)?.map(Picture::Frame))
    }

    fn action_names(&self) -> &[String] {
        &self.description.action_names
    }

    fn keeps_episodes(&self) -> bool {
        false
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            seed: self.seed,
            first: self.first,
            state_width: 0,
            states: Vec::new(),
            episodes: self.episodes.clone(),
            steps: self.steps.clone(),
            total_steps: self.total_steps.clone(),
        }
    }

    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        let lengths = [snapshot.episodes.len(), snapshot.steps.len(), snapshot.total_steps.len()];
        if lengths != [self.count; 3] || !snapshot.states.is_empty() {
            return Err(EnvError::BadState(format!(
                "a snapshot of {} environments with {} numbers of state does not fit {} environments of task `{}`, which have none",
                lengths[0],
                snapshot.states.len(),
                self.count,
                self.task.name
            )));
        }
        (self.seed, self.first) = (snapshot.seed, snapshot.first);
        self.episodes = snapshot.episodes.iter().map(|episode| episode.wrapping_add(1)).collect();
        self.total_steps.clone_from(&snapshot.total_steps);
        self.begin(observations)
    }
}

impl Drop for GymEnvs {
    fn drop(&mut self) {
        self.dismiss();
    }
}
