//! Aliens that come down.

use super::{Game, Grid, LAST, Move, Numbers, SIZE, hues};
use crate::EnvError;
use crate::chance::Chance;
use crate::scene::Rgb;

const CANNON: usize = 0;
const ALIEN: usize = 1;
const ALIEN_LEFT: usize = 2;
const ALIEN_RIGHT: usize = 3;
const FRIENDLY_BULLET: usize = 4;
const ENEMY_BULLET: usize = 5;

const COOL_DOWN: i8 = 5;
const MOVE_INTERVAL: i8 = 12;
const SHOT_INTERVAL: i8 = 10;
/// The interval at which waves become no faster.
const FASTEST: i8 = 6;

const ROW: u16 = (1 << SIZE) - 1;
/// The cells of a wave: rows 0 to 3, columns 2 to 7.
const WAVE: [u16; SIZE] = [0b00_1111_1100, 0b00_1111_1100, 0b00_1111_1100, 0b00_1111_1100, 0, 0, 0, 0, 0, 0];

/// `MinAtar/SpaceInvaders-v1`: move a cannon (0 stay, 1 left, 2 right) and fire (3) at aliens that go to and fro and come down, 1 an
/// alien. The fewer are left, the faster they are; after each wave comes another, with ramping a faster one. It is over when a bullet
/// or an alien hits the cannon.
///
/// Channels: cannon, aliens, aliens if they go left, aliens if they go right, bullets of the player, bullets of the aliens. Numbers of
/// the state: column of the cannon; whether the aliens go right; the interval between their moves, and its timer; timer of their shots;
/// level of the ramp; timer of the player's shots; then rows 0 to 9 of aliens, of the player's bullets, of the aliens' bullets, column by
/// column from the lowest bit.
#[derive(Clone, Debug)]
pub(crate) struct SpaceInvaders {
    x: i8,
    right: bool,
    move_interval: i8,
    move_timer: i8,
    alien_shot_timer: i8,
    pub(super) ramp_index: u8,
    shot_timer: i8,
    aliens: [u16; SIZE],
    bullets: [u16; SIZE],
    alien_bullets: [u16; SIZE],
    ramping: bool,
    over: bool,
}

fn count(rows: &[u16; SIZE]) -> u32 {
    rows.iter().map(|row| row.count_ones()).sum()
}

fn has(rows: &[u16; SIZE], x: i8, y: i8) -> bool {
    rows[y as usize] >> x & 1 == 1
}

impl SpaceInvaders {
    /// All columns in which aliens are.
    fn columns(&self) -> u16 {
        self.aliens.iter().fold(0, |all, row| all | row)
    }

    fn move_aliens(&mut self) {
        self.move_timer = self.move_interval.min(count(&self.aliens) as i8);
        let edge = if self.right { 1 << LAST } else { 1 };
        if self.columns() & edge != 0 {
            self.right = !self.right;
            self.over |= self.aliens[SIZE - 1] != 0;
            self.aliens.rotate_right(1);
        } else {
            for row in &mut self.aliens {
                *row = if self.right { *row << 1 } else { *row >> 1 };
            }
        }
    }

    /// The lowest alien of the nearest column that has one, and on equal terms of the left one, fires.
    fn fire_back(&mut self) {
        let columns = self.columns();
        let nearest = (0..=LAST).filter(|&x| columns >> x & 1 == 1).min_by_key(|x| (x - self.x).abs());
        if let Some(x) = nearest
            && let Some(y) = (0..SIZE).rev().find(|&y| has(&self.aliens, x, y as i8))
        {
            self.alien_bullets[y] |= 1 << x;
        }
    }

    /// Removes aliens and bullets that met, and counts them.
    fn kill(&mut self) -> i32 {
        let mut killed = 0;
        for (aliens, bullets) in self.aliens.iter_mut().zip(&mut self.bullets) {
            let met = *aliens & *bullets;
            killed += met.count_ones();
            *aliens &= !met;
            *bullets &= !met;
        }
        killed as i32
    }
}

impl Game for SpaceInvaders {
    const CHANNELS: usize = 6;
    const COLORS: &'static [(usize, Rgb)] =
        &[(ALIEN, hues::PREY), (CANNON, hues::PLAYER), (ENEMY_BULLET, hues::ENEMY_SHOT), (FRIENDLY_BULLET, hues::SHOT)];
    const MOVES: &'static [Move] = &[Move::Stay, Move::Left, Move::Right, Move::Fire];
    const NUMBERS: usize = 7 + 3 * SIZE;
    const RAMPS: bool = true;

    fn new(ramping: bool) -> Self {
        Self {
            x: 5,
            right: false,
            move_interval: MOVE_INTERVAL,
            move_timer: MOVE_INTERVAL,
            alien_shot_timer: SHOT_INTERVAL,
            ramp_index: 0,
            shot_timer: 0,
            aliens: WAVE,
            bullets: [0; SIZE],
            alien_bullets: [0; SIZE],
            ramping,
            over: false,
        }
    }

    fn start(&mut self, _: &mut impl Chance) {
        *self = Self::new(self.ramping);
    }

    #[inline]
    fn act(&mut self, action: Move, _: &mut impl Chance) -> i32 {
        match action {
            Move::Fire if self.shot_timer == 0 => {
                self.bullets[SIZE - 1] |= 1 << self.x;
                self.shot_timer = COOL_DOWN;
            }
            Move::Left => self.x = (self.x - 1).max(0),
            Move::Right => self.x = (self.x + 1).min(LAST),
            _ => {}
        }
        self.bullets.rotate_left(1);
        self.bullets[SIZE - 1] = 0;
        self.alien_bullets.rotate_right(1);
        self.alien_bullets[0] = 0;
        self.over |= has(&self.alien_bullets, self.x, LAST) || has(&self.aliens, self.x, LAST);
        if self.move_timer == 0 {
            self.move_aliens();
            self.over |= has(&self.aliens, self.x, LAST);
        }
        if self.alien_shot_timer == 0 {
            self.alien_shot_timer = SHOT_INTERVAL;
            self.fire_back();
        }
        let reward = self.kill();
        self.shot_timer = (self.shot_timer - 1).max(0);
        self.move_timer -= 1;
        self.alien_shot_timer -= 1;
        if self.aliens == [0; SIZE] {
            if self.move_interval > FASTEST && self.ramping {
                self.move_interval -= 1;
                self.ramp_index += 1;
            }
            self.aliens = WAVE;
        }
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
        grid.mark(CANNON, self.x, LAST);
        grid.mark_rows(ALIEN, &self.aliens);
        grid.mark_rows(if self.right { ALIEN_RIGHT } else { ALIEN_LEFT }, &self.aliens);
        grid.mark_rows(FRIENDLY_BULLET, &self.bullets);
        grid.mark_rows(ENEMY_BULLET, &self.alien_bullets);
    }

    fn save(&self, to: &mut Vec<f64>) {
        to.extend([self.x, i8::from(self.right), self.move_interval, self.move_timer].map(f64::from));
        to.extend([self.alien_shot_timer, self.ramp_index as i8, self.shot_timer].map(f64::from));
        to.extend([self.aliens, self.bullets, self.alien_bullets].iter().flatten().map(|&row| f64::from(row)));
    }

    fn load(&mut self, from: &mut Numbers<'_>) -> Result<(), EnvError> {
        self.x = from.place("column of the cannon")?;
        self.right = from.switch("aliens go right")?;
        self.move_interval = from.whole("move interval", FASTEST.into()..=MOVE_INTERVAL.into())? as i8;
        self.move_timer = from.whole("move timer", 0..=MOVE_INTERVAL.into())? as i8;
        self.alien_shot_timer = from.whole("timer of the aliens' shots", 0..=SHOT_INTERVAL.into())? as i8;
        self.ramp_index = from.whole("ramp level", 0..=(MOVE_INTERVAL - FASTEST).into())? as u8;
        self.shot_timer = from.whole("timer of the player's shots", 0..=COOL_DOWN.into())? as i8;
        let maps = [
            ("row of aliens", &mut self.aliens),
            ("row of the player's bullets", &mut self.bullets),
            ("row of the aliens' bullets", &mut self.alien_bullets),
        ];
        for (name, rows) in maps {
            for row in rows {
                *row = from.whole(name, 0..=ROW.into())? as u16;
            }
        }
        if self.aliens == [0; SIZE] {
            return Err(EnvError::BadState("there is no alien; give at least one".to_owned()));
        }
        Ok(())
    }
}
