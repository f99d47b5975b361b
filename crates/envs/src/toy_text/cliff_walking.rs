//! A path along a cliff.

use super::{Outcome, Outcomes};
use crate::chance::Chance;
use crate::classic::numbers;
use crate::dopamine::whole;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const ROWS: usize = 4;
const COLUMNS: usize = 12;
const START: usize = 36;
const GOAL: usize = 47;

/// `CliffWalking-v1`, or with `SLIPPERY` `CliffWalkingSlippery-v1`: walk (0 up, 1 right, 2 down, 3 left) from one end of a cliff to the
/// other (Sutton and Barto 2018, example 6.6). A step costs 1, and one over the cliff 100 and the way back to the start. On slippery
/// ground each step goes astray to either side with probability 1/3. State and observation: the cell, row by row.
#[derive(Clone, Debug)]
pub(crate) struct CliffWalking<const SLIPPERY: bool> {
    steps: u32,
    cell: usize,
}

impl<const SLIPPERY: bool> Parametric for CliffWalking<SLIPPERY> {
    const PARAMS: &'static [Param] = &[Param::whole(
        "steps",
        (0, 1_000_000),
        0,
        "Steps after which an episode is cut; 0 is never, as in Gymnasium, so that one who walks into a wall walks for ever.",
    )];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        Ok(Self { steps: arguments.whole("steps"), cell: START })
    }
}

impl<const SLIPPERY: bool> CliffWalking<SLIPPERY> {
    pub(super) fn outcomes(cell: usize, action: usize) -> Outcomes {
        let walk = |direction: usize| {
            let (row, column) = (cell / COLUMNS, cell % COLUMNS);
            let state = match direction {
                0 => row.saturating_sub(1) * COLUMNS + column,
                1 => row * COLUMNS + (column + 1).min(COLUMNS - 1),
                2 => (row + 1).min(ROWS - 1) * COLUMNS + column,
                _ => row * COLUMNS + column.saturating_sub(1),
            };
            let probability = if SLIPPERY { 1.0 / 3.0 } else { 1.0 };
            if START < state && state < GOAL {
                Outcome { probability, state: START, reward: -100.0, terminated: false }
            } else {
                Outcome { probability, state, reward: -1.0, terminated: state == GOAL }
            }
        };
        if SLIPPERY {
            Outcomes::from([(action + 3) % 4, action, (action + 1) % 4].map(walk))
        } else {
            Outcomes::one(walk(action))
        }
    }

    pub(super) fn start(&mut self, chance: &mut impl Chance) -> usize {
        // As Gymnasium, which draws where to start from the one start that there is.
        chance.unit();
        self.cell = START;
        START
    }

    #[inline]
    pub(super) fn take(&mut self, action: usize, chance: &mut impl Chance) -> Outcome {
        let outcome = Self::outcomes(self.cell, action).draw(chance);
        self.cell = outcome.state;
        outcome
    }
}

impl<const SLIPPERY: bool> Env for CliffWalking<SLIPPERY> {
    fn observation_space(&self) -> Space {
        Space::Discrete { n: ROWS * COLUMNS }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 4 }
    }

    fn time_limit(&self) -> Option<u32> {
        (self.steps > 0).then_some(self.steps)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        observation[0] = self.start(rng) as f32;
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let Outcome { state, reward, terminated, .. } = self.take(action[0] as usize, rng);
        observation[0] = state as f32;
        Step { reward, terminated, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.cell as f64]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let [cell] = numbers(state, ["cell"])?;
        self.cell = whole("cell", cell, 0..=(ROWS * COLUMNS) as i64 - 1)? as usize;
        observation[0] = self.cell as f32;
        Ok(())
    }

    /// The path; a ring round the walker tells of a fall.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        const CELL: f64 = 48.0;
        let mut scene = Scene::board(ROWS, COLUMNS, CELL, |row, column| match row * COLUMNS + column {
            START | GOAL => [178, 242, 187],
            cell if cell > START => [28, 60, 110],
            _ if (row + column) % 2 == 0 => [241, 243, 245],
            _ => [233, 236, 239],
        });
        for (cell, letter) in [(START, "S"), (GOAL, "G")] {
            let at = scene.cell_center(cell / COLUMNS, cell % COLUMNS, CELL);
            scene.text(letter, at, 0.5 * CELL, colors::INK);
        }
        let walker = scene.cell_center(self.cell / COLUMNS, self.cell % COLUMNS, CELL);
        if last.is_some_and(|last| last.reward < -1.0) {
            scene.disc(walker, 0.48 * CELL, colors::BAD);
        }
        scene.disc(walker, 0.34 * CELL, colors::WALKER);
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        4.0
    }
}
