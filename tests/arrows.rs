//! The arrows between crates point down only.

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Each crate and the siblings that it may use, lowest floor first; a crate may only use crates above it in this list.
const HOUSE: [(&str, &[&str]); 8] = [
    ("striatum-rng", &[]),
    ("striatum-dopamine", &["striatum-rng"]),
    ("striatum-envs", &["striatum-rng"]),
    ("striatum-kernels", &["striatum-rng"]),
    ("striatum-gym", &["striatum-envs"]),
    ("striatum-agent", &["striatum-kernels", "striatum-rng"]),
    (
        "striatum-train",
        &["striatum-agent", "striatum-dopamine", "striatum-envs", "striatum-gym", "striatum-kernels", "striatum-rng"],
    ),
    (
        "striatum",
        &[
            "striatum-agent",
            "striatum-dopamine",
            "striatum-envs",
            "striatum-gym",
            "striatum-kernels",
            "striatum-rng",
            "striatum-train",
        ],
    ),
];

/// Outside crates that only these crates may use: the device and the tensor library stay behind `kernels` and `agent`.
const BEHIND_DOORS: [(&str, &[&str]); 5] = [
    ("wgpu", &["striatum-agent", "striatum-kernels"]),
    ("naga", &["striatum-kernels"]),
    ("burn", &["striatum-agent"]),
    ("cubecl-wgpu", &["striatum-agent"]),
    ("clap", &["striatum"]),
];

/// Each workspace member's dependencies of every kind: normal, development and build.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path", manifest])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let of = |package: &Value| list(&package["dependencies"]).iter().map(name).collect();
    list(&metadata["packages"]).iter().map(|package| (name(package), of(package))).collect()
}

#[test]
fn every_arrow_points_down() {
    let dependencies = dependencies();
    let floor = |name: &str| HOUSE.iter().position(|(own, _)| *own == name);
    for (name, uses) in &dependencies {
        let own = floor(name).unwrap_or_else(|| panic!("crate `{name}` has no floor yet: give it one in this test"));
        for used in uses.iter().filter(|used| dependencies.contains_key(*used)) {
            assert!(HOUSE[own].1.contains(&used.as_str()), "`{name}` must not use `{used}`");
            assert!(floor(used).is_some_and(|below| below < own), "`{used}` stands above `{name}`");
        }
    }
    assert_eq!(dependencies.len(), HOUSE.len(), "a crate of the list is gone: {:?}", dependencies.keys());
}

#[test]
fn each_crate_uses_the_floor_below_it() {
    let dependencies = dependencies();
    for (name, below) in [
        ("striatum-dopamine", "striatum-rng"),
        ("striatum-envs", "striatum-rng"),
        ("striatum-kernels", "striatum-rng"),
        ("striatum-gym", "striatum-envs"),
        ("striatum-agent", "striatum-kernels"),
        ("striatum-train", "striatum-agent"),
        ("striatum", "striatum-train"),
    ] {
        assert!(dependencies[name].iter().any(|used| used == below), "`{name}` does not use `{below}`");
    }
}

#[test]
fn devices_tensors_and_flags_stay_behind_their_doors() {
    for (name, uses) in dependencies() {
        for (outside, allowed) in BEHIND_DOORS {
            let used = uses.iter().any(|used| used == outside);
            assert!(!used || allowed.contains(&name.as_str()), "`{name}` must not use `{outside}`");
        }
    }
}
