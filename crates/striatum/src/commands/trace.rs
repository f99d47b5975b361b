//! `striatum trace`.

use super::{say, settings};
use crate::cli::TraceArgs;
use anyhow::Result;
use striatum_envs::{make_one_with, parse_actions, parse_state, trace_env};
use striatum_train::TrainError;

pub fn run(args: &TraceArgs) -> Result<()> {
    let params = settings::params(&args.task, &args.sets)?;
    let mut env = make_one_with(&args.task, &params).map_err(TrainError::from)?;
    let state = parse_state(&args.state).map_err(TrainError::from)?;
    let actions = parse_actions(&env.action_space(), &args.actions).map_err(TrainError::from)?;
    for step in trace_env(&mut *env, &state, &actions).map_err(TrainError::from)? {
        say(serde_json::to_string(&step)?)?;
    }
    Ok(())
}
