//! Wrappers: batches around batches, which change what is seen, done and rewarded, and when episodes begin and end.
//!
//! [`wrap`] puts those around a batch that [`WrapperSettings`] ask for, always in the same order, innermost first: sticky actions, no-ops
//! after a reset, frame skip, time limit, lives as episodes, fire after a reset, clipped rewards, rescaled actions; then what is seen:
//! resized, grayscale, flattened, one-hot, rescaled, stacked. Where nothing is asked for, the batch is not wrapped at all.
//!
//! A wrapper that repeats or inserts steps has them taken by those environments alone that need them
//! ([`step_active`]), so that an environment does the same whatever those beside it do. [`account`] gives the task's own
//! rewards and ends: rewards of inserted steps count with the step that follows.
//!
//! A snapshot holds the wrappers' state behind that of the inner batch. A batch that [cannot keep] its episodes
//! starts new ones when it is restored, and so do the wrappers.
//!
//! [`step_active`]: crate::VecEnv::step_active
//! [`account`]: crate::VecEnv::account
//! [cannot keep]: crate::VecEnv::keeps_episodes

mod action_rescale;
mod episodic_life;
mod exact;
mod fire_reset;
mod flatten;
mod frame_skip;
mod frame_stack;
mod grayscale;
mod layer;
mod noop_reset;
mod observed;
mod one_hot;
mod pixels;
mod rescale;
mod resize;
mod reward;
mod settings;
mod state;
mod sticky;
mod tally;
mod time_limit;
mod wrap;

pub use settings::{WrapperPreset, WrapperSettings};
pub use wrap::wrap;

/// What every wrapper hands through.
macro_rules! forward {
    () => {
        fn num_envs(&self) -> usize {
            self.inner.num_envs()
        }

        fn solved_at(&self) -> Option<f32> {
            self.inner.solved_at()
        }

        fn keeps_episodes(&self) -> bool {
            self.inner.keeps_episodes()
        }

        fn lives(&self) -> Option<&[u32]> {
            self.inner.lives()
        }

        fn action_mask_width(&self) -> usize {
            self.inner.action_mask_width()
        }

        fn action_names(&self) -> &[String] {
            self.inner.action_names()
        }

        fn processes(&self) -> Option<usize> {
            self.inner.processes()
        }

        fn take_notes(&mut self) -> Vec<String> {
            self.inner.take_notes()
        }

        fn frame(&mut self, env: usize) -> Result<Option<Frame>, EnvError> {
            self.inner.frame(env)
        }

        fn watch(&mut self) {
            self.inner.watch();
        }

        fn picture(&mut self, env: usize, moment: Moment) -> Result<Option<Picture>, EnvError> {
            self.inner.picture(env, moment)
        }
    };
}
use forward;
