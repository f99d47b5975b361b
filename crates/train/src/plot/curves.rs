//! Learning curves as a figure.

use super::data::Group;
use striatum_dopamine::{Figure, Panel, Plot, Series};

/// Labelled curves of one metric over environment steps.
pub(super) fn figure(groups: &[Group], metric: &str, title: Option<String>) -> Figure {
    let one_task = groups.iter().all(|group| group.task == groups[0].task);
    let title = title.unwrap_or_else(|| if one_task { groups[0].task.clone() } else { "Learning curves".to_owned() });
    let y_label = match metric {
        super::DEFAULT_METRIC => "Return, mean of last 100 episodes",
        "eval/return_mean" => "Return, deterministic evaluation",
        other => other,
    };
    let series: Vec<_> = groups.iter().map(|group| series(group, one_task)).collect();
    let panel = Panel {
        // A curve alone has no legend.
        title: if let [one] = &series[..] { one.name.clone() } else { String::new() },
        x_label: "Environment steps".to_owned(),
        y_label: y_label.to_owned(),
        categories: Vec::new(),
        plot: Plot::Lines(series),
    };
    Figure { title, columns: 1, panels: vec![panel] }
}

fn series(group: &Group, one_task: bool) -> Series {
    let name = if one_task { group.algo.clone() } else { format!("{} {}", group.task, group.algo) };
    let name = match (name.trim(), group.runs) {
        ("", 1) => "1 run".to_owned(),
        (name, 1) => name.to_owned(),
        (name, runs) => format!("{name} (mean and range of {runs} runs)").trim_start().to_owned(),
    };
    let points = group.curve.iter().map(|point| (point.step, point.mean)).collect();
    let band =
        if group.runs > 1 { group.curve.iter().map(|point| (point.min, point.max)).collect() } else { Vec::new() };
    Series { name, points, band }
}
