//! What can go wrong, in words.

use crate::Test;
use crate::common::{Rig, task};
use std::path::Path;
use std::time::{Duration, Instant};
use striatum_envs::{EnvError, Params, VecEnv};
use striatum_gym::{OnFailure, Task, describe};

pub const TESTS: &[Test] = &[
    ("what_cannot_be_made_says_why", what_cannot_be_made_says_why),
    ("faults_name_environment_and_cause", faults_name_environment_and_cause),
    ("a_worker_that_hangs_says_where", a_worker_that_hangs_says_where),
    ("a_failed_worker_is_started_anew", a_failed_worker_is_started_anew),
    (
        "who_rests_while_its_worker_fails_is_cut_in_its_next_step",
        who_rests_while_its_worker_fails_is_cut_in_its_next_step,
    ),
    ("workers_end_with_their_batch", workers_end_with_their_batch),
];

fn unavailable(task: &Task, parts: &[&str]) {
    let error = describe(task).unwrap_err();
    assert!(matches!(error, EnvError::Unavailable(_)), "{error:?}");
    for part in parts {
        assert!(error.to_string().contains(part), "`{part}` is not in: {error}");
    }
}

fn what_cannot_be_made_says_why() {
    let named = |name: &str| Task { name: name.to_owned(), ..task("Counter", 1, 1) };
    unavailable(&named("gym:CartPole-v99"), &["gym:CartPole-v99", "CartPole", "v1"]);
    unavailable(&named("gym:CartPol-v1"), &["gym:CartPol-v1", "Did you mean: `CartPole`?"]);
    unavailable(&named("gym:nowhere_at_all:Env-v0"), &["No module named 'nowhere_at_all'"]);

    let mut no_python = task("Counter", 1, 1);
    no_python.settings.python = "/nowhere/python3".to_owned();
    unavailable(&no_python, &["there is no Python `/nowhere/python3`", "--python PATH"]);

    let mut no_module = task("Counter", 1, 1);
    no_module.settings.imports = vec!["nowhere_at_all".to_owned()];
    unavailable(&no_module, &["No module named 'nowhere_at_all'"]);

    let mut no_wrapper = task("Counter", 1, 1);
    no_wrapper.settings.wrappers = vec!["tests.python.tasks.Quarter".to_owned()];
    unavailable(&no_wrapper, &["has no `Quarter`"]);
    no_wrapper.settings.wrappers = vec!["Quarter".to_owned()];
    unavailable(&no_wrapper, &["package.module.Class"]);

    let mut argument = task("Counter", 1, 1);
    argument.arguments = Params::default().with("longes", 3);
    unavailable(&argument, &["longes"]);
    let mut robot = task("Faulty", 1, 1);
    robot.arguments = Params::default().with("fault", "make");
    unavailable(&robot, &["gym:Test/Faulty-v0", "Traceback", "RuntimeError: no such robot"]);
    robot.arguments = Params::default().with("fault", "reset");
    let error = describe(&robot).unwrap_err();
    assert!(matches!(&error, EnvError::Failed(text) if text.contains("does not stand up")), "{error}");
}

/// A batch of four environments on two workers that all have a fault at their third step, and that step's error.
fn faulty(fault: &str, change: impl Fn(&mut Task)) -> EnvError {
    let mut task = task("Faulty", 4, 2);
    task.arguments = Params::default().with("fault", fault);
    change(&mut task);
    let mut rig = Rig::new(&task, 0);
    rig.step(&[0.0; 4]).unwrap();
    rig.step(&[0.0; 4]).unwrap();
    let error = rig.step(&[0.0; 4]).unwrap_err();
    // It can be used again after a reset.
    rig.envs.reset(1, 0, &mut rig.observations).unwrap();
    rig.step(&[0.0; 4]).unwrap();
    error
}

fn faults_name_environment_and_cause() {
    let failed = |fault: &str, parts: &[&str]| {
        let error = faulty(fault, |_| ());
        for part in parts {
            assert!(error.to_string().contains(part), "`{part}` is not in: {error}");
        }
        error
    };
    let place = "environment 0 of task `gym:Test/Faulty-v0` failed at step 3 of its episode 0";
    failed("step", &[place, "Traceback", "in step", "RuntimeError: the robot is on fire"]);
    failed("shape", &[place, "has shape (3,), but its space says (2,)"]);
    let nan = failed("nan", &["environment 0 gave observation[1] = NaN at step 3 of its episode 0"]);
    assert!(matches!(nan, EnvError::NotFinite { .. }));
    failed("reward", &["environment 0 gave reward = inf"]);
    failed("kill", &["the worker of environments 0 to 1 of task `gym:Test/Faulty-v0` was killed by signal 9"]);
    failed("exit", &["exited with status 7; the last it printed:\nthe robot has left"]);
}

fn a_worker_that_hangs_says_where() {
    let begun = Instant::now();
    let error = faulty("hang", |task| task.settings.timeout = 2.0).to_string();
    assert!(begun.elapsed() < Duration::from_secs(30));
    for part in ["environments 0 to 1", "has not answered for 2 s", "gym.timeout", "tasks.py", "in step"] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

fn a_failed_worker_is_started_anew() {
    for fault in ["step", "kill", "nan"] {
        let mut task = task("Faulty", 4, 2);
        task.arguments = Params::default().with("fault", fault);
        task.settings.on_env_failure = OnFailure::Restart;
        let mut rig = Rig::new(&task, 0);
        let first = rig.observations.clone();
        for round in 0..3 {
            rig.step(&[0.0; 4]).unwrap();
            assert_eq!(rig.envs.account().unwrap().counts, [1.0; 4]);
            rig.step(&[0.0; 4]).unwrap();
            assert!(rig.envs.take_notes().is_empty());
            let before = rig.observations.clone();
            assert_eq!(before[1], 2.0, "the count of steps");
            rig.step(&[0.0; 4]).unwrap();
            assert_eq!((&rig.rewards, &rig.terminated, &rig.truncated), (&vec![0.0; 4], &vec![0.0; 4], &vec![1.0; 4]));
            assert_eq!(rig.envs.account().unwrap().counts, [0.0; 4]);
            assert_eq!(rig.finals, before, "the last that was seen");
            assert_eq!(rig.observations[1], 0.0, "a new episode");
            assert_ne!(rig.observations[0], first[0], "another one than the first");
            let notes = rig.envs.take_notes();
            assert!(notes.len() == 2 && notes[0].contains("it was started anew"), "{round}: {notes:?}");
            assert_eq!(rig.envs.snapshot().episodes, [round + 1; 4]);
        }
    }
    // One that never gets anywhere is given up.
    let mut hopeless = task("Faulty", 1, 1);
    hopeless.arguments = Params::default().with("fault", "step").with("at", 1);
    hopeless.settings.on_env_failure = OnFailure::Restart;
    let mut rig = Rig::new(&hopeless, 0);
    let error = (0..20).find_map(|_| rig.step(&[0.0]).err()).expect("it is given up");
    assert!(error.to_string().contains("on fire"), "{error}");
}

fn who_rests_while_its_worker_fails_is_cut_in_its_next_step() {
    let mut task = task("Faulty", 2, 1);
    task.arguments = Params::default().with("fault", "kill");
    task.settings.on_env_failure = OnFailure::Restart;
    let mut rig = Rig::new(&task, 0);
    rig.step(&[0.0; 2]).unwrap();
    rig.step_active(&[true, false], &[0.0; 2]).unwrap();
    let before = rig.observations.clone();
    let width = before.len() / 2;
    rig.step_active(&[true, false], &[0.0; 2]).unwrap();
    assert_eq!(rig.truncated, [1.0, 0.0], "the row of who rests is left alone");
    assert_eq!(rig.observations[width..], before[width..]);
    assert_eq!(rig.finals[..width], before[..width]);
    rig.step(&[0.0; 2]).unwrap();
    assert_eq!((&rig.truncated, rig.rewards[1]), (&vec![0.0, 1.0], 0.0));
    assert_eq!(
        (rig.envs.account().unwrap().counts, rig.envs.account().unwrap().ends),
        (&[1.0, 0.0][..], &[0.0, 1.0][..])
    );
    assert_eq!(rig.finals[width..], before[width..], "the last that was seen");
    rig.step_active(&[false, true], &[0.0; 2]).unwrap();
    assert_eq!(rig.envs.account().unwrap().counts, [1.0, 1.0], "and goes on");
}

fn workers_end_with_their_batch() {
    let rig = Rig::new(&task("Counter", 4, 2), 0);
    let ids = rig.envs.process_ids();
    assert_eq!(ids.len(), 2);
    let runs = |id: &u32| Path::new("/proc").join(id.to_string()).exists();
    assert!(!cfg!(target_os = "linux") || ids.iter().all(runs));
    let begun = Instant::now();
    drop(rig);
    assert!(begun.elapsed() < Duration::from_secs(2), "they end when they are told");
    assert!(!ids.iter().any(runs));
}
