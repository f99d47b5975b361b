//! A pole on a cart whose velocities are not shown.

use crate::classic::CartPole;
use crate::{Env, EnvError, LastStep, Scene, Space, Step};
use striatum_rng::Stream;

/// `CartPoleNoVel-v1`: [`CartPole`] of which only the position (m) and the angle (rad) are seen, as PopGym's `PositionOnlyCartPole` has it
/// (Morad et al. 2023), with CartPole-v1's rewards and its 500 steps. State: that of `CartPole-v1`.
#[derive(Clone, Debug, Default)]
pub struct CartPoleNoVel {
    cart: CartPole,
}

/// Numbers of CartPole's observation that are shown.
const SHOWN: [usize; 2] = [0, 2];

/// Lets `act` write CartPole's observation, and shows a part of it.
fn show<T>(observation: &mut [f32], act: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut all = [0.0; 4];
    let result = act(&mut all);
    observation.copy_from_slice(&SHOWN.map(|i| all[i]));
    result
}

impl Env for CartPoleNoVel {
    fn observation_space(&self) -> Space {
        match self.cart.observation_space() {
            Space::Box { low, high } => {
                let shown = |bounds: Vec<f32>| SHOWN.iter().map(|&i| bounds[i]).collect();
                Space::Box { low: shown(low), high: shown(high) }
            }
            other => other,
        }
    }

    fn action_space(&self) -> Space {
        self.cart.action_space()
    }

    fn time_limit(&self) -> Option<u32> {
        self.cart.time_limit()
    }

    fn solved_at(&self) -> Option<f32> {
        self.cart.solved_at()
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        show(observation, |all| self.cart.reset(rng, all));
    }

    #[inline]
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        show(observation, |all| self.cart.step(action, rng, all))
    }

    fn state(&self) -> Vec<f64> {
        self.cart.state()
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        show(observation, |all| self.cart.set_state(state, all))
    }

    fn scene(&self, last: Option<LastStep<'_>>) -> Option<Scene> {
        self.cart.scene(last)
    }

    fn frame_rate(&self) -> f32 {
        self.cart.frame_rate()
    }
}
