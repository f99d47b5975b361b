//! Learning curves: pictures from metrics files, and clear errors.

use std::path::{Path, PathBuf};
use striatum_dopamine::{Figure, Heatmap, Panel, Plot, Series};
use striatum_train::plot::{DEFAULT_METRIC, PlotError, PlotOptions, draw, plot};

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

fn panel(title: &str, categories: &[&str], plot: Plot) -> Panel {
    let categories = categories.iter().map(|&name| name.to_owned()).collect();
    Panel { title: title.into(), x_label: format!("{title} across"), y_label: format!("{title} up"), categories, plot }
}

fn series(name: &str, values: &[f64], band: f64) -> Series {
    let points: Vec<_> = values.iter().enumerate().map(|(i, &y)| (i as f64, y)).collect();
    let band = if band > 0.0 { values.iter().map(|y| (y - band, y + band)).collect() } else { Vec::new() };
    Series { name: name.into(), points, band }
}

/// One panel of every kind.
fn figure() -> Figure {
    let curves =
        || vec![series("first", &[0.0, 1.0, f64::NAN, 2.0, 1.5], 0.0), series("second", &[1.0, 0.5, 0.2], 0.1)];
    let marks = vec![(0.0, 0), (1.0, 1), (1.5, 19)];
    let heatmap = Heatmap { width: 2, values: vec![-1.0, 0.0, 0.5, 0.5], extent: [(0.0, 2.5), (2.0, 0.5)] };
    let panels = vec![
        panel("Lines", &[], Plot::Lines(curves())),
        panel("More lines", &[], Plot::Lines(curves())),
        panel("Bars", &["left arm", "right arm"], Plot::Bars(vec![series("", &[3.0, -2.0], 0.5)])),
        panel("Raster", &[], Plot::Raster { marks, trials: 20 }),
        panel("Heatmap", &[], Plot::Heatmap(heatmap)),
    ];
    Figure { title: "Everything".into(), columns: 3, panels }
}

#[test]
fn a_figure_has_panels_of_every_kind() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("figure.svg");
    draw(&figure(), &svg).unwrap();
    let text = std::fs::read_to_string(&svg).unwrap();
    let count = |part: &str| text.matches(part).count();
    for panel in figure().panels {
        for part in [panel.title, panel.x_label, panel.y_label].iter().chain(&panel.categories) {
            assert!(text.lines().any(|line| line == part), "{part}");
        }
    }
    // The legend of both panels of lines stands there once; each has a band.
    assert_eq!((count("\nfirst\n"), count("\nsecond\n"), count("<polygon")), (1, 1, 2));
    // A curve that is interrupted has a dot at every point that there is.
    assert_eq!(count("<circle"), 2 * (4 + 3));
    let png = folder.path().join("figure.png");
    draw(&figure(), &png).unwrap();
    let bytes = std::fs::read(&png).unwrap();
    let size = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert!(text.starts_with(&format!("<svg width=\"{}\" height=\"{}\"", size(16), size(20))), "{}", &text[..80]);

    for unwritable in ["none/f.svg", "f.pdf"] {
        assert!(draw(&figure(), &folder.path().join(unwritable)).is_err());
    }
    // Nothing to draw is a picture as well.
    draw(&Figure::default(), &folder.path().join("empty.png")).unwrap();
}

/// Places and sizes of texts in an SVG file's coordinates: left, right, top, bottom.
fn boxes(svg: &str) -> Vec<(String, [f64; 4])> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let parse = |(tag, text): (&str, &str)| {
        let number = |name: &str| attribute(tag, name).and_then(|value| value.parse::<f64>().ok()).unwrap();
        let (x, y, size) = (number("x"), number("y"), number("font-size"));
        // About as wide as a sans-serif font of a browser is.
        let width = 0.5 * size * text.chars().count() as f64;
        let from = match attribute(tag, "text-anchor").as_deref() {
            Some("middle") => -0.5 * width,
            Some("end") => -width,
            _ => 0.0,
        };
        let (above, below) = match attribute(tag, "dy").as_deref() {
            Some("0.76em") => (0.0, 0.76 * size),
            _ => (-0.36 * size, 0.36 * size),
        };
        match tag.contains("rotate") {
            // Read from below: its width goes up.
            true => (text.to_owned(), [x + above, x + below, y + from, y + from + width]),
            false => (text.to_owned(), [x + from, x + from + width, y + above, y + below]),
        }
    };
    let texts = svg.split("<text").skip(1).filter_map(|part| part.split_once('<')?.0.split_once('>'));
    texts.map(|(tag, text)| parse((tag, text.trim()))).collect()
}

#[test]
fn texts_of_a_figure_do_not_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("figure.svg");
    draw(&figure(), &svg).unwrap();
    let boxes = boxes(&std::fs::read_to_string(&svg).unwrap());
    assert!(boxes.len() > 40, "{boxes:?}");
    for (i, (text, a)) in boxes.iter().enumerate() {
        for (other, b) in &boxes[..i] {
            let apart = a[1] <= b[0] || b[1] <= a[0] || a[3] <= b[2] || b[3] <= a[2];
            assert!(apart, "`{text}` at {a:?} is over `{other}` at {b:?}");
        }
    }
}
