//! Learners of the table, with the grids that the authors searched.

use crate::simulate::{Areas, Draws, simulate};
use crate::{Opal, PolicyGradient, QLearner, Ucb};

/// A learner with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Setting {
    Ucb(Ucb),
    QLearner(QLearner),
    Opal(Opal),
    PolicyGradient(PolicyGradient),
}

impl Setting {
    pub(super) fn simulate<const A: usize>(&self, pays: [f32; A], draws: &Draws, keep_curve: bool) -> Areas {
        match *self {
            Self::Ucb(model) => simulate(model, pays, draws, keep_curve),
            Self::QLearner(model) => simulate(model, pays, draws, keep_curve),
            Self::Opal(model) => simulate(model, pays, draws, keep_curve),
            Self::PolicyGradient(model) => simulate(model, pays, draws, keep_curve),
        }
    }

    /// Its searched parameters, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Ucb(model) => format!("c {}", model.bonus),
            Self::QLearner(model) => format!("a {}; b {}", model.rate, model.beta),
            Self::Opal(model) => format!("a_c {}; a {}; b {}", model.critic_rate, model.actor_rate, model.beta),
            Self::PolicyGradient(model) => format!("a {}", model.rate),
        }
    }
}

/// A row of the table.
pub(super) struct Learner {
    pub(super) name: &'static str,
    pub(super) grid: fn() -> Vec<Setting>,
    /// Published areas with 6 and with 2 arms, after 100 and after 1000 trials: rich, lean and both with one setting.
    pub(super) published: [[[f64; 3]; 2]; 2],
}

/// The table of Jaskir and Frank 2023, with 6 arms as in the paper; with 2 arms as in the data of the authors' repository.
pub(super) const LEARNERS: [Learner; 5] = [
    Learner {
        name: "UCB",
        grid: || (1..200).map(|i| Setting::Ucb(Ucb { bonus: f64::from(i) / 100.0 })).collect(),
        published: [[[33.5, 34.0, 67.2], [692.0, 726.0, 1406.0]], [[72.3, 73.5, 144.7], [908.0, 929.0, 1831.0]]],
    },
    Learner {
        name: "Q-learning",
        grid: q_learners,
        published: [[[36.0, 25.3, 60.7], [622.0, 496.0, 1076.0]], [[72.1, 66.3, 137.5], [891.0, 859.0, 1717.0]]],
    },
    Learner {
        name: "OpAL* without Hebb",
        grid: || opals(Opal::without_hebb),
        published: [[[35.8, 25.2, 60.0], [539.0, 612.0, 991.0]], [[70.9, 68.1, 135.0], [783.0, 926.0, 1559.0]]],
    },
    Learner {
        name: "OpAL",
        grid: || opals(Opal::plain),
        published: [[[37.7, 36.1, 69.3], [652.0, 754.0, 1375.0]], [[72.4, 73.0, 143.7], [857.0, 938.0, 1721.0]]],
    },
    Learner {
        name: "OpAL*",
        grid: || opals(Opal::star),
        published: [[[37.4, 36.7, 70.3], [711.0, 759.0, 1411.0]], [[75.1, 74.5, 147.6], [910.0, 940.0, 1763.0]]],
    },
];

fn q_learners() -> Vec<Setting> {
    let rates = (1..=20).map(|i| f64::from(i) / 20.0);
    let setting = |rate, beta| Setting::QLearner(QLearner { rate, beta });
    rates.flat_map(|rate| (1..=50).map(move |i| setting(rate, f64::from(2 * i)))).collect()
}

/// a_c .025, .05, .1; a .05, .1 .. 1 and no less than a_c; b 1, 1.5 .. 10: 1121 settings.
fn opals(model: fn(f64, f64, f64) -> Opal) -> Vec<Setting> {
    let mut settings = Vec::new();
    for critic in [0.025, 0.05, 0.1] {
        for actor in (1..=20).map(|i| f64::from(i) / 20.0).filter(|&actor| critic <= actor) {
            for beta in (2..=20).map(|i| f64::from(i) / 2.0) {
                settings.push(Setting::Opal(model(critic, actor, beta)));
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::LEARNERS;

    #[test]
    fn grids_are_as_large_as_the_authors() {
        assert_eq!(LEARNERS.map(|learner| (learner.grid)().len()), [199, 1000, 1121, 1121, 1121]);
    }
}
