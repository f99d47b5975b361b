//! Treasures and enemies that cross the screen.

use super::{Game, Grid, LAST, Move, Numbers, hues};
use crate::EnvError;
use crate::chance::Chance;
use crate::scene::Rgb;

const PLAYER: usize = 0;
const ENEMY: usize = 1;
const TRAIL: usize = 2;
const GOLD: usize = 3;

const RAMP_INTERVAL: i16 = 100;
const SPAWN_SPEED: i8 = 10;
const MOVE_INTERVAL: i8 = 5;
/// Rows that something may cross: 1 to 8.
const ROWS: usize = 8;

/// What crosses a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Thing {
    x: i8,
    right: bool,
    gold: bool,
}

/// `MinAtar/Asterix-v1`: walk (0 stay, 1 left, 2 up, 3 right, 4 down), gather the treasures that cross the screen, 1 each, and touch no
/// enemy, which ends the game. With ramping, more of both come, and faster.
///
/// Channels: player, enemies, where either came from, treasures. Numbers of the state: column and row of the player; interval and timer
/// of what is new; interval and timer of movement; timer and level of the ramp; what is in the rows 1 to 8: -1 for nothing, else its
/// column, plus 10 if it goes right, plus 20 if it is a treasure.
#[derive(Clone, Debug)]
pub(crate) struct Asterix {
    x: i8,
    y: i8,
    spawn_speed: i8,
    spawn_timer: i8,
    move_speed: i8,
    move_timer: i8,
    ramp_timer: i16,
    pub(super) ramp_index: u8,
    things: [Option<Thing>; ROWS],
    ramping: bool,
    over: bool,
}

impl Asterix {
    /// Something new at the side of a random free row.
    fn spawn(&mut self, chance: &mut impl Chance) {
        let right = chance.happens(0.5);
        let gold = chance.happens(1.0 / 3.0);
        let free = self.things.iter().filter(|thing| thing.is_none()).count();
        if free > 0 {
            let chosen = chance.below(free as u32) as usize;
            let slot = self.things.iter_mut().filter(|thing| thing.is_none()).nth(chosen);
            if let Some(slot) = slot {
                *slot = Some(Thing { x: if right { 0 } else { LAST }, right, gold });
            }
        }
    }

    /// What the player gains, or dies of, at row `i` of the things.
    #[inline]
    fn touch(&mut self, i: usize) -> i32 {
        match self.things[i] {
            Some(thing) if thing.x == self.x && i as i8 + 1 == self.y => {
                if thing.gold {
                    self.things[i] = None;
                    return 1;
                }
                self.over = true;
                0
            }
            _ => 0,
        }
    }

    fn ramp(&mut self) {
        if !self.ramping || (self.spawn_speed <= 1 && self.move_speed <= 1) {
            return;
        }
        if self.ramp_timer >= 0 {
            self.ramp_timer -= 1;
            return;
        }
        if self.move_speed > 1 && self.ramp_index % 2 == 1 {
            self.move_speed -= 1;
        }
        if self.spawn_speed > 1 {
            self.spawn_speed -= 1;
        }
        self.ramp_index += 1;
        self.ramp_timer = RAMP_INTERVAL;
    }
}

impl Game for Asterix {
    const CHANNELS: usize = 4;
    const COLORS: &'static [(usize, Rgb)] =
        &[(TRAIL, hues::TRAIL), (GOLD, hues::TREASURE), (ENEMY, hues::ENEMY), (PLAYER, hues::PLAYER)];
    const MOVES: &'static [Move] = &[Move::Stay, Move::Left, Move::Up, Move::Right, Move::Down];
    const NUMBERS: usize = 8 + ROWS;
    const RAMPS: bool = true;

    fn new(ramping: bool) -> Self {
        Self {
            x: 5,
            y: 5,
            spawn_speed: SPAWN_SPEED,
            spawn_timer: SPAWN_SPEED,
            move_speed: MOVE_INTERVAL,
            move_timer: MOVE_INTERVAL,
            ramp_timer: RAMP_INTERVAL,
            ramp_index: 0,
            things: [None; ROWS],
            ramping,
            over: false,
        }
    }

    fn start(&mut self, _: &mut impl Chance) {
        *self = Self::new(self.ramping);
    }

    #[inline]
    fn act(&mut self, action: Move, chance: &mut impl Chance) -> i32 {
        if self.spawn_timer == 0 {
            self.spawn(chance);
            self.spawn_timer = self.spawn_speed;
        }
        match action {
            Move::Left => self.x = (self.x - 1).max(0),
            Move::Right => self.x = (self.x + 1).min(LAST),
            Move::Up => self.y = (self.y - 1).max(1),
            Move::Down => self.y = (self.y + 1).min(LAST - 1),
            _ => {}
        }
        let mut reward = 0;
        for i in 0..ROWS {
            reward += self.touch(i);
        }
        if self.move_timer == 0 {
            self.move_timer = self.move_speed;
            for i in 0..ROWS {
                if let Some(thing) = &mut self.things[i] {
                    thing.x += if thing.right { 1 } else { -1 };
                    if !(0..=LAST).contains(&thing.x) {
                        self.things[i] = None;
                    }
                    reward += self.touch(i);
                }
            }
        }
        self.spawn_timer -= 1;
        self.move_timer -= 1;
        self.ramp();
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
        grid.mark(PLAYER, self.x, self.y);
        for (thing, y) in self.things.iter().zip(1..) {
            if let Some(thing) = thing {
                grid.mark(if thing.gold { GOLD } else { ENEMY }, thing.x, y);
                grid.mark_inside(TRAIL, if thing.right { thing.x - 1 } else { thing.x + 1 }, y);
            }
        }
    }

    fn save(&self, to: &mut Vec<f64>) {
        to.extend(
            [self.x, self.y, self.spawn_speed, self.spawn_timer, self.move_speed, self.move_timer].map(f64::from),
        );
        to.extend([self.ramp_timer.into(), f64::from(self.ramp_index)]);
        to.extend(self.things.iter().map(|thing| {
            thing.map_or(-1.0, |t| f64::from(t.x) + f64::from(10 * u8::from(t.right) + 20 * u8::from(t.gold)))
        }));
    }

    fn load(&mut self, from: &mut Numbers<'_>) -> Result<(), EnvError> {
        self.x = from.place("column of the player")?;
        self.y = from.whole("row of the player", 1..=8)? as i8;
        self.spawn_speed = from.whole("spawn interval", 1..=SPAWN_SPEED.into())? as i8;
        self.spawn_timer = from.whole("spawn timer", 0..=SPAWN_SPEED.into())? as i8;
        self.move_speed = from.whole("move interval", 1..=MOVE_INTERVAL.into())? as i8;
        self.move_timer = from.whole("move timer", 0..=MOVE_INTERVAL.into())? as i8;
        self.ramp_timer = from.whole("ramp timer", -1..=RAMP_INTERVAL.into())? as i16;
        self.ramp_index = from.whole("ramp level", 0..=20)? as u8;
        for slot in &mut self.things {
            let code = from.whole("row", -1..=39)?;
            let thing = Thing { x: (code % 10) as i8, right: code / 10 % 2 == 1, gold: code >= 20 };
            *slot = (code >= 0).then_some(thing);
        }
        Ok(())
    }
}
