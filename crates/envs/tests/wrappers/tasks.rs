//! Tasks that show what wrappers did to them.

use striatum_envs::{Batch, Env, EnvError, Pixel, Snapshot, Space, Step, StepBuffers, Stream, VecEnv};

/// A clock of bytes: its picture of 2 x 2 is the episode, the step, the last action and a byte that blinks. It ends after so many steps of
/// each episode, with these rewards in turn.
#[derive(Clone, Debug)]
pub struct Clock {
    pub ends_after: &'static [u32],
    pub rewards: &'static [f32],
    pub truncates: bool,
    pub episode: u32,
    pub step: u32,
    pub action: u8,
}

impl Clock {
    pub fn new(ends_after: &'static [u32]) -> Self {
        Self { ends_after, rewards: &[1.0], truncates: false, episode: u32::MAX, step: 0, action: 0 }
    }

    pub fn show(&self, observation: &mut [f32]) {
        let blink = if self.step.is_multiple_of(2) { 200 } else { 100 };
        observation.copy_from_slice(&packed([self.episode as u8, self.step as u8, self.action, blink]));
    }
}

/// Four bytes as a row.
fn packed(bytes: [u8; 4]) -> [f32; 1] {
    [f32::from_bits(u32::from_le_bytes(bytes))]
}

impl Env for Clock {
    fn observation_space(&self) -> Space {
        Space::Image { channels: 1, height: 2, width: 2, pixel: Pixel::Byte }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 4 }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.episode = self.episode.wrapping_add(1);
        (self.step, self.action) = (0, 0);
        self.show(observation);
    }

    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let reward = self.rewards[self.step as usize % self.rewards.len()];
        self.step += 1;
        self.action = action[0] as u8;
        self.show(observation);
        let ends = self.step >= self.ends_after[self.episode as usize % self.ends_after.len()];
        Step { reward, terminated: ends && !self.truncates, truncated: ends && self.truncates }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.episode.into(), self.step.into(), self.action.into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        (self.episode, self.step, self.action) = (state[0] as u32, state[1] as u32, state[2] as u8);
        self.show(observation);
        Ok(())
    }
}

/// A batch that counts lives: 3 at the start, one less every so many steps; and that names its actions.
pub struct Lives {
    inner: Box<dyn VecEnv>,
    every: u32,
    left: Vec<u32>,
    pub names: Vec<String>,
}

impl Lives {
    pub fn new(inner: impl VecEnv + 'static, every: u32) -> Self {
        let names = ["NOOP", "FIRE", "RIGHT", "LEFT"].map(str::to_owned).to_vec();
        Self { left: vec![3; inner.num_envs()], inner: Box::new(inner), every, names }
    }

    pub fn count(&mut self) {
        let steps = self.inner.snapshot().steps;
        self.left = steps.iter().map(|step| 3_u32.saturating_sub(step / self.every)).collect();
    }
}

impl VecEnv for Lives {
    fn num_envs(&self) -> usize {
        self.inner.num_envs()
    }

    fn observation_space(&self) -> &Space {
        self.inner.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.inner.action_space()
    }

    fn solved_at(&self) -> Option<f32> {
        Some(7.0)
    }

    fn lives(&self) -> Option<&[u32]> {
        Some(&self.left)
    }

    fn action_names(&self) -> &[String] {
        &self.names
    }

    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        self.inner.reset(seed, first, observations)?;
        self.count();
        Ok(())
    }

    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.inner.step(actions, out)?;
        self.count();
        Ok(())
    }

    fn step_active(&mut self, active: &[bool], actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.inner.step_active(active, actions, out)?;
        self.count();
        Ok(())
    }

    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        self.inner.reset_active(active, observations)?;
        self.count();
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        self.inner.restore(snapshot, observations)?;
        self.count();
        Ok(())
    }
}

pub fn clock(count: usize, ends_after: &'static [u32]) -> Batch<Clock> {
    clock_of(count, Clock::new(ends_after))
}

pub fn clock_of(count: usize, clock: Clock) -> Batch<Clock> {
    Batch::new(count, || clock.clone()).unwrap()
}

/// Shows its action, which lies between -2 and 6.
#[derive(Clone, Debug, Default)]
pub struct Echo;

impl Env for Echo {
    fn observation_space(&self) -> Space {
        Space::uniform_box(2, -2.0, 6.0)
    }

    fn action_space(&self) -> Space {
        Space::Box { low: vec![-2.0, -f32::MAX], high: vec![6.0, f32::MAX] }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        observation.copy_from_slice(&[-2.0, 6.0]);
    }

    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        observation.copy_from_slice(action);
        Step { reward: 0.0, terminated: false, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![0.0]
    }

    fn set_state(&mut self, _: &[f64], _: &mut [f32]) -> Result<(), EnvError> {
        Ok(())
    }
}

/// Pictures of bytes in any number of channels, whose bytes count up from the step.
#[derive(Clone, Debug)]
pub struct Film {
    space: Space,
    count: usize,
    step: u32,
}

impl Film {
    pub fn new(channels: usize, height: usize, width: usize) -> Self {
        let space = Space::Image { channels, height, width, pixel: Pixel::Byte };
        Self { space, count: channels * height * width, step: 0 }
    }

    pub fn show(&self, observation: &mut [f32]) {
        let bytes = bytemuck::cast_slice_mut::<f32, u8>(observation);
        bytes.fill(0);
        bytes[..self.count].iter_mut().zip(self.step as u8..).for_each(|(byte, value)| *byte = value);
    }
}

impl Env for Film {
    fn observation_space(&self) -> Space {
        self.space.clone()
    }

    fn action_space(&self) -> Space {
        Space::MultiBinary { n: 2 }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.step = 0;
        self.show(observation);
    }

    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        self.step += 1;
        self.show(observation);
        Step { reward: 1.0, terminated: self.step >= 4, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.step.into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.step = state[0] as u32;
        self.show(observation);
        Ok(())
    }
}

pub fn film(count: usize, channels: usize, height: usize, width: usize) -> Batch<Film> {
    Batch::new(count, || Film::new(channels, height, width)).unwrap()
}

/// Choices in turn.
#[derive(Clone, Debug)]
pub struct Choices(pub Space, pub Vec<f32>);

impl Env for Choices {
    fn observation_space(&self) -> Space {
        self.0.clone()
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        observation.copy_from_slice(&self.1);
    }

    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        observation.copy_from_slice(&self.1);
        Step { reward: 0.0, terminated: false, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![0.0]
    }

    fn set_state(&mut self, _: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        observation.copy_from_slice(&self.1);
        Ok(())
    }
}
