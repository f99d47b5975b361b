//! The run folder: `config.toml`, the event file, `metrics.jsonl`, `checkpoints/latest.safetensors` and `checkpoints/best.safetensors`.

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::error::TrainError;
use crate::fleet::{is_fleet, list};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a new run and writes its configuration.
    ///
    /// # Errors
    /// If it holds a run already, or cannot be written.
    pub fn create(path: &Path, config: &Config) -> Result<Self, TrainError> {
        let folder = Self { path: path.to_owned() };
        if is_fleet(path) {
            return Err(folder.error("holds a launch of several agents; give another `--out`".to_owned()));
        }
        if folder.latest().exists() {
            return Err(folder.error(format!(
                "holds a run already; `striatum resume {}` continues it, or give another `--out`",
                path.display()
            )));
        }
        if folder.config().exists() {
            let reason = "holds a run already, with no checkpoint yet to resume from; give another `--out`, or remove the folder if \
                          the run has ended";
            return Err(folder.error(reason.to_owned()));
        }
        fs::create_dir_all(folder.path.join("checkpoints")).map_err(|error| folder.unwritable(&error))?;
        folder.write_config(config).inspect_err(|_| {
            // Half a file would make the folder look like a run's.
            let _ = fs::remove_file(folder.config());
        })?;
        Ok(folder)
    }

    /// The folder of a run that is there.
    ///
    /// # Errors
    /// If there is no run in it.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Self { path: path.to_owned() };
        if is_fleet(path) {
            let agent = list(path)?.agents.swap_remove(0).folder;
            return Err(folder.error(format!(
                "holds a launch of several agents; give the folder of one, such as `{}`",
                path.join(agent).display()
            )));
        }
        if !folder.config().is_file() {
            return Err(
                folder.error("holds no run (it has no `config.toml`); give a folder that `striatum train` made".into())
            );
        }
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The checkpoint that a resume continues from.
    pub fn latest(&self) -> PathBuf {
        self.path.join("checkpoints").join("latest.safetensors")
    }

    /// The checkpoint of the best evaluation.
    pub fn best(&self) -> PathBuf {
        self.path.join("checkpoints").join("best.safetensors")
    }

    /// Writes the configuration for people to read; a resume reads the one in the checkpoint.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write_config(&self, config: &Config) -> Result<(), TrainError> {
        fs::write(self.config(), config.to_toml()).map_err(|error| self.unwritable(&error))
    }

    /// A checkpoint of this run and the configuration it was made with.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&self, path: &Path) -> Result<(Checkpoint, Config), TrainError> {
        let checkpoint = Checkpoint::load(path)?;
        let config = Config::from_toml(&checkpoint.config, &path.display().to_string())?;
        Ok((checkpoint, config))
    }

    /// Removes TensorBoard's event files, of a run that begins again because it has saved nothing.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn forget_curves(&self) -> Result<(), TrainError> {
        let forget = || {
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with("events.out.tfevents.") {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        forget().map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> TrainError {
        self.error(format!("cannot be written: {error}; give another `--out`"))
    }

    fn error(&self, reason: String) -> TrainError {
        TrainError::Folder { path: self.path.clone(), reason }
    }
}
