//! From metrics files to curves.

use super::PlotError;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Points of a group's curve.
const POINTS: usize = 400;

/// A metric name this similar (Jaro-Winkler) to the one asked for is suggested.
const SIMILAR: f64 = 0.7;

/// Keys of a metrics line that are not curves.
const NOT_METRICS: [&str; 4] = ["event", "step", "seed", "total_steps"];

/// One run's curve.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub task: String,
    pub algo: String,
    /// Steps and values, by step.
    pub points: Vec<(f64, f64)>,
}

/// Runs of the same task and algorithm as one curve.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub task: String,
    pub algo: String,
    /// How many runs.
    pub runs: usize,
    pub curve: Vec<Point>,
}

/// A point of a group's curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub step: f64,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
}

/// Reads and groups runs; groups are in the order in which their first run was named.
pub(super) fn groups(runs: &[PathBuf], metric: &str) -> Result<Vec<Group>, PlotError> {
    let mut grouped: Vec<Vec<Run>> = Vec::new();
    for path in runs {
        let run = read(path, metric)?;
        match grouped.iter_mut().find(|group| (&group[0].task, &group[0].algo) == (&run.task, &run.algo)) {
            Some(group) => group.push(run),
            None => grouped.push(vec![run]),
        }
    }
    if grouped.is_empty() {
        return Err(PlotError::NoRuns);
    }
    grouped.iter().map(|runs| group(runs)).collect()
}

fn read(path: &Path, metric: &str) -> Result<Run, PlotError> {
    let file = if path.is_dir() { path.join("metrics.jsonl") } else { path.to_owned() };
    let text =
        std::fs::read_to_string(&file).map_err(|source| PlotError::NoSuchRun { path: path.to_owned(), source })?;
    // A run that is under way may be in the middle of its last line.
    let lines: Vec<Map<String, Value>> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let word = |key: &str| lines.iter().find_map(|line| line.get(key)?.as_str());
    let name = || path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    let task = word("task").map_or_else(name, str::to_owned);
    let algo = word("algo").map_or_else(String::new, str::to_uppercase);
    let point = |line: &Map<String, Value>| Some((line.get("step")?.as_f64()?, line.get(metric)?.as_f64()?));
    let mut points: Vec<(f64, f64)> = lines.iter().filter_map(point).collect();
    if points.is_empty() || NOT_METRICS.contains(&metric) {
        return Err(nothing(file, metric, &lines));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            *kept = *later;
        }
        same
    });
    Ok(Run { task, algo, points })
}

/// Why a run has no points.
fn nothing(path: PathBuf, metric: &str, lines: &[Map<String, Value>]) -> PlotError {
    let curves = |line: &Map<String, Value>| {
        let event = line.get("event").and_then(Value::as_str);
        matches!(event, Some("iteration" | "evaluation"))
    };
    let mut known: Vec<String> = lines
        .iter()
        .filter(|line| curves(line))
        .flat_map(|line| {
            line.iter().filter(|(_, value)| value.is_number() || value.is_null()).map(|(key, _)| key.clone())
        })
        .filter(|key| !NOT_METRICS.contains(&key.as_str()))
        .collect();
    known.sort();
    known.dedup();
    if known.is_empty() {
        return PlotError::NoData { path };
    }
    // The mean return is not written before the first episode ends.
    if metric == super::DEFAULT_METRIC || known.iter().any(|key| key == metric) {
        return PlotError::NoValues { path, metric: metric.to_owned() };
    }
    // Also by the name alone: `entropy` for `losses/entropy`.
    let likeness = |key: &str| {
        let own = strsim::jaro_winkler(metric, key);
        key.rsplit_once('/').map_or(own, |(_, last)| own.max(strsim::jaro_winkler(metric, last)))
    };
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.filter(|key| likeness(key) >= SIMILAR).cloned();
    PlotError::UnknownMetric { path, metric: metric.to_owned(), nearest, known }
}

/// Mean, minimum and maximum over the steps that all runs have.
fn group(runs: &[Run]) -> Result<Group, PlotError> {
    let Run { task, algo, .. } = &runs[0];
    let first = runs.iter().map(|run| run.points[0].0).fold(f64::NEG_INFINITY, f64::max);
    let last = runs.iter().map(|run| run.points[run.points.len() - 1].0).fold(f64::INFINITY, f64::min);
    if first > last {
        return Err(PlotError::Apart { group: format!("{task} {algo}").trim_end().to_owned() });
    }
    let steps: Vec<f64> = match runs {
        [run] => run.points.iter().map(|point| point.0).collect(),
        _ if first == last => vec![first],
        _ => (0..POINTS).map(|i| first + (last - first) * i as f64 / (POINTS - 1) as f64).collect(),
    };
    let point = |step: f64| {
        let values = runs.iter().map(|run| interpolate(&run.points, step));
        Point {
            step,
            mean: values.clone().sum::<f64>() / runs.len() as f64,
            min: values.clone().fold(f64::INFINITY, f64::min),
            max: values.fold(f64::NEG_INFINITY, f64::max),
        }
    };
    let curve = steps.into_iter().map(point).collect();
    Ok(Group { task: task.clone(), algo: algo.clone(), runs: runs.len(), curve })
}

/// The value at `step`, on the straight line between the points around it, or at the nearer end.
fn interpolate(points: &[(f64, f64)], step: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < step);
    if after == 0 {
        return points[0].1;
    }
    let (x0, y0) = points[after - 1];
    points.get(after).map_or(y0, |&(x1, y1)| y0 + (y1 - y0) * (step - x0) / (x1 - x0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(points: &[(f64, f64)]) -> Run {
        Run { task: "T".into(), algo: "PPO".into(), points: points.to_vec() }
    }

    #[test]
    fn a_group_is_mean_and_range_over_common_steps() {
        // At 150: the first run is half way from 10 to 20, the second half way from 30 to 50.
        let group = group(&[
            run(&[(0.0, 0.0), (100.0, 10.0), (200.0, 20.0)]),
            run(&[(100.0, 30.0), (200.0, 50.0), (300.0, 0.0)]),
        ])
        .unwrap();
        assert_eq!((group.runs, group.curve.len()), (2, POINTS));
        assert_eq!(group.curve[0], Point { step: 100.0, mean: 20.0, min: 10.0, max: 30.0 });
        assert_eq!(group.curve[POINTS - 1], Point { step: 200.0, mean: 35.0, min: 20.0, max: 50.0 });
        assert_eq!(interpolate(&[(100.0, 10.0), (200.0, 20.0)], 150.0), 15.0);
        assert_eq!(interpolate(&[(100.0, 10.0), (200.0, 20.0)], 999.0), 20.0);
    }

    #[test]
    fn runs_without_common_steps_have_no_mean() {
        let error = group(&[run(&[(0.0, 1.0), (10.0, 1.0)]), run(&[(20.0, 1.0)])]).unwrap_err();
        assert!(matches!(error, PlotError::Apart { group } if group == "T PPO"));
    }
}
