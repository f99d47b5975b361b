//! `striatum bench`: everything verified, everything timed, tables and JSON.

mod common;

use common::striatum;
use serde_json::Value;
use std::time::Instant;

/// Kernels of both devices, then those of one alone.
const BOTH: [&str; 16] = [
    "td_error",
    "gae",
    "td_error + gae",
    "mean_heads",
    "sr_lambda",
    "shuffle",
    "gather",
    "take_columns",
    "unpack_bytes",
    "advantage_moments",
    "mlp_forward",
    "mlp_train_pass",
    "actor_critic_loss",
    "minibatch",
    "optimizer_step",
    "rollout_stats",
];
const HOST: [&str; 4] = ["policy_head", "env_step", "conv_forward", "conv_backward"];
const GPU: [&str; 5] = ["rollout", "episode_window", "column_moments", "discounted_returns", "scale_rewards"];

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
        assert!(number(row, "fastest_seconds") <= number(row, "seconds"), "{row}");
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

/// All of these, verified and timed.
#[track_caller]
fn check_names(object: &Value, kernels: &[&str]) {
    assert_eq!(names(&object["verified"]), kernels);
    let mut timed = names(&object["kernels"]);
    timed.dedup();
    assert_eq!(timed, kernels);
}

#[track_caller]
fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key}: {row}"))
}

/// Speeds are those of the row's own times, by the fused engine.
#[track_caller]
fn check_iteration(row: &Value) {
    let rows = number(row, "agents") * number(row, "envs") * number(row, "steps");
    assert!((number(row, "steps_per_second") * number(row, "seconds") / rows - 1.0).abs() < 1e-9, "{row}");
    // Two 64-64 networks: 8960 + 192 weights; the backward pass leaves out the observations' 512.
    let weights = f64::from(2 * (4 * 64 + 64 * 64) + 2 * 64 + 64);
    let flops = rows * number(row, "epochs") * 2.0 * (3.0 * weights - 512.0);
    assert!((number(row, "update_gflops") * number(row, "update_seconds") * 1e9 / flops - 1.0).abs() < 1e-9, "{row}");
    assert!(number(row, "update_seconds") > 0.0 && row["engine"] == "fused", "{row}");
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
    check_names(&object, &[&BOTH[..], &HOST].concat());
    assert_eq!(object["device"]["name"], "cpu");

    let rows = object["iterations"].as_array().expect("a list");
    assert_eq!(rows.len(), 2, "{object}");
    for row in rows {
        check_iteration(row);
        let stages = ["collect_seconds", "advantages_seconds", "update_seconds"].map(|key| number(row, key));
        // Medians of stages need not add up, but no stage is longer than the whole by much.
        assert!(stages.iter().sum::<f64>() < 1.5 * number(row, "seconds"), "{row}");
        assert!(row["dispatches"].is_null() && row["dispatches_beyond_minibatches"].is_null(), "{row}");
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
    let outcome = striatum("bench --device gpu --quick --json", &[]);
    if adapters.as_array().is_none_or(Vec::is_empty) {
        outcome.refused(&["no GPU adapter"]);
        return;
    }
    let object = outcome.ok().json();
    check(&object);
    let (first, rest) = BOTH.split_at(2);
    check_names(&object, &[first, &["gae_scan"], rest, &GPU].concat());
    let rows = object["iterations"].as_array().expect("a list");
    assert!(rows.iter().any(|row| number(row, "agents") > 1.0), "{object}");
    for row in rows {
        check_iteration(row);
        let [all, others] = ["dispatches", "dispatches_beyond_minibatches"].map(|key| number(row, key));
        // The target is 60 for four epochs, each of which has an order of its own.
        assert!(others < all && others <= 56.0 + number(row, "epochs"), "{row}");
    }
    assert!(object["verified"].as_array().is_some_and(|rows| rows.iter().all(|r| r["against"] == "the CPU's kernels")));
    assert!(adapters.as_array().expect("a list").iter().any(|adapter| adapter["name"] == object["device"]["name"]));
}
