//! `striatum dopamine` and dopamine tone: experiments, the probe, and `eval --tone`.

mod common;

use common::{metrics, striatum, train};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::{TempDir, tempdir};

/// A short run with these settings.
fn a_run(settings: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().expect("a folder");
    let run = folder.path().join("run");
    let short =
        "CartPole-v1 --device cpu --total-steps 4096 --num-envs 4 --set ppo.num_steps=32 --set eval.episodes=2 --quiet";
    train(&format!("{short} {settings}"), &run).ok();
    (folder, run)
}

const DUAL: &str = "--set network.pathways=dual --set dopamine.kappa=0.5 --set dopamine.sum_decay=0.01";

#[test]
fn experiments_are_listed_with_a_sentence_each() {
    let listed = striatum("dopamine", &[]).ok();
    assert!(listed.stdout.starts_with("EXPERIMENT"), "{listed:?}");
    let objects: Value = striatum("dopamine --json", &[]).ok().json();
    for experiment in objects.as_array().expect("a list") {
        let [name, about] = ["name", "about"].map(|key| experiment[key].as_str().expect("a text"));
        assert!(about.len() > 20 && about.ends_with('.'), "{about}");
        assert!(listed.stdout.lines().any(|line| line.starts_with(&format!("{name} ")) && line.ends_with(about)));
    }
}

/// Every experiment leaves a table, figures and CSV files, and what it reports is all of it.
#[test]
fn experiments_leave_figures_and_tables() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("new/figures");
    let listed: Value = striatum("dopamine --json", &[]).ok().json();
    // The quick ones.
    for name in ["schultz", "shift", "vigour"] {
        assert!(listed.as_array().is_some_and(|list| list.iter().any(|one| one["name"] == name)), "{listed}");
        let table = striatum(&format!("dopamine {name} --out"), &[&out]).ok();
        let rows = table.stdout.lines().skip(2).count();
        assert!(table.stdout.contains("EXPECTED") && !table.stdout.contains('\x1b') && rows > 0, "{table:?}");
        assert!(table.stderr.contains(&format!("running {name}")), "{table:?}");

        let outcome = striatum(&format!("dopamine {name} --json --threads 2 --out"), &[&out]).ok();
        assert_eq!(outcome.stdout.lines().count(), 1, "{outcome:?}");
        let object = outcome.json();
        let own = &object["experiments"][0];
        assert_eq!((&object["passed"], &own["passed"], &own["name"]), (&true.into(), &true.into(), &name.into()));
        assert_eq!(own["checks"].as_array().map(Vec::len), Some(rows), "{object}");
        let files: Vec<&str> = own["files"].as_array().expect("files").iter().filter_map(Value::as_str).collect();
        for extension in ["svg", "png", "csv"] {
            let file = out.join(format!("{name}.{extension}"));
            assert!(files.iter().any(|path| PathBuf::from(path) == file), "{files:?}");
            assert!(file.metadata().is_ok_and(|file| file.len() > 0), "{}", file.display());
        }
        assert!(fs::read_to_string(out.join(format!("{name}.svg"))).expect("a figure").starts_with("<svg"));
    }
}

#[test]
fn bad_input_is_refused() {
    striatum("dopamine schulz", &[]).refused(&["`schulz`", "all"]);
    striatum("dopamine all --seeds 0", &[]).refused(&["--seeds"]);
    striatum("dopamine all --seed -1", &[]).refused(&["--seed"]);
    striatum("dopamine all --threads many", &[]).refused(&["--threads"]);
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    striatum("dopamine all --out", &[&file]).refused(&["file", "`--out`"]);
    striatum("dopamine probe", &[&file]).refused(&["file"]);
    striatum("dopamine probe --episodes 0", &[&file]).refused(&["--episodes"]);
}

#[test]
fn tone_is_set_at_run_time() {
    let (_folder, run) = a_run(DUAL);
    let eval = |tone: &str| striatum(&format!("eval --episodes 20 --stochastic --json {tone}"), &[&run]).ok().json();
    let trained = eval("");
    assert_eq!(trained["tone"], 0.0);
    // The trained tone changes nothing; another one acts differently.
    assert_eq!(eval("--tone 0")["mean_return"], trained["mean_return"]);
    let low = eval("--tone -1");
    assert_eq!(low["tone"], -1.0);
    assert!(low["mean_return"] != trained["mean_return"] && low["std_return"].is_f64(), "{low} {trained}");
    let text = striatum("eval --episodes 2 --tone -0.5", &[&run]).ok();
    assert!(text.stdout.contains("tone -0.5"), "{text:?}");
    for bad in ["1.01", "-2", "nan", "low"] {
        striatum(&format!("eval --tone {bad}"), &[&run]).refused(&["--tone", "from -1 to 1"]);
    }

    let (_folder, single) = a_run("");
    assert_eq!(striatum("eval --episodes 2 --json", &[&single]).ok().json()["tone"], Value::Null);
    for command in ["eval", "dopamine probe"] {
        let refusal = striatum(&format!("{command} --tone 0.5"), &[&single]);
        refusal.refused(&["single pathway", "network.pathways=dual", "`--tone`"]);
    }
}

#[test]
fn the_pathways_are_in_the_metrics() {
    let (_folder, run) = a_run(DUAL);
    let points = metrics(&run, "iteration");
    let number = |point: &Value, tag: &str| point[tag].as_f64().unwrap_or_else(|| panic!("{tag}: {point}"));
    for point in &points {
        // kappa is 1/2; with one advantage for both pathways the weights add up to 2.
        let [g, n] = ["pathways/direct_weight", "pathways/indirect_weight"].map(|tag| number(point, tag));
        assert!((g + n - 2.0).abs() < 1e-5 && (0.5..=1.5).contains(&g), "{point}");
        for tag in ["direct_mean", "direct_std", "indirect_mean", "indirect_std", "sum_mode"] {
            assert!(number(point, &format!("pathways/{tag}")).is_finite());
        }
        assert!((0.0..=1.0).contains(&number(point, "dopamine/positive_fraction")), "{point}");
    }
    assert!(points.iter().any(|point| number(point, "pathways/direct_weight") != 1.0), "{points:?}");
    let (_folder, single) = a_run("");
    assert!(metrics(&single, "iteration").iter().all(|point| point.get("pathways/direct_weight").is_none()));
}

#[test]
fn a_probe_leaves_a_figure_and_a_row_a_step() {
    let (folder, run) = a_run(&format!("{DUAL} --set normalize.observations=true --set normalize.rewards=true"));
    let out = folder.path().join("probe");
    let args = |more: &str| format!("dopamine probe --episodes 2 --seed 3 {more} --out {}", out.display());
    let outcome = striatum(&args("--checkpoint latest"), &[&run]).ok();
    assert_eq!((outcome.stdout.lines().count(), outcome.stdout.contains("LARGEST TD ERROR")), (6, true), "{outcome:?}");
    assert!(outcome.stderr.contains("as in training"), "{outcome:?}");
    let svg = fs::read_to_string(out.join("probe.svg")).expect("a figure");
    for text in ["CartPole-v1", "TD error, of rewards scaled as in training", "Indirect pathway", "Probabilities"] {
        assert!(svg.contains(text), "{text}");
    }
    let csv = fs::read_to_string(out.join("probe.csv")).expect("a table");
    let (header, rows) = csv.split_once('\n').expect("a header");
    let names: Vec<&str> = header.split(',').collect();
    let number = |row: &str, name: &str| -> f64 {
        let at = names.iter().position(|own| *own == name).unwrap_or_else(|| panic!("{name}: {header}"));
        row.split(',').nth(at).and_then(|cell| cell.parse().ok()).unwrap_or_else(|| panic!("{name}: {row}"))
    };
    // CartPole gives 1 a step.
    let eval = striatum("eval --episodes 2 --seed 3 --checkpoint latest --json", &[&run]).ok().json();
    assert_eq!(Some(rows.lines().count() as f64), eval["mean_return"].as_f64().map(|mean| 2.0 * mean));
    for row in rows.lines() {
        assert_eq!(row.split(',').count(), names.len(), "{row}");
        assert!((number(row, "probability_0") + number(row, "probability_1") - 1.0).abs() < 1e-5, "{row}");
        assert!(number(row, "reward") == 1.0 && number(row, "learned_reward") != 1.0, "{row}");
    }
    assert!(names.contains(&"indirect_1") && out.join("probe.png").is_file(), "{header}");

    // Another tone, other probabilities.
    striatum(&args("--checkpoint latest --tone 1"), &[&run]).ok();
    assert_ne!(fs::read_to_string(out.join("probe.csv")).expect("a table"), csv);
}
