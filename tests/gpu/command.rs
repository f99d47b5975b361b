//! Through the binary.

use crate::Test;
use crate::common::{checkpoint, striatum, train};
use serde_json::Value;
use std::path::Path;
use striatum::train::checkpoint::Checkpoint;
use tempfile::tempdir;

pub const TESTS: &[Test] = &[
    ("a_network_beyond_the_engines_reach_is_refused", refused),
    ("seeds_and_variations_are_launched_together", launched),
    ("networks_of_other_shapes_are_launched_apart", shapes),
    ("a_launch_is_resumed_whole", resumed),
    ("an_agent_that_fails_does_not_touch_the_others", failing),
];

const SHORT: &str = "CartPole-v1 --device gpu --engine fused --num-envs 4 --total-steps 192 --set ppo.num_steps=16 \
    --set ppo.minibatches=2 --set ppo.epochs=2 --set network.hidden=[16,16] --set normalize.observations=true \
    --set normalize.rewards=true --set eval.interval=0 --set eval.episodes=2 --set run.checkpoint_interval=0 --quiet";

#[track_caller]
fn assert_same(name: &str, a: &Path, b: &Path) {
    let [a, b]: [Checkpoint; 2] = [a, b].map(checkpoint);
    crate::assert_same(name, &a, &b);
}

fn refused() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("run");
    let deep = "CartPole-v1 --engine fused --device gpu --set network.hidden=[16,16,16,16,16]";
    for args in [deep, &format!("{deep} --seeds 2")] {
        train(args, &out).refused(&["at most 4 hidden layers", "`network.hidden`", "--device cpu"]);
    }
    train("CartPole-v1 --engine fused --device gpu --set network.hidden=[2000]", &out)
        .refused(&["`network.hidden`", "1024"]);
    assert!(!out.exists(), "a refused run left its folder");
}

fn launched() {
    let folder = tempdir().expect("a folder");
    let parent = folder.path().join("launch");
    let vary = "--seed 1..2 --vary ppo.learning_rate=1e-3,1e-2 --vary ppo.gamma=0.9,0.99";
    let result = train(&format!("{SHORT} {vary} --json"), &parent).ok().json();
    assert_eq!((agents(&result).len(), &result["finished"]), (8, &true.into()), "{result}");
    for (seed, rate, gamma) in [(2, "1e-2", "0.9"), (1, "1e-3", "0.99")] {
        let name = format!("learning_rate={rate},gamma={gamma},seed{seed}");
        let alone = folder.path().join(&name);
        let sets = format!("--seed {seed} --set ppo.learning_rate={rate} --set ppo.gamma={gamma} --json");
        let single = train(&format!("{SHORT} {sets}"), &alone).ok().json();
        assert_same(&name, &alone, &parent.join(&name));
        let own = agents(&result).iter().find(|agent| agent["agent"] == name.as_str()).expect("it is there");
        for key in ["steps", "episodes", "episodic_return", "best_return", "device", "engine"] {
            assert_eq!(own[key], single[key], "{name}: {key}");
        }
    }
    striatum("eval --episodes 1", &[&parent.join("learning_rate=1e-2,gamma=0.9,seed2")]).ok();
}

fn shapes() {
    let folder = tempdir().expect("a folder");
    let parent = folder.path().join("launch");
    let result = train(&format!("{SHORT} --seeds 2 --vary network.hidden=[8],[16] --json"), &parent).ok().json();
    assert_eq!((agents(&result).len(), &result["finished"]), (4, &true.into()), "{result}");
    for hidden in ["8", "16"] {
        let (name, alone) = (format!("hidden={hidden},seed1"), folder.path().join(hidden));
        train(&format!("{SHORT} --seed 1 --set network.hidden=[{hidden}]"), &alone).ok();
        assert_same(&name, &alone, &parent.join(name.clone()));
    }
}

fn resumed() {
    let folder = tempdir().expect("a folder");
    let (straight, parent) = (folder.path().join("straight"), folder.path().join("resumed"));
    let args = format!("{SHORT} --seeds 3 --set ppo.anneal_clip=true");
    train(&args, &straight).ok();
    let half = train(&format!("{args} --stop-after 100 --json"), &parent).ok().json();
    assert_eq!((&half["finished"], half["steps"].as_u64()), (&false.into(), Some(3 * 128)), "{half}");
    // One agent has finished before the others go on.
    striatum("resume --quiet", &[&parent.join("seed1")]).ok();
    let whole = striatum("resume --json", &[&parent]).ok();
    assert_eq!((&whole.json()["finished"], agents(&whole.json()).len()), (&true.into(), 3), "{whole:?}");
    for name in ["seed0", "seed1", "seed2"] {
        assert_same(name, &straight.join(name), &parent.join(name));
    }
    // On the CPU it goes on as well.
    let longer = striatum("resume --json --quiet --device cpu --total-steps 256", &[&parent]).ok().json();
    assert!(agents(&longer).iter().all(|agent| agent["steps"] == 256 && agent["device"] == "cpu"), "{longer}");
}

fn failing() {
    // Without normalisers, iterations are launched ahead.
    for steady in ["", "--set normalize.observations=false --set normalize.rewards=false"] {
        let folder = tempdir().expect("a folder");
        let (parent, alone) = (folder.path().join("launch"), folder.path().join("alone"));
        let short = format!("{SHORT} {steady} --set ppo.max_grad_norm=1e30");
        let outcome = train(&format!("{short} --seeds 2 --vary ppo.learning_rate=1e30,1e-3 --json"), &parent);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let result = outcome.json();
        let failed: Vec<_> = result["failed"].as_array().expect("a list").iter().map(|f| f["agent"].as_str()).collect();
        assert_eq!(failed, [Some("learning_rate=1e30,seed0"), Some("learning_rate=1e30,seed1")], "{result}");
        assert!(outcome.stderr.contains("not finite") && !outcome.stderr.contains("panicked"), "{outcome:?}");
        train(&format!("{short} --seed 1 --set ppo.learning_rate=1e-3"), &alone).ok();
        assert_same("beside a failure", &alone, &parent.join("learning_rate=1e-3,seed1"));
    }
}

#[track_caller]
fn agents(result: &Value) -> &Vec<Value> {
    result["agents"].as_array().unwrap_or_else(|| panic!("no agents: {result}"))
}
