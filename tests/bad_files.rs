//! Bad folders, disks, checkpoints and environments: a clear error, and what was saved before stays.

mod common;

use common::{Outcome, checkpoint, command, config, latest, metrics, striatum, train};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use striatum::envs::{Env, EnvError, Space, Step, Stream};
use striatum::train::TrainError;
use tempfile::{TempDir, tempdir};

const SHORT: &str = "CartPole-v1 --quiet --device cpu --total-steps 512 --num-envs 4 --set ppo.num_steps=32 \
    --set ppo.minibatches=4 --set eval.episodes=2";

/// A run that was stopped half way, so that it has a latest checkpoint and more to do.
fn half_a_run() -> (TempDir, PathBuf) {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    train(&format!("{SHORT} --stop-after 256"), &run).ok();
    (folder, run)
}

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push((path.clone(), fs::read(&path).expect("a file")))
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_folder_that_cannot_be_made_or_is_taken() {
    let (folder, run) = half_a_run();
    let file = folder.path().join("file");
    fs::write(&file, "mine").expect("a file");
    for out in [file.join("run"), file.clone()] {
        train(SHORT, &out).refused(&["cannot be written", "give another `--out`"]);
    }
    assert_eq!(fs::read(&file).expect("a file"), b"mine");

    let before = contents(&run);
    train(SHORT, &run).refused(&["holds a run already", "striatum resume", "`--out`"]);
    assert!(contents(&run) == before, "a run was overwritten");

    // A run that is under way, or was killed before its first checkpoint.
    fs::remove_file(latest(&run)).expect("removed");
    let before = contents(&run);
    train(SHORT, &run).refused(&["holds a run already", "no checkpoint", "`--out`"]);
    assert!(contents(&run) == before, "a run was overwritten");
}

/// What is wrong with a checkpoint's bytes, and what the message has to say about it.
fn broken_checkpoints(good: &[u8]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let at = |text: &str| good.windows(text.len()).position(|part| part == text.as_bytes()).expect("in the header");
    let replaced = |from: &str, to: &str| {
        let mut bytes = good.to_vec();
        bytes[at(from)..][..to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let flipped = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x10;
        bytes
    };
    let tensor = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).expect("a tensor");
    let foreign = safetensors::serialize([("weight", tensor)], None).expect("a file");
    vec![
        ("empty", Vec::new(), "truncated"),
        ("cut in the header", good[..100].to_vec(), "truncated"),
        ("cut in the data", good[..good.len() - 1].to_vec(), "truncated"),
        ("a bit of the data", flipped(good.len() - 3), "corrupted"),
        ("a bit of the configuration", flipped(at("learning_rate") + 2), "corrupted"),
        ("longer", [good, b"more"].concat(), "corrupted"),
        ("text", b"these are not the weights you are looking for".to_vec(), "not a Striatum checkpoint"),
        ("someone else's", foreign, "not a Striatum checkpoint"),
        ("of the future", replaced("\"format_version\":\"1\"", "\"format_version\":\"9\""), "format version 9"),
    ]
}

#[test]
fn checkpoints_that_are_none() {
    let (folder, run) = half_a_run();
    fs::copy(latest(&run), run.join("checkpoints/best.safetensors")).expect("a copy");
    let good = fs::read(latest(&run)).expect("a checkpoint");
    let policy = folder.path().join("policy");
    for (name, bytes, part) in broken_checkpoints(&good) {
        for file in ["latest", "best"] {
            fs::write(run.join(format!("checkpoints/{file}.safetensors")), &bytes).expect("written");
        }
        let before = contents(&run);
        let parts = &[part, "safetensors`"];
        striatum("resume", &[&run]).refused(parts);
        striatum("resume --total-steps 1024", &[&run]).refused(parts);
        striatum("eval", &[&run]).refused(parts);
        striatum("eval --checkpoint latest", &[&run]).refused(parts);
        striatum("eval", &[&latest(&run)]).refused(parts);
        striatum("export --format onnx -o", &[&policy, &run]).refused(parts);
        assert!(contents(&run) == before && !policy.exists(), "{name}: something was written");
    }

    for file in ["latest", "best"] {
        fs::remove_file(run.join(format!("checkpoints/{file}.safetensors"))).expect("removed");
    }
    for (args, run) in [("resume", &run), ("eval", &run), ("eval", &folder.path().join("absent"))] {
        striatum(args, &[run]).refused(&["there is no checkpoint", "give the folder of a run"]);
    }
    striatum("resume", &[&folder.path().join("absent")]).refused(&["holds no run", "striatum train"]);
    striatum("resume", &[folder.path()]).refused(&["holds no run", "striatum train"]);

    // The file is whole again, and so is the run.
    fs::write(latest(&run), good).expect("written");
    striatum("resume --quiet", &[&run]).ok();
    assert_eq!(checkpoint(&run).counters["steps"], 512);
}

/// A disk with no room, for one process: no file may grow beyond this many KiB, and a write beyond is an error.
#[cfg(unix)]
fn with_full_disk(kibibytes: u32, arguments: &str, path: &Path) -> Outcome {
    let script = format!("ulimit -f {kibibytes} && trap '' XFSZ && exec \"$0\" {arguments} \"$1\"");
    let binary = env!("CARGO_BIN_EXE_striatum");
    std::process::Command::new("bash").args(["-c", &script, binary]).arg(path).output().expect("bash runs").into()
}

#[cfg(unix)]
#[test]
fn a_full_disk_keeps_the_checkpoint_before() {
    let (folder, run) = half_a_run();
    let straight = folder.path().join("straight");
    train(SHORT, &straight).ok();
    let good = fs::read(latest(&run)).expect("a checkpoint");
    assert!(good.len() > 20 * 1024, "the limit below has to lie under the checkpoint's {} bytes", good.len());

    with_full_disk(16, "resume --quiet", &run).refused(&["safetensors` cannot be written", "free some space"]);
    assert!(fs::read(latest(&run)).expect("a checkpoint") == good, "the checkpoint was touched");
    let litter = contents(&run.join("checkpoints"));
    assert_eq!(litter.len(), 1, "{:?}", litter.iter().map(|(path, _)| path).collect::<Vec<_>>());

    striatum("resume --quiet", &[&run]).ok();
    assert!(checkpoint(&run).tensors == checkpoint(&straight).tensors);
    let steps: Vec<_> = metrics(&run, "iteration").iter().map(|line| line["step"].as_u64()).collect();
    assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_at_the_start_is_an_error() {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    let outcome = with_full_disk(1, &format!("train {SHORT} --out"), &run);
    outcome.refused(&["cannot be written", "give another `--out`"]);
    assert!(!latest(&run).exists());
    // Room again: the folder is as good as new.
    train(SHORT, &run).ok();
}

/// Counts the environments, and gives a number that is not finite in one of them.
struct Faulty {
    index: usize,
    step: u32,
    fault: Fault,
}

#[derive(Clone, Copy)]
enum Fault {
    Reward,
    Observation,
    Reset,
}

const FAULTY_ENV: usize = 2;
const FAULTY_STEP: u32 = 5;

impl Env for Faulty {
    fn observation_space(&self) -> Space {
        Space::uniform_box(2, -1.0, 1.0)
    }
    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }
    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        self.step = 0;
        observation.fill(0.0);
        if self.index == FAULTY_ENV && matches!(self.fault, Fault::Reset) {
            observation[0] = f32::NAN;
        }
    }
    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        self.step += 1;
        observation.fill(0.1);
        let faulty = self.index == FAULTY_ENV && self.step == FAULTY_STEP;
        let reward = if faulty && matches!(self.fault, Fault::Reward) { f32::NAN } else { 1.0 };
        if faulty && matches!(self.fault, Fault::Observation) {
            observation[1] = f32::INFINITY;
        }
        Step { reward, terminated: false, truncated: false }
    }
    fn state(&self) -> Vec<f64> {
        vec![f64::from(self.step)]
    }
    fn set_state(&mut self, state: &[f64], _: &mut [f32]) -> Result<(), EnvError> {
        self.step = state[0] as u32;
        Ok(())
    }
}

#[test]
fn a_task_of_ones_own_that_gives_nan_is_named() {
    for (fault, what, step) in [
        (Fault::Reward, "reward", FAULTY_STEP),
        (Fault::Observation, "observation[1]", FAULTY_STEP),
        (Fault::Reset, "observation[0]", 0),
    ] {
        let folder = tempdir().expect("a folder");
        let config = config("mine", &["num_envs=4", "total_steps=512", "ppo.num_steps=32", "ppo.minibatches=4"]);
        // The first environment is made to read its spaces; then come those to train in.
        let made = AtomicUsize::new(0);
        let make = || Faulty { index: made.fetch_add(1, Ordering::Relaxed).wrapping_sub(1), step: 0, fault };
        let error = striatum::train_task(config, make, &folder.path().join("run")).expect_err("it gave NaN");
        match &error {
            TrainError::Env(EnvError::NotFinite { env, step: at, what: which, .. }) => {
                assert_eq!((*env, *at, which.as_str()), (FAULTY_ENV, step, what));
            }
            other => panic!("{other}"),
        }
        let text = error.to_string();
        assert!(
            text.contains("environment 2") && text.contains(&format!("step {step}")) && text.contains(what),
            "{text}"
        );
    }
}

#[test]
fn a_task_of_ones_own_is_checked_like_any_other() {
    let folder = tempdir().expect("a folder");
    let mut config = config("mine", &["num_envs=4", "ppo.num_steps=32", "ppo.minibatches=4"]);
    config.ppo.minibatches = 5;
    let make = || Faulty { index: 0, step: 0, fault: Fault::Reward };
    let error = striatum::train_task(config, make, &folder.path().join("run")).expect_err("5 does not divide 128");
    assert!(error.to_string().contains("`ppo.minibatches` (5) must divide"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

/// What went wrong on the way is not what the user typed: exit code 1.
#[test]
fn an_update_that_diverges_is_an_error() {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    let outcome = train(&format!("{SHORT} --set ppo.learning_rate=1e38 --set ppo.max_grad_norm=1e38"), &run);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    for part in ["the gradient is not finite", "optimiser step", "`learning_rate`"] {
        assert!(outcome.stderr.contains(part), "{outcome:?}");
    }
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
}

/// Everything that a run needs lies in its folder, wherever that is.
#[test]
fn a_run_that_was_moved_goes_on() {
    let (folder, run) = half_a_run();
    let moved = folder.path().join("moved");
    fs::rename(&run, &moved).expect("moved");
    striatum("resume --quiet", &[&moved]).ok();
    assert_eq!(checkpoint(&moved).counters["steps"], 512);
    assert!(!run.exists());
}

/// With no checkpoint of its best evaluation, the latest one is evaluated.
#[test]
fn a_run_without_an_evaluation_can_be_evaluated() {
    let (_folder, run) = half_a_run();
    let outcome: Outcome =
        command().args(["eval", "--json", "--episodes", "2"]).arg(&run).output().expect("it runs").into();
    assert_eq!(outcome.ok().json()["steps"], 256);
}
