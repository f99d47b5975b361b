//! What lies where in the file that a trainer shares with one of its workers.
//!
//! n environments; a row of observations has `row` numbers: the observation's words, then the mask of allowed actions. Each section begins
//! at a multiple of 64 bytes.
//!
//! | section | type | shape | written by |
//! |---|---|---|---|
//! | header: magic, version, n, `row`, numbers of an action | u32 | `[16]` | trainer, once |
//! | header, numbers 5 and 6: how often a repeated step takes its action, and whether it pools pixels | u32 | `[2]` | trainer |
//! | `seeds`: of the episode that each environment starts next | u32 | `[n]` | trainer |
//! | `active`: which environments a command is for | u8 | `[n]` | trainer |
//! | `actions` | i64 if discrete, else f32 | `[n, action]` | trainer |
//! | `observations` | f32, or bytes packed in it | `[n, row]` | worker |
//! | `finals`: the last observations of ended episodes | as observations | `[n, row]` | worker |
//! | `rewards`, `terminated`, `truncated`, `counts` | f32 | `[n]` each | worker |
//! | `lives` | u32 | `[n]` | worker |
//!
//! Either side writes only between the byte that wakes it and the byte with which it wakes the other.

use bytemuck::Pod;
use memmap2::MmapMut;
use serde_json::{Value, json};
use std::ops::Range;
use striatum_envs::Repeat;

/// "STGB": the head of `worker.py` repeats it.
const MAGIC: u32 = 0x4247_5453;
const VERSION: u32 = 1;
const HEADER: usize = 64;
/// Where the header says how a repeated step is made.
const REPEAT: usize = 20;

/// A part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Seeds,
    Active,
    Actions,
    Observations,
    Finals,
    Rewards,
    Terminated,
    Truncated,
    Counts,
    Lives,
}

const SECTIONS: [(Section, &str); 10] = [
    (Section::Seeds, "seeds"),
    (Section::Active, "active"),
    (Section::Actions, "actions"),
    (Section::Observations, "observations"),
    (Section::Finals, "finals"),
    (Section::Rewards, "rewards"),
    (Section::Terminated, "terminated"),
    (Section::Truncated, "truncated"),
    (Section::Counts, "counts"),
    (Section::Lives, "lives"),
];

/// Where everything is, for so many environments.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    count: usize,
    row: usize,
    action: usize,
    discrete: bool,
    ranges: [Range<usize>; SECTIONS.len()],
    size: usize,
}

impl Layout {
    pub(crate) fn new(count: usize, row: usize, action: usize, discrete: bool) -> Self {
        let mut size = HEADER;
        let ranges = SECTIONS.map(|(section, _)| {
            let bytes = match section {
                Section::Active => count,
                Section::Actions => count * action * if discrete { 8 } else { 4 },
                Section::Observations | Section::Finals => count * row * 4,
                _ => count * 4,
            };
            let range = size..size + bytes;
            size = range.end.next_multiple_of(64);
            range
        });
        Self { count, row, action, discrete, ranges, size }
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// What the worker has to know of it.
    pub(crate) fn message(&self) -> Value {
        let sections =
            SECTIONS.iter().zip(&self.ranges).map(|((_, name), range)| ((*name).to_owned(), range.start.into()));
        json!({
            "do": "attach",
            "count": self.count,
            "row": self.row,
            "action": self.action,
            "discrete": self.discrete,
            "size": self.size,
            "sections": sections.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// The file, mapped.
#[derive(Debug)]
pub(crate) struct Shared {
    layout: Layout,
    map: MmapMut,
}

impl Shared {
    /// Takes a file of the layout's size into memory and writes its head.
    pub(crate) fn new(layout: Layout, mut map: MmapMut) -> Self {
        let head = [MAGIC, VERSION, layout.count as u32, layout.row as u32, layout.action as u32];
        map[..size_of_val(&head)].copy_from_slice(bytemuck::bytes_of(&head));
        Self { layout, map }
    }

    /// The numbers of a section.
    pub(crate) fn get<T: Pod>(&self, section: Section) -> &[T] {
        bytemuck::cast_slice(&self.map[self.layout.ranges[section as usize].clone()])
    }

    /// The numbers of a section, to be written.
    pub(crate) fn get_mut<T: Pod>(&mut self, section: Section) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.map[self.layout.ranges[section as usize].clone()])
    }

    /// Puts actions in place, `[n, action]`.
    pub(crate) fn write_actions(&mut self, actions: &[f32]) {
        if self.layout.discrete {
            for (place, action) in self.get_mut::<i64>(Section::Actions).iter_mut().zip(actions) {
                *place = *action as i64;
            }
        } else {
            self.get_mut(Section::Actions).copy_from_slice(actions);
        }
    }

    /// Says how the next repeated step is made.
    pub(crate) fn write_repeat(&mut self, repeat: Repeat) {
        let numbers = [repeat.times, u32::from(repeat.pool)];
        self.map[REPEAT..REPEAT + size_of_val(&numbers)].copy_from_slice(bytemuck::bytes_of(&numbers));
    }

    /// Says which environments the next command is for.
    pub(crate) fn choose(&mut self, active: impl Iterator<Item = bool>) {
        self.get_mut::<u8>(Section::Active).iter_mut().zip(active).for_each(|(place, is)| *place = u8::from(is));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_lie_one_after_the_other() {
        let layout = Layout::new(3, 5, 2, true);
        for (section, (own, _)) in SECTIONS.iter().enumerate() {
            assert_eq!(SECTIONS[*own as usize].0 as usize, section);
        }
        let mut end = HEADER;
        for range in &layout.ranges {
            assert!(range.start >= end && range.start.is_multiple_of(64) && !range.is_empty());
            end = range.end;
        }
        assert!(layout.size() >= end);
        let lengths = layout.ranges.each_ref().map(|range| range.len());
        assert_eq!(lengths, [12, 3, 48, 60, 60, 12, 12, 12, 12, 12]);
        assert_eq!(Layout::new(3, 5, 2, false).ranges[Section::Actions as usize].len(), 24);
    }
}
