//! Striatum: GPU-accelerated actor-critic training.
//!
//! The library behind the `striatum` command. [`envs`] says what an environment is, [`gym`] brings those of Python, [`train`] trains on
//! them, [`agent`] holds the
//! algorithms and [`kernels`] the compute operations that they are made of; [`dopamine`] holds exact tabular models.
//!
//! A task of your own takes an [`Env`](envs::Env) and a call of [`train_task`]; see `examples/custom_env.rs`. A network of your own takes
//! a `BurnModel` and a call of `train_network`; see `examples/custom_network.rs`.

pub use striatum_agent as agent;
pub use striatum_dopamine as dopamine;
pub use striatum_envs as envs;
pub use striatum_gym as gym;
pub use striatum_kernels as kernels;
pub use striatum_train as train;

use std::path::Path;
use std::sync::atomic::AtomicBool;
#[cfg(feature = "burn")]
use striatum_agent::{
    NetworkSpec,
    burn_engine::{BurnModel, OwnModule, burn::tensor::Device},
};
use striatum_train::config::Config;
use striatum_train::run::{RunOptions, Summary};
use striatum_train::{TrainError, run};

/// Trains on a task of your own; `make` makes one environment, `out` is the run folder.
///
/// # Errors
/// If a setting is wrong, the folder cannot be written, or an environment gives a number that is not finite.
pub fn train_task<E: envs::Env + 'static>(
    config: Config,
    make: impl Fn() -> E,
    out: &Path,
) -> Result<Summary, TrainError> {
    config.validate()?;
    let make_envs = |count| {
        let batch = Box::new(envs::Batch::new(count, &make)?);
        Ok(envs::wrappers::wrap(batch, &config.wrappers)?)
    };
    let options =
        RunOptions { out: out.to_owned(), stop_after: None, interrupted: &AtomicBool::new(false), quiet: false };
    run::train(config.clone(), &make_envs, &options)
}

/// Trains a network of your own on the task that the configuration names; `make` builds the module for what the task asks for, on a device,
/// and `out` is the run folder.
///
/// # Errors
/// If a setting is wrong, there is no such task, the module does not fit it, or the folder cannot be written.
#[cfg(feature = "burn")]
pub fn train_network<M: BurnModel + 'static>(
    config: Config,
    make: impl Fn(&NetworkSpec, &Device) -> M,
    out: &Path,
) -> Result<Summary, TrainError> {
    config.validate()?;
    let make_envs = |count| train::tasks::make(&config, count);
    let options =
        RunOptions { out: out.to_owned(), stop_after: None, interrupted: &AtomicBool::new(false), quiet: false };
    train::own::train(config.clone(), &OwnModule::new(make), &make_envs, &options)
}
