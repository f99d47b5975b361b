//! Checkpoints: everything a run is, in one safetensors file.
//!
//! The file's metadata holds `format` (`striatum`), `format_version`, the run's `config` (TOML), `counters` (JSON of whole numbers),
//! `numbers` (JSON of doubles as the 16 hexadecimal digits of their bits, so that NaN and infinity survive) and `checksum`, the
//! SHA-256 of all of it. It is written to a temporary file of the same folder, synced and renamed, so that a crash or a full disk
//! leaves the previous one whole.

mod array;
mod error;
mod file;

pub use array::{Array, Data};
pub use error::CheckpointError;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The format version written, and the newest one read.
pub const VERSION: u64 = 1;

/// The state of a run as named values. Equal means the same state, whichever file it was read from.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// The file that it was read from, for error messages.
    pub file: Option<PathBuf>,
    /// The run's configuration as TOML.
    pub config: String,
    /// Whole numbers, kept exactly.
    pub counters: BTreeMap<String, u64>,
    /// Doubles, kept bit for bit.
    pub numbers: BTreeMap<String, f64>,
    /// Arrays, kept bit for bit.
    pub tensors: BTreeMap<String, Array>,
}

impl PartialEq for Checkpoint {
    fn eq(&self, other: &Self) -> bool {
        (&self.config, &self.counters, &self.numbers, &self.tensors)
            == (&other.config, &other.counters, &other.numbers, &other.tensors)
    }
}

impl Checkpoint {
    /// Writes it to `path` atomically, and makes the folder if there is none.
    ///
    /// # Errors
    /// [`CheckpointError::Count`] for an array that does not fill its shape; [`CheckpointError::Unwritable`] if the disk is full or
    /// refuses; a file that was there before is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = file::encode(self, path)?;
        file::write_atomically(path, |file| std::io::Write::write_all(file, &bytes))
            .map_err(|source| CheckpointError::Unwritable { path: path.to_owned(), source })
    }

    /// Reads `path` and verifies its checksum.
    ///
    /// # Errors
    /// [`CheckpointError`] says whether the file is missing, unreadable, truncated, corrupted, foreign or of a newer format.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => CheckpointError::Missing { path: path.to_owned() },
            _ => CheckpointError::Unreadable { path: path.to_owned(), source },
        })?;
        file::decode(&bytes, path)
    }

    /// The tensor `name` of single-precision numbers.
    ///
    /// # Errors
    /// If it is absent or has another shape or type.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<&[f32], CheckpointError> {
        match self.array(name, shape)? {
            Data::F32(values) => Ok(values),
            other => Err(self.wrong_type(name, "f32", other)),
        }
    }

    /// The tensor `name` of double-precision numbers.
    ///
    /// # Errors
    /// If it is absent or has another shape or type.
    pub fn f64(&self, name: &str, shape: &[usize]) -> Result<&[f64], CheckpointError> {
        match self.array(name, shape)? {
            Data::F64(values) => Ok(values),
            other => Err(self.wrong_type(name, "f64", other)),
        }
    }

    /// The tensor `name` of 32-bit whole numbers.
    ///
    /// # Errors
    /// If it is absent or has another shape or type.
    pub fn u32(&self, name: &str, shape: &[usize]) -> Result<&[u32], CheckpointError> {
        match self.array(name, shape)? {
            Data::U32(values) => Ok(values),
            other => Err(self.wrong_type(name, "u32", other)),
        }
    }

    /// The tensor `name` of 64-bit whole numbers.
    ///
    /// # Errors
    /// If it is absent or has another shape or type.
    pub fn u64(&self, name: &str, shape: &[usize]) -> Result<&[u64], CheckpointError> {
        match self.array(name, shape)? {
            Data::U64(values) => Ok(values),
            other => Err(self.wrong_type(name, "u64", other)),
        }
    }

    /// The shape of the tensor `name`, for one whose length is part of the state.
    ///
    /// # Errors
    /// If it is absent.
    pub fn shape(&self, name: &str) -> Result<&[usize], CheckpointError> {
        self.tensors.get(name).map(|array| array.shape.as_slice()).ok_or_else(|| self.absent("tensor", name))
    }

    /// The counter `name`.
    ///
    /// # Errors
    /// If it is absent.
    pub fn counter(&self, name: &str) -> Result<u64, CheckpointError> {
        self.counters.get(name).copied().ok_or_else(|| self.absent("counter", name))
    }

    /// The number `name`.
    ///
    /// # Errors
    /// If it is absent.
    pub fn number(&self, name: &str) -> Result<f64, CheckpointError> {
        self.numbers.get(name).copied().ok_or_else(|| self.absent("number", name))
    }

    fn array(&self, name: &str, shape: &[usize]) -> Result<&Data, CheckpointError> {
        let array = self.tensors.get(name).ok_or_else(|| self.absent("tensor", name))?;
        if array.shape != shape {
            return Err(CheckpointError::Shape {
                file: self.file.clone(),
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: array.shape.clone(),
            });
        }
        Ok(&array.data)
    }

    fn absent(&self, kind: &'static str, name: &str) -> CheckpointError {
        CheckpointError::Absent { file: self.file.clone(), kind, name: name.to_owned() }
    }

    fn wrong_type(&self, name: &str, expected: &'static str, found: &Data) -> CheckpointError {
        CheckpointError::Type { file: self.file.clone(), name: name.to_owned(), expected, found: found.type_name() }
    }
}
