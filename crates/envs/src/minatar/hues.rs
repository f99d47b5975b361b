//! Colours of pictures.

use crate::scene::Rgb;

/// What the player steers.
pub(super) const PLAYER: Rgb = [77, 171, 247];
/// The rest of it.
pub(super) const PLAYER_DIM: Rgb = [28, 126, 214];
/// What harms.
pub(super) const ENEMY: Rgb = [250, 82, 82];
/// What is shot at but does not shoot.
pub(super) const PREY: Rgb = [81, 207, 102];
/// What is gathered.
pub(super) const TREASURE: Rgb = [255, 212, 59];
/// Where things came from.
pub(super) const TRAIL: Rgb = [66, 70, 75];
/// What the player shoots.
pub(super) const SHOT: Rgb = [248, 249, 250];
/// What enemies shoot.
pub(super) const ENEMY_SHOT: Rgb = [255, 146, 43];
/// Air.
pub(super) const AIR: Rgb = [153, 233, 242];
