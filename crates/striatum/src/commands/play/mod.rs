//! `striatum play`: episodes in the terminal.

mod cells;
mod panel;
mod screen;

use super::{environments, interrupt, say};
use crate::cli::PlayArgs;
use anyhow::Result;
use panel::{Panel, action_text};
use screen::Screen;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use striatum_train::actor::Choice;
use striatum_train::config::{DeviceChoice, EngineChoice};
use striatum_train::saved::SavedPolicy;
use striatum_train::show::{Program, Score, Sight};
use striatum_train::{TrainError, tasks};

/// How long the end of an episode stays, at the task's own speed.
const REST: Duration = Duration::from_millis(700);

pub fn run(args: &PlayArgs) -> Result<()> {
    let mut saved = SavedPolicy::load(&args.run.run, args.run.checkpoint.into())?;
    if let Some(tone) = args.tone.tone {
        saved.set_tone(tone)?;
    }
    tasks::with_pictures(&mut saved.config);
    let interrupted = interrupt::expect()?;
    let choice = if args.stochastic { Choice::Sampled(args.seed) } else { Choice::Deterministic };
    let program = Program {
        engine: (DeviceChoice::Cpu, EngineChoice::Auto),
        choice,
        seed: args.seed,
        episodes: args.episodes as usize,
    };
    if io::stdout().is_terminal() && screen::moves_cursor() {
        live(args, &saved, program, interrupted)
    } else {
        lines(&saved, program, interrupted)
    }
}

/// Draws on the whole terminal; what the episodes came to stays.
fn live(args: &PlayArgs, saved: &SavedPolicy, program: Program, interrupted: &AtomicBool) -> Result<()> {
    let mut screen = Screen::enter()?;
    let mut panel = Panel::new(&saved.config.task, args.episodes);
    let (mut due, mut lost) = (Instant::now(), None);
    let scores = saved.show(&environments(&saved.config), program, &mut |sight| {
        panel.see(sight);
        if let Err(error) = screen.draw(sight.picture.as_ref(), &panel) {
            lost = Some(error);
            return Ok(ControlFlow::Break(()));
        }
        let rest = if sight.act.is_some_and(|act| act.ends) { REST } else { Duration::ZERO };
        due += (Duration::from_secs_f32(1.0 / sight.rate) + rest).div_f32(args.speed);
        // Time that was lost is not made up for.
        due = due.max(Instant::now());
        Ok(wait(&mut screen, interrupted, due))
    });
    drop(screen);
    let scores = scores?;
    lost.map_or(Ok(()), Err)?;
    scores.iter().enumerate().try_for_each(|(episode, score)| say(summary(episode, score)))
}

/// Waits, unless somebody wants to leave.
fn wait(screen: &mut Screen, interrupted: &AtomicBool, until: Instant) -> ControlFlow<()> {
    loop {
        if interrupted.load(Ordering::Relaxed) || screen.is_left() {
            return ControlFlow::Break(());
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return ControlFlow::Continue(());
        }
        std::thread::sleep(left.min(Duration::from_millis(20)));
    }
}

/// A line a step, as fast as it goes.
fn lines(saved: &SavedPolicy, program: Program, interrupted: &AtomicBool) -> Result<()> {
    let mut lost = None;
    saved.show(&environments(&saved.config), program, &mut |sight| {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(ControlFlow::Break(()));
        }
        let said = line(sight).map_or(Ok(()), say);
        let ended = sight.act.is_some_and(|act| act.ends);
        let said = said.and_then(|()| if ended { say(summary(sight.episode, &sight.score)) } else { Ok(()) });
        lost = said.err();
        Ok::<_, TrainError>(if lost.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    lost.map_or(Ok(()), Err)
}

/// A step; none at the start of an episode.
fn line(sight: &Sight<'_>) -> Option<String> {
    let act = sight.act.as_ref()?;
    Some(format!(
        "step {:<5} action {}  reward {}  return {}  value {:.4}  td_error {:+.4}",
        sight.score.length,
        action_text(act.action, sight.actions),
        act.reward,
        sight.score.total,
        act.value,
        act.td_error
    ))
}

fn summary(episode: usize, score: &Score) -> String {
    format!("episode {}: return {:.2}, length {}", episode + 1, score.total, score.length)
}
