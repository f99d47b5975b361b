//! A submarine, fish, divers and little air.

use super::things::{ENEMY_SHOT_INTERVAL, Thing, Things};
use super::{Game, Grid, LAST, Move, Numbers, hues};
use crate::EnvError;
use crate::chance::Chance;
use crate::scene::Rgb;

const FRONT: usize = 0;
const BACK: usize = 1;
const FRIENDLY_BULLET: usize = 2;
const TRAIL: usize = 3;
const ENEMY_BULLET: usize = 4;
const FISH: usize = 5;
const ENEMY_SUB: usize = 6;
const OXYGEN: usize = 7;
const RESCUED: usize = 8;
const DIVER: usize = 9;

const MAX_OXYGEN: i32 = 200;
const SPAWN_SPEED: i8 = 20;
const DIVER_SPAWN_SPEED: i8 = 30;
const MOVE_INTERVAL: i8 = 5;
const COOL_DOWN: i8 = 5;
const DIVER_MOVE_INTERVAL: i8 = 5;
const MOST_DIVERS: i32 = 6;

/// A new enemy comes at most every step and leaves within 31 steps; a diver comes every 30 steps and leaves within 61; each of the
/// player's bullets leaves within 10 steps, and one is fired at most every 5.
const ENEMIES: usize = 40;
const FEW: usize = 4;

/// `MinAtar/Seaquest-v1`: steer a submarine (0 stay, 1 left, 2 up, 3 right, 4 down, 5 fire) among fish and enemy submarines, 1 for each
/// that it hits, and gather divers. Air is used up below the surface; surfacing costs one diver, and with six it gives up to 10 by the air
/// that is left. It is over when something hits the submarine, when the air is gone, or when it surfaces without a diver. With ramping,
/// more enemies come after each time it surfaced, and faster.
///
/// Channels: front and back of the submarine, its bullets, where things came from, the enemies' bullets, fish, enemy submarines, air,
/// divers aboard, divers. Numbers of the state: column and row of the submarine; whether it looks to the right; air; divers aboard;
/// whether it is at the surface; interval and timer of new enemies; timer of new divers; interval of the enemies' moves; level of the
/// ramp; timer of its shots; then, as many numbers as there may be of each, its bullets (4), the enemies' (40), fish (40), enemy
/// submarines (40) and divers (4): -1 for none, else column + 10 row + 100 if it goes right + 200 timer of its move + 1200 timer of its
/// shot.
#[derive(Clone, Debug)]
pub(crate) struct Seaquest {
    x: i8,
    y: i8,
    right: bool,
    oxygen: i32,
    aboard: i32,
    surfaced: bool,
    spawn_speed: i8,
    spawn_timer: i8,
    diver_timer: i8,
    move_speed: i8,
    pub(super) ramp_index: u8,
    shot_timer: i8,
    bullets: Things<FEW>,
    enemy_bullets: Things<ENEMIES>,
    fish: Things<ENEMIES>,
    subs: Things<ENEMIES>,
    divers: Things<FEW>,
    ramping: bool,
    over: bool,
}

/// What enemies meet as they move.
struct Meeting<'a> {
    place: (i8, i8),
    move_speed: i8,
    bullets: &'a mut Things<FEW>,
    enemy_bullets: &'a mut Things<ENEMIES>,
    over: &'a mut bool,
}

/// Moves enemies, which fire if they are submarines, the last one first; gives how many flew into a bullet.
fn move_enemies<const FIRE: bool>(enemies: &mut Things<ENEMIES>, met: Meeting<'_>) -> i32 {
    let (mut hits, mut i) = (0, enemies.len);
    while i > 0 {
        i -= 1;
        // A removed enemy still fires, and where an equal one was removed in its place it comes to the place before.
        let (mut at, mut removed) = (i, false);
        let enemy = &mut enemies.things[i];
        *met.over |= enemy.is_at(met.place);
        if enemy.timer == 0 {
            enemy.timer = met.move_speed;
            enemy.go();
            let (outside, place) = (enemy.outside(), (enemy.x, enemy.y));
            let hit = !outside && place != met.place && met.bullets.hit(place);
            *met.over |= place == met.place;
            hits += i32::from(hit);
            if outside || hit {
                let moved = *enemy;
                let first = enemies.remove_like(i);
                removed = first == i;
                if removed {
                    fire::<FIRE>(&mut { moved }, met.enemy_bullets);
                } else {
                    at = i - 1;
                }
            }
        } else {
            enemy.timer -= 1;
        }
        if !removed {
            fire::<FIRE>(&mut enemies.things[at], met.enemy_bullets);
        }
    }
    hits
}

/// Fires if it is time to.
fn fire<const FIRE: bool>(enemy: &mut Thing, bullets: &mut Things<ENEMIES>) {
    if !FIRE {
        return;
    }
    if enemy.shot == 0 {
        enemy.shot = ENEMY_SHOT_INTERVAL;
        bullets.push(Thing { timer: 0, shot: 0, ..*enemy });
    } else {
        enemy.shot -= 1;
    }
}

impl Seaquest {
    fn place(&self) -> (i8, i8) {
        (self.x, self.y)
    }

    /// A fish or a submarine at a side, unless it would meet another of its row.
    fn spawn_enemy(&mut self, chance: &mut impl Chance) {
        let right = chance.happens(0.5);
        let is_sub = chance.happens(1.0 / 3.0);
        let y = 1 + chance.below(8) as i8;
        if self.subs.all().iter().chain(self.fish.all()).any(|enemy| enemy.y == y && enemy.right != right) {
            return;
        }
        let shot = if is_sub { ENEMY_SHOT_INTERVAL } else { 0 };
        let enemy = Thing { x: if right { 0 } else { LAST }, y, right, timer: self.move_speed, shot };
        if is_sub {
            self.subs.push(enemy);
        } else {
            self.fish.push(enemy);
        }
    }

    fn spawn_diver(&mut self, chance: &mut impl Chance) {
        let right = chance.happens(0.5);
        let y = 1 + chance.below(8) as i8;
        self.divers.push(Thing { x: if right { 0 } else { LAST }, y, right, timer: DIVER_MOVE_INTERVAL, shot: 0 });
    }

    fn move_player(&mut self, action: Move) {
        match action {
            Move::Fire if self.shot_timer == 0 => {
                self.bullets.push(Thing { x: self.x, y: self.y, right: self.right, timer: 0, shot: 0 });
                self.shot_timer = COOL_DOWN;
            }
            Move::Left => (self.x, self.right) = ((self.x - 1).max(0), false),
            Move::Right => (self.x, self.right) = ((self.x + 1).min(LAST), true),
            Move::Up => self.y = (self.y - 1).max(0),
            Move::Down => self.y = (self.y + 1).min(LAST - 1),
            _ => {}
        }
    }

    /// Gives how many enemies were hit.
    fn move_bullets(&mut self) -> i32 {
        let (mut hits, mut i) = (0, self.bullets.len);
        while i > 0 {
            i -= 1;
            let bullet = &mut self.bullets.things[i];
            bullet.go();
            let place = (bullet.x, bullet.y);
            let hit = !bullet.outside() && (self.fish.hit(place) || self.subs.hit(place));
            hits += i32::from(hit);
            if hit || self.bullets.things[i].outside() {
                self.bullets.remove_like(i);
            }
        }
        hits
    }

    fn move_divers(&mut self) {
        let (place, mut i) = (self.place(), self.divers.len);
        while i > 0 {
            i -= 1;
            let room = self.aboard < MOST_DIVERS;
            let diver = &mut self.divers.things[i];
            let mut rescued = room && diver.is_at(place);
            let mut gone = false;
            if !rescued && diver.timer == 0 {
                diver.timer = DIVER_MOVE_INTERVAL;
                diver.go();
                gone = diver.outside();
                rescued = room && diver.is_at(place);
            } else if !rescued {
                diver.timer -= 1;
            }
            self.aboard += i32::from(rescued);
            if rescued || gone {
                self.divers.remove_like(i);
            }
        }
    }

    fn move_enemy_bullets(&mut self) {
        let (place, mut i) = (self.place(), self.enemy_bullets.len);
        while i > 0 {
            i -= 1;
            let bullet = &mut self.enemy_bullets.things[i];
            self.over |= bullet.is_at(place);
            bullet.go();
            self.over |= bullet.is_at(place);
            if bullet.outside() {
                self.enemy_bullets.remove_like(i);
            }
        }
    }

    /// Takes in air, and gives the reward for six divers.
    fn surface(&mut self) -> i32 {
        self.surfaced = true;
        let mut reward = 0;
        if self.aboard == MOST_DIVERS {
            self.aboard = 0;
            reward = (self.oxygen * 10).div_euclid(MAX_OXYGEN);
        }
        self.oxygen = MAX_OXYGEN;
        // The package takes one off also where all six have just left.
        self.aboard -= 1;
        if self.ramping && (self.spawn_speed > 1 || self.move_speed > 2) {
            if self.move_speed > 2 && self.ramp_index % 2 == 1 {
                self.move_speed -= 1;
            }
            if self.spawn_speed > 1 {
                self.spawn_speed -= 1;
            }
            self.ramp_index += 1;
        }
        reward
    }

    fn breathe(&mut self) -> i32 {
        self.over |= self.oxygen <= 0;
        if self.y > 0 {
            self.oxygen -= 1;
            self.surfaced = false;
        } else if !self.surfaced {
            if self.aboard != 0 {
                return self.surface();
            }
            self.over = true;
        }
        0
    }
}

impl Game for Seaquest {
    const CHANNELS: usize = 10;
    const COLORS: &'static [(usize, Rgb)] = &[
        (TRAIL, hues::TRAIL),
        (OXYGEN, hues::AIR),
        (RESCUED, hues::TREASURE),
        (DIVER, hues::TREASURE),
        (FISH, hues::PREY),
        (ENEMY_SUB, hues::ENEMY),
        (ENEMY_BULLET, hues::ENEMY_SHOT),
        (BACK, hues::PLAYER_DIM),
        (FRONT, hues::PLAYER),
        (FRIENDLY_BULLET, hues::SHOT),
    ];
    const MOVES: &'static [Move] = &[Move::Stay, Move::Left, Move::Up, Move::Right, Move::Down, Move::Fire];
    const NUMBERS: usize = 12 + 2 * FEW + 3 * ENEMIES;
    const RAMPS: bool = true;

    fn new(ramping: bool) -> Self {
        Self {
            x: 5,
            y: 0,
            right: false,
            oxygen: MAX_OXYGEN,
            aboard: 0,
            surfaced: true,
            spawn_speed: SPAWN_SPEED,
            spawn_timer: SPAWN_SPEED,
            diver_timer: DIVER_SPAWN_SPEED,
            move_speed: MOVE_INTERVAL,
            ramp_index: 0,
            shot_timer: 0,
            bullets: Things::NONE,
            enemy_bullets: Things::NONE,
            fish: Things::NONE,
            subs: Things::NONE,
            divers: Things::NONE,
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
            self.spawn_enemy(chance);
            self.spawn_timer = self.spawn_speed;
        }
        if self.diver_timer == 0 {
            self.spawn_diver(chance);
            self.diver_timer = DIVER_SPAWN_SPEED;
        }
        self.move_player(action);
        let mut reward = self.move_bullets();
        self.move_divers();
        let place = self.place();
        macro_rules! meeting {
            () => {
                Meeting {
                    place,
                    move_speed: self.move_speed,
                    bullets: &mut self.bullets,
                    enemy_bullets: &mut self.enemy_bullets,
                    over: &mut self.over,
                }
            };
        }
        reward += move_enemies::<true>(&mut self.subs, meeting!());
        self.move_enemy_bullets();
        reward += move_enemies::<false>(&mut self.fish, meeting!());
        self.spawn_timer = (self.spawn_timer - 1).max(0);
        self.diver_timer = (self.diver_timer - 1).max(0);
        self.shot_timer = (self.shot_timer - 1).max(0);
        reward + self.breathe()
    }

    fn over(&self) -> bool {
        self.over
    }

    fn set_over(&mut self, over: bool) {
        self.over = over;
    }

    #[inline]
    fn draw(&self, grid: &mut Grid<'_>) {
        grid.mark(FRONT, self.x, self.y);
        grid.mark(BACK, if self.right { self.x - 1 } else { self.x + 1 }, self.y);
        for x in 0..(self.oxygen.max(0) * 10 / MAX_OXYGEN) as i8 {
            grid.mark(OXYGEN, x, LAST);
        }
        for x in LAST - self.aboard.max(0) as i8..LAST {
            grid.mark(RESCUED, x, LAST);
        }
        for bullet in self.bullets.all() {
            grid.mark(FRIENDLY_BULLET, bullet.x, bullet.y);
        }
        for bullet in self.enemy_bullets.all() {
            grid.mark(ENEMY_BULLET, bullet.x, bullet.y);
        }
        for (channel, things) in [(FISH, self.fish.all()), (ENEMY_SUB, self.subs.all()), (DIVER, self.divers.all())] {
            for thing in things {
                grid.mark(channel, thing.x, thing.y);
                grid.mark_inside(TRAIL, if thing.right { thing.x - 1 } else { thing.x + 1 }, thing.y);
            }
        }
    }

    fn save(&self, to: &mut Vec<f64>) {
        to.extend([self.x, self.y, i8::from(self.right)].map(f64::from));
        to.extend([self.oxygen, self.aboard, i32::from(self.surfaced)].map(f64::from));
        to.extend([self.spawn_speed, self.spawn_timer, self.diver_timer, self.move_speed].map(f64::from));
        to.extend([self.ramp_index as i8, self.shot_timer].map(f64::from));
        self.bullets.save(to);
        self.enemy_bullets.save(to);
        self.fish.save(to);
        self.subs.save(to);
        self.divers.save(to);
    }

    fn load(&mut self, from: &mut Numbers<'_>) -> Result<(), EnvError> {
        self.x = from.place("column of the submarine")?;
        self.y = from.whole("row of the submarine", 0..=8)? as i8;
        self.right = from.switch("looks to the right")?;
        if self.x == if self.right { 0 } else { LAST } {
            return Err(EnvError::BadState("the back of the submarine is outside; turn it round".to_owned()));
        }
        self.oxygen = from.whole("air", -1..=MAX_OXYGEN.into())? as i32;
        self.aboard = from.whole("divers aboard", -1_000_000..=MOST_DIVERS.into())? as i32;
        self.surfaced = from.switch("at the surface")?;
        self.spawn_speed = from.whole("interval of new enemies", 1..=SPAWN_SPEED.into())? as i8;
        self.spawn_timer = from.whole("timer of new enemies", 0..=SPAWN_SPEED.into())? as i8;
        self.diver_timer = from.whole("timer of new divers", 0..=DIVER_SPAWN_SPEED.into())? as i8;
        self.move_speed = from.whole("interval of the enemies' moves", 2..=MOVE_INTERVAL.into())? as i8;
        self.ramp_index = from.whole("ramp level", 0..=SPAWN_SPEED.into())? as u8;
        self.shot_timer = from.whole("timer of the player's shots", 0..=COOL_DOWN.into())? as i8;
        self.bullets.load("bullet of the player", from)?;
        self.enemy_bullets.load("bullet of the enemies", from)?;
        self.fish.load("fish", from)?;
        self.subs.load("enemy submarine", from)?;
        self.divers.load("diver", from)
    }
}
