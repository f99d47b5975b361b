//! From flags to a configuration.

use crate::cli::{GymArgs, SettingArgs};
use anyhow::{Context, Result, ensure};
use striatum_envs::Params;
use striatum_train::config::{Config, Request};
use striatum_train::{TrainError, tasks};
use toml::{Table, Value};

/// The resolved configuration of one agent.
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

/// What was asked for.
pub fn request(args: &SettingArgs) -> Result<Request> {
    tasks::check_name(&args.task).map_err(TrainError::from)?;
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
    for (section, table) in gym(&args.gym)? {
        set(section, (!table.is_empty()).then_some(Value::Table(table)));
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

/// The sections that a task of Python's is described by.
pub fn gym(args: &GymArgs) -> Result<[(&'static str, Table); 2]> {
    let mut gym = Table::new();
    let mut set = |key: &str, value: Option<Value>| value.map(|value| gym.insert(key.into(), value));
    let texts = |texts: &[String]| {
        (!texts.is_empty()).then(|| Value::Array(texts.iter().cloned().map(Value::String).collect()))
    };
    set("python", args.python.clone().map(Value::String));
    set("workers", args.workers.map(|n| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))));
    set("imports", texts(&args.imports));
    set("wrappers", texts(&args.wrappers));
    set("on_env_failure", args.on_env_failure.map(|failure| Value::String(failure.word().to_owned())));
    let env = args.env_args.iter().map(|text| argument(text)).collect::<Result<Table>>()?;
    Ok([("gym", gym), ("env", env)])
}

/// `KEY=VALUE`, the value JSON or a text.
fn argument(text: &str) -> Result<(String, Value)> {
    let (name, value) = text.split_once('=').with_context(|| {
        format!("`--env-arg {text}` must have the form KEY=VALUE, for example `--env-arg gravity=-5.0`")
    })?;
    let json = serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::String(value.to_owned()));
    let value = Value::try_from(&json)
        .with_context(|| format!("`--env-arg {text}` cannot be saved: a configuration has no null; leave it out"))?;
    Ok((name.trim().to_owned(), value))
}
