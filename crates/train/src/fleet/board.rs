//! The progress of all agents of a launch on the terminal.

use super::Agent;
use crate::error::TrainError;
use crate::event::Event;
use crate::format;
use crate::run::Summary;
use crate::sinks::{Sink, SinkError, progress_bar};
use indicatif::ProgressBar;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Seconds between plain lines of progress.
const INTERVAL: Duration = Duration::from_secs(5);

/// Shows all agents on stderr: as one bar on a terminal, otherwise as a line for each agent that ends and one of progress every few
/// seconds. Agents talk to it through [`seat`](Self::seat), from any thread.
pub(super) struct Board(Mutex<State>);

struct State {
    view: View,
    rows: Vec<Row>,
    workers: usize,
    ended: usize,
    /// Steps trained in this launch, those before a resume not counted.
    trained: u64,
    began: Instant,
    announced: bool,
}

enum View {
    Bar(ProgressBar),
    Lines { last: Instant },
    Quiet,
}

/// Where an agent stands.
struct Row {
    name: String,
    step: u64,
    total: u64,
    episodic_return: Option<f64>,
}

impl Board {
    pub(super) fn new(agents: &[Agent], workers: usize, quiet: bool) -> Self {
        let row = |agent: &Agent| Row {
            name: agent.name.clone(),
            step: 0,
            total: agent.config.total_steps,
            episodic_return: None,
        };
        let view = match quiet {
            true => View::Quiet,
            false if std::io::stderr().is_terminal() => View::Bar(progress_bar()),
            false => View::Lines { last: Instant::now() },
        };
        Self(Mutex::new(State {
            view,
            rows: agents.iter().map(row).collect(),
            workers,
            ended: 0,
            trained: 0,
            began: Instant::now(),
            announced: false,
        }))
    }

    /// What agent `index` reports to.
    pub(super) fn seat(self: &Arc<Self>, index: usize) -> Box<dyn Sink> {
        Box::new(BoardSeat { board: Arc::clone(self), index })
    }

    /// Agent `index` has ended, or failed.
    pub(super) fn ended(&self, index: usize, end: &Result<Summary, TrainError>) {
        let mut state = self.state();
        state.ended += 1;
        match end {
            Ok(summary) => {
                let row = &mut state.rows[index];
                (row.step, row.episodic_return) = (summary.steps, summary.episodic_return);
                if summary.finished {
                    row.total = summary.steps;
                }
                state.say_end(index, summary);
            }
            Err(error) => {
                let name = state.rows[index].name.clone();
                state.warn(&format!("error: {name}: {error}"));
            }
        }
        state.show();
    }

    /// An agent could not be read.
    pub(super) fn failed(&self, name: &str, error: &TrainError) {
        self.state().warn(&format!("error: {name}: {error}"));
    }

    /// Takes the bar away.
    pub(super) fn close(&self) {
        if let View::Bar(bar) = &self.state().view {
            bar.finish_and_clear();
        }
    }

    /// Whether any agent has begun to train.
    pub(super) fn has_begun(&self) -> bool {
        self.state().announced
    }

    /// Steps trained in this launch.
    pub(super) fn steps(&self) -> u64 {
        self.state().trained
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A line that stays.
    fn say(&self, line: &str) {
        match &self.view {
            View::Bar(bar) => bar.println(line),
            View::Lines { .. } => written(line),
            View::Quiet => {}
        }
    }

    /// A line that stays and is shown whatever was asked for.
    fn warn(&self, line: &str) {
        match &self.view {
            View::Quiet => written(line),
            _ => self.say(line),
        }
    }

    /// `[3/10] seed2: finished after 50048 steps, 0.9s, return 482.1`; the bar counts instead.
    fn say_end(&self, index: usize, summary: &Summary) {
        let View::Lines { .. } = self.view else { return };
        let how = if summary.finished { "finished" } else { "stopped" };
        let mean = summary.episodic_return.map(|mean| format!(", return {}", format::value(mean))).unwrap_or_default();
        self.say(&format!(
            "[{}/{}] {}: {how} after {} steps, {}{mean}",
            self.ended,
            self.rows.len(),
            self.rows[index].name,
            summary.steps,
            format::duration(summary.wall_seconds)
        ));
    }

    /// What all agents share, when the first one begins.
    fn announce(&mut self, task: &str, algo: &str, device: &str, engine: &str, reason: Option<&str>) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        let why = reason.map(|reason| format!("\n{reason}")).unwrap_or_default();
        let (agents, workers) = (self.rows.len(), self.workers);
        self.say(&format!("{task}: {algo} on {device} ({engine}), {agents} agents, {workers} at a time{why}"));
    }

    /// The bar, or a line if there was none for a while.
    fn show(&mut self) {
        match &self.view {
            View::Bar(bar) => {
                bar.set_length(self.rows.iter().map(|row| row.total).fold(0, u64::saturating_add));
                bar.set_position(self.rows.iter().map(|row| row.step).fold(0, u64::saturating_add));
                bar.set_message(self.message());
            }
            View::Lines { last } if last.elapsed() >= INTERVAL => {
                written(&self.message());
                self.view = View::Lines { last: Instant::now() };
            }
            View::Lines { .. } | View::Quiet => {}
        }
    }

    /// `3/10 agents   1.2M / 10M steps   350k steps/s   return 123.4   8s left`.
    fn message(&self) -> String {
        let sum = |of: fn(&Row) -> u64| self.rows.iter().map(of).fold(0, u64::saturating_add);
        let (steps, total) = (sum(|row| row.step), sum(|row| row.total));
        let counted = |n: u64| format::count(n as f64);
        let mut text =
            format!("{}/{} agents   {} / {} steps", self.ended, self.rows.len(), counted(steps), counted(total));
        let rate = self.trained as f64 / self.began.elapsed().as_secs_f64();
        text += &format!("   {} steps/s", format::count(rate));
        let returns: Vec<f64> = self.rows.iter().filter_map(|row| row.episodic_return).collect();
        if !returns.is_empty() {
            text += &format!("   return {}", format::value(returns.iter().sum::<f64>() / returns.len() as f64));
        }
        if rate.is_finite() && rate > 0.0 {
            text += &format!("   {} left", format::duration(total.saturating_sub(steps) as f64 / rate));
        }
        text
    }
}

/// Progress that no one reads is none.
fn written(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One agent's way to the board.
struct BoardSeat {
    board: Arc<Board>,
    index: usize,
}

impl Sink for BoardSeat {
    fn on(&mut self, event: &Event) -> Result<(), SinkError> {
        let mut state = self.board.state();
        match event {
            Event::Start { task, algo, engine, device, reason, total_steps, step, .. } => {
                let row = &mut state.rows[self.index];
                (row.step, row.total) = (*step, *total_steps);
                state.show();
                state.announce(task, algo, device, engine, reason.as_deref());
            }
            Event::Iteration { step, episodic_return, .. } | Event::End { step, episodic_return, .. } => {
                let row = &mut state.rows[self.index];
                let more = step.saturating_sub(row.step);
                (row.step, row.episodic_return) = (*step, *episodic_return);
                state.trained += more;
                state.show();
            }
            Event::Warning(text) => {
                let line = format!("warning: {}: {text}", state.rows[self.index].name);
                state.warn(&line);
            }
            Event::Evaluation { .. } | Event::Saved { .. } => {}
        }
        Ok(())
    }
}
