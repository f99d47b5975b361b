//! Trained agents as somebody sees them: `striatum eval --record` and `striatum play`.

mod common;

use common::{Outcome, command, striatum, train};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

/// A short finished run of a task.
fn a_run(task: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    train(&format!("{task} --device cpu --total-steps 4096 --set eval.episodes=2 --quiet"), &run).ok();
    (folder, run)
}

/// `striatum eval RUN --record FILE` with these arguments.
fn record(run: &Path, file: &Path, args: &str) -> Outcome {
    let mut command = command();
    command.arg("eval").arg(run).args(args.split_whitespace()).arg("--record").arg(file);
    command.output().expect("the binary runs").into()
}

/// Width, height and number of frames of a GIF.
fn shape(path: &Path) -> (u16, u16, usize) {
    let mut decoder = gif::DecodeOptions::new().read_info(fs::File::open(path).expect("a file")).expect("a GIF");
    let mut frames = 0;
    while decoder.read_next_frame().expect("a frame").is_some() {
        frames += 1;
    }
    (decoder.width(), decoder.height(), frames)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_recorded_is_the_evaluation_of_the_same_seed() {
    let (folder, run) = a_run("CartPole-v1");
    let file = folder.path().join("out.gif");
    for stochastic in ["", "--stochastic"] {
        let result = record(&run, &file, &format!("--episodes 1 --seed 7 --json {stochastic}")).ok().json();
        let episode = &result["recording"]["episodes"][0];
        assert_eq!(episode["return"], result["mean_return"], "{result}");
        assert_eq!(f64::from(episode["length"].as_u64().expect("a length") as u32), result["mean_length"]);
        let frames = episode["length"].as_u64().expect("a length") as usize + 1;
        assert_eq!(shape(&file), (600, 400, frames));
        assert_eq!(result["recording"]["frames"], frames);
    }
    let said = record(&run, &file, "--episodes 1 --seed 7 --overlay --record-episodes 2").ok();
    assert_eq!(said.stdout.matches("recorded an episode of return ").count(), 2, "{said:?}");
    assert!(said.stdout.ends_with(&format!("wrote {}, {} frames\n", file.display(), shape(&file).2)), "{said:?}");
    assert!(shape(&file).1 > 400, "the caption has a strip of its own");

    let cut = record(&run, &file, "--episodes 1 --max-frames 3").ok();
    assert!(cut.stderr.contains("ends within an episode, at 3 frames; `--max-frames` allows more"), "{cut:?}");
    assert_eq!(shape(&file).2, 3);
    assert_eq!(names(folder.path()), ["out.gif", "run"]);
}

#[test]
fn recordings_that_cannot_be_are_refused_before_anything_is_played() {
    let (folder, run) = a_run("CartPole-v1");
    let inside = |name: &str| folder.path().join(name);
    // A million episodes would take long.
    let refused = |name: &str, args: &str, parts: &[&str]| {
        let outcome = record(&run, &inside(name), &format!("--episodes 1000000 {args}"));
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
        outcome.refused(parts);
    };
    refused("out.avi", "", &["out.avi", ".gif or .mp4"]);
    refused("out", "", &[".gif or .mp4"]);
    refused("none/out.gif", "", &["none/out.gif` cannot be written"]);
    refused("out.gif", "--fps 51", &["`--fps` up to 50", ".mp4"]);
    refused("out.gif", "--fps 0", &["--fps", "from 0.1 to 240"]);
    refused("out.gif", "--record-episodes 0", &["--record-episodes"]);
    refused("out.gif", "--max-frames 0", &["--max-frames"]);
    for alone in ["--fps 10", "--overlay", "--record-episodes 2", "--max-frames 9"] {
        striatum(&format!("eval {alone}"), &[&run]).refused(&["--record <FILE>"]);
    }
    assert_eq!(names(folder.path()), ["run"]);
}

#[test]
fn an_mp4_needs_ffmpeg() {
    let (folder, run) = a_run("CartPole-v1");
    let mut command = command();
    command.arg("eval").arg(&run).arg("--record").arg(folder.path().join("out.mp4")).env("PATH", folder.path());
    Outcome::from(command.output().expect("the binary runs")).refused(&["`ffmpeg`", "install it", ".gif"]);
    assert_eq!(names(folder.path()), ["run"]);
}

/// A script in place of ffmpeg; gives the folder that it is in.
#[cfg(unix)]
fn fake_ffmpeg(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    let path = bin.join("ffmpeg");
    fs::write(&path, format!("#!/bin/sh\n[ \"$1\" = -version ] && exit 0\nfor last; do :; done\n{script}\n"))
        .expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    bin
}

#[cfg(unix)]
#[test]
fn an_mp4_is_what_ffmpeg_makes_of_raw_frames() {
    let (folder, run) = a_run("CartPole-v1");
    let file = folder.path().join("out.mp4");
    let recorded = |script: &str| {
        let path =
            format!("{}:{}", fake_ffmpeg(folder.path(), script).display(), std::env::var("PATH").unwrap_or_default());
        let mut command = command();
        command.args(["eval", "--episodes", "1", "--fps", "20"]).arg(&run).arg("--record").arg(&file).env("PATH", path);
        Outcome::from(command.output().expect("the binary runs"))
    };
    let arguments = folder.path().join("arguments");
    let outcome = recorded(&format!("echo \"$@\" >{}; cat >\"$last\"", arguments.display())).ok();
    let given = fs::read_to_string(&arguments).expect("arguments");
    assert!(given.contains("-pixel_format rgb24 -video_size 600x400 -framerate 20 -i -"), "{given}");
    let frames: usize =
        outcome.stdout.rsplit(", ").next().and_then(|text| text.split(' ').next()?.parse().ok()).expect("frames");
    // The end stays half a second longer: ten frames of twenty a second.
    assert_eq!(fs::metadata(&file).expect("a file").len(), 600 * 400 * 3 * (frames as u64 + 10));

    let before = fs::read(&file).expect("a file");
    let failed = recorded("echo no such encoder >&2; exit 1");
    failed.refused(&["out.mp4` cannot be written", "`ffmpeg`: no such encoder"]);
    recorded("cat >/dev/null; echo disk full >&2; exit 3").refused(&["disk full"]);
    assert!(fs::read(&file).expect("a file") == before, "what was there before is kept");
    assert_eq!(names(folder.path()), ["arguments", "bin", "out.mp4", "run"]);
}

/// Steps that `striatum play` prints: return so far, value and TD error.
fn played(outcome: &Outcome) -> Vec<[f64; 3]> {
    let number = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name} "))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    let steps = outcome.stdout.lines().filter(|line| line.starts_with("step "));
    steps
        .map(|line| ["return", "value", "td_error"].map(|name| number(line, name).unwrap_or_else(|| panic!("{line}"))))
        .collect()
}

#[test]
fn without_a_terminal_play_prints_a_line_a_step_as_the_probe_sees_it() {
    // One ends in a terminal state, the other is cut, and its rewards are scaled.
    for (task, episodes) in [("CartPole-v1", 2), ("Pendulum-v1", 1)] {
        let (folder, run) = a_run(task);
        let args = format!("--episodes {episodes} --seed 3");
        let outcome = striatum(&format!("play {args}"), &[&run]).ok();
        assert!(!outcome.stdout.contains('\x1b') && outcome.stderr.is_empty(), "{outcome:?}");
        assert_eq!(outcome.stdout.matches("\nepisode ").count(), episodes, "{outcome:?}");
        let steps = played(&outcome);

        let out = folder.path().join("probe");
        // The probe plays episodes side by side, so that only the first is the same.
        command()
            .args(["dopamine", "probe", "--seed", "3"])
            .arg(&run)
            .arg("--out")
            .arg(&out)
            .output()
            .expect("the binary runs");
        let table = fs::read_to_string(out.join("probe.csv")).expect("a table");
        let header: Vec<&str> = table.lines().next().expect("a header").split(',').collect();
        let column =
            |name: &str| header.iter().position(|own| *own == name).unwrap_or_else(|| panic!("{name} in {header:?}"));
        let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert!(steps.len() >= rows.len() && rows.len() > 5);
        let mut total = 0.0;
        for (row, [sum, value, td_error]) in rows.iter().zip(steps) {
            let number = |name: &str| row[column(name)].parse::<f64>().expect("a number");
            total += number("reward");
            assert!((total - sum).abs() < 1e-3, "{total} {sum}");
            assert!((number("value") - value).abs() < 1e-4 && (number("td_error") - td_error).abs() < 1e-4, "{row:?}");
        }
    }
}

#[test]
fn play_refuses_what_it_cannot_do() {
    let folder = tempdir().expect("a folder");
    striatum("play", &[folder.path()]).refused(&["holds no run"]);
    striatum("play", &[&folder.path().join("none")]).refused(&["none"]);
    let (_folder, run) = a_run("CartPole-v1");
    for (args, part) in
        [("--speed 0", "from 0.01 to 1000"), ("--episodes 0", "--episodes"), ("--tone 0.5", "single pathway")]
    {
        striatum(&format!("play {args}"), &[&run]).refused(&[part]);
    }
}
