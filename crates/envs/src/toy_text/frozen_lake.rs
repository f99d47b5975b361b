//! A frozen lake with holes.

use super::{Outcome, Outcomes};
use crate::chance::Chance;
use crate::classic::numbers;
use crate::dopamine::whole;
use crate::params::{Arguments, Param, ParamDefault, ParamKind};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

const FOUR: &str = "SFFF/FHFH/FFFH/HFFG";
const EIGHT: &str = "SFFFFFFF/FFFFFFFF/FFFHFFFF/FFFFFHFF/FFFHFFFF/FHHFFFHF/FHFFHFHF/FFFHFFFG";
const LONGEST_MAP: u32 = 1100;

/// `FrozenLake-v1`, or with `LARGE` `FrozenLake8x8-v1`: walk over ice (0 left, 1 down, 2 right, 3 up) to the goal, 1, and into no hole,
/// which ends the episode as the goal does. On slippery ice a step goes where it should with probability `success_rate`, else to either
/// side of that. State and observation: the cell, row by row.
#[derive(Clone, Debug)]
pub(crate) struct FrozenLake<const LARGE: bool> {
    /// The cells' letters: S for a start, F for ice, H for a hole, G for a goal.
    cells: Vec<u8>,
    columns: usize,
    starts: Vec<usize>,
    slippery: bool,
    success_rate: f64,
    /// At a goal, in a hole, elsewhere.
    rewards: [f32; 3],
    cell: usize,
}

/// The parameters, with the map of this name by default.
macro_rules! params {
    ($map:literal) => {
        &[
            Param {
                name: "map",
                kind: ParamKind::Text { most: LONGEST_MAP },
                default: ParamDefault::Word($map),
                doc: "The map: 4x4, 8x8, or rows of the letters S (start), F (ice), H (hole) and G (goal) with / between them.",
            },
            Param::flag("slippery", true, "Whether a step may go astray to either side."),
            Param::real("success_rate", (0.0, 1.0), 1.0 / 3.0, "Probability on slippery ice that a step goes where it should."),
            Param {
                name: "rewards",
                kind: ParamKind::Reals { most: 3, min: -1000.0, max: 1000.0 },
                default: ParamDefault::Reals(&[1.0, 0.0, 0.0]),
                doc: "Rewards at the goal, in a hole and elsewhere.",
            },
        ]
    };
}

impl<const LARGE: bool> Parametric for FrozenLake<LARGE> {
    const PARAMS: &'static [Param] = if LARGE { params!("8x8") } else { params!("4x4") };

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let map = match arguments.word("map") {
            "4x4" => FOUR,
            "8x8" => EIGHT,
            own => own,
        };
        let rows: Vec<&str> = map.split('/').collect();
        let (columns, cells) = (rows[0].len(), rows.concat().into_bytes());
        let whole = columns > 0 && rows.iter().all(|row| row.len() == columns);
        if !whole
            || cells.iter().any(|cell| !b"SFHG".contains(cell))
            || !cells.contains(&b'S')
            || !cells.contains(&b'G')
        {
            let allowed = "4x4, 8x8, or rows of one length of the letters S, F, H and G, at least an S and a G, with / between rows";
            return Err(arguments.misfit("map", allowed.to_owned(), "SFF/FHF/FFG"));
        }
        let rewards = arguments.reals("rewards").iter().map(|&reward| reward as f32).collect::<Vec<_>>();
        let Ok(rewards) = rewards.try_into() else {
            return Err(arguments.misfit(
                "rewards",
                "three: at the goal, in a hole and elsewhere".to_owned(),
                "[1, 0, 0]",
            ));
        };
        let starts: Vec<usize> = (0..cells.len()).filter(|&i| cells[i] == b'S').collect();
        let (slippery, success_rate) = (arguments.flag("slippery"), arguments.real("success_rate"));
        Ok(Self { cell: starts[0], cells, columns, starts, slippery, success_rate, rewards })
    }
}

impl<const LARGE: bool> FrozenLake<LARGE> {
    fn walk(&self, cell: usize, direction: usize, probability: f64) -> Outcome {
        let (row, column) = (cell / self.columns, cell % self.columns);
        let (row, column) = match direction {
            0 => (row, column.saturating_sub(1)),
            1 => ((row + 1).min(self.cells.len() / self.columns - 1), column),
            2 => (row, (column + 1).min(self.columns - 1)),
            _ => (row.saturating_sub(1), column),
        };
        let state = row * self.columns + column;
        let (kind, terminated) = match self.cells[state] {
            b'G' => (0, true),
            b'H' => (1, true),
            _ => (2, false),
        };
        Outcome { probability, state, reward: self.rewards[kind], terminated }
    }

    pub(super) fn outcomes(&self, cell: usize, action: usize) -> Outcomes {
        if b"GH".contains(&self.cells[cell]) {
            return Outcomes::one(Outcome { probability: 1.0, state: cell, reward: 0.0, terminated: true });
        }
        if !self.slippery {
            return Outcomes::one(self.walk(cell, action, 1.0));
        }
        let astray = (1.0 - self.success_rate) / 2.0;
        Outcomes::from([
            self.walk(cell, (action + 3) % 4, astray),
            self.walk(cell, action, self.success_rate),
            self.walk(cell, (action + 1) % 4, astray),
        ])
    }

    pub(super) fn start(&mut self, chance: &mut impl Chance) -> usize {
        let chosen = (chance.unit() * self.starts.len() as f64) as usize;
        self.cell = self.starts[chosen];
        self.cell
    }

    #[inline]
    pub(super) fn take(&mut self, action: usize, chance: &mut impl Chance) -> Outcome {
        let outcome = self.outcomes(self.cell, action).draw(chance);
        self.cell = outcome.state;
        outcome
    }
}

impl<const LARGE: bool> Env for FrozenLake<LARGE> {
    fn observation_space(&self) -> Space {
        Space::Discrete { n: self.cells.len() }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 4 }
    }

    fn time_limit(&self) -> Option<u32> {
        Some(if LARGE { 200 } else { 100 })
    }

    fn solved_at(&self) -> Option<f32> {
        Some(if LARGE { 0.85 } else { 0.7 })
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
        self.cell = whole("cell", cell, 0..=self.cells.len() as i64 - 1)? as usize;
        observation[0] = self.cell as f32;
        Ok(())
    }

    fn scene(&self, _: Option<LastStep<'_>>) -> Option<Scene> {
        let rows = self.cells.len() / self.columns;
        let cell = (512.0 / rows.max(self.columns) as f64).clamp(8.0, 96.0).floor();
        let mut scene = Scene::board(rows, self.columns, cell, |row, column| match row + column {
            even if even % 2 == 0 => [219, 236, 247],
            _ => [205, 227, 241],
        });
        for (i, letter) in self.cells.iter().enumerate() {
            let at = scene.cell_center(i / self.columns, i % self.columns, cell);
            match letter {
                b'H' => scene.disc(at, 0.38 * cell, [28, 60, 110]),
                b'S' => scene.text("S", at, 0.5 * cell, colors::INK),
                b'G' => {
                    scene.disc(at, 0.38 * cell, [178, 242, 187]);
                    scene.text("G", at, 0.5 * cell, colors::INK);
                }
                _ => {}
            }
        }
        let walker = scene.cell_center(self.cell / self.columns, self.cell % self.columns, cell);
        scene.disc(walker, 0.26 * cell, colors::WALKER);
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        4.0
    }
}
