//! `striatum trace`.

use super::say;
use crate::cli::TraceArgs;
use anyhow::Result;
use striatum_envs::{make_one, parse_actions, parse_state, trace};
use striatum_train::TrainError;

pub fn run(args: &TraceArgs) -> Result<()> {
    let space = make_one(&args.task).map_err(TrainError::from)?.action_space();
    let state = parse_state(&args.state).map_err(TrainError::from)?;
    let actions = parse_actions(&space, &args.actions).map_err(TrainError::from)?;
    for step in trace(&args.task, &state, &actions).map_err(TrainError::from)? {
        say(serde_json::to_string(&step)?)?;
    }
    Ok(())
}
