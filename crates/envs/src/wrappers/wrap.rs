//! From settings to a wrapped batch.

use super::action_rescale::ActionRescale;
use super::episodic_life::EpisodicLife;
use super::fire_reset::FireReset;
use super::flatten::Flatten;
use super::frame_skip::FrameSkip;
use super::frame_stack::FrameStack;
use super::grayscale::Grayscale;
use super::layer::{Wrapped, Wrapper};
use super::noop_reset::NoopReset;
use super::observed::{Observed, View};
use super::one_hot::OneHot;
use super::rescale::Rescale;
use super::resize::Resize;
use super::reward::RewardClip;
use super::settings::WrapperSettings;
use super::sticky::Sticky;
use super::time_limit::TimeLimit;
use crate::{EnvError, Pixel, Space, VecEnv};

type Envs = Box<dyn VecEnv>;

/// A batch with the wrappers around it that `settings` ask for; the batch itself if they ask for none. Choices that are observed become
/// numbers in any case, one-hot.
///
/// # Errors
/// [`EnvError::Wrapper`] if a wrapper does not fit the task; [`EnvError::Together`] if it needs environments that step one by one.
pub fn wrap(envs: Envs, settings: &WrapperSettings) -> Result<Envs, EnvError> {
    watched(acted(envs, settings)?, settings)
}

/// The wrappers of actions, rewards and episodes.
fn acted(mut envs: Envs, settings: &WrapperSettings) -> Result<Envs, EnvError> {
    if settings.sticky > 0.0 {
        let wrapper = Sticky::new(&*envs, settings.sticky);
        envs = wrapped(envs, wrapper);
    }
    if settings.noop_max > 0 {
        check_noop(&*envs)?;
        let wrapper = NoopReset::new(&*envs, settings.noop_max);
        envs = wrapped(alone(envs)?, wrapper);
    }
    if settings.frame_skip > 1 {
        let pool = match envs.observation_space() {
            Space::Image { pixel, .. } if settings.max_pool => Some(*pixel),
            _ => None,
        };
        let wrapper = FrameSkip::new(&*envs, settings.frame_skip, pool);
        envs = wrapped(alone(envs)?, wrapper);
    }
    if settings.time_limit > 0 {
        let wrapper = TimeLimit::new(&*envs, settings.time_limit);
        envs = Box::new(Wrapped::new(alone(envs)?, wrapper).ending());
    }
    if settings.episodic_life {
        if envs.lives().is_none() {
            return Err(misfit("episodic_life", "a game with lives", "a task that counts none", "set it to false"));
        }
        let wrapper = EpisodicLife::new(&*envs);
        envs = wrapped(alone(envs)?, wrapper);
    }
    if settings.fire_reset && has_fire(&*envs)? {
        let wrapper = FireReset::new(&*envs);
        envs = wrapped(alone(envs)?, wrapper);
    }
    let range = pair(&settings.reward_clip);
    if settings.reward_sign || range.is_some() {
        envs = wrapped(envs, RewardClip { sign: settings.reward_sign, range });
    }
    if settings.action_rescale {
        envs = action_rescale(envs)?;
    }
    Ok(envs)
}

/// The wrappers of what is seen.
fn watched(mut envs: Envs, settings: &WrapperSettings) -> Result<Envs, EnvError> {
    if let [height, width] = settings.resize[..] {
        envs = resize(envs, [height, width])?;
    }
    if settings.grayscale {
        envs = grayscale(envs)?;
    }
    if settings.flatten {
        envs = flatten(envs, settings.flatten_scale)?;
    }
    if let Some((view, space)) = OneHot::new(envs.observation_space()) {
        envs = seen(envs, view, space)?;
    }
    if let Some(to) = pair(&settings.observation_rescale) {
        envs = rescale(envs, to)?;
    }
    if settings.frame_stack > 1 {
        let space = without_marks(envs.observation_space(), envs.action_mask_width());
        let (view, space) = FrameStack::new(envs.num_envs(), settings.frame_stack, &space);
        envs = seen(envs, view, space)?;
    }
    Ok(envs)
}

fn wrapped(envs: Envs, wrapper: impl Wrapper + 'static) -> Envs {
    Box::new(Wrapped::new(envs, wrapper))
}

fn seen(envs: Envs, view: impl View + 'static, space: Space) -> Result<Envs, EnvError> {
    if envs.action_mask_width() > 0 && !matches!(envs.observation_space(), Space::Box { .. }) {
        let (needs, has) = ("observations that are boxes beside action masks", kind(envs.observation_space()));
        return Err(misfit(
            "preset",
            needs,
            has,
            "set the keys of `wrappers` that change observations to their defaults",
        ));
    }
    Ok(Box::new(Observed::new(envs, view, space)))
}

/// The batch, if its environments step one by one.
fn alone(mut envs: Envs) -> Result<Envs, EnvError> {
    let nobody = vec![false; envs.num_envs()];
    let mut observations = vec![0.0; envs.num_envs() * envs.observation_space().width()];
    envs.reset_active(&nobody, &mut observations)?;
    Ok(envs)
}

fn check_noop(envs: &dyn VecEnv) -> Result<(), EnvError> {
    match envs.action_names().first() {
        Some(name) if name != "NOOP" => {
            let has = format!("`{name}` in its place");
            Err(misfit("noop_max", "a task whose action 0 is NOOP", &has, "set it to 0"))
        }
        _ => Ok(()),
    }
}

fn has_fire(envs: &dyn VecEnv) -> Result<bool, EnvError> {
    let names = envs.action_names();
    if names.is_empty() {
        return Err(misfit("fire_reset", "a task that names its actions", "none that does", "set it to false"));
    }
    Ok(names.len() > 2 && names[1] == "FIRE")
}

fn action_rescale(envs: Envs) -> Result<Envs, EnvError> {
    let (key, fix) = ("action_rescale", "set it to false");
    let Space::Box { low, high } = envs.action_space() else {
        return Err(misfit(key, "a box of actions", kind(envs.action_space()), fix));
    };
    if let Some(i) = unbounded(low, high) {
        return Err(misfit(key, "bounded actions", &format!("an action {i} without bounds"), fix));
    }
    let (wrapper, space) = (ActionRescale::new(&*envs, low, high), Space::uniform_box(low.len(), -1.0, 1.0));
    Ok(Box::new(Wrapped::new(envs, wrapper).with_actions(space)))
}

fn resize(envs: Envs, to: [usize; 2]) -> Result<Envs, EnvError> {
    let (key, fix) = ("resize", "set it to []");
    let &Space::Image { channels, height, width, pixel } = envs.observation_space() else {
        return Err(misfit(key, "pictures", kind(envs.observation_space()), fix));
    };
    if to == [height, width] {
        return Ok(envs);
    }
    if to[0] > height || to[1] > width {
        let (needs, has) = (format!("pictures of at least {} x {}", to[0], to[1]), format!("{height} x {width} ones"));
        return Err(misfit(key, &needs, &has, &format!("set it to at most [{height}, {width}]")));
    }
    let view = Resize::new(pixel, channels, [height, width], to);
    seen(envs, view, Space::Image { channels, height: to[0], width: to[1], pixel })
}

fn grayscale(envs: Envs) -> Result<Envs, EnvError> {
    let (key, needs, fix) = ("grayscale", "pictures of 3 channels", "set it to false");
    match *envs.observation_space() {
        Space::Image { channels: 3, height, width, pixel } => {
            let view = Grayscale { pixel, size: height * width };
            seen(envs, view, Space::Image { channels: 1, height, width, pixel })
        }
        Space::Image { channels, .. } => Err(misfit(key, needs, &format!("pictures of {channels}"), fix)),
        ref other => Err(misfit(key, needs, kind(other), fix)),
    }
}

fn flatten(envs: Envs, scale: f32) -> Result<Envs, EnvError> {
    let &Space::Image { channels, height, width, pixel } = envs.observation_space() else {
        return Err(misfit("flatten", "pictures", kind(envs.observation_space()), "set it to false"));
    };
    let [low, high] = match pixel {
        Pixel::Byte => [0.0, 255.0 / scale],
        Pixel::Float => [f32::NEG_INFINITY, f32::INFINITY],
    };
    seen(envs, Flatten { pixel, scale }, Space::uniform_box(channels * height * width, low, high))
}

fn rescale(envs: Envs, to: [f32; 2]) -> Result<Envs, EnvError> {
    let (key, fix) = ("observation_rescale", "set it to []");
    let Space::Box { low, high } = without_marks(envs.observation_space(), envs.action_mask_width()) else {
        return Err(misfit(key, "a box of observations", kind(envs.observation_space()), fix));
    };
    if let Some(i) = unbounded(&low, &high) {
        return Err(misfit(key, "bounded observations", &format!("an observation {i} without bounds"), fix));
    }
    let space = Space::uniform_box(low.len(), to[0], to[1]);
    seen(envs, Rescale { low, high, to }, space)
}

/// The first dimension that lacks a bound.
fn unbounded(low: &[f32], high: &[f32]) -> Option<usize> {
    low.iter().zip(high).position(|(low, high)| !(low.is_finite() && high.is_finite()))
}

fn pair(list: &[f32]) -> Option<[f32; 2]> {
    list.try_into().ok()
}

/// A box without the marks of allowed actions at its end.
fn without_marks(space: &Space, mask: usize) -> Space {
    match space {
        Space::Box { low, high } => {
            let dims = low.len().saturating_sub(mask);
            Space::Box { low: low[..dims].to_vec(), high: high[..dims].to_vec() }
        }
        other => other.clone(),
    }
}

/// A box with the marks of allowed actions at its end.
pub(super) fn with_marks(space: Space, mask: usize) -> Space {
    match space {
        Space::Box { mut low, mut high } => {
            low.resize(low.len() + mask, 0.0);
            high.resize(high.len() + mask, 1.0);
            Space::Box { low, high }
        }
        other => other,
    }
}

fn misfit(key: &'static str, needs: &str, has: &str, fix: &str) -> EnvError {
    EnvError::Wrapper { key, needs: needs.to_owned(), has: has.to_owned(), fix: fix.to_owned() }
}

fn kind(space: &Space) -> &'static str {
    match space {
        Space::Box { .. } => "a box",
        Space::Image { .. } => "pictures",
        Space::Discrete { .. } => "a discrete choice",
        Space::MultiDiscrete { .. } => "several discrete choices",
        Space::MultiBinary { .. } => "switches",
    }
}
