//! A road with eight lanes.

use super::{Game, Grid, LAST, Move, Numbers, hues};
use crate::EnvError;
use crate::chance::Chance;
use crate::scene::Rgb;

const CHICKEN: usize = 0;
const CAR: usize = 1;
/// The first of five channels, one a speed.
const SPEED: usize = 2;

const PLAYER_SPEED: i8 = 3;
const TIME_LIMIT: i16 = 2500;
/// Lanes are the rows 1 to 8.
const LANES: usize = 8;
/// The column of the chicken.
const COLUMN: i8 = 4;

/// A car; it moves once in `|speed| + 1` steps, to the right if `speed` is positive.
#[derive(Clone, Copy, Debug, Default)]
struct Car {
    x: i8,
    timer: i8,
    speed: i8,
}

/// `MinAtar/Freeway-v1`: walk a chicken across a road of eight lanes (0 stay, 1 up, 2 down), 1 each time, after which it is at the bottom
/// again and all cars get new speeds. A car throws it back to the bottom. It is over after 2500 steps, by the game's own clock.
///
/// Channels: chicken, cars, and where a car came from, in one of five channels by its speed. Numbers of the state: row and timer of the
/// chicken; steps left; column, timer and speed (negative to the left) of the cars in the rows 1 to 8.
#[derive(Clone, Debug)]
pub(crate) struct Freeway {
    row: i8,
    timer: i8,
    left: i16,
    cars: [Car; LANES],
    over: bool,
}

impl Freeway {
    fn change_speeds(&mut self, chance: &mut impl Chance) {
        for car in &mut self.cars {
            car.timer = 1 + chance.below(5) as i8;
        }
        for car in &mut self.cars {
            car.speed = if chance.happens(0.5) { -car.timer } else { car.timer };
        }
    }
}

impl Game for Freeway {
    const CHANNELS: usize = 7;
    const COLORS: &'static [(usize, Rgb)] = &[
        (SPEED, [40, 42, 45]),
        (SPEED + 1, [56, 60, 64]),
        (SPEED + 2, [74, 78, 83]),
        (SPEED + 3, [92, 97, 103]),
        (SPEED + 4, [112, 118, 125]),
        (CAR, hues::ENEMY),
        (CHICKEN, hues::TREASURE),
    ];
    const MOVES: &'static [Move] = &[Move::Stay, Move::Up, Move::Down];
    const NUMBERS: usize = 3 + 3 * LANES;
    const RAMPS: bool = false;

    fn new(_: bool) -> Self {
        let cars = [Car { x: 0, timer: 1, speed: 1 }; LANES];
        Self { row: LAST, timer: PLAYER_SPEED, left: TIME_LIMIT, cars, over: false }
    }

    fn start(&mut self, chance: &mut impl Chance) {
        *self = Self::new(false);
        self.change_speeds(chance);
    }

    #[inline]
    fn act(&mut self, action: Move, chance: &mut impl Chance) -> i32 {
        if matches!(action, Move::Up | Move::Down) && self.timer == 0 {
            self.timer = PLAYER_SPEED;
            self.row = if action == Move::Up { (self.row - 1).max(0) } else { (self.row + 1).min(LAST) };
        }
        let arrived = self.row == 0;
        if arrived {
            self.change_speeds(chance);
            self.row = LAST;
        }
        for (car, y) in self.cars.iter_mut().zip(1..) {
            if car.x == COLUMN && y == self.row {
                self.row = LAST;
            }
            if car.timer == 0 {
                car.timer = car.speed.abs();
                car.x = (car.x + car.speed.signum()).rem_euclid(LAST + 1);
                if car.x == COLUMN && y == self.row {
                    self.row = LAST;
                }
            } else {
                car.timer -= 1;
            }
        }
        self.timer = (self.timer - 1).max(0);
        self.left -= 1;
        self.over |= self.left < 0;
        i32::from(arrived)
    }

    fn over(&self) -> bool {
        self.over
    }

    fn set_over(&mut self, over: bool) {
        self.over = over;
    }

    #[inline]
    fn draw(&self, grid: &mut Grid<'_>) {
        grid.mark(CHICKEN, COLUMN, self.row);
        for (car, y) in self.cars.iter().zip(1..) {
            grid.mark(CAR, car.x, y);
            let back = (car.x - car.speed.signum()).rem_euclid(LAST + 1);
            grid.mark(SPEED - 1 + usize::from(car.speed.unsigned_abs()), back, y);
        }
    }

    fn save(&self, to: &mut Vec<f64>) {
        to.extend([self.row.into(), self.timer.into(), f64::from(self.left)]);
        to.extend(self.cars.iter().flat_map(|car| [car.x, car.timer, car.speed]).map(f64::from));
    }

    fn load(&mut self, from: &mut Numbers<'_>) -> Result<(), EnvError> {
        self.row = from.whole("row of the chicken", 1..=LAST.into())? as i8;
        self.timer = from.whole("timer of the chicken", 0..=PLAYER_SPEED.into())? as i8;
        self.left = from.whole("steps left", -1..=TIME_LIMIT.into())? as i16;
        for car in &mut self.cars {
            car.x = from.place("column of a car")?;
            car.timer = from.whole("timer of a car", 0..=5)? as i8;
            car.speed = from.whole("speed of a car", -5..=5)? as i8;
            if car.speed == 0 {
                return Err(EnvError::BadState("speed of a car is 0; give -5 to -1 or 1 to 5".to_owned()));
            }
        }
        Ok(())
    }
}
