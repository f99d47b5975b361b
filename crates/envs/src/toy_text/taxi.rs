//! A taxi and its passenger.

use super::{Outcome, Outcomes};
use crate::chance::Chance;
use crate::classic::numbers;
use crate::dopamine::whole;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const SIZE: usize = 5;
const ACTIONS: usize = 6;
const STATES: usize = SIZE * SIZE * 5 * 4;
/// First states: 25 places, 4 where the passenger waits, and 3 other destinations.
const STARTS: usize = SIZE * SIZE * 4 * 3;
/// Where passengers wait and want to go, row and column: red, green, yellow, blue.
const STANDS: [(usize, usize); 4] = [(0, 0), (0, 4), (4, 0), (4, 3)];
/// Their colours in a picture.
const STAND_COLORS: [[u8; 3]; 4] = [[255, 168, 168], [178, 242, 187], [255, 236, 153], [165, 216, 255]];
/// The passenger is in the taxi.
const ABOARD: usize = 4;
/// For each row, the columns whose right-hand side is open.
const OPEN: [[bool; SIZE]; SIZE] = [
    [true, false, true, true, false],
    [true, false, true, true, false],
    [true, true, true, true, false],
    [false, true, false, true, false],
    [false, true, false, true, false],
];

/// `Taxi-v4` (Dietterich 2000): drive (0 down, 1 up, 2 right, 3 left) to a passenger, pick them up (4), drive to where they want to go,
/// and set them down (5), 20. A step costs 1, and picking up or setting down in vain 10. In rain a drive goes astray to either side; a
/// fickle passenger may change the destination once, on the first drive after boarding. Observation: the number of the state,
/// `((row * 5 + column) * 5 + passenger) * 4 + destination`, with red, green, yellow, blue as 0 to 3 and 4 for a passenger aboard; with
/// `mask` 500 numbers, of which this one is 1, and a mark for each action that changes the state. State: that number, and whether the
/// passenger is about to change their mind. `Taxi-v3` is the same: the versions differ in rain and fickleness, in which both follow the
/// fourth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taxi {
    rainy: bool,
    rainy_probability: f64,
    fickle: bool,
    fickle_probability: f64,
    masked: bool,
    state: usize,
    wavers: bool,
}

impl Parametric for Taxi {
    const PARAMS: &'static [Param] = &[
        Param::flag("rainy", false, "Whether a drive may go astray to either side."),
        Param::real("rainy_probability", (0.0, 1.0), 0.8, "Probability in rain that a drive goes where it should."),
        Param::flag("fickle", false, "Whether the passenger may change the destination once."),
        Param::real("fickle_probability", (0.0, 1.0), 0.3, "Probability that a fickle passenger does so."),
        Param::flag("mask", false, "Whether actions that change nothing are barred, as by Gymnasium's action mask."),
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        Ok(Self {
            rainy: arguments.flag("rainy"),
            rainy_probability: arguments.real("rainy_probability"),
            fickle: arguments.flag("fickle"),
            fickle_probability: arguments.real("fickle_probability"),
            masked: arguments.flag("mask"),
            state: 0,
            wavers: false,
        })
    }
}

/// The state's row, column, passenger and destination.
fn decode(state: usize) -> (usize, usize, usize, usize) {
    (state / 100, state / 20 % SIZE, state / 4 % 5, state % 4)
}

fn encode(row: usize, column: usize, passenger: usize, destination: usize) -> usize {
    ((row * SIZE + column) * 5 + passenger) * 4 + destination
}

/// Where a drive leads, if nothing is in the way.
fn drive(row: usize, column: usize, direction: usize) -> Option<(usize, usize)> {
    match direction {
        0 => (row < SIZE - 1).then(|| (row + 1, column)),
        1 => (row > 0).then(|| (row - 1, column)),
        2 => OPEN[row][column].then(|| (row, column + 1)),
        _ => (column > 0 && OPEN[row][column - 1]).then(|| (row, column - 1)),
    }
}

/// The directions to the left and right of each.
const SIDES: [[usize; 2]; 4] = [[2, 3], [3, 2], [1, 0], [0, 1]];

/// Which actions change the state.
pub(super) fn mask(state: usize) -> [bool; ACTIONS] {
    let (row, column, passenger, _) = decode(state);
    let waits = passenger < ABOARD && STANDS[passenger] == (row, column);
    let may_leave = passenger == ABOARD && STANDS.contains(&(row, column));
    std::array::from_fn(|action| match action {
        4 => waits,
        5 => may_leave,
        _ => drive(row, column, action).is_some(),
    })
}

impl Taxi {
    fn observe(&self, observation: &mut [f32]) {
        if self.masked {
            let (numbers, marks) = observation.split_at_mut(STATES);
            numbers.fill(0.0);
            numbers[self.state] = 1.0;
            marks.iter_mut().zip(mask(self.state)).for_each(|(mark, allowed)| *mark = f32::from(u8::from(allowed)));
        } else {
            observation[0] = self.state as f32;
        }
    }

    pub(super) fn outcomes(&self, state: usize, action: usize) -> Outcomes {
        let (row, column, passenger, destination) = decode(state);
        let here = (row, column);
        let outcome = |probability, (row, column), passenger, reward, terminated| {
            let state = encode(row, column, passenger, destination);
            Outcome { probability, state, reward, terminated }
        };
        match action {
            4 if passenger < ABOARD && STANDS[passenger] == here => {
                Outcomes::one(outcome(1.0, here, ABOARD, -1.0, false))
            }
            5 if passenger == ABOARD && STANDS[destination] == here => {
                Outcomes::one(outcome(1.0, here, destination, 20.0, true))
            }
            5 if passenger == ABOARD && STANDS.contains(&here) => {
                let stand = STANDS.iter().position(|stand| *stand == here).unwrap_or(ABOARD);
                Outcomes::one(outcome(1.0, here, stand, -1.0, false))
            }
            4 | 5 => Outcomes::one(outcome(1.0, here, passenger, -10.0, false)),
            _ if !self.rainy => {
                let there = drive(row, column, action).unwrap_or(here);
                Outcomes::one(outcome(1.0, there, passenger, -1.0, false))
            }
            _ => {
                // Where the way ahead is barred nothing goes astray either.
                let ahead = drive(row, column, action);
                let side = |direction| ahead.and(drive(row, column, direction)).unwrap_or(here);
                let ([left, right], astray) = (SIDES[action].map(side), (1.0 - self.rainy_probability) / 2.0);
                Outcomes::from([
                    outcome(self.rainy_probability, ahead.unwrap_or(here), passenger, -1.0, false),
                    outcome(astray, left, passenger, -1.0, false),
                    outcome(astray, right, passenger, -1.0, false),
                ])
            }
        }
    }

    pub(super) fn start(&mut self, chance: &mut impl Chance) -> usize {
        let chosen = (chance.unit() * STARTS as f64) as usize;
        let (place, passenger, other) = (chosen / 12, chosen / 3 % 4, chosen % 3);
        let destination = other + usize::from(other >= passenger);
        self.state = encode(place / SIZE, place % SIZE, passenger, destination);
        self.wavers = self.fickle && chance.happens(self.fickle_probability);
        self.state
    }

    #[inline]
    pub(super) fn take(&mut self, action: usize, chance: &mut impl Chance) -> Outcome {
        let mut outcome = self.outcomes(self.state, action).draw(chance);
        let (row, column, passenger, destination) = decode(self.state);
        let (to_row, to_column, now, _) = decode(outcome.state);
        if self.wavers && passenger == ABOARD && (row, column) != (to_row, to_column) {
            self.wavers = false;
            let other = chance.below(3) as usize;
            outcome.state = encode(to_row, to_column, now, other + usize::from(other >= destination));
        }
        self.state = outcome.state;
        outcome
    }
}

impl Env for Taxi {
    fn observation_space(&self) -> Space {
        if self.masked { Space::uniform_box(STATES + ACTIONS, 0.0, 1.0) } else { Space::Discrete { n: STATES } }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: ACTIONS }
    }

    fn action_mask_width(&self) -> usize {
        if self.masked { ACTIONS } else { 0 }
    }

    fn time_limit(&self) -> Option<u32> {
        Some(200)
    }

    fn solved_at(&self) -> Option<f32> {
        Some(8.0)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.start(rng);
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let Outcome { reward, terminated, .. } = self.take(action[0] as usize, rng);
        self.observe(observation);
        Step { reward, terminated, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.state as f64, u8::from(self.wavers).into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let [number, wavers] = numbers(state, ["state", "whether the passenger wavers"])?;
        let number = whole("state", number, 0..=STATES as i64 - 1)? as usize;
        self.wavers = whole("whether the passenger wavers", wavers, 0..=1)? == 1;
        self.state = number;
        self.observe(observation);
        Ok(())
    }

    /// The town: stands in their colours, the destination framed, and the passenger at a stand or in the taxi.
    fn scene(&self, _: Option<LastStep<'_>>) -> Option<Scene> {
        const CELL: f64 = 80.0;
        let (row, column, passenger, destination) = decode(self.state);
        let mut scene = Scene::board(SIZE, SIZE, CELL, |row, column| {
            let stand = STANDS.iter().position(|stand| *stand == (row, column));
            stand.map_or(colors::PALE, |stand| STAND_COLORS[stand])
        });
        let frame = scene.cell_center(STANDS[destination].0, STANDS[destination].1, CELL);
        let corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]];
        let corners = corners.map(|[x, y]| [frame[0] + x * 0.42 * CELL, frame[1] + y * 0.42 * CELL]);
        scene.line(corners, 5.0, colors::INK);
        for (row, open) in OPEN.iter().enumerate() {
            for column in (0..SIZE - 1).filter(|&column| !open[column]) {
                let [x, y] = scene.cell_center(row, column, CELL);
                let x = x + CELL / 2.0;
                scene.line([[x, y - CELL / 2.0], [x, y + CELL / 2.0]], 6.0, colors::INK);
            }
        }
        let taxi = scene.cell_center(row, column, CELL);
        scene.rectangle([taxi[0] - 26.0, taxi[1] - 16.0], [52.0, 32.0], colors::INK);
        scene.rectangle([taxi[0] - 23.0, taxi[1] - 13.0], [46.0, 26.0], colors::GOLD);
        let waits = STANDS.get(passenger).map(|&(row, column)| scene.cell_center(row, column, CELL));
        scene.disc(waits.unwrap_or(taxi), 10.0, colors::INK);
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        4.0
    }
}
