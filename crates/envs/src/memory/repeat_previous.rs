//! Repeating a card that was shown some steps ago.

use crate::params::{Arguments, Param};
use crate::registry::Parametric;
use crate::scene::{Point, Rgb, colors};
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
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

    /// The last cards, of which that to be named is framed, and the suit that was named last, in a colour that tells whether it was right.
    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        const ROOM: f64 = 60.0;
        let mut scene = Scene::new(600.0, 300.0, [35, 110, 80]);
        let shown = (scene.width / ROOM) as usize;
        for back in 1..=self.shown.min(shown) {
            let card = [scene.width - (back as f64 - 0.5) * ROOM, 205.0];
            let frame = if back == self.k { colors::GOLD } else { colors::INK };
            scene.rectangle([card[0] - 26.0, card[1] - 38.0], [52.0, 76.0], frame);
            scene.rectangle([card[0] - 22.0, card[1] - 34.0], [44.0, 68.0], colors::WHITE);
            draw_suit(&mut scene, usize::from(self.suits[self.shown - back]), card);
        }
        if let Some(LastStep { action, reward }) = last {
            let color = match reward {
                reward if reward > 0.0 => colors::GOOD,
                reward if reward < 0.0 => colors::BAD,
                _ => colors::FAINT,
            };
            let middle = [scene.width / 2.0, 75.0];
            scene.disc(middle, 50.0, color);
            scene.disc(middle, 42.0, colors::WHITE);
            draw_suit(&mut scene, action[0] as usize, middle);
        }
        Some(scene)
    }

    fn frame_rate(&self) -> f32 {
        4.0
    }
}

/// A figure for each suit.
fn draw_suit(scene: &mut Scene, suit: usize, [x, y]: Point) {
    const RED: Rgb = [201, 42, 42];
    let points = |points: &[Point]| points.iter().map(|[dx, dy]| [x + dx, y + dy]).collect::<Vec<_>>();
    match suit {
        0 => {
            scene.disc([x - 7.0, y - 2.0], 7.5, colors::BLACK);
            scene.disc([x + 7.0, y - 2.0], 7.5, colors::BLACK);
            scene.disc([x, y + 9.0], 7.5, colors::BLACK);
            scene.polygon(points(&[[0.0, 6.0], [-5.0, -17.0], [5.0, -17.0]]), colors::BLACK);
        }
        1 => scene.polygon(points(&[[0.0, 18.0], [-13.0, 0.0], [0.0, -18.0], [13.0, 0.0]]), RED),
        2 => {
            scene.disc([x - 7.0, y + 6.0], 7.8, RED);
            scene.disc([x + 7.0, y + 6.0], 7.8, RED);
            scene.polygon(points(&[[-13.6, 2.0], [0.0, 8.0], [13.6, 2.0], [0.0, -17.0]]), RED);
        }
        _ => {
            scene.disc([x - 7.0, y - 3.0], 7.5, colors::BLACK);
            scene.disc([x + 7.0, y - 3.0], 7.5, colors::BLACK);
            scene.polygon(points(&[[0.0, 18.0], [-13.0, 0.0], [13.0, 0.0]]), colors::BLACK);
            scene.polygon(points(&[[0.0, 4.0], [-5.0, -17.0], [5.0, -17.0]]), colors::BLACK);
        }
    }
}
