//! Which wrappers a batch gets.

use serde::{Deserialize, Deserializer, Serialize};

/// Section `wrappers` of a configuration; the keys stand in the order in which they apply. Defaults wrap nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrapperSettings {
    /// Where the other keys' defaults come from.
    pub preset: WrapperPreset,
    /// Probability that the last action is taken again; 0 is off.
    pub sticky: f32,
    /// Most times that action 0 is taken after a reset, 1 at least; 0 is off.
    pub noop_max: u32,
    /// Times that an action is taken; rewards are summed.
    pub frame_skip: u32,
    /// Whether a picture's pixels are the larger ones of the last two frames.
    pub max_pool: bool,
    /// Steps after which an episode is truncated; 0 is off.
    pub time_limit: u32,
    /// Whether a lost life ends an episode.
    pub episodic_life: bool,
    /// Whether an episode begins with actions 1 and 2, in games that name action 1 FIRE.
    pub fire_reset: bool,
    /// Whether rewards are their signs.
    pub reward_sign: bool,
    /// Lower and upper bound of rewards; none is off.
    pub reward_clip: Vec<f32>,
    /// Whether a box of actions is presented as -1 to 1.
    pub action_rescale: bool,
    /// Height and width of pictures; none is off.
    #[serde(deserialize_with = "size")]
    pub resize: Vec<usize>,
    /// Whether pictures lose their colour.
    pub grayscale: bool,
    /// Whether a picture becomes a box of numbers.
    pub flatten: bool,
    /// What the bytes of a flattened picture are divided by.
    pub flatten_scale: f32,
    /// Lower and upper bound that a bounded box of observations is stretched to; none is off.
    pub observation_rescale: Vec<f32>,
    /// Observations that are seen at once.
    pub frame_stack: usize,
}

impl Default for WrapperSettings {
    fn default() -> Self {
        Self {
            preset: WrapperPreset::Auto,
            sticky: 0.0,
            noop_max: 0,
            frame_skip: 1,
            max_pool: true,
            time_limit: 0,
            episodic_life: false,
            fire_reset: false,
            reward_sign: false,
            reward_clip: Vec::new(),
            action_rescale: false,
            resize: Vec::new(),
            grayscale: false,
            flatten: false,
            flatten_scale: 255.0,
            observation_rescale: Vec::new(),
            frame_stack: 1,
        }
    }
}

impl WrapperSettings {
    /// CleanRL's wrappers of Atari games, what [`WrapperPreset::Atari`] stands for.
    pub fn atari() -> Self {
        Self {
            preset: WrapperPreset::Atari,
            noop_max: 30,
            frame_skip: 4,
            episodic_life: true,
            fire_reset: true,
            reward_sign: true,
            resize: vec![84, 84],
            grayscale: true,
            frame_stack: 4,
            ..Self::default()
        }
    }
}

/// Settings that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrapperPreset {
    /// [`Atari`](Self::Atari) for games of the Arcade Learning Environment, else [`None`](Self::None).
    #[default]
    Auto,
    /// No wrapper.
    None,
    /// CleanRL's wrappers of Atari games.
    Atari,
}

/// One number is height and width.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Size {
        Square(usize),
        Sides(Vec<usize>),
    }
    Ok(match Size::deserialize(deserializer)? {
        Size::Square(side) => vec![side; 2],
        Size::Sides(sides) => sides,
    })
}
