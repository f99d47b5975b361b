//! From flags to a configuration.

use crate::cli::SettingArgs;
use anyhow::{Result, ensure};
use striatum_envs::Params;
use striatum_train::TrainError;
use striatum_train::config::{Config, Request};
use toml::{Table, Value};

/// The resolved configuration of one agent; the task must be a built-in one.
pub fn resolve(args: &SettingArgs) -> Result<Config> {
    ensure!(
        args.seed.is_none_or(|seed| seed.last.is_none()),
        "these settings are of one agent; give `--seed` one number"
    );
    Ok(Config::resolve(&request(args)?).map_err(TrainError::from)?)
}

/// The parameters of a built-in task, from assignments of them.
pub fn params(task: &str, sets: &[String]) -> Result<Params> {
    striatum_envs::task(task).map_err(TrainError::from)?;
    for set in sets {
        let is_param = set.trim_start().starts_with("env.") || !set.contains('=');
        ensure!(is_param, "`--set {set}` is no parameter of the task; here only `env.NAME=VALUE` has a meaning");
    }
    let request = Request { task: task.to_owned(), sets: sets.to_vec(), ..Request::default() };
    Ok(Config::resolve(&request).map_err(TrainError::from)?.env)
}

/// What was asked for; the task must be a built-in one.
pub fn request(args: &SettingArgs) -> Result<Request> {
    striatum_envs::task(&args.task).map_err(TrainError::from)?;
    let mut overrides = Table::new();
    let mut set = |key: &str, value: Option<Value>| value.map(|value| overrides.insert(key.into(), value));
    let integer = |n: Option<u64>| n.map(|n| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX)));
    set("device", args.device.map(|device| Value::String(device.to_string())));
    set("engine", args.engine.map(|engine| Value::String(engine.to_string())));
    set("seed", integer(args.seed.map(|seed| seed.first)));
    set("total_steps", integer(args.total_steps));
    set("num_envs", integer(args.num_envs));
    set("threads", integer(args.threads));
    if args.stop_at_threshold {
        let run = Table::from_iter([("stop_at_threshold".to_owned(), Value::Boolean(true))]);
        set("run", Some(Value::Table(run)));
    }
    Ok(Request {
        task: args.task.clone(),
        algo: args.algo.map(Into::into),
        preset: None,
        file: args.config.clone(),
        sets: args.sets.clone(),
        overrides,
        varied: Vec::new(),
    })
}
