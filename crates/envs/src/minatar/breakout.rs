//! A ball, a paddle and a wall.

use super::{Game, Grid, LAST, Move, Numbers, SIZE, hues};
use crate::EnvError;
use crate::chance::Chance;
use crate::scene::Rgb;

const PADDLE: usize = 0;
const BALL: usize = 1;
const TRAIL: usize = 2;
const BRICK: usize = 3;

const ROW: u16 = (1 << SIZE) - 1;
/// Bricks fill the rows 1 to 3.
const WALL: [u16; SIZE] = [0, ROW, ROW, ROW, 0, 0, 0, 0, 0, 0];

/// `MinAtar/Breakout-v1`: bounce a ball off a paddle (0 stay, 1 left, 2 right) against three rows of bricks. 1 a brick; a wall that is
/// gone is built again. It is over when the ball is missed.
///
/// Channels: paddle, ball, where the ball was, bricks. Numbers of the state: column of the paddle; column, row and direction of the ball
/// (0 to 3: up left, up right, down right, down left); column and row where it was; whether a brick was struck just now; the bricks of
/// the rows 1, 2 and 3, column by column from the lowest bit.
#[derive(Clone, Debug)]
pub(crate) struct Breakout {
    paddle: i8,
    x: i8,
    y: i8,
    direction: u8,
    last_x: i8,
    last_y: i8,
    struck: bool,
    bricks: [u16; SIZE],
    over: bool,
}

impl Breakout {
    /// The ball reaches the bottom row at column `x`: whether the paddle sends it back.
    fn bounce(&mut self, x: i8) -> bool {
        if self.bricks == [0; SIZE] {
            self.bricks = WALL;
        }
        if self.x == self.paddle {
            self.direction = 3 - self.direction;
        } else if x == self.paddle {
            self.direction = (self.direction + 2) % 4;
        } else {
            self.over = true;
        }
        !self.over
    }
}

impl Game for Breakout {
    const CHANNELS: usize = 4;
    const COLORS: &'static [(usize, Rgb)] =
        &[(TRAIL, hues::TRAIL), (BRICK, hues::ENEMY), (PADDLE, hues::PLAYER), (BALL, hues::SHOT)];
    const MOVES: &'static [Move] = &[Move::Stay, Move::Left, Move::Right];
    const NUMBERS: usize = 10;
    const RAMPS: bool = false;

    fn new(_: bool) -> Self {
        Self { paddle: 4, x: 0, y: 3, direction: 2, last_x: 0, last_y: 3, struck: false, bricks: WALL, over: false }
    }

    fn start(&mut self, chance: &mut impl Chance) {
        *self = Self::new(false);
        if chance.below(2) == 1 {
            (self.x, self.direction) = (LAST, 3);
        }
        (self.last_x, self.last_y) = (self.x, self.y);
    }

    #[inline]
    fn act(&mut self, action: Move, _: &mut impl Chance) -> i32 {
        match action {
            Move::Left => self.paddle = (self.paddle - 1).max(0),
            Move::Right => self.paddle = (self.paddle + 1).min(LAST),
            _ => {}
        }
        (self.last_x, self.last_y) = (self.x, self.y);
        let mut x = self.x + if matches!(self.direction, 1 | 2) { 1 } else { -1 };
        let mut y = self.y + if self.direction < 2 { -1 } else { 1 };
        if !(0..=LAST).contains(&x) {
            x = x.clamp(0, LAST);
            self.direction ^= 1;
        }
        let (mut reward, mut brick) = (0, false);
        if y < 0 {
            y = 0;
            self.direction = 3 - self.direction;
        } else if self.bricks[y as usize] >> x & 1 == 1 {
            brick = true;
            // A ball that has just struck flies through the next brick.
            if !self.struck {
                reward = 1;
                self.struck = true;
                self.bricks[y as usize] &= !(1 << x);
                y = self.last_y;
                self.direction = 3 - self.direction;
            }
        } else if y == LAST && self.bounce(x) {
            y = self.last_y;
        }
        self.struck &= brick;
        (self.x, self.y) = (x, y);
        reward
    }

    fn over(&self) -> bool {
        self.over
    }

    fn set_over(&mut self, over: bool) {
        self.over = over;
    }

    #[inline]
    fn draw(&self, grid: &mut Grid<'_>) {
        grid.mark(PADDLE, self.paddle, LAST);
        grid.mark(BALL, self.x, self.y);
        grid.mark(TRAIL, self.last_x, self.last_y);
        grid.mark_rows(BRICK, &self.bricks);
    }

    fn save(&self, to: &mut Vec<f64>) {
        to.extend([self.paddle, self.x, self.y, self.direction as i8, self.last_x, self.last_y].map(f64::from));
        to.push(u8::from(self.struck).into());
        to.extend(self.bricks[1..4].iter().map(|&row| f64::from(row)));
    }

    fn load(&mut self, from: &mut Numbers<'_>) -> Result<(), EnvError> {
        self.paddle = from.place("column of the paddle")?;
        self.x = from.place("column of the ball")?;
        // A ball in the paddle's row is a ball that was missed.
        let lowest = if self.over { LAST } else { LAST - 1 };
        self.y = from.whole("row of the ball", 0..=lowest.into())? as i8;
        self.direction = from.whole("direction of the ball", 0..=3)? as u8;
        self.last_x = from.place("last column of the ball")?;
        self.last_y = from.place("last row of the ball")?;
        self.struck = from.switch("struck")?;
        self.bricks = [0; SIZE];
        for row in &mut self.bricks[1..4] {
            *row = from.whole("row of bricks", 0..=ROW.into())? as u16;
        }
        Ok(())
    }
}
