//! The five MinAtar games (Young and Tian 2019), with the dynamics of the `minatar` package 1.0.
//!
//! A game lives on a grid of 10 by 10 cells; an observation is `[channels, 10, 10]`, 1 where a channel has something, else 0. With the
//! probability `sticky_actions` the last action is taken in place of the one given. Nothing is left of the last action at an episode's
//! start (the package keeps it beyond a reset).

mod asterix;
mod breakout;
mod freeway;
mod hues;
#[cfg(test)]
mod parity;
mod seaquest;
mod space_invaders;
mod things;

pub(crate) use asterix::Asterix;
pub(crate) use breakout::Breakout;
pub(crate) use freeway::Freeway;
pub(crate) use seaquest::Seaquest;
pub(crate) use space_invaders::SpaceInvaders;

use crate::chance::Chance;
use crate::dopamine::whole;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::{Rgb, colors};
use crate::{Env, EnvError, LastStep, Pixel, Scene, Space, Step, Stream};
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// Rows and columns of the grid.
const SIZE: usize = 10;
/// The last column and row.
const LAST: i8 = SIZE as i8 - 1;

/// What a player may do. Each game has some of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Stay,
    Left,
    Up,
    Right,
    Down,
    Fire,
}

/// A game without sticky actions.
pub(crate) trait Game: Clone + Debug + Send + 'static {
    /// Channels of an observation.
    const CHANNELS: usize;
    /// The actions that do something of their own, as the package orders them.
    const MOVES: &'static [Move];
    /// Channels and their colours in a picture, from what lies lowest on.
    const COLORS: &'static [(usize, Rgb)];
    /// Numbers of its state.
    const NUMBERS: usize;
    /// Whether it may become more difficult in time.
    const RAMPS: bool;

    /// A game that has yet to start; `ramping` is whether it becomes more difficult in time.
    fn new(ramping: bool) -> Self;

    /// Starts an episode.
    fn start(&mut self, chance: &mut impl Chance);

    /// Takes one step of a game that is not over, and gives the reward.
    fn act(&mut self, action: Move, chance: &mut impl Chance) -> i32;

    /// Whether the game is over.
    fn over(&self) -> bool;

    /// Ends the game, or lets it go on.
    fn set_over(&mut self, over: bool);

    /// Marks what is there in an observation of zeros.
    fn draw(&self, grid: &mut Grid<'_>);

    /// Its state.
    fn save(&self, to: &mut Vec<f64>);

    /// Takes over what [`save`](Self::save) wrote.
    fn load(&mut self, from: &mut Numbers<'_>) -> Result<(), EnvError>;
}

/// An observation.
pub(crate) struct Grid<'a>(&'a mut [f32]);

impl Grid<'_> {
    /// Marks a cell.
    #[inline]
    fn mark(&mut self, channel: usize, x: i8, y: i8) {
        self.0[(channel * SIZE + y as usize) * SIZE + x as usize] = 1.0;
    }

    /// Marks a cell if its column is one.
    #[inline]
    fn mark_inside(&mut self, channel: usize, x: i8, y: i8) {
        if (0..=LAST).contains(&x) {
            self.mark(channel, x, y);
        }
    }

    /// Marks the cells of rows of bits, bit `x` of row `y`.
    #[inline]
    fn mark_rows(&mut self, channel: usize, rows: &[u16; SIZE]) {
        for (y, &row) in rows.iter().enumerate() {
            let mut left = row;
            while left != 0 {
                self.mark(channel, left.trailing_zeros() as i8, y as i8);
                left &= left - 1;
            }
        }
    }
}

/// A state's numbers, read one after the other.
pub(crate) struct Numbers<'a>(std::slice::Iter<'a, f64>);

impl Numbers<'_> {
    /// The next one, a whole number of this range.
    fn whole(&mut self, name: &str, range: RangeInclusive<i64>) -> Result<i64, EnvError> {
        whole(name, self.0.next().copied().unwrap_or(f64::NAN), range)
    }

    /// The next one, a row or column.
    fn place(&mut self, name: &str) -> Result<i8, EnvError> {
        Ok(self.whole(name, 0..=LAST.into())? as i8)
    }

    /// The next one, 0 or 1.
    fn switch(&mut self, name: &str) -> Result<bool, EnvError> {
        Ok(self.whole(name, 0..=1)? == 1)
    }
}

/// A game with sticky actions. State: whether it is over, the last action, and the game's own numbers, which its file lists.
#[derive(Clone, Debug)]
pub(crate) struct MinAtar<G> {
    game: G,
    sticky: f64,
    steps: u32,
    last: u8,
}

const STICKY: Param = Param::real(
    "sticky_actions",
    (0.0, 1.0),
    0.1,
    "Probability that the last action is taken in place of the one given.",
);
const STEPS: Param = Param::whole(
    "steps",
    (0, 1_000_000),
    0,
    "Steps after which an episode is cut; 0 is never, as in the package, where a submarine may stay at the surface for ever.",
);
const RAMPING: Param = Param::flag("ramping", true, "Whether it becomes more difficult in time.");

impl<G: Game> MinAtar<G> {
    fn new(sticky: f64, ramping: bool) -> Self {
        Self { game: G::new(ramping), sticky, steps: 0, last: 0 }
    }

    fn start(&mut self, chance: &mut impl Chance) {
        self.last = 0;
        self.game.start(chance);
    }

    /// Takes one step and gives the reward.
    #[inline]
    fn take(&mut self, action: usize, chance: &mut impl Chance) -> i32 {
        if !chance.happens(self.sticky) {
            self.last = action as u8;
        }
        if self.game.over() { 0 } else { self.game.act(G::MOVES[usize::from(self.last)], chance) }
    }

    #[inline]
    fn observe(&self, observation: &mut [f32]) {
        observation.fill(0.0);
        self.game.draw(&mut Grid(observation));
    }
}

impl<G: Game> Parametric for MinAtar<G> {
    const PARAMS: &'static [Param] = if G::RAMPS { &[STICKY, STEPS, RAMPING] } else { &[STICKY, STEPS] };

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let ramping = G::RAMPS && arguments.flag("ramping");
        Ok(Self { steps: arguments.whole("steps"), ..Self::new(arguments.real("sticky_actions"), ramping) })
    }
}

impl<G: Game> Env for MinAtar<G> {
    fn observation_space(&self) -> Space {
        Space::Image { channels: G::CHANNELS, height: SIZE, width: SIZE, pixel: Pixel::Float }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: G::MOVES.len() }
    }

    fn time_limit(&self) -> Option<u32> {
        (self.steps > 0).then_some(self.steps)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.start(rng);
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let reward = self.take(action[0] as usize, rng) as f32;
        self.observe(observation);
        Step { reward, terminated: self.game.over(), truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        let mut state = Vec::with_capacity(2 + G::NUMBERS);
        state.extend([f64::from(u8::from(self.game.over())), self.last.into()]);
        self.game.save(&mut state);
        state
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let length = 2 + G::NUMBERS;
        if state.len() != length {
            return Err(EnvError::BadState(format!("it has {} numbers; give {length}", state.len())));
        }
        let mut numbers = Numbers(state.iter());
        let mut game = self.game.clone();
        game.set_over(numbers.switch("over")?);
        let last = numbers.whole("last action", 0..=G::MOVES.len() as i64 - 1)? as u8;
        game.load(&mut numbers)?;
        (self.game, self.last) = (game, last);
        self.observe(observation);
        Ok(())
    }

    fn scene(&self, _: Option<LastStep<'_>>) -> Option<Scene> {
        const CELL: f64 = 40.0;
        let mut grid = vec![0.0; G::CHANNELS * SIZE * SIZE];
        self.game.draw(&mut Grid(&mut grid));
        Some(Scene::board(SIZE, SIZE, CELL, |row, column| {
            let is_there = |channel: usize| grid[(channel * SIZE + row) * SIZE + column] > 0.0;
            let top = G::COLORS.iter().rev().find(|(channel, _)| is_there(*channel));
            top.map_or(colors::BLACK, |(_, color)| *color)
        }))
    }

    fn frame_rate(&self) -> f32 {
        20.0
    }
}
