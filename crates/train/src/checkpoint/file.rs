//! The bytes of a checkpoint, and how they reach the disk whole.

use super::{Array, Checkpoint, CheckpointError, Data, VERSION};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;

const FORMAT: &str = "striatum";

/// Bytes of the header's length, which a safetensors file starts with.
const LENGTH_BYTES: usize = 8;

/// The longest header that safetensors allows.
const MAX_HEADER: u64 = 100_000_000;

/// Writes `path` through a temporary file of the same folder: either all of it is there afterwards, or what was there before.
pub(super) fn write_atomically(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".checkpoint-").suffix(".tmp");
    // Temporary files are private by default; a checkpoint is as readable as any other file of the user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // The rename itself is only safe from a power cut once the folder is synced.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// The file's bytes.
pub(super) fn encode(checkpoint: &Checkpoint, path: &Path) -> Result<Vec<u8>, CheckpointError> {
    for (name, Array { shape, data }) in &checkpoint.tensors {
        if shape.iter().product::<usize>() != data.len() {
            return Err(CheckpointError::Count { name: name.clone(), shape: shape.clone(), found: data.len() });
        }
    }
    let numbers: BTreeMap<&str, String> =
        checkpoint.numbers.iter().map(|(name, value)| (name.as_str(), format!("{:016x}", value.to_bits()))).collect();
    let json = |value: serde_json::Result<String>| value.map_err(|error| unwritable(path, error));
    let metadata = HashMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("format_version".to_owned(), VERSION.to_string()),
        ("config".to_owned(), checkpoint.config.clone()),
        ("counters".to_owned(), json(serde_json::to_string(&checkpoint.counters))?),
        ("numbers".to_owned(), json(serde_json::to_string(&numbers))?),
        ("checksum".to_owned(), checksum(checkpoint)),
    ]);
    let blocks: Vec<(&str, &Array, Vec<u8>)> =
        checkpoint.tensors.iter().map(|(name, array)| (name.as_str(), array, array.data.to_bytes())).collect();
    let views = blocks.iter().map(|(name, Array { shape, data }, bytes)| {
        Ok((*name, TensorView::new(data.dtype(), shape.clone(), bytes).map_err(|error| unwritable(path, error))?))
    });
    let views: Vec<_> = views.collect::<Result<_, CheckpointError>>()?;
    safetensors::serialize(views, Some(metadata)).map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CheckpointError {
    CheckpointError::Unwritable { path: path.to_owned(), source: io::Error::other(error) }
}

/// SHA-256 of everything but itself, in hexadecimal. Every text and list is preceded by its length, so that no two contents give
/// the same bytes.
fn checksum(checkpoint: &Checkpoint) -> String {
    let mut hash = Sha256::new();
    let length = |hash: &mut Sha256, n: usize| hash.update((n as u64).to_le_bytes());
    let text = |hash: &mut Sha256, text: &str| {
        length(hash, text.len());
        hash.update(text);
    };
    text(&mut hash, FORMAT);
    hash.update(VERSION.to_le_bytes());
    text(&mut hash, &checkpoint.config);
    length(&mut hash, checkpoint.counters.len());
    for (name, value) in &checkpoint.counters {
        text(&mut hash, name);
        hash.update(value.to_le_bytes());
    }
    length(&mut hash, checkpoint.numbers.len());
    for (name, value) in &checkpoint.numbers {
        text(&mut hash, name);
        hash.update(value.to_bits().to_le_bytes());
    }
    length(&mut hash, checkpoint.tensors.len());
    for (name, Array { shape, data }) in &checkpoint.tensors {
        text(&mut hash, name);
        text(&mut hash, data.type_name());
        length(&mut hash, shape.len());
        shape.iter().for_each(|&n| length(&mut hash, n));
        hash.update(data.to_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The part of a safetensors header that says what the file is and how long.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: HashMap<String, String>,
    #[serde(flatten)]
    tensors: HashMap<String, Extent>,
}

#[derive(Deserialize)]
struct Extent {
    data_offsets: (u64, u64),
}

/// Reads bytes that may be anything at all.
pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Checkpoint, CheckpointError> {
    let corrupted = |reason: String| CheckpointError::Corrupted { path: path.to_owned(), reason };
    let header = identify(bytes, path)?;
    let files = SafeTensors::deserialize(bytes).map_err(|error| corrupted(error.to_string()))?;
    let field = |name: &str| header.metadata.get(name).ok_or_else(|| corrupted(format!("no `{name}` in its metadata")));
    let malformed = |name: &str| corrupted(format!("malformed `{name}` in its metadata"));

    let counters = serde_json::from_str(field("counters")?).map_err(|_| malformed("counters"))?;
    let digits: BTreeMap<String, String> = serde_json::from_str(field("numbers")?).map_err(|_| malformed("numbers"))?;
    let number = |(name, digits): (String, String)| {
        u64::from_str_radix(&digits, 16).map(|bits| (name, f64::from_bits(bits))).map_err(|_| malformed("numbers"))
    };
    let numbers = digits.into_iter().map(number).collect::<Result<_, _>>()?;
    let tensor = |(name, view): (String, TensorView<'_>)| {
        let dtype: Dtype = view.dtype();
        let data = Data::from_bytes(dtype, view.data())
            .ok_or_else(|| corrupted(format!("tensor `{name}` has elements of type {dtype}")))?;
        Ok((name, Array { shape: view.shape().to_vec(), data }))
    };
    let tensors = files.tensors().into_iter().map(tensor).collect::<Result<_, CheckpointError>>()?;

    let file = Some(path.to_owned());
    let checkpoint = Checkpoint { file, config: field("config")?.clone(), counters, numbers, tensors };
    if *field("checksum")? != checksum(&checkpoint) {
        return Err(corrupted("its checksum does not match".to_owned()));
    }
    Ok(checkpoint)
}

/// Tells a whole checkpoint of a version that can be read from everything else.
fn identify(bytes: &[u8], path: &Path) -> Result<Header, CheckpointError> {
    let path = || path.to_owned();
    let foreign = |reason: &str| CheckpointError::Foreign { path: path(), reason: reason.to_owned() };
    let truncated = |expected| CheckpointError::Truncated { path: path(), found: bytes.len() as u64, expected };

    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(truncated(LENGTH_BYTES as u64));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER || rest.first().is_some_and(|&first| first != b'{') {
        return Err(foreign("not a safetensors file"));
    }
    let data_at = LENGTH_BYTES as u64 + length;
    let Some(header) = rest.get(..length as usize) else { return Err(truncated(data_at)) };
    let header: Header = serde_json::from_slice(header).map_err(|error| {
        let ours = header.windows(FORMAT.len()).any(|window| window == FORMAT.as_bytes());
        match ours {
            true => CheckpointError::Corrupted { path: path(), reason: format!("malformed header: {error}") },
            false => foreign("not a safetensors file"),
        }
    })?;
    if header.metadata.get("format").is_none_or(|format| format != FORMAT) {
        return Err(foreign("a safetensors file of something else"));
    }
    match header.metadata.get("format_version").map(|version| version.parse::<u64>()) {
        Some(Ok(VERSION)) => {}
        Some(Ok(version)) if version > VERSION => return Err(CheckpointError::FutureVersion { path: path(), version }),
        _ => return Err(CheckpointError::Corrupted { path: path(), reason: "no valid format version".to_owned() }),
    }
    let end = header.tensors.values().map(|extent| extent.data_offsets.1).max().unwrap_or(0);
    match data_at.checked_add(end) {
        Some(expected) if expected > bytes.len() as u64 => Err(truncated(expected)),
        Some(_) => Ok(header),
        None => Err(CheckpointError::Corrupted { path: path(), reason: "impossible tensor offsets".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_write_that_fails_half_way_leaves_the_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latest.safetensors");
        let before = Checkpoint { config: "seed = 1".into(), ..Checkpoint::default() };
        before.save(&path).unwrap();
        let error = write_atomically(&path, |file| {
            file.write_all(b"half of it")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(Checkpoint::load(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
