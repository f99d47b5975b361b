//! Learning curves: pictures from metrics files, and clear errors.

use std::path::{Path, PathBuf};
use striatum_train::plot::{DEFAULT_METRIC, PlotError, PlotOptions, plot};

/// A run whose return rises to about `top`.
fn run(folder: &Path, name: &str, algo: &str, seed: u32, top: f64) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(&path).unwrap();
    let mut text =
        format!("{{\"event\":\"start\",\"step\":0,\"task\":\"CartPole-v1\",\"algo\":\"{algo}\",\"seed\":{seed}}}\n");
    for i in 0..100_u32 {
        let step = 2048 * (i + 1);
        let wobble = f64::from(i * (7 + seed) % 13) * 2.0;
        let value = top * (1.0 - (-f64::from(i) / (18.0 + f64::from(seed))).exp()) + wobble;
        let mean = if i == 0 { "null".to_owned() } else { value.to_string() };
        text += &format!(
            "{{\"event\":\"iteration\",\"step\":{step},\"losses/entropy\":0.5,\"charts/episodic_return\":{mean}}}\n"
        );
    }
    // The run is still being written to.
    std::fs::write(path.join("metrics.jsonl"), text + "{\"event\":\"iter").unwrap();
    path
}

fn runs(folder: &Path) -> Vec<PathBuf> {
    let of = |algo: &'static str, top: f64| (0..5).map(move |seed| (algo, seed, top)).collect::<Vec<_>>();
    let all = [of("ppo", 480.0), of("a2c", 390.0)].concat();
    all.into_iter().map(|(algo, seed, top)| run(folder, &format!("{algo}-{seed}"), algo, seed, top)).collect()
}

#[test]
fn an_svg_has_labels_curves_and_bands() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("curves.svg");
    plot(&runs(folder.path()), DEFAULT_METRIC, &out, &PlotOptions::default()).unwrap();
    let text = std::fs::read_to_string(out).unwrap();
    for part in [
        "<svg width=\"1280\" height=\"800\"",
        "CartPole-v1",
        "PPO (mean and range of 5 runs)",
        "A2C (mean and range of 5 runs)",
        "Environment steps",
        "Return, mean of last 100 episodes",
        "200k",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(text.matches("<polygon").count(), 2);
}

#[test]
fn a_png_has_the_size_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("curves.PNG");
    plot(&runs(folder.path()), DEFAULT_METRIC, &out, &PlotOptions { width: 640, height: 400, title: None }).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
    // The header's width and height.
    assert_eq!((&bytes[16..20], &bytes[20..24]), (&640_u32.to_be_bytes()[..], &400_u32.to_be_bytes()[..]));
}

#[test]
fn one_run_is_a_line_without_a_band() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("curve.svg");
    let one = run(folder.path(), "one", "ppo", 0, 100.0);
    let options = PlotOptions { title: Some("Mine".into()), ..PlotOptions::default() };
    plot(&[one.join("metrics.jsonl")], "losses/entropy", &out, &options).unwrap();
    let text = std::fs::read_to_string(out).unwrap();
    assert!(text.contains("Mine") && text.contains("losses/entropy") && !text.contains("<polygon"), "{text}");
}

fn fails(runs: &[PathBuf], metric: &str, out: &Path) -> PlotError {
    plot(runs, metric, out, &PlotOptions::default()).unwrap_err()
}

#[test]
fn errors_name_the_run_and_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, one) = (folder.path().join("p.svg"), run(folder.path(), "one", "ppo", 0, 100.0));
    let missing = fails(&[folder.path().join("absent")], DEFAULT_METRIC, &svg);
    assert!(matches!(missing, PlotError::NoSuchRun { .. }) && missing.to_string().contains("absent"), "{missing}");

    let near = fails(std::slice::from_ref(&one), "losses/entrpy", &svg);
    assert!(near.to_string().ends_with("did you mean `losses/entropy`?"), "{near}");
    let short = fails(std::slice::from_ref(&one), "entropy", &svg);
    assert!(short.to_string().ends_with("did you mean `losses/entropy`?"), "{short}");
    let far = fails(std::slice::from_ref(&one), "zzz", &svg);
    assert!(far.to_string().ends_with("it has charts/episodic_return, losses/entropy"), "{far}");

    let extension = fails(std::slice::from_ref(&one), DEFAULT_METRIC, &folder.path().join("p.gif"));
    assert!(matches!(extension, PlotError::Extension { .. }), "{extension}");
    assert!(matches!(fails(&[], DEFAULT_METRIC, &svg), PlotError::NoRuns));
    for picture in ["none/p.svg", "none/p.png"] {
        let unwritable = fails(std::slice::from_ref(&one), DEFAULT_METRIC, &folder.path().join(picture));
        assert!(matches!(unwritable, PlotError::Write { .. }), "{unwritable}");
    }

    let young = folder.path().join("young");
    std::fs::create_dir(&young).unwrap();
    std::fs::write(young.join("metrics.jsonl"), "{\"event\":\"start\",\"step\":0,\"seed\":1,\"wall_seconds\":0.0}\n")
        .unwrap();
    assert!(matches!(fails(std::slice::from_ref(&young), "losses/entropy", &svg), PlotError::NoData { .. }));
    std::fs::write(young.join("metrics.jsonl"), "{\"event\":\"iteration\",\"step\":9,\"losses/entropy\":null}\n")
        .unwrap();
    assert!(matches!(fails(std::slice::from_ref(&young), "losses/entropy", &svg), PlotError::NoValues { .. }));
    assert!(matches!(fails(&[young], DEFAULT_METRIC, &svg), PlotError::NoValues { .. }));
    assert!(!svg.exists());
}
