//! Progress on the terminal.

use super::{Sink, SinkError};
use crate::event::Event;
use crate::format;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Seconds between plain lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// Shows steps, steps a second, return and time left on stderr: as a bar on a terminal, otherwise as a plain line every few seconds.
pub struct Console {
    view: View,
    /// Steps and seconds at the start of this process's part of the run.
    began: (u64, f64),
    total_steps: u64,
}

/// A bar on stderr. `NO_COLOR` is respected.
pub(crate) fn progress_bar() -> ProgressBar {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let bar = if plain { "{wide_bar}" } else { "{wide_bar:.cyan/blue}" };
    let style = ProgressStyle::with_template(&format!("{bar} {{percent:>3}}%  {{msg}}"))
        .map(|style| style.progress_chars("━╸─"))
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style)
}

enum View {
    Bar(ProgressBar),
    Lines { out: Box<dyn Write>, last: Option<Instant>, interval: Duration },
    Warnings(Box<dyn Write>),
}

impl Console {
    /// A bar if stderr is a terminal, plain lines if not. `NO_COLOR` is respected.
    pub fn stderr() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::lines(std::io::stderr(), INTERVAL);
        }
        Self::new(View::Bar(progress_bar()))
    }

    /// Plain lines to `out`, at most one of progress an `interval`.
    pub fn lines(out: impl Write + 'static, interval: Duration) -> Self {
        Self::new(View::Lines { out: Box::new(out), last: None, interval })
    }

    /// Nothing but warnings, to `out`.
    pub fn quiet(out: impl Write + 'static) -> Self {
        Self::new(View::Warnings(Box::new(out)))
    }

    fn new(view: View) -> Self {
        Self { view, began: (0, 0.0), total_steps: 0 }
    }

    /// A line that stays, above the bar if there is one.
    fn say(&mut self, line: &str) -> Result<(), SinkError> {
        match &mut self.view {
            View::Bar(bar) => {
                bar.println(line);
                Ok(())
            }
            View::Lines { out, .. } => written(out, line),
            View::Warnings(_) => Ok(()),
        }
    }

    fn start(&mut self, headline: &str) -> Result<(), SinkError> {
        if let View::Bar(bar) = &self.view {
            bar.set_length(self.total_steps);
            bar.set_position(self.began.0);
        }
        self.say(headline)
    }

    fn advance(&mut self, step: u64, message: String) -> Result<(), SinkError> {
        match &mut self.view {
            View::Bar(bar) => {
                bar.set_position(step);
                bar.set_message(message);
                return Ok(());
            }
            View::Lines { last, interval, .. } => {
                if last.is_some_and(|last| last.elapsed() < *interval) {
                    return Ok(());
                }
                *last = Some(Instant::now());
            }
            View::Warnings(_) => return Ok(()),
        }
        self.say(&message)
    }

    /// `40.96k / 200k steps   19.8k steps/s   return 123.4   8s left`.
    fn message(&self, step: u64, wall_seconds: f64, steps_per_second: f64, episodic_return: Option<f64>) -> String {
        let counted = |n: u64| format::count(n as f64);
        let mut text = format!("{} / {} steps", counted(step), counted(self.total_steps));
        text += &format!("   {} steps/s", format::count(steps_per_second));
        if let Some(mean) = episodic_return {
            text += &format!("   return {}", format::value(mean));
        }
        // Left = steps left / mean rate of this process, which a resumed run's earlier machine says nothing about.
        let rate = step.saturating_sub(self.began.0) as f64 / (wall_seconds - self.began.1);
        if rate.is_finite() && rate > 0.0 {
            text += &format!("   {} left", format::duration(self.total_steps.saturating_sub(step) as f64 / rate));
        }
        text
    }
}

fn written(out: &mut dyn Write, line: &str) -> Result<(), SinkError> {
    writeln!(out, "{line}").map_err(|error| SinkError::new("cannot write progress", error))
}

impl Sink for Console {
    fn on(&mut self, event: &Event) -> Result<(), SinkError> {
        match event {
            Event::Start { task, algo, engine, device, reason, seed, total_steps, step, wall_seconds, .. } => {
                (self.began, self.total_steps) = ((*step, *wall_seconds), *total_steps);
                let from = if *step > 0 { format!(", from step {step}") } else { String::new() };
                let why = reason.as_ref().map(|reason| format!("\n{reason}")).unwrap_or_default();
                self.start(&format!("{task}: {algo} on {device} ({engine}), seed {seed}{from}{why}"))
            }
            Event::Iteration { step, wall_seconds, steps_per_second, episodic_return, .. } => {
                self.advance(*step, self.message(*step, *wall_seconds, *steps_per_second, *episodic_return))
            }
            Event::Evaluation { step, mean, std, episodes, .. } => self.say(&format!(
                "step {step}: evaluation {} ± {} over {episodes} episode{}",
                format::value(*mean),
                format::value(*std),
                if *episodes == 1 { "" } else { "s" }
            )),
            Event::Saved { .. } => Ok(()),
            Event::Warning(text) => match &mut self.view {
                View::Warnings(out) => written(out, &format!("warning: {text}")),
                _ => self.say(&format!("warning: {text}")),
            },
            Event::End { step, wall_seconds, episodic_return, reason, .. } => {
                if let View::Bar(bar) = &self.view {
                    bar.set_position(*step);
                    bar.finish_and_clear();
                }
                let mean = episodic_return.map(|mean| format!(", return {}", format::value(mean))).unwrap_or_default();
                self.say(&format!("{reason} after {step} steps, {}{mean}", format::duration(*wall_seconds)))
            }
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let View::Bar(bar) = &self.view {
            bar.finish_and_clear();
        }
    }
}
