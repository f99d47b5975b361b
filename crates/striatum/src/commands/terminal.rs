//! Headings of tables, and progress.

use super::note;
use std::env;
use std::io::{self, IsTerminal, Write};

/// A heading, bold on a terminal.
pub fn heading(text: &str) -> String {
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !io::stdout().is_terminal();
    if plain { text.to_owned() } else { format!("\x1b[1m{text}\x1b[0m") }
}

/// What is being done, on stderr: one line that is overwritten on a terminal, else nothing but a line a stage.
pub struct Progress {
    terminal: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: io::stderr().is_terminal() }
    }

    /// A new stage.
    pub fn stage(&self, text: &str) {
        if self.terminal { self.step(text) } else { note(text) }
    }

    /// A part of a stage, shown on a terminal only.
    pub fn step(&self, text: &str) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }

    /// Makes room for a row on stdout.
    pub fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
