//! Blackjack against a dealer.

use crate::chance::Chance;
use crate::classic::numbers;
use crate::dopamine::whole;
use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::colors;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

/// Cards of one hand: the sum with aces as 1, whether there is an ace, and their number.
#[derive(Clone, Copy, Debug, Default)]
struct Hand {
    sum: u32,
    ace: bool,
    cards: u32,
}

impl Hand {
    fn add(&mut self, card: u32) {
        self.sum = self.sum.saturating_add(card);
        self.ace |= card == 1;
        self.cards = self.cards.saturating_add(1);
    }

    /// Whether an ace counts 11.
    fn usable_ace(self) -> bool {
        self.ace && self.sum + 10 <= 21
    }

    fn total(self) -> u32 {
        self.sum + if self.usable_ace() { 10 } else { 0 }
    }

    fn is_bust(self) -> bool {
        self.total() > 21
    }

    /// What it is worth in the end.
    fn score(self) -> u32 {
        if self.is_bust() { 0 } else { self.total() }
    }

    /// An ace and a ten, dealt at once.
    fn is_natural(self) -> bool {
        self.cards == 2 && self.ace && self.sum == 11
    }

    fn numbers(self) -> [f64; 3] {
        [self.sum.into(), u8::from(self.ace).into(), self.cards.into()]
    }
}

/// `Blackjack-v1` (Sutton and Barto 2018, example 5.1): take a card (1) or stick (0), after which the dealer draws up to 17. 1 for a win,
/// -1 for a loss. Cards come from an infinite deck. By the book's rules (`sab`) a natural wins against any other hand; without them
/// `natural` makes a win by a natural worth 1.5. Observation: the player's sum, the dealer's open card, whether the player has an ace that
/// counts 11. State: of the player, then of the dealer, the sum with aces as 1, whether there is an ace, and the number of cards; the
/// dealer's open card.
#[derive(Clone, Debug)]
pub(crate) struct Blackjack {
    natural: bool,
    sab: bool,
    player: Hand,
    dealer: Hand,
    open: u32,
}

impl Parametric for Blackjack {
    const PARAMS: &'static [Param] = &[
        Param::flag(
            "sab",
            true,
            "Whether a natural wins against every hand but another natural; natural is then ignored.",
        ),
        Param::flag("natural", false, "Whether a win by a natural is worth 1.5."),
    ];

    fn with(arguments: &Arguments) -> Result<Self, EnvError> {
        let hand = Hand { sum: 2, ace: true, cards: 2 };
        let (natural, sab) = (arguments.flag("natural"), arguments.flag("sab"));
        Ok(Self { natural, sab, player: hand, dealer: hand, open: 1 })
    }
}

fn card(chance: &mut impl Chance) -> u32 {
    (1 + chance.below(13)).min(10)
}

impl Blackjack {
    pub(super) fn start(&mut self, chance: &mut impl Chance) {
        (self.player, self.dealer) = (Hand::default(), Hand::default());
        self.open = card(chance);
        self.dealer.add(self.open);
        self.dealer.add(card(chance));
        self.player.add(card(chance));
        self.player.add(card(chance));
    }

    /// Takes a card or sticks; gives the reward and whether the game is over.
    #[inline]
    pub(super) fn take(&mut self, hit: bool, chance: &mut impl Chance) -> (f32, bool) {
        if hit {
            self.player.add(card(chance));
            let bust = self.player.is_bust();
            return (if bust { -1.0 } else { 0.0 }, bust);
        }
        while self.dealer.total() < 17 {
            self.dealer.add(card(chance));
        }
        let (player, dealer) = (self.player.score(), self.dealer.score());
        let reward = f32::from(i8::from(player > dealer) - i8::from(player < dealer));
        let natural = self.player.is_natural();
        if self.sab && natural && !self.dealer.is_natural() {
            return (1.0, true);
        }
        (if !self.sab && self.natural && natural && reward == 1.0 { 1.5 } else { reward }, true)
    }

    pub(super) fn observe(&self, observation: &mut [f32]) {
        let ace = f32::from(u8::from(self.player.usable_ace()));
        observation.copy_from_slice(&[self.player.total() as f32, self.open as f32, ace]);
    }
}

impl Env for Blackjack {
    fn observation_space(&self) -> Space {
        Space::MultiDiscrete { nvec: vec![32, 11, 2] }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.start(rng);
        self.observe(observation);
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let (reward, terminated) = self.take(action[0] == 1.0, rng);
        self.observe(observation);
        Step { reward, terminated, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        let hands = [self.player, self.dealer].map(Hand::numbers);
        hands.into_iter().flatten().chain([f64::from(self.open)]).collect()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let names = [
            "player's sum",
            "player's ace",
            "player's cards",
            "dealer's sum",
            "dealer's ace",
            "dealer's cards",
            "open card",
        ];
        let numbers = numbers(state, names)?;
        let hand = |at: usize| {
            Ok(Hand {
                sum: whole(names[at], numbers[at], 2..=31)? as u32,
                ace: whole(names[at + 1], numbers[at + 1], 0..=1)? == 1,
                cards: whole(names[at + 2], numbers[at + 2], 2..=31)? as u32,
            })
        };
        let (player, dealer, open) = (hand(0)?, hand(3)?, whole(names[6], numbers[6], 1..=10)? as u32);
        (self.player, self.dealer, self.open) = (player, dealer, open);
        self.observe(observation);
        Ok(())
    }

    /// Sums of both hands; of the dealer's, the open card until the player sticks.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        let mut scene = Scene::new(500.0, 400.0, [35, 110, 80]);
        let sticks = last.is_some_and(|last| last.action[0] != 1.0);
        let dealer = if sticks { self.dealer.total() } else { self.open };
        let ace = if self.player.usable_ace() { "player, with an ace of 11" } else { "player" };
        let reward = last.map_or(0.0, |last| last.reward);
        for (sum, name, y, won) in
            [(dealer, "dealer", 290.0, reward < 0.0), (self.player.total(), ace, 110.0, reward > 0.0)]
        {
            let frame = if won { colors::GOLD } else { colors::INK };
            scene.rectangle([205.0, y - 60.0], [90.0, 120.0], frame);
            scene.rectangle([210.0, y - 55.0], [80.0, 110.0], colors::WHITE);
            scene.text(sum.to_string(), [250.0, y], 48.0, if sum > 21 { colors::BAD } else { colors::INK });
            scene.text(name, [250.0, y - 82.0], 20.0, colors::WHITE);
        }
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        1.0
    }
}
