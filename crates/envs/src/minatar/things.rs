//! What swims and flies in Seaquest, in lists that behave as Python's.

use super::{LAST, Numbers};
use crate::EnvError;

/// Steps between an enemy's shots, less one.
pub(super) const ENEMY_SHOT_INTERVAL: i8 = 10;

/// What moves from side to side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) x: i8,
    pub(super) y: i8,
    pub(super) right: bool,
    /// Steps to its next move and to its next shot, if it waits for either.
    pub(super) timer: i8,
    pub(super) shot: i8,
}

impl Thing {
    pub(super) fn is_at(&self, place: (i8, i8)) -> bool {
        (self.x, self.y) == place
    }

    pub(super) fn go(&mut self) {
        self.x += if self.right { 1 } else { -1 };
    }

    pub(super) fn outside(&self) -> bool {
        !(0..=LAST).contains(&self.x)
    }
}

/// At most `N` things, in the order of their coming.
#[derive(Clone, Copy, Debug)]
pub(super) struct Things<const N: usize> {
    pub(super) things: [Thing; N],
    pub(super) len: usize,
}

impl<const N: usize> Things<N> {
    pub(super) const NONE: Self = Self { things: [Thing { x: 0, y: 0, right: false, timer: 0, shot: 0 }; N], len: 0 };

    pub(super) fn all(&self) -> &[Thing] {
        &self.things[..self.len]
    }

    pub(super) fn push(&mut self, thing: Thing) {
        if self.len < N {
            self.things[self.len] = thing;
            self.len += 1;
        }
    }

    /// Removes the first thing that equals the `i`-th, as a list of Python does, and says which it was.
    pub(super) fn remove_like(&mut self, i: usize) -> usize {
        let like = self.things[i];
        let first = self.things[..i].iter().position(|thing| *thing == like).unwrap_or(i);
        self.things.copy_within(first + 1..self.len, first);
        self.len -= 1;
        first
    }

    /// Removes the first thing at this place, if there is one.
    pub(super) fn hit(&mut self, place: (i8, i8)) -> bool {
        let found = self.all().iter().position(|thing| thing.is_at(place));
        if let Some(i) = found {
            self.remove_like(i);
        }
        found.is_some()
    }

    /// Each as a number: column, ten times the row, plus 100 if it goes right, 200 times its timer and 1200 times its shot's; -1 for none.
    pub(super) fn save(&self, to: &mut Vec<f64>) {
        let code = |t: &Thing| {
            let places = i32::from(t.x) + 10 * i32::from(t.y) + 100 * i32::from(t.right);
            f64::from(places + 200 * i32::from(t.timer) + 1200 * i32::from(t.shot))
        };
        to.extend(self.all().iter().map(code));
        to.extend(std::iter::repeat_n(-1.0, N - self.len));
    }

    pub(super) fn load(&mut self, name: &str, from: &mut Numbers<'_>) -> Result<(), EnvError> {
        self.len = 0;
        for _ in 0..N {
            let code = from.whole(name, -1..=1200 * i64::from(ENEMY_SHOT_INTERVAL) + 1199)?;
            if code >= 0 {
                let digit = |unit: i64, base: i64| (code / unit % base) as i8;
                let right = digit(100, 2) == 1;
                self.push(Thing {
                    x: digit(1, 10),
                    y: digit(10, 10),
                    right,
                    timer: digit(200, 6),
                    shot: digit(1200, 11),
                });
            }
        }
        Ok(())
    }
}
