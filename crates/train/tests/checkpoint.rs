//! Checkpoints: exact round trips, and a clear error for every kind of bad file.

use proptest::prelude::*;
use std::path::{Path, PathBuf};
use striatum_train::checkpoint::{Array, Checkpoint, CheckpointError, Data};
use tempfile::TempDir;

/// A NaN with bits of its own, which arithmetic would not keep.
const ODD_NAN: u64 = 0x7ff4_0000_dead_beef;

fn sample() -> Checkpoint {
    let mut checkpoint = Checkpoint { config: "task = \"CartPole-v1\"\nseed = 7\n".into(), ..Checkpoint::default() };
    checkpoint.counters.insert("steps".into(), u64::MAX - 1);
    checkpoint.counters.insert("updates".into(), 0);
    for (name, value) in [("inf", f64::INFINITY), ("zero", -0.0), ("tenth", 0.1), ("nan", f64::from_bits(ODD_NAN))] {
        checkpoint.numbers.insert(name.into(), value);
    }
    let tensors = [
        ("actor.0.weight", Array::new([2, 3], vec![0.1_f32, f32::NAN, f32::INFINITY, -0.0, 1e-45, 6.0])),
        ("normalizer.mean", Array::new([2], vec![0.1_f64, f64::from_bits(ODD_NAN)])),
        ("env.steps", Array::new([3, 1], vec![1_u32, u32::MAX, 3])),
        ("rng", Array::new([1], vec![u64::MAX])),
        ("scalar", Array::new([], vec![2.5_f32])),
        ("empty", Array::new([0, 4], Vec::<f32>::new())),
    ];
    checkpoint.tensors.extend(tensors.map(|(name, array)| (name.to_owned(), array)));
    checkpoint
}

fn saved() -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints").join("latest.safetensors");
    sample().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (folder, path, bytes)
}

fn load(path: &Path, bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    std::fs::write(path, bytes).unwrap();
    Checkpoint::load(path)
}

/// A safetensors file with this header.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

/// Both hold the same bits. (`==` on numbers would miss NaN.)
fn assert_same(left: &Checkpoint, right: &Checkpoint) {
    let bits = |checkpoint: &Checkpoint| -> Vec<(String, u64)> {
        checkpoint.numbers.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect()
    };
    assert_eq!(bits(left), bits(right));
    assert_eq!((&left.config, &left.counters, &left.tensors), (&right.config, &right.counters, &right.tensors));
}

#[test]
fn a_round_trip_keeps_every_bit() {
    let (_folder, path, _) = saved();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_same(&loaded, &sample());
    assert_eq!(loaded.number("nan").unwrap().to_bits(), ODD_NAN);
    assert_eq!(loaded.counter("steps").unwrap(), u64::MAX - 1);
    assert_eq!(loaded.f32("scalar", &[]).unwrap(), [2.5]);
    assert_eq!(loaded.u32("env.steps", &[3, 1]).unwrap(), [1, u32::MAX, 3]);
    assert_eq!(loaded.u64("rng", &[1]).unwrap(), [u64::MAX]);
    assert_eq!(loaded.f64("normalizer.mean", &[2]).unwrap()[1].to_bits(), ODD_NAN);
    assert_eq!(loaded.shape("empty").unwrap(), [0, 4]);
}

#[test]
fn saving_replaces_the_earlier_file_and_leaves_nothing_else() {
    let (_folder, path, _) = saved();
    let next = Checkpoint { config: "seed = 8".into(), ..Checkpoint::default() };
    next.save(&path).unwrap();
    assert_same(&Checkpoint::load(&path).unwrap(), &next);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn others_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path, _) = saved();
    let plain = path.with_extension("txt");
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), mode(&plain));
}

#[test]
fn getters_name_what_is_wrong() {
    let checkpoint = sample();
    let texts = [
        checkpoint.f32("actor.9.weight", &[2]).unwrap_err().to_string(),
        checkpoint.f32("actor.0.weight", &[3, 2]).unwrap_err().to_string(),
        checkpoint.f64("actor.0.weight", &[2, 3]).unwrap_err().to_string(),
        checkpoint.counter("tensors").unwrap_err().to_string(),
        checkpoint.number("steps").unwrap_err().to_string(),
    ];
    assert_eq!(
        texts,
        [
            "the checkpoint has no tensor `actor.9.weight`; it is of a run with other settings",
            "tensor `actor.0.weight` of the checkpoint has shape [2, 3], and the run's settings need [3, 2]",
            "tensor `actor.0.weight` of the checkpoint has f32 elements, and f64 are needed",
            "the checkpoint has no counter `tensors`; it is of a run with other settings",
            "the checkpoint has no number `steps`; it is of a run with other settings",
        ]
    );
    let (_folder, path, _) = saved();
    let read = Checkpoint::load(&path).unwrap();
    assert_eq!(read.tensors, checkpoint.tensors);
    for error in [
        read.counter("tensors").unwrap_err(),
        read.f32("actor.0.weight", &[3, 2]).unwrap_err(),
        read.f64("actor.0.weight", &[2, 3]).unwrap_err(),
    ] {
        assert!(error.to_string().contains(&format!("the checkpoint `{}` has", path.display())), "{error}");
    }
}

#[test]
fn an_array_that_does_not_fill_its_shape_is_refused_before_anything_is_written() {
    let (_folder, path, bytes) = saved();
    let mut bad = sample();
    bad.tensors.insert("short".into(), Array::new([2, 2], vec![1.0_f32; 3]));
    let error = bad.save(&path).unwrap_err();
    assert!(matches!(error, CheckpointError::Count { name, found: 3, .. } if name == "short"));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_missing_file_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.safetensors");
    let error = Checkpoint::load(&path).unwrap_err();
    assert!(matches!(error, CheckpointError::Missing { .. }));
    assert!(error.to_string().contains("none.safetensors"), "{error}");
}

#[test]
fn a_folder_cannot_be_read_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Checkpoint::load(folder.path()).unwrap_err(), CheckpointError::Unreadable { .. }));
}

#[test]
fn every_truncation_is_called_so() {
    let (_folder, path, bytes) = saved();
    for length in (0..bytes.len()).step_by(7).chain([1, 7, 8, 9, bytes.len() - 1]) {
        let error = load(&path, &bytes[..length]).unwrap_err();
        match error {
            CheckpointError::Truncated { found, expected, .. } => {
                assert!(found == length as u64 && expected > found, "{length}");
            }
            other => panic!("{length} of {} bytes: {other}", bytes.len()),
        }
    }
}

#[test]
fn every_flipped_byte_is_found() {
    let (_folder, path, bytes) = saved();
    for at in (0..bytes.len()).step_by(97).chain(8..200).chain([bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x15;
        assert!(load(&path, &flipped).is_err(), "byte {at} of {}", bytes.len());
    }
    let mut data = bytes.clone();
    *data.last_mut().unwrap() ^= 1;
    let error = load(&path, &data).unwrap_err();
    assert!(matches!(&error, CheckpointError::Corrupted { reason, .. } if reason.contains("checksum")), "{error}");
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(load(&path, &longer).unwrap_err(), CheckpointError::Corrupted { .. }));
}

#[test]
fn foreign_files_are_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.safetensors");
    let other = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let foreign = [
        b"PK\x03\x04 a zip archive, as PyTorch writes them".to_vec(),
        vec![0xff; 64],
        file(other, &[0; 4]),
        file("{}", &[]),
        file("{ not json", &[]),
        file(&format!("{}1", "{\"a\":".repeat(500)), &[]),
    ];
    for bytes in foreign {
        let error = load(&path, &bytes).unwrap_err();
        assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
    }
}

#[test]
fn a_future_version_is_called_so() {
    let (_folder, path, bytes) = saved();
    let text = br#""format_version":"1""#;
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    let mut future = bytes;
    future[at + text.len() - 2] = b'2';
    let error = load(&path, &future).unwrap_err();
    assert!(matches!(error, CheckpointError::FutureVersion { version: 2, .. }), "{error}");
    assert!(error.to_string().contains("newer program"), "{error}");
}

#[test]
fn hostile_headers_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.safetensors");
    let ours = r#""__metadata__":{"format":"striatum","format_version":"1"}"#;
    let tensor = |shape: &str, offsets: &str| {
        file(&format!(r#"{{{ours},"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#), &[0; 8])
    };
    let overlapping = format!(
        r#"{{{ours},"a":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}},"b":{{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}}}"#
    );
    let hostile = [
        tensor("[2]", "[8,0]"),
        tensor("[2]", "[0,18446744073709551615]"),
        tensor("[18446744073709551615,4]", "[0,8]"),
        tensor("[3]", "[0,8]"),
        tensor("[2]", "[0,8]"),
        file(&overlapping, &[0; 8]),
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
        [&99_999_999_u64.to_le_bytes()[..], b"{}"].concat(),
    ];
    for bytes in hostile {
        assert!(load(&path, &bytes).is_err(), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn an_unwritable_place_is_called_so() {
    let (_folder, path, bytes) = saved();
    // A file where a folder is needed, and a folder where the file should go.
    let under_a_file = path.join("latest.safetensors");
    let over_a_folder = path.parent().unwrap().to_owned();
    for place in [under_a_file, over_a_folder] {
        let error = sample().save(&place).unwrap_err();
        assert!(matches!(error, CheckpointError::Unwritable { .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

fn data() -> impl Strategy<Value = Data> {
    let bits = prop::collection::vec(any::<u64>(), 0..20);
    (0..4_u8, bits).prop_map(|(kind, bits)| match kind {
        0 => bits.iter().map(|&b| f32::from_bits(b as u32)).collect::<Vec<f32>>().into(),
        1 => bits.iter().map(|&b| f64::from_bits(b)).collect::<Vec<f64>>().into(),
        2 => bits.iter().map(|&b| b as u32).collect::<Vec<u32>>().into(),
        _ => bits.into(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn anything_comes_back_as_it_was(
        config in ".*",
        counters in prop::collection::btree_map(".*", any::<u64>(), 0..4),
        numbers in prop::collection::btree_map(".*", any::<u64>().prop_map(f64::from_bits), 0..4),
        tensors in prop::collection::btree_map("[a-z.\"\\\\é]{0,8}", data(), 0..6),
    ) {
        let tensors = tensors.into_iter().map(|(name, data)| (name, Array::new([data.len()], data))).collect();
        let checkpoint = Checkpoint { file: None, config, counters, numbers, tensors };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.safetensors");
        checkpoint.save(&path).unwrap();
        assert_same(&Checkpoint::load(&path).unwrap(), &checkpoint);
    }

    #[test]
    fn arbitrary_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300), length in 0..300_u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.safetensors");
        prop_assert!(load(&path, &bytes).is_err());
        let announced = [&length.to_le_bytes()[..], b"{", &bytes].concat();
        prop_assert!(load(&path, &announced).is_err());
    }
}
