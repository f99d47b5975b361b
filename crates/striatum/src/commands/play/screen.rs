//! The terminal while it is drawn on.

use super::cells::{Palette, Row};
use super::panel::Panel;
use anyhow::{Context, Result};
use std::env;
use std::io::{self, Write};
use std::sync::Once;
use striatum_envs::Picture;
use striatum_train::picture::fit;
use terminal_size::{Height, Width, terminal_size};

/// Another page of the terminal, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";

/// The page before, with everything as it was.
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// The size where the terminal tells none.
const USUAL: (usize, usize) = (80, 24);

/// Whether the terminal knows a cursor that moves.
pub fn moves_cursor() -> bool {
    env::var_os("TERM").is_none_or(|term| !term.is_empty() && term != "dumb")
}

/// What is left of it is what was there before, whatever happens.
pub struct Screen {
    palette: Palette,
    /// Columns and rows when it was drawn on last.
    size: (usize, usize),
    #[cfg(unix)]
    keys: Option<keys::Keys>,
}

impl Screen {
    pub fn enter() -> Result<Self> {
        restore_on_panic();
        #[cfg(unix)]
        let keys = keys::Keys::listen();
        let mut out = io::stdout();
        let entered = out.write_all(ENTER.as_bytes()).and_then(|()| out.flush());
        let screen = Self {
            palette: palette(),
            size: (0, 0),
            #[cfg(unix)]
            keys,
        };
        entered.context("the terminal cannot be written to")?;
        Ok(screen)
    }

    /// Whether the key to leave was pressed.
    pub fn is_left(&mut self) -> bool {
        #[cfg(unix)]
        return self.keys.as_mut().is_some_and(keys::Keys::is_left);
        #[cfg(not(unix))]
        return false;
    }

    /// Draws a picture with the panel below it.
    pub fn draw(&mut self, picture: Option<&Picture>, panel: &Panel) -> Result<()> {
        let size = terminal_size().map_or(USUAL, |(Width(columns), Height(rows))| (columns.into(), rows.into()));
        // Whole at once, where the terminal knows how.
        let mut text = String::from("\x1b[?2026h");
        if size != self.size {
            text.push_str("\x1b[2J");
            self.size = size;
        }
        let (columns, rows) = size;
        let panel: Vec<&Row> = panel.rows().iter().take(rows).collect();
        let room = rows.saturating_sub(panel.len() + 1);
        let drawn = picture.filter(|_| room > 1).map(|picture| {
            let (wide, high) = self.palette.pixels();
            let (frame, labels) = fit(picture, (columns * wide, room * high));
            self.palette.cells(&frame, &labels)
        });
        let drawn = drawn.unwrap_or_default();
        text.push_str("\x1b[H");
        let blank = Row::new();
        let separate = (!drawn.is_empty()).then_some(&blank);
        let lines: Vec<&Row> = drawn.iter().chain(separate).chain(panel).collect();
        for (i, line) in lines.iter().enumerate() {
            if i > 0 {
                text.push_str("\r\n");
            }
            self.palette.write(&line[..line.len().min(columns)], &mut text);
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J\x1b[?2026l");
        let mut out = io::stdout();
        Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn leave() {
    let mut out = io::stdout();
    let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
}

/// A message of a panic is for the page that stays.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            leave();
            usual(info);
        }));
    });
}

/// By what the environment says.
fn palette() -> Palette {
    let set = |name: &str| env::var(name).unwrap_or_default();
    match () {
        () if !set("NO_COLOR").is_empty() => Palette::None,
        () if ["truecolor", "24bit"].contains(&set("COLORTERM").as_str()) || set("TERM").contains("direct") => {
            Palette::Full
        }
        () => Palette::Indexed,
    }
}

/// Keys that are taken as they are pressed.
#[cfg(unix)]
mod keys {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
    use std::io::{self, IsTerminal, Read};

    /// The terminal's settings before.
    pub struct Keys(Termios);

    impl Keys {
        /// None if nobody is at the keyboard.
        pub fn listen() -> Option<Self> {
            let input = io::stdin();
            let before = input.is_terminal().then(|| tcgetattr(&input).ok()).flatten()?;
            let mut modes = before.clone();
            // Ctrl-C goes on being a signal; Ctrl-Z would leave the shell with our page.
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            modes.special_codes[SpecialCodeIndex::VMIN] = 0;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            modes.special_codes[SpecialCodeIndex::VSUSP] = 0;
            tcsetattr(&input, OptionalActions::Now, &modes).ok()?;
            Some(Self(before))
        }

        /// Whether q, Q or Escape was pressed since the last time.
        pub fn is_left(&mut self) -> bool {
            let mut pressed = [0; 64];
            let count = io::stdin().read(&mut pressed).unwrap_or(0);
            // Escape alone: arrows and the like are longer.
            pressed[..count].iter().any(|key| b"qQ".contains(key)) || pressed[..count] == [0x1b]
        }
    }

    impl Drop for Keys {
        fn drop(&mut self) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        }
    }
}
