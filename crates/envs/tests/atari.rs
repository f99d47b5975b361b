//! The wrappers of Atari games against CleanRL's, frame by frame: `scripts/record_atari.py` recorded what a game gave and what those
//! wrappers made of it.

use serde::Deserialize;
use striatum_envs::wrappers::{WrapperSettings, wrap};
use striatum_envs::{EnvError, Pixel, Snapshot, Space, StepBuffers, VecEnv};

#[derive(Deserialize)]
struct Fixture {
    seed: u64,
    noop_max: u32,
    palette: Vec<[u8; 3]>,
    size: [usize; 2],
    names: Vec<String>,
    envs: Vec<Recorded>,
    resizes: Vec<Resized>,
}

#[derive(Deserialize)]
struct Recorded {
    /// Of the first observation.
    first: String,
    /// Action, reward, ends, hashes of the observation and of the last one of an episode.
    steps: Vec<(u32, f32, u8, u8, String, Option<String>)>,
    calls: Vec<Call>,
}

/// Action (-1 is a reset), reward, terminated, truncated, lives.
type Call = (i32, f32, u8, u8, u32);

#[derive(Deserialize)]
struct Resized {
    channels: usize,
    from: [usize; 2],
    to: [usize; 2],
    seed: u32,
    hash: String,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/atari.json")).unwrap()
}

fn fnv(row: &[f32], bytes: usize) -> String {
    let bytes = bytemuck::cast_slice::<f32, u8>(row)[..bytes].iter();
    let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    format!("{hash:016x}")
}

/// The raw frames, one after the other, as rows of packed channels.
struct Frames {
    packed: std::slice::Iter<'static, u8>,
    palette: Vec<[u8; 3]>,
    indices: Vec<u8>,
}

impl Frames {
    fn number(&mut self) -> usize {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = *self.packed.next().unwrap();
            number |= usize::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        number
    }

    fn next(&mut self) -> Vec<f32> {
        let mut at = self.number();
        while at < self.indices.len() {
            let count = self.number();
            self.indices[at..at + count].iter_mut().for_each(|index| *index = *self.packed.next().unwrap());
            at += count + self.number();
        }
        let planes = (0..3).flat_map(|channel| self.indices.iter().map(move |&index| (channel, index)));
        let bytes: Vec<u8> = planes.map(|(channel, index)| self.palette[usize::from(index)][channel]).collect();
        let mut row = vec![0.0; bytes.len() / 4];
        bytemuck::cast_slice_mut(&mut row).copy_from_slice(&bytes);
        row
    }
}

/// Plays recorded calls, and refuses others.
struct Replay {
    calls: Vec<Vec<Call>>,
    frames: Vec<Vec<Vec<f32>>>,
    /// The next call of each environment.
    next: Vec<usize>,
    lives: Vec<u32>,
    names: Vec<String>,
    observations: Space,
    actions: Space,
}

impl Replay {
    fn new(fixture: &Fixture) -> Self {
        let [height, width] = fixture.size;
        let mut frames = Frames {
            packed: include_bytes!("fixtures/atari.bin").iter(),
            palette: fixture.palette.clone(),
            indices: vec![0; height * width],
        };
        Self {
            calls: fixture.envs.iter().map(|env| env.calls.clone()).collect(),
            frames: fixture.envs.iter().map(|env| env.calls.iter().map(|_| frames.next()).collect()).collect(),
            next: vec![0; fixture.envs.len()],
            lives: vec![0; fixture.envs.len()],
            names: fixture.names.clone(),
            observations: Space::Image { channels: 3, height, width, pixel: Pixel::Byte },
            actions: Space::Discrete { n: fixture.names.len() },
        }
    }

    /// What the next call of `env` gave, which must be of this action.
    fn call(&mut self, env: usize, action: i32, row: &mut [f32]) -> (f32, u8, u8) {
        let (taken, reward, terminated, truncated, lives) = self.calls[env][self.next[env]];
        assert_eq!(action, taken, "call {} of environment {env}", self.next[env]);
        row.copy_from_slice(&self.frames[env][self.next[env]]);
        self.next[env] += 1;
        self.lives[env] = lives;
        (reward, terminated, truncated)
    }
}

impl VecEnv for Replay {
    fn num_envs(&self) -> usize {
        self.calls.len()
    }

    fn observation_space(&self) -> &Space {
        &self.observations
    }

    fn action_space(&self) -> &Space {
        &self.actions
    }

    fn solved_at(&self) -> Option<f32> {
        None
    }

    fn lives(&self) -> Option<&[u32]> {
        Some(&self.lives)
    }

    fn action_names(&self) -> &[String] {
        &self.names
    }

    fn reset(&mut self, _: u64, _: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        self.reset_active(&vec![true; self.num_envs()], observations)
    }

    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.step_active(&vec![true; self.num_envs()], actions, out)
    }

    fn step_active(&mut self, active: &[bool], actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        let width = self.observations.width();
        for env in (0..active.len()).filter(|&env| active[env]) {
            let row = env * width..(env + 1) * width;
            let (reward, terminated, truncated) =
                self.call(env, actions[env] as i32, &mut out.observations[row.clone()]);
            out.rewards[env] = reward;
            (out.terminated[env], out.truncated[env]) = (f32::from(terminated), f32::from(truncated));
            if terminated + truncated > 0 {
                out.final_observations[row.clone()].copy_from_slice(&out.observations[row.clone()]);
                self.call(env, -1, &mut out.observations[row]);
            }
        }
        Ok(())
    }

    fn reset_active(&mut self, active: &[bool], observations: &mut [f32]) -> Result<(), EnvError> {
        let width = self.observations.width();
        for env in (0..active.len()).filter(|&env| active[env]) {
            self.call(env, -1, &mut observations[env * width..][..width]);
        }
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    fn restore(&mut self, _: &Snapshot, _: &mut [f32]) -> Result<(), EnvError> {
        Ok(())
    }
}

#[test]
fn every_frame_is_cleanrl_s() {
    const BYTES: usize = 4 * 84 * 84;
    const WIDTH: usize = BYTES / 4;
    let fixture = fixture();
    let count = fixture.envs.len();
    let settings = WrapperSettings { noop_max: fixture.noop_max, ..WrapperSettings::atari() };
    let mut envs = wrap(Box::new(Replay::new(&fixture)), &settings).unwrap();
    assert_eq!(envs.observation_space(), &Space::Image { channels: 4, height: 84, width: 84, pixel: Pixel::Byte });
    let (mut observations, mut final_observations) = (vec![0.0; count * WIDTH], vec![0.0; count * WIDTH]);
    let [mut rewards, mut terminated, mut truncated] = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
    let (mut returns, mut games, mut finals) = (vec![0.0; count], vec![vec![]; count], 0);

    envs.reset(fixture.seed, 0, &mut observations).unwrap();
    for (env, recorded) in fixture.envs.iter().enumerate() {
        assert_eq!(fnv(&observations[env * WIDTH..][..WIDTH], BYTES), recorded.first, "first of {env}");
    }
    for step in 0..fixture.envs[0].steps.len() {
        let actions: Vec<f32> = fixture.envs.iter().map(|env| env.steps[step].0 as f32).collect();
        let out = StepBuffers {
            observations: &mut observations,
            rewards: &mut rewards,
            terminated: &mut terminated,
            truncated: &mut truncated,
            final_observations: &mut final_observations,
        };
        envs.step(&actions, out).unwrap();
        let account = envs.account().unwrap();
        for (env, recorded) in fixture.envs.iter().enumerate() {
            let (_, reward, ends, cut, observation, last) = &recorded.steps[step];
            let flags = (f32::from(*ends), f32::from(*cut));
            assert_eq!((rewards[env], (terminated[env], truncated[env])), (*reward, flags), "step {step} of {env}");
            let row = env * WIDTH..(env + 1) * WIDTH;
            assert_eq!(&fnv(&observations[row.clone()], BYTES), observation, "step {step} of {env}");
            if let (true, Some(last)) = (ends + cut > 0, last) {
                assert_eq!(&fnv(&final_observations[row], BYTES), last, "end at step {step} of {env}");
                finals += 1;
            }
            returns[env] += account.rewards[env];
            if account.ends[env] > 0.0 {
                games[env].push(std::mem::take(&mut returns[env]));
            }
        }
    }
    for (env, recorded) in fixture.envs.iter().enumerate() {
        let ended = recorded.calls.split_inclusive(|call| call.2 + call.3 > 0);
        let played: Vec<f32> = ended.map(|game| game.iter().map(|call| call.1).sum()).collect();
        assert_eq!(games[env], played[..games[env].len()], "returns of {env}");
        assert_eq!(games[env].len(), recorded.calls.iter().filter(|call| call.2 + call.3 > 0).count());
    }
    assert!(finals > 5 && games.iter().all(|games| !games.is_empty()), "{finals} last frames, games {games:?}");
}

/// One frame that never changes.
struct Still(Space, Vec<f32>);

impl VecEnv for Still {
    fn num_envs(&self) -> usize {
        1
    }

    fn observation_space(&self) -> &Space {
        &self.0
    }

    fn action_space(&self) -> &Space {
        &Space::Discrete { n: 1 }
    }

    fn solved_at(&self) -> Option<f32> {
        None
    }

    fn reset(&mut self, _: u64, _: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        observations.copy_from_slice(&self.1);
        Ok(())
    }

    fn step(&mut self, _: &[f32], _: StepBuffers<'_>) -> Result<(), EnvError> {
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    fn restore(&mut self, _: &Snapshot, _: &mut [f32]) -> Result<(), EnvError> {
        Ok(())
    }
}

/// Bytes 1 and 3 of the words of a linear congruential generator.
fn picture(size: usize, seed: u32) -> Vec<f32> {
    let mut x = seed;
    let bytes: Vec<u8> = (0..size.div_ceil(2))
        .flat_map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [(x >> 8) as u8, (x >> 24) as u8]
        })
        .collect();
    let mut row = vec![0.0; size.div_ceil(4)];
    bytemuck::cast_slice_mut(&mut row)[..size].copy_from_slice(&bytes[..size]);
    row
}

#[test]
fn pictures_of_any_size_become_opencv_s() {
    for Resized { channels, from, to, seed, hash } in fixture().resizes {
        let space = Space::Image { channels, height: from[0], width: from[1], pixel: Pixel::Byte };
        let still = Still(space, picture(channels * from[0] * from[1], seed));
        let settings = WrapperSettings { resize: to.to_vec(), ..Default::default() };
        let mut envs = wrap(Box::new(still), &settings).unwrap();
        let bytes = channels * to[0] * to[1];
        let mut seen = vec![f32::NAN; bytes.div_ceil(4)];
        envs.reset(0, 0, &mut seen).unwrap();
        assert_eq!(fnv(&seen, bytes), hash, "{channels} x {from:?} to {to:?}");
        let filled = bytemuck::cast_slice::<f32, u8>(&seen)[bytes..].iter().all(|&byte| byte == 0);
        assert!(filled, "the last number is filled up with zeros");
    }
}
