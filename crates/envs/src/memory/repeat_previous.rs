//! Repeating a card that was shown some steps ago.

use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::{Env, EnvError, Space, Step};
use striatum_rng::Stream;

const SUITS: usize = 4;
/// Cards of a deck.
const DECK: u32 = 52;

/// `RepeatPrevious-v0`: cards of shuffled decks are shown one at a time, and the suit to name is that of the `k`-th card from the last, which
/// itself is the first (PopGym's `RepeatPrevious`; Morad et al. 2023).
///
/// From the step at which `k` cards have been shown on, naming the suit gives a reward of 1 over the number of such steps, and another one
/// takes as much: the best return is 1, and guessing gives -1/2 on average. The episode ends when the last card is shown. The observation
/// is 1 in the place of the card's suit and 0 elsewhere. State: cards shown, then the suits of all in their order.
#[derive(Clone, Debug)]
pub struct RepeatPrevious {
    k: usize,
    suits: Vec<u8>,
    shown: usize,
}

impl Parametric for RepeatPrevious {
    const PARAMS: &'static [Param] = &[
        Param::whole(
            "k",
            (1, 16 * DECK - 1),
            4,
            "Which card to name, counted back from the last one shown, which is 1.",
        ),
        Param::whole("decks", (1, 16), 1, "Decks of 52 cards that are shuffled together; an episode shows all cards."),
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let (k, cards) = (arguments.whole("k"), DECK * arguments.whole("decks"));
        if k >= cards {
            let allowed = format!("below the {cards} cards of `env.decks`");
            return Err(arguments.misfit("k", allowed, 4));
        }
        let suits = (0..cards).map(|card| (card as usize % SUITS) as u8).collect();
        Ok(Self { k: k as usize, suits, shown: 1 })
    }
}

impl RepeatPrevious {
    fn observe(&self, observation: &mut [f32]) {
        observation.fill(0.0);
        observation[usize::from(self.suits[self.shown - 1])] = 1.0;
    }

    /// What naming a suit gives now.
    fn reward(&self, suit: f32) -> f32 {
        if self.shown < self.k {
            return 0.0;
        }
        let share = 1.0 / (self.suits.len() - self.k) as f32;
        if suit == f32::from(self.suits[self.shown - self.k]) { share } else { -share }
    }
}

impl Env for RepeatPrevious {
    fn observation_space(&self) -> Space {
        Space::uniform_box(SUITS, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: SUITS }
    }

    /// Shuffles as Fisher and Yates do.
    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        for (card, suit) in self.suits.iter_mut().enumerate() {
            *suit = (card % SUITS) as u8;
        }
        for last in (1..self.suits.len()).rev() {
            let other = rng.below(last as u32 + 1) as usize;
            self.suits.swap(last, other);
        }
        self.shown = 1;
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        let reward = self.reward(action[0]);
        self.shown = (self.shown + 1).min(self.suits.len());
        self.observe(observation);
        Step { reward, terminated: self.shown == self.suits.len(), truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        std::iter::once(self.shown as f64).chain(self.suits.iter().map(|&suit| suit.into())).collect()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let cards = self.suits.len();
        let [shown, suits @ ..] = state else { return Err(EnvError::BadState("it is empty".to_owned())) };
        if suits.len() != cards {
            let give =
                format!("it has {} numbers; give {}: the cards shown, and {cards} suits", state.len(), cards + 1);
            return Err(EnvError::BadState(give));
        }
        let whole = |x: f64, low: usize, high: usize| x.fract() == 0.0 && (low as f64..=high as f64).contains(&x);
        if !whole(*shown, 1, cards) {
            return Err(EnvError::BadState(format!("cards shown is {shown}; give a whole number from 1 to {cards}")));
        }
        if let Some(suit) = suits.iter().find(|&&suit| !whole(suit, 0, SUITS - 1)) {
            return Err(EnvError::BadState(format!("a suit is {suit}; give a whole number from 0 to {}", SUITS - 1)));
        }
        self.shown = *shown as usize;
        self.suits.iter_mut().zip(suits).for_each(|(to, &suit)| *to = suit as u8);
        self.observe(observation);
        Ok(())
    }
}
