//! The steps of a probe as a figure.

use super::table::columns;
use super::{Probe, Step};
use striatum_dopamine::{Figure, Panel, Plot, Series};
use striatum_kernels::Policy;

/// Curves of a panel, at most.
const CURVES: usize = 12;

/// Steps that are drawn, at most; the table has all.
const STEPS: usize = 5000;

/// Returns that the title lists one by one, at most.
const LISTED: usize = 5;

pub(super) fn figure(probe: &Probe) -> Figure {
    let (changed, label) = match (probe.reward_scale, probe.average_reward) {
        (None, None) => ("", ""),
        (Some(_), None) => (", of rewards scaled as in training", " (scaled)"),
        (None, Some(_)) => (", of rewards centred as in training", " (centred)"),
        (Some(_), Some(_)) => (", of rewards scaled and centred as in training", " (scaled, centred)"),
    };
    let one = |name: &str, label: &str, of: fn(&Step) -> f32| {
        let series = vec![curve(probe, "", &|step| f64::from(of(step)))];
        panel(name, label, Plot::Lines(series))
    };
    let mut panels = vec![
        one("Reward", "r", |step| step.reward),
        one(&format!("Value{changed}"), &format!("V{label}"), |step| step.value),
        one(&format!("TD error{changed}"), &format!("δ{label}"), |step| step.td_error),
    ];
    panels.extend(pathways(probe));
    panels.push(policy(probe));
    Figure { title: title(probe), columns: 1, panels }
}

fn title(probe: &Probe) -> String {
    let mut returns: Vec<f64> = Vec::new();
    for step in &probe.steps {
        if step.step == 0 {
            returns.push(0.0);
        }
        returns.last_mut().into_iter().for_each(|sum| *sum += f64::from(step.reward));
    }
    let number = crate::format::value;
    let tone = probe.tone.filter(|&tone| tone != 0.0).map_or_else(String::new, |tone| format!(", tone {tone}"));
    let steps = crate::format::count(probe.trained_steps as f64);
    let played = match returns.len() {
        1 => format!("an episode of return {}", number(returns[0])),
        n if n <= LISTED => {
            format!("returns {}", returns.iter().map(|&sum| number(sum)).collect::<Vec<_>>().join(", "))
        }
        n => format!("{n} episodes, mean return {}", number(returns.iter().sum::<f64>() / n as f64)),
    };
    let drawn = if probe.steps.len() > STEPS { format!(" (first {STEPS} steps)") } else { String::new() };
    format!("{} after {steps} steps{tone}: {played}{drawn}", probe.task)
}

/// A panel along time.
fn panel(title: &str, y_label: &str, plot: Plot) -> Panel {
    Panel {
        title: title.to_owned(),
        x_label: "Step, one episode after another".to_owned(),
        y_label: y_label.to_owned(),
        categories: Vec::new(),
        plot,
    }
}

/// A number of every step, interrupted between episodes.
fn curve(probe: &Probe, name: &str, of: &dyn Fn(&Step) -> f64) -> Series {
    let mut points = Vec::with_capacity(probe.steps.len());
    for (i, step) in probe.steps.iter().take(STEPS).enumerate() {
        if i > 0 && step.step == 0 {
            points.push((i as f64, f64::NAN));
        }
        points.push((i as f64, of(step)));
    }
    Series { name: name.to_owned(), points, band: Vec::new() }
}

/// Every logit or dimension as a curve.
fn every(probe: &Probe, of: fn(&Step) -> &[f32]) -> Vec<Series> {
    let what = if probe.policy.is_continuous() { "dimension" } else { "action" };
    let columns = columns(&probe.policy);
    let series = |(i, column): (usize, &String)| {
        curve(probe, &format!("{what} {}", column.replace('_', ": ")), &|step| f64::from(of(step)[i]))
    };
    columns.iter().take(CURVES).enumerate().map(series).collect()
}

/// Says so where not every curve is drawn.
fn title_of_many(probe: &Probe, title: &str) -> String {
    match probe.policy.logits() {
        n if n > CURVES => format!("{title} (the first {CURVES} of {n})"),
        _ => title.to_owned(),
    }
}

fn pathways(probe: &Probe) -> Vec<Panel> {
    let mut panels = Vec::new();
    let dual = probe.tone.is_some();
    if let Policy::Categorical { nvec } = &probe.policy {
        let sum = |of: fn(&Step) -> &[f32]| {
            move |step: &Step| step.chosen.iter().map(|&logit| f64::from(of(step)[logit])).sum::<f64>()
        };
        let mut series = vec![curve(probe, "direct, g", &sum(|step| &step.direct))];
        if dual {
            series.push(curve(probe, "indirect, n", &sum(|step| &step.indirect)));
        }
        let several = if nvec.len() > 1 { ", sum over its choices" } else { "" };
        let title = if dual { "Pathways of the action taken" } else { "Pathway of the action taken" };
        panels.push(panel(&format!("{title}{several}"), if dual { "g, n" } else { "g" }, Plot::Lines(series)));
    }
    let direct = Plot::Lines(every(probe, |step| &step.direct));
    panels.push(panel(&title_of_many(probe, "Direct pathway"), "g", direct));
    if dual {
        let indirect = Plot::Lines(every(probe, |step| &step.indirect));
        panels.push(panel(&title_of_many(probe, "Indirect pathway"), "n", indirect));
    }
    panels
}

fn policy(probe: &Probe) -> Panel {
    let mut series = every(probe, |step| &step.policy);
    if !probe.policy.is_continuous() {
        return panel(&title_of_many(probe, "Probabilities of actions"), "π(a | s)", Plot::Lines(series));
    }
    for (i, series) in series.iter_mut().enumerate() {
        let std = curve(probe, "", &|step| f64::from(step.std[i])).points;
        series.band = series.points.iter().zip(std).map(|((_, mean), (_, std))| (mean - std, mean + std)).collect();
    }
    let squashed = if probe.policy.squashes() { ", before the squash" } else { "" };
    let title = format!("Mean and standard deviation of actions{squashed}");
    panel(&title_of_many(probe, &title), "μ ± σ", Plot::Lines(series))
}
