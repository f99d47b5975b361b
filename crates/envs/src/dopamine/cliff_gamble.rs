//! A walk along a cliff, over gambling cells or round them.

use super::{happens, whole};
use crate::classic::numbers;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const ROWS: u32 = 3;
/// Columns from one gambling cell to the next.
const PERIOD: u32 = 4;

/// `CliffGamble-v0`: walk from `S` to `G` along a cliff, over gambling cells or round them, with the actions up (0), right (1), down (2)
/// and left (3). With three gambling cells the board is
///
/// ```text
/// row 0   #...#...#...#     # rock, as the outside: a step against it stays where it is
/// row 1   ..?...?...?..     ? a gambling cell
/// row 2   S~~~~~~~~~~~G     ~ the cliff
/// ```
///
/// A step costs 1. Entering a gambling cell costs `toll` more, and pays `stake` or takes it, each with probability 1/2. The way round it has
/// two steps more: with the toll of 2 both ways are worth exactly the same and differ in variance only, by `stake`^2. Each gambling cell is
/// a choice of its own. Falling down the cliff costs `fall` and puts the walker back to `S`; `G` pays `goal` and ends the episode. The best
/// return is so `goal - 2 - 6 gambles` on average (0 by default), with a variance of `stake`^2 for every cell that is walked over. An
/// episode is cut after 40 steps a gambling cell. The observation is 1 in the place of the walker's cell, row by row, and 0 elsewhere.
/// State: row, column.
#[derive(Clone, Debug)]
pub struct CliffGamble {
    columns: u32,
    stake: f64,
    toll: f64,
    fall: f64,
    goal: f64,
    row: u32,
    column: u32,
}

impl Parametric for CliffGamble {
    const PARAMS: &'static [Param] = &[
        Param::whole("gambles", (1, 16), 3, "Number of gambling cells."),
        Param::real("stake", (0.0, 1000.0), 4.0, "What a gambling cell pays or takes."),
        Param::real("toll", (0.0, 1000.0), 2.0, "What entering a gambling cell costs; 2 is worth the way round it."),
        Param::real("fall", (0.0, 1000.0), 5.0, "What falling down the cliff costs, beside the way back to the start."),
        Param::real("goal", (0.0, 1000.0), 20.0, "What reaching the goal pays."),
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let [stake, toll, fall, goal] = ["stake", "toll", "fall", "goal"].map(|name| arguments.real(name));
        let columns = PERIOD * arguments.whole("gambles") + 1;
        Ok(Self { columns, stake, toll, fall, goal, row: ROWS - 1, column: 0 })
    }
}

impl CliffGamble {
    fn is_rock(&self, row: u32, column: u32) -> bool {
        row >= ROWS || column >= self.columns || row == 0 && column.is_multiple_of(PERIOD)
    }

    fn observe(&self, observation: &mut [f32]) {
        observation.fill(0.0);
        observation[(self.row * self.columns + self.column) as usize] = 1.0;
    }
}

impl Env for CliffGamble {
    fn observation_space(&self) -> Space {
        Space::uniform_box((ROWS * self.columns) as usize, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 4 }
    }

    fn time_limit(&self) -> Option<u32> {
        Some(40 * (self.columns / PERIOD))
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        (self.row, self.column) = (ROWS - 1, 0);
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        // Below 0 the numbers wrap round to far outside.
        let (row, column) = match action[0] as u32 {
            0 => (self.row.wrapping_sub(1), self.column),
            1 => (self.row, self.column.wrapping_add(1)),
            2 => (self.row.wrapping_add(1), self.column),
            _ => (self.row, self.column.wrapping_sub(1)),
        };
        let moved = !self.is_rock(row, column);
        if moved {
            (self.row, self.column) = (row, column);
        }
        let mut reward = -1.0;
        let low = self.row == ROWS - 1;
        let (at_start, at_goal) = (low && self.column == 0, low && self.column == self.columns - 1);
        let falls = low && !at_start && !at_goal;
        if moved && self.row == 1 && self.column % PERIOD == PERIOD / 2 {
            reward += if happens(0.5, rng) { self.stake } else { -self.stake } - self.toll;
        } else if falls {
            reward -= self.fall;
            self.column = 0;
        } else if at_goal {
            reward += self.goal;
        }
        self.observe(observation);
        Step { reward: reward as f32, terminated: at_goal, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.row.into(), self.column.into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let [row, column] = numbers(state, ["row", "column"])?;
        let row = whole("row", row, 0..=i64::from(ROWS) - 1)? as u32;
        let column = whole("column", column, 0..=i64::from(self.columns) - 1)? as u32;
        let is_cliff = row == ROWS - 1 && column > 0 && column < self.columns - 1;
        if is_cliff || self.is_rock(row, column) {
            return Err(EnvError::BadState(format!(
                "nobody stands in row {row}, column {column}; give another column"
            )));
        }
        (self.row, self.column) = (row, column);
        self.observe(observation);
        Ok(())
    }

    /// The board; a ring round the walker tells what a gamble gave.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        let cell = (640.0 / f64::from(self.columns)).clamp(12.0, 48.0).floor();
        let (rows, columns) = (ROWS as usize, self.columns as usize);
        let is_gamble = |row: u32, column: u32| row == 1 && column % PERIOD == PERIOD / 2;
        let is_end = |row: u32, column: u32| row == ROWS - 1 && (column == 0 || column == self.columns - 1);
        let mut scene = Scene::board(rows, columns, cell, |row, column| {
            let (row, column) = (row as u32, column as u32);
            match () {
                () if self.is_rock(row, column) => [73, 80, 87],
                () if is_end(row, column) => [178, 242, 187],
                () if row == ROWS - 1 => [28, 60, 110],
                () if is_gamble(row, column) => [208, 191, 255],
                // A chequered path shows the cells.
                () if (row + column) % 2 == 0 => [241, 243, 245],
                () => [233, 236, 239],
            }
        });
        let middles = (0..self.columns).filter(|&column| is_gamble(1, column));
        let labels = middles.map(|column| (1, column, "?")).chain([(2, 0, "S"), (2, self.columns - 1, "G")]);
        for (row, column, text) in labels {
            let at = scene.cell_center(row, column as usize, cell);
            scene.text(text, at, 0.5 * cell, colors::INK);
        }
        let walker = scene.cell_center(self.row as usize, self.column as usize, cell);
        let gambled = is_gamble(self.row, self.column) && last.is_some_and(|last| last.reward != -1.0);
        if gambled {
            let won = last.is_some_and(|last| f64::from(last.reward) > -1.0 - self.toll);
            scene.disc(walker, 0.48 * cell, if won { colors::GOOD } else { colors::BAD });
        }
        scene.disc(walker, 0.34 * cell, colors::WALKER);
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        4.0
    }
}
