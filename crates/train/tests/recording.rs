//! Recordings: GIFs that show what happened, and errors.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use striatum_envs::{Batch, Env, EnvError, Frame, LastStep, Scene, Space, Step, Stream, VecEnv};
use striatum_train::TrainError;
use striatum_train::actor::Choice;
use striatum_train::config::{Config, DeviceChoice, EngineChoice, Request};
use striatum_train::picture::draw;
use striatum_train::recording::{Ending, Recording, RecordingError, Style};
use striatum_train::run::{RunOptions, train};
use striatum_train::saved::{SavedPolicy, Which};
use striatum_train::show::{Program, Score};

/// The frames of a GIF as they are seen, and how long each is, in hundredths of a second.
fn decoded(path: &Path) -> Vec<(Frame, u16)> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(File::open(path).unwrap()).unwrap();
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let mut seen = Frame { width, height, rgb: vec![0; width * height * 3] };
    let mut frames = Vec::new();
    while let Some(part) = decoder.read_next_frame().unwrap() {
        let (left, top) = (usize::from(part.left), usize::from(part.top));
        for (i, rgba) in part.buffer.chunks_exact(4).enumerate().filter(|(_, rgba)| rgba[3] > 0) {
            let (y, x) = (top + i / usize::from(part.width), left + i % usize::from(part.width));
            seen.rgb[3 * (y * width + x)..][..3].copy_from_slice(&rgba[..3]);
        }
        frames.push((seen.clone(), part.delay));
    }
    frames
}

fn frame(width: usize, height: usize, color: impl Fn(usize, usize) -> [u8; 3]) -> Frame {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Frame { width, height, rgb: places.flat_map(|(x, y)| color(x, y)).collect() }
}

#[test]
fn a_gif_shows_the_very_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.GIF");
    let dot =
        |at: (usize, usize)| frame(20, 10, move |x, y| if (x, y) == at { [255, 0, 0] } else { [x as u8, y as u8, 7] });
    // The fourth is the third again.
    let frames = [dot((3, 4)), dot((19, 9)), dot((0, 0)), dot((0, 0))];
    let mut recording = Recording::create(&path, Some(30.0)).unwrap();
    for (frame, times) in frames.iter().zip([1, 1, 1, 16]) {
        recording.add(frame, times, 50.0).unwrap();
    }
    assert!(!path.exists(), "it is not whole yet");
    recording.finish().unwrap();
    let (shown, delays): (Vec<_>, Vec<_>) = decoded(&path).into_iter().unzip();
    assert_eq!(shown, frames);
    // The begins at 30 a second are at 3.33, 6.67 and 10 hundredths.
    assert_eq!(delays, [3, 4, 3, 53]);
}

#[test]
fn many_colours_become_256_that_are_near() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.gif");
    let before = frame(64, 64, |_, _| [9, 9, 9]);
    let smooth = frame(64, 64, |x, y| [4 * x as u8, 4 * y as u8, 2 * (x + y) as u8]);
    let mut recording = Recording::create(&path, None).unwrap();
    recording.add(&before, 1, 200.0).unwrap();
    recording.add(&smooth, 1, 200.0).unwrap();
    recording.finish().unwrap();
    let frames = decoded(&path);
    assert_eq!((&frames[0].0, frames[0].1), (&before, 2), "viewers slow down what is faster than 50 a second");
    let errors = frames[1].0.rgb.iter().zip(&smooth.rgb).map(|(&a, &b)| u32::from(a.abs_diff(b)));
    let mean = f64::from(errors.sum::<u32>()) / smooth.rgb.len() as f64;
    assert!(mean < 8.0, "{mean}");
}

#[test]
fn a_recording_that_cannot_be_made_says_why_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |name: &str, rate| Recording::create(&folder.path().join(name), rate).err().unwrap().to_string();
    assert!(fails("out.avi", None).contains("ends with .gif or .mp4"));
    assert!(fails("none/out.gif", None).contains("cannot be written"));
    assert!(fails("out.gif", Some(60.0)).contains("at most 50 frames a second"));
    std::fs::create_dir(folder.path().join("folder.gif")).unwrap();
    assert!(fails("folder.gif", None).contains("it is a folder"));

    let mut recording = Recording::create(&folder.path().join("out.gif"), None).unwrap();
    recording.add(&frame(4, 4, |_, _| [0; 3]), 1, 30.0).unwrap();
    let error = recording.add(&frame(5, 4, |_, _| [0; 3]), 1, 30.0).unwrap_err();
    assert!(error.to_string().contains("change their size"), "{error}");
    drop(recording);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["folder.gif"]);
}

/// Counts to three, then ends; draws as many squares as it has counted, or nothing.
#[derive(Clone)]
struct Count {
    draws: bool,
    n: u8,
}

impl Env for Count {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 3.0)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        (self.n, observation[0]) = (0, 0.0);
    }
    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        self.n += 1;
        observation[0] = self.n.into();
        Step { reward: self.n.into(), terminated: self.n == 3, truncated: false }
    }
    fn state(&self) -> Vec<f64> {
        vec![self.n.into()]
    }
    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        (self.n, observation[0]) = (state[0] as u8, state[0] as f32);
        Ok(())
    }
    fn scene(&self, _: Option<LastStep<'_>>) -> Option<Scene> {
        self.draws.then(|| scene(self.n))
    }
    fn frame_rate(&self) -> f32 {
        10.0
    }
}

fn scene(n: u8) -> Scene {
    let mut scene = Scene::new(200.0, 40.0, [255; 3]);
    (0..n).for_each(|i| scene.rectangle([5.0 + 40.0 * f64::from(i), 5.0], [30.0, 30.0], [0; 3]));
    scene
}

fn batches(draws: bool) -> impl Fn(usize) -> Result<Box<dyn VecEnv>, TrainError> {
    move |count| Ok(Box::new(Batch::new(count, || Count { draws, n: 0 })?))
}

/// A short run's policy, and what is left to record with it.
fn trained() -> SavedPolicy {
    let sets = ["total_steps=256", "device=cpu", "ppo.num_steps=8"].map(str::to_owned).to_vec();
    let config = Config::resolve(&Request { task: "CartPole-v1".to_owned(), sets, ..Default::default() }).unwrap();
    let config = Config { task: "Count".to_owned(), ..config };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let options = RunOptions { out: out.clone(), stop_after: None, interrupted: &AtomicBool::new(false), quiet: true };
    train(config, &batches(true), &options).unwrap();
    SavedPolicy::load(&out, Which::Latest).unwrap()
}

fn program(episodes: usize) -> Program {
    let engine = (DeviceChoice::Cpu, EngineChoice::Fused);
    Program { engine, choice: Choice::Deterministic, seed: 0, episodes }
}

#[test]
fn episodes_are_recorded_from_their_start_to_their_end() {
    let saved = trained();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.gif");
    let record = |episodes, most_frames, caption, interrupted| {
        let recording = Recording::create(&path, None).unwrap();
        let style = Style { caption, most_frames };
        saved.record(&batches(true), program(episodes), recording, style, &AtomicBool::new(interrupted)).unwrap()
    };
    let recorded = record(2, 100, false, false);
    assert_eq!((recorded.frames, recorded.ending), (8, Ending::Whole));
    assert_eq!(recorded.episodes, [Score { total: 6.0, length: 3 }; 2]);
    let (frames, delays): (Vec<_>, Vec<_>) = decoded(&path).into_iter().unzip();
    let expected: Vec<_> = [0, 1, 2, 3, 0, 1, 2, 3].map(|n| draw(&scene(n), 1.0)).to_vec();
    assert_eq!(frames, expected, "the end is there before the next start");
    assert_eq!(delays, [10, 10, 10, 60, 10, 10, 10, 60]);

    // A caption adds a strip and leaves the picture as it is.
    record(1, 100, true, false);
    let captioned = decoded(&path);
    assert_eq!(captioned.len(), 4);
    for ((frame, _), expected) in captioned.iter().zip(&expected) {
        assert!(frame.height > expected.height && frame.rgb.starts_with(&expected.rgb));
    }
    let strip = |frame: &Frame| frame.rgb[expected[0].rgb.len()..].to_vec();
    assert_ne!(strip(&captioned[0].0), strip(&captioned[1].0), "return and step are others");

    let cut = record(2, 6, false, false);
    assert_eq!((cut.frames, cut.ending, cut.episodes.len(), decoded(&path).len()), (6, Ending::Full, 1, 6));
    let exact = record(2, 8, false, false);
    assert_eq!((exact.frames, exact.ending), (8, Ending::Whole));
    let stopped = record(2, 100, false, true);
    assert_eq!((stopped.frames, stopped.ending, decoded(&path).len()), (1, Ending::Interrupted, 1));
}

#[test]
fn a_task_that_draws_nothing_is_refused() {
    let saved = trained();
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::create(&folder.path().join("out.gif"), None).unwrap();
    let style = Style { caption: false, most_frames: 10 };
    let error = saved.record(&batches(false), program(1), recording, style, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(&error, TrainError::Recording(RecordingError::NoPicture { task }) if task == "Count"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
