//! Runs of a network of one's own.

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::error::TrainError;
use crate::run::{MakeEnvs, RunOptions, Seat, Summary, conduct, console};
use striatum_agent::{Encoder, OwnNetwork};

/// Starts a run as [`run::train`](crate::run::train) does. Its configuration says `network.encoder = "custom"`, and what else the
/// section says about layers has no meaning but to the network.
///
/// # Errors
/// As [`run::train`](crate::run::train), and if the network does not fit the task.
pub fn train(
    mut config: Config,
    network: &dyn OwnNetwork,
    make_envs: &MakeEnvs<'_>,
    options: &RunOptions<'_>,
) -> Result<Summary, TrainError> {
    config.network.encoder = Encoder::Custom;
    let seat = seat(&config, network, options, true);
    conduct(config, None, seat, make_envs, options)
}

/// Continues a run as [`run::resume`](crate::run::resume) does.
///
/// # Errors
/// As [`run::resume`](crate::run::resume), and if the network is not the run's.
pub fn resume(
    config: Config,
    checkpoint: &Checkpoint,
    network: &dyn OwnNetwork,
    make_envs: &MakeEnvs<'_>,
    options: &RunOptions<'_>,
) -> Result<Summary, TrainError> {
    let seat = seat(&config, network, options, false);
    conduct(config, Some(checkpoint), seat, make_envs, options)
}

fn seat<'a>(config: &Config, network: &'a dyn OwnNetwork, options: &RunOptions<'_>, new_folder: bool) -> Seat<'a> {
    Seat { threads: config.threads, console: console(options.quiet), new_folder, network: Some(network) }
}
