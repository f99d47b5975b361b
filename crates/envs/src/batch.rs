//! [`Batch`]: N copies of one [`Env`], stepped together.

use crate::split::Split;
use crate::{Env, EnvError, LastStep, Moment, Picture, Pixel, Scene, Snapshot, Space, Step, StepBuffers, VecEnv};
use std::time::{Duration, Instant};
use std::{panic, thread};
use striatum_rng::{Purpose, Stream};

/// A [`VecEnv`] of N environments of type `E`.
///
/// The episode that environment `i` of seed `s` starts as its `k`-th draws from
/// `Stream::new(s, Purpose::Reset, i, k)`; its dynamics at its `t`-th step since [`VecEnv::reset`] draw from
/// `Stream::new(s, Purpose::Dynamics, i, t)`. So the numbers depend neither on N nor on the thread count.
///
/// The first 16 steps run on one thread and are timed; when the fastest of them shows enough work, later steps are split
/// over several threads. Fix the number with [`with_threads`](Self::with_threads). Stepping on one thread allocates
/// nothing. After an error the batch must be reset or restored before it is stepped again.
#[derive(Debug)]
pub struct Batch<E> {
    slots: Vec<Slot<E>>,
    rule: Rule,
    observation_space: Space,
    action_space: Space,
    action_mask_width: usize,
    continuing: bool,
    solved_at: Option<f32>,
    builtin: Option<&'static str>,
    split: Split,
}

/// One environment and where it is in its episodes.
#[derive(Debug)]
struct Slot<E> {
    env: E,
    episode: u32,
    steps: u32,
    total_steps: u32,
    /// What is kept for pictures, where someone watches.
    film: Option<Box<Film>>,
}

/// What pictures of an environment show beside its state.
#[derive(Debug, Default)]
struct Film {
    /// Action and reward of the episode's last step.
    last: Option<(Vec<f32>, f32)>,
    /// The end of the episode before.
    end: Option<Scene>,
}

impl Film {
    fn last(&self) -> Option<LastStep<'_>> {
        self.last.as_ref().map(|(action, reward)| LastStep { action, reward: *reward })
    }
}

/// What is the same for every environment of a batch.
#[derive(Clone, Copy, Debug)]
struct Rule {
    seed: u64,
    /// The number of the first environment.
    first: u32,
    observation_width: usize,
    /// Whether observations are packed bytes, and so not to be looked at as numbers.
    packed: bool,
    action_width: usize,
    time_limit: Option<u32>,
}

impl<E: Env> Batch<E> {
    /// `num_envs` environments made by `make`, in the state that [`VecEnv::reset`] with seed 0 gives.
    ///
    /// # Errors
    /// [`EnvError::NoEnvironments`] if `num_envs` is 0; [`EnvError::NotFinite`] if a first observation is not finite.
    pub fn new(num_envs: usize, make: impl Fn() -> E) -> Result<Self, EnvError> {
        let slots: Vec<_> =
            (0..num_envs).map(|_| Slot { env: make(), episode: 0, steps: 0, total_steps: 0, film: None }).collect();
        let Some(Slot { env, .. }) = slots.first() else {
            return Err(EnvError::NoEnvironments);
        };
        let (observation_space, action_space) = (env.observation_space(), env.action_space());
        let rule = Rule {
            seed: 0,
            first: 0,
            observation_width: observation_space.width(),
            packed: matches!(observation_space, Space::Image { pixel: Pixel::Byte, .. }),
            action_width: action_space.width(),
            time_limit: env.time_limit(),
        };
        let mut batch = Self {
            action_mask_width: env.action_mask_width(),
            continuing: env.continuing() && rule.time_limit.is_none(),
            solved_at: env.solved_at(),
            slots,
            rule,
            observation_space,
            action_space,
            builtin: None,
            split: Split::Timing { steps: 0, shortest: Duration::MAX },
        };
        batch.reset(0, 0, &mut vec![0.0; num_envs * rule.observation_width])?;
        Ok(batch)
    }

    /// Steps on `threads` threads (0 counts as 1, and at most one an environment is used) instead of as many as the
    /// measured time of a step makes worthwhile. The results are the same.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.split = Split::Threads(threads.clamp(1, self.slots.len()));
        self
    }

    /// Calls it a batch of a built-in task.
    #[must_use]
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.builtin = Some(name);
        self
    }

    fn check_rows(&self, rows: &[(&str, usize, usize)]) {
        let n = self.slots.len();
        for &(name, length, width) in rows {
            assert_eq!(length, n * width, "`{name}` must have {n} rows of {width} numbers");
        }
    }
}

impl<E: Env> Slot<E> {
    /// Starts the episode that `self.episode` names.
    fn start(&mut self, index: usize, rule: &Rule, observation: &mut [f32]) -> Result<(), EnvError> {
        self.steps = 0;
        self.film.iter_mut().for_each(|film| film.last = None);
        self.env.reset(&mut Stream::new(rule.seed, Purpose::Reset, index as u32, self.episode), observation);
        self.check_observation(index, rule, observation)
    }

    /// Steps environment `index` and writes row `k` of `out`.
    #[inline]
    fn step(
        &mut self,
        index: usize,
        k: usize,
        rule: &Rule,
        action: &[f32],
        out: &mut StepBuffers<'_>,
    ) -> Result<(), EnvError> {
        let row = k * rule.observation_width..(k + 1) * rule.observation_width;
        let observation = &mut out.observations[row.clone()];
        let mut rng = Stream::new(rule.seed, Purpose::Dynamics, index as u32, self.total_steps);
        let step = self.env.step(action, &mut rng, observation);
        self.steps = self.steps.saturating_add(1);
        self.total_steps = self.total_steps.wrapping_add(1);
        self.check("reward", index, &[step.reward])?;
        self.check_observation(index, rule, observation)?;
        self.expose(action, step);

        let out_of_time = rule.time_limit.is_some_and(|limit| self.steps >= limit);
        let truncated = !step.terminated && (step.truncated || out_of_time);
        out.rewards[k] = step.reward;
        out.terminated[k] = f32::from(u8::from(step.terminated));
        out.truncated[k] = f32::from(u8::from(truncated));
        if step.terminated || truncated {
            out.final_observations[row].copy_from_slice(observation);
            self.end_film();
            self.episode = self.episode.wrapping_add(1);
            self.start(index, rule, observation)?;
        }
        Ok(())
    }

    /// Keeps a step for the pictures.
    #[inline]
    fn expose(&mut self, action: &[f32], step: Step) {
        if let Some(film) = &mut self.film {
            film.last = Some((action.to_vec(), step.reward));
        }
    }

    /// Keeps the picture of an episode's end.
    fn end_film(&mut self) {
        if let Some(film) = &mut self.film {
            film.end = self.env.scene(film.last());
        }
    }

    #[inline]
    fn check_observation(&self, env: usize, rule: &Rule, observation: &[f32]) -> Result<(), EnvError> {
        if rule.packed { Ok(()) } else { self.check("observation", env, observation) }
    }

    #[inline]
    fn check(&self, what: &str, env: usize, values: &[f32]) -> Result<(), EnvError> {
        // All at once, as vectors: a search that may stop at any of hundreds of numbers would take longer than a game's step.
        if values.iter().fold(true, |all, value| all & value.is_finite()) {
            return Ok(());
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(i) => Err(EnvError::NotFinite {
                env,
                episode: self.episode,
                step: self.steps,
                what: if what == "reward" { what.to_owned() } else { format!("{what}[{i}]") },
                value: values[i],
            }),
        }
    }
}

/// Steps the environments `first..first + slots.len()` in turn.
fn step_range<E: Env>(
    slots: &mut [Slot<E>],
    first: usize,
    rule: &Rule,
    actions: &[f32],
    mut out: StepBuffers<'_>,
) -> Result<(), EnvError> {
    for (k, slot) in slots.iter_mut().enumerate() {
        let action = &actions[k * rule.action_width..(k + 1) * rule.action_width];
        slot.step(first + k, k, rule, action, &mut out)?;
    }
    Ok(())
}

/// [`step_range`] on `threads` threads, by halves. Of several errors it returns that of the lowest environment.
fn step_forked<E: Env>(
    slots: &mut [Slot<E>],
    first: usize,
    rule: &Rule,
    actions: &[f32],
    out: StepBuffers<'_>,
    threads: usize,
) -> Result<(), EnvError> {
    if threads <= 1 {
        return step_range(slots, first, rule, actions, out);
    }
    let right_threads = threads / 2;
    let left_envs = slots.len() * (threads - right_threads) / threads;
    let (left, right) = slots.split_at_mut(left_envs);
    let (left_actions, right_actions) = actions.split_at(left_envs * rule.action_width);
    let (left_out, right_out) = out.split_at(left_envs, rule.observation_width);
    thread::scope(|scope| {
        let right =
            scope.spawn(|| step_forked(right, first + left_envs, rule, right_actions, right_out, right_threads));
        let left = step_forked(left, first, rule, left_actions, left_out, threads - right_threads);
        let right = right.join().unwrap_or_else(|payload| panic::resume_unwind(payload));
        left.and(right)
    })
}

impl<E: Env> VecEnv for Batch<E> {
    fn num_envs(&self) -> usize {
        self.slots.len()
    }

    fn observation_space(&self) -> &Space {
        &self.observation_space
    }

    fn action_space(&self) -> &Space {
        &self.action_space
    }

    fn solved_at(&self) -> Option<f32> {
        self.solved_at
    }

    fn continuing(&self) -> bool {
        self.continuing
    }

    fn builtin(&self) -> Option<&'static str> {
        self.builtin
    }

    fn action_mask_width(&self) -> usize {
        self.action_mask_width
    }

    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        let width = self.rule.observation_width;
        self.check_rows(&[("observations", observations.len(), width)]);
        (self.rule.seed, self.rule.first) = (seed, first);
        for (i, slot) in self.slots.iter_mut().enumerate() {
            (slot.episode, slot.total_steps) = (0, 0);
            slot.start(first as usize + i, &self.rule, &mut observations[i * width..(i + 1) * width])?;
        }
        Ok(())
    }

    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.check_rows(&[
            ("actions", actions.len(), self.rule.action_width),
            ("observations", out.observations.len(), self.rule.observation_width),
            ("final_observations", out.final_observations.len(), self.rule.observation_width),
            ("rewards", out.rewards.len(), 1),
            ("terminated", out.terminated.len(), 1),
            ("truncated", out.truncated.len(), 1),
        ]);
        if let Split::Threads(threads) = self.split {
            return step_forked(&mut self.slots, self.rule.first as usize, &self.rule, actions, out, threads);
        }
        let start = Instant::now();
        let result = step_range(&mut self.slots, self.rule.first as usize, &self.rule, actions, out);
        self.split.time(start.elapsed(), self.slots.len());
        result
    }

    fn step_active(&mut self, active: &[bool], actions: &[f32], mut out: StepBuffers<'_>) -> Result<(), EnvError> {
        let (first, width) = (self.rule.first as usize, self.rule.action_width);
        for (k, slot) in self.slots.iter_mut().enumerate().filter(|&(k, _)| active[k]) {
            slot.step(first + k, k, &self.rule, &actions[k * width..(k + 1) * width], &mut out)?;
        }
        Ok(())
    }

    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        let (first, width) = (self.rule.first as usize, self.rule.observation_width);
        for (k, slot) in self.slots.iter_mut().enumerate().filter(|&(k, _)| active[k]) {
            // An episode that has just begun by itself leaves the picture of the one before.
            if slot.steps > 0 {
                slot.end_film();
            }
            slot.episode = slot.episode.wrapping_add(1);
            slot.start(first + k, &self.rule, &mut observations[k * width..(k + 1) * width])?;
        }
        Ok(())
    }

    fn watch(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.film = Some(Box::default()));
    }

    fn picture(&mut self, env: usize, moment: Moment) -> Result<Option<Picture>, EnvError> {
        let Slot { env, film, .. } = &self.slots[env];
        let scene = match moment {
            Moment::Now => env.scene(film.as_ref().and_then(|film| film.last())),
            Moment::End => film.as_ref().and_then(|film| film.end.clone()),
        };
        Ok(scene.map(Picture::Scene))
    }

    fn frame_rate(&self) -> f32 {
        self.slots[0].env.frame_rate()
    }

    fn snapshot(&self) -> Snapshot {
        let states: Vec<f64> = self.slots.iter().flat_map(|slot| slot.env.state()).collect();
        Snapshot {
            seed: self.rule.seed,
            first: self.rule.first,
            state_width: states.len() / self.slots.len(),
            states,
            episodes: self.slots.iter().map(|slot| slot.episode).collect(),
            steps: self.slots.iter().map(|slot| slot.steps).collect(),
            total_steps: self.slots.iter().map(|slot| slot.total_steps).collect(),
        }
    }

    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        let (n, width, state_width) = (self.slots.len(), self.rule.observation_width, snapshot.state_width);
        self.check_rows(&[("observations", observations.len(), width)]);
        let lengths = [snapshot.episodes.len(), snapshot.steps.len(), snapshot.total_steps.len()];
        if lengths != [n; 3] || Some(snapshot.states.len()) != n.checked_mul(state_width) {
            return Err(EnvError::BadState(format!(
                "a snapshot of {} environments with {} numbers of state does not fit a batch of {n} with {state_width} each",
                lengths[0],
                snapshot.states.len(),
            )));
        }
        (self.rule.seed, self.rule.first) = (snapshot.seed, snapshot.first);
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let observation = &mut observations[i * width..(i + 1) * width];
            slot.env.set_state(&snapshot.states[i * state_width..(i + 1) * state_width], observation)?;
            slot.film.iter_mut().for_each(|film| film.last = None);
            slot.episode = snapshot.episodes[i];
            slot.steps = snapshot.steps[i];
            slot.total_steps = snapshot.total_steps[i];
            slot.check_observation(self.rule.first as usize + i, &self.rule, observation)?;
        }
        Ok(())
    }
}
