//! `striatum bench`: everything verified, everything timed, tables and JSON.

mod common;

use common::striatum;
use serde_json::Value;
use std::time::Instant;

/// Kernels of the CPU.
const KERNELS: [&str; 12] = [
    "td_error",
    "gae",
    "td_error + gae",
    "gather",
    "advantage_moments",
    "actor_critic_loss",
    "optimizer_step",
    "mlp_forward",
    "mlp_backward",
    "mlp_train_pass",
    "policy_head",
    "env_step",
];

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|row| row["kernel"].as_str().expect("a name")).collect()
}

/// The object is complete and its numbers can be: verified within limits, ceilings and times above 0.
#[track_caller]
fn check(object: &Value) {
    for row in object["verified"].as_array().expect("a list") {
        let [error, limit] = ["largest_error", "limit"].map(|key| row[key].as_f64().expect("a number"));
        assert!(row["ok"] == true && error <= limit, "{row}");
    }
    let positive = |row: &Value, key: &str| assert!(row[key].as_f64().is_some_and(|x| x > 0.0), "{key}: {row}");
    positive(&object["ceilings"], "gflops");
    positive(&object["ceilings"], "copy_gb_per_second");
    for row in object["kernels"].as_array().expect("a list") {
        positive(row, "seconds");
        positive(row, "items_per_second");
        assert!(row["shape"].as_str().is_some_and(|shape| !shape.is_empty()), "{row}");
        let ceilings = &object["ceilings"];
        for (speed, ceiling, share) in
            [("gflops", "gflops", "share_of_peak"), ("gb_per_second", "copy_gb_per_second", "share_of_copy")]
        {
            let ratio = row[speed].as_f64().map(|speed| speed / ceilings[ceiling].as_f64().expect("a number"));
            match (ratio, row[share].as_f64()) {
                (Some(ratio), Some(share)) => assert!((ratio / share - 1.0).abs() < 1e-9, "{row}"),
                (ratio, share) => assert_eq!(ratio, share, "{row}"),
            }
        }
    }
}

#[test]
fn a_quick_run_verifies_and_times_everything() {
    let begun = Instant::now();
    let outcome = striatum("bench --device cpu --quick --json", &[]).ok();
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(outcome.stdout.lines().count(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains("verifying") && !outcome.stderr.contains('\x1b'), "{outcome:?}");
    let object = outcome.json();
    check(&object);
    assert_eq!(names(&object["verified"]), KERNELS);
    let mut timed = names(&object["kernels"]);
    timed.dedup();
    assert_eq!(timed, KERNELS);
    assert_eq!(object["device"]["name"], "cpu");

    let iterations = object["iterations"].as_array().expect("a list");
    assert_eq!(iterations.len(), 2, "{object}");
    for row in iterations {
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key}: {row}"));
        let stages = number("collect_seconds") + number("advantages_seconds") + number("update_seconds");
        // Medians of stages need not add up, but no stage is longer than the whole by much.
        assert!(stages > 0.0 && stages < 1.5 * number("seconds"), "{row}");
        let speed = number("envs") * number("steps") / number("seconds");
        assert!((number("steps_per_second") / speed - 1.0).abs() < 1e-9, "{row}");
        // Two 64-64 networks: 8960 + 192 weights; the backward pass leaves out the observations' 512.
        let weights = f64::from(2 * (4 * 64 + 64 * 64) + 2 * 64 + 64);
        let flops = number("envs") * number("steps") * number("epochs") * 2.0 * (3.0 * weights - 512.0);
        assert!((number("update_gflops") * number("update_seconds") * 1e9 / flops - 1.0).abs() < 1e-9, "{row}");
        assert!(row["dispatches"].is_null() && row["engine"] == "fused", "{row}");
    }
    assert!(seconds < 60.0, "{seconds} s, and it takes 3 on two idle cores");
}

#[test]
fn a_table_is_plain_where_nobody_looks_and_the_filter_chooses_rows() {
    let outcome = striatum("bench --device cpu --threads 1 --quick gae", &[]).ok();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines.iter().all(|line| line.len() < 100 && !line.contains('\x1b')), "{outcome:?}");
    let of = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    // One row of what was verified and one of a time each.
    assert_eq!((of("gae "), of("td_error + gae "), of("td_error  ")), (2, 2, 0), "{outcome:?}");
    assert_eq!(
        (of("Verified "), of("KERNEL "), of("PPO ITERATION"), of("cpu, 1 thread,")),
        (1, 2, 0, 1),
        "{outcome:?}"
    );
    let rows = lines.iter().filter(|line| line.contains("[32, 128]"));
    assert!(
        rows.clone().count() == 2 && rows.clone().all(|row| row.len() == rows.clone().next().map_or(0, |r| r.len()))
    );
}

#[test]
fn a_filter_that_fits_nothing_names_what_there_is() {
    striatum("bench --device cpu --quick gae nonsense", &[]).refused(&[
        "`nonsense`",
        "td_error",
        "env_step",
        "iteration",
    ]);
    striatum("bench --device tpu", &[]).refused(&["tpu"]);
    striatum("bench --threads 2000", &[]).refused(&["--threads"]);
    let help = striatum("bench --help", &[]).ok();
    assert!(help.stdout.contains("\n  striatum bench --quick --json > bench.json"), "{}", help.stdout);
}

/// On any adapter, llvmpipe among them; without one the error says so.
#[test]
fn a_gpu_is_verified_against_the_host() {
    let adapters = striatum("devices --json", &[]).ok().stdout;
    let adapters: Value = serde_json::from_str(&adapters).expect("JSON");
    // All but the iterations: burn compiles for minutes on a software adapter.
    let kernels = "td_error gae gather advantage_moments actor_critic_loss optimizer_step";
    let outcome = striatum(&format!("bench --device gpu --quick --json {kernels}"), &[]);
    if adapters.as_array().is_none_or(Vec::is_empty) {
        outcome.refused(&["no GPU adapter"]);
        return;
    }
    let object = outcome.ok().json();
    check(&object);
    let mut kernels = KERNELS[..7].to_vec();
    kernels.insert(2, "gae_scan");
    assert_eq!(names(&object["verified"]), kernels);
    assert_eq!(names(&object["kernels"]), kernels);
    assert!(object["verified"].as_array().is_some_and(|rows| rows.iter().all(|r| r["against"] == "the CPU's kernels")));
    assert!(adapters.as_array().expect("a list").iter().any(|adapter| adapter["name"] == object["device"]["name"]));
}
