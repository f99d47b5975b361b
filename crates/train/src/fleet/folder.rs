//! The folder of a launch: a run folder for each agent, and `fleet.toml`, which lists them.

use super::Agent;
use crate::config::Config;
use crate::error::TrainError;
use crate::folder::RunFolder;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The list's name.
pub const FLEET_FILE: &str = "fleet.toml";

/// The format version written, and the newest one read.
const VERSION: u64 = 1;

const HEAD: &str = "# Agents that were trained in one launch; `striatum resume` on this folder continues those that are not finished.\n";

/// The agents of a launch, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List {
    format_version: u64,
    /// Their task.
    pub task: String,
    /// At least one.
    pub agents: Vec<Entry>,
}

/// An agent as the list names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The name of its folder.
    pub folder: String,
    /// Its seed.
    pub seed: u64,
    /// Its varied settings, as in [`Agent::variation`].
    #[serde(default)]
    pub variation: String,
}

/// Whether this is the folder of a launch.
pub fn is_fleet(path: &Path) -> bool {
    path.join(FLEET_FILE).is_file()
}

/// Reads the list of a launch's folder.
///
/// # Errors
/// If there is none in `path`, or it cannot be used.
pub fn list(path: &Path) -> Result<List, TrainError> {
    let unusable = |reason: String| TrainError::Folder { path: path.to_owned(), reason };
    let text = fs::read_to_string(path.join(FLEET_FILE)).map_err(|error| {
        unusable(format!("has no readable `{FLEET_FILE}`: {error}; resume its agents' folders one by one"))
    })?;
    let broken = |reason: &str| {
        unusable(format!("has a broken `{FLEET_FILE}` ({reason}); resume its agents' folders one by one"))
    };
    let list: List = toml::from_str(&text).map_err(|error| broken(error.message()))?;
    if list.format_version > VERSION {
        let reason = format!("is of a newer program (`{FLEET_FILE}` has version {}); use that", list.format_version);
        return Err(unusable(reason));
    }
    let is_name = |name: &str| {
        let mut parts = Path::new(name).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
    };
    match list.agents.iter().find(|entry| !is_name(&entry.folder)) {
        Some(entry) => Err(broken(&format!("`{}` is no folder's name", entry.folder))),
        None if list.agents.is_empty() => Err(broken("it lists no agent")),
        None => Ok(list),
    }
}

/// What was made for a launch.
pub(super) struct Made {
    path: PathBuf,
    names: Vec<String>,
    /// Whether the folder itself was there before.
    was_there: bool,
}

impl Made {
    /// Removes it again, because no agent could begin.
    pub(super) fn remove(&self) {
        // The folder was empty or not there, so that all of it is ours.
        for name in &self.names {
            let _ = fs::remove_dir_all(self.path.join(name));
        }
        let _ = fs::remove_file(self.path.join(FLEET_FILE));
        if !self.was_there {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Makes the folder of a launch, with a run folder for each agent.
///
/// # Errors
/// If it is there and not empty, or cannot be written; nothing of it is left then.
pub(super) fn create(path: &Path, agents: &[Agent]) -> Result<Made, TrainError> {
    let unusable = |reason: String| TrainError::Folder { path: path.to_owned(), reason };
    if is_fleet(path) {
        let reason = format!(
            "holds a launch already; `striatum resume {}` continues it, or give another `--out`",
            path.display()
        );
        return Err(unusable(reason));
    }
    let unwritable = |error: std::io::Error| unusable(format!("cannot be written: {error}; give another `--out`"));
    let was_there = path.exists();
    if was_there && fs::read_dir(path).map_err(unwritable)?.next().is_some() {
        return Err(unusable("is not empty; give another `--out`".to_owned()));
    }
    let names = agents.iter().map(|agent| agent.name.clone()).collect();
    let made = Made { path: path.to_owned(), names, was_there };
    fill(path, agents, &unwritable).inspect_err(|_| made.remove())?;
    Ok(made)
}

fn fill(path: &Path, agents: &[Agent], unwritable: &dyn Fn(std::io::Error) -> TrainError) -> Result<(), TrainError> {
    fs::create_dir_all(path).map_err(unwritable)?;
    for agent in agents {
        RunFolder::create(&path.join(&agent.name), &agent.config)?;
    }
    let entry = |agent: &Agent| Entry {
        folder: agent.name.clone(),
        seed: agent.config.seed,
        variation: agent.variation.clone(),
    };
    let task = agents.first().map(|agent| agent.config.task.clone()).unwrap_or_default();
    let list = List { format_version: VERSION, task, agents: agents.iter().map(entry).collect() };
    let text = toml::to_string(&list).map_err(|error| unwritable(std::io::Error::other(error)))?;
    fs::write(path.join(FLEET_FILE), HEAD.to_owned() + &text).map_err(unwritable)
}

/// The settings of an agent that was launched before: those of its checkpoint, or of its `config.toml` if it has none yet.
pub(super) fn config_of(folder: &RunFolder) -> Result<Config, TrainError> {
    let latest = folder.latest();
    if latest.is_file() {
        return Ok(folder.load(&latest)?.1);
    }
    let path = folder.config();
    let text = fs::read_to_string(&path).map_err(|error| TrainError::Folder {
        path: folder.path().to_owned(),
        reason: format!("has neither a checkpoint nor a readable `config.toml`: {error}"),
    })?;
    Ok(Config::from_toml(&text, &path.display().to_string())?)
}

/// The run folders of a launch that have begun; of any other path itself. The list of a launch is no run, and none.
///
/// # Errors
/// If a launch's list cannot be used.
pub fn runs_of(path: &Path) -> Result<Vec<PathBuf>, TrainError> {
    if is_fleet(path) {
        let folders = list(path)?.agents.into_iter().map(|entry| path.join(entry.folder));
        return Ok(folders.filter(|folder| folder.join("metrics.jsonl").is_file()).collect());
    }
    let is_list = path.is_file() && path.file_name().is_some_and(|name| name == FLEET_FILE);
    Ok(if is_list { Vec::new() } else { vec![path.to_owned()] })
}
