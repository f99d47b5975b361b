//! What is written under the picture.

use striatum_envs::Space;
use striatum_envs::scene::colors;
use striatum_train::show::Sight;

use super::cells::{Cell, Row};

/// Half of a TD error's bar, in characters.
const REACH: usize = 10;

/// The most numbers of an action that are shown.
const SHOWN: usize = 4;

/// What is known of the episode.
pub struct Panel {
    task: String,
    episodes: u32,
    /// The largest TD error so far, which the bar goes by.
    largest: f32,
    rows: Vec<Row>,
}

impl Panel {
    pub fn new(task: &str, episodes: u32) -> Self {
        Self { task: task.to_owned(), episodes, largest: 0.0, rows: Vec::new() }
    }

    /// Takes note of what is seen.
    pub fn see(&mut self, sight: &Sight<'_>) {
        let episode = format!("episode {} of {}", sight.episode + 1, self.episodes);
        let (total, length) = (sight.score.total, sight.score.length);
        let head = format!("{}   {episode}   step {length:<5} return {total:.2}", self.task);
        self.rows = vec![plain(&head)];
        let (action, value, td_error) = match &sight.act {
            Some(act) => (action_text(act.action, sight.actions), format!("{:.3}", act.value), act.td_error),
            None => ("-".to_owned(), "-".to_owned(), 0.0),
        };
        self.largest = self.largest.max(td_error.abs());
        self.rows.push(plain(&format!("action {action:<12} value {value}")));
        let mut row = plain(&format!("TD error {td_error:>+8.3}  "));
        row.extend(bar(td_error, self.largest));
        self.rows.push(row);
        self.rows.push(plain("q ends"));
    }

    /// Lines, the first ones most important.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

/// An action in few characters.
pub fn action_text(action: &[f32], space: &Space) -> String {
    let is_real = matches!(space, Space::Box { .. });
    let number = |x: &f32| if is_real { format!("{x:+.2}") } else { format!("{x}") };
    let mut numbers: Vec<_> = action.iter().take(SHOWN).map(number).collect();
    if action.len() > SHOWN {
        numbers.push("…".to_owned());
    }
    numbers.join(" ")
}

/// A bar from its middle on, to the right if `x` is positive; `largest` fills half of it.
fn bar(x: f32, largest: f32) -> Row {
    let share = if largest > 0.0 { x / largest } else { 0.0 };
    let filled = (share.abs() * REACH as f32).round() as usize;
    let color = if share > 0.0 { colors::GOOD } else { colors::BAD };
    let cell = |at: usize| {
        let (right, away) = (at > REACH, at.abs_diff(REACH));
        match away {
            0 => Cell::plain('┼'),
            away if away <= filled && right == (share > 0.0) => Cell { glyph: '━', ink: Some(color), ground: None },
            _ => Cell::plain('─'),
        }
    };
    (0..=2 * REACH).map(cell).collect()
}

fn plain(text: &str) -> Row {
    text.chars().map(Cell::plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(row: &Row) -> String {
        row.iter().map(|cell| cell.glyph).collect()
    }

    #[test]
    fn a_bar_goes_to_the_side_of_its_sign() {
        assert_eq!(text(&bar(0.0, 0.0)), "──────────┼──────────");
        assert_eq!(text(&bar(2.0, 2.0)), "──────────┼━━━━━━━━━━");
        assert_eq!(text(&bar(-1.0, 2.0)), "─────━━━━━┼──────────");
        assert_eq!(bar(2.0, 2.0)[12].ink, Some(colors::GOOD));
        assert_eq!(bar(-2.0, 2.0)[2].ink, Some(colors::BAD));
    }

    #[test]
    fn actions_are_short() {
        assert_eq!(action_text(&[3.0], &Space::Discrete { n: 4 }), "3");
        assert_eq!(action_text(&[0.5, -1.0], &Space::uniform_box(2, -1.0, 1.0)), "+0.50 -1.00");
        assert_eq!(action_text(&[1.0; 6], &Space::MultiBinary { n: 6 }), "1 1 1 1 …");
    }
}
