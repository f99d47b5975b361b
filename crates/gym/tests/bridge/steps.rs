//! Transitions: those of Gymnasium, whatever the number of workers.

use crate::Test;
use crate::common::{Rig, python, task};
use serde_json::{Value, json};
use std::process::Command;
use striatum_envs::{EnvError, Moment, Params, Picture, Purpose, Stream, VecEnv};
use striatum_gym::{Task, describe};

pub const TESTS: &[Test] = &[
    ("transitions_are_gymnasiums", transitions_are_gymnasiums),
    ("nothing_depends_on_workers_or_batches", nothing_depends_on_workers_or_batches),
    ("a_step_may_be_of_some_environments_only", a_step_may_be_of_some_environments_only),
    ("a_batch_goes_on_from_a_snapshot_with_its_next_episodes", a_batch_goes_on_from_a_snapshot_with_its_next_episodes),
    ("a_step_can_be_begun_and_finished", a_step_can_be_begun_and_finished),
    ("pictures_come_from_the_environment_asked_for", pictures_come_from_the_environment_asked_for),
    ("arguments_wrappers_and_thresholds_arrive", arguments_wrappers_and_thresholds_arrive),
];

/// The action of environment `env` at step `t`.
fn action(envs: &dyn VecEnv, t: u32, env: u32) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::User, env, t);
    match envs.action_space() {
        striatum_envs::Space::Discrete { n } => vec![stream.below(*n as u32) as f32],
        space => (0..space.width()).map(|_| stream.uniform() * 2.0 - 1.0).collect(),
    }
}

fn actions(envs: &dyn VecEnv, t: u32, first: u32) -> Vec<f32> {
    (0..envs.num_envs() as u32).flat_map(|env| action(envs, t, first + env)).collect()
}

fn transitions_are_gymnasiums() {
    for (name, steps) in [("Test/Counter-v0", 60), ("CartPole-v1", 300), ("Pendulum-v1", 420)] {
        let settings = task("Counter", 3, 2).settings;
        let task = Task { name: format!("gym:{name}"), settings, arguments: Params::default(), num_envs: 3 };
        let mut rig = Rig::new(&task, 9);
        let first = rig.observations.clone();
        let mut seen = Vec::new();
        for t in 0..steps {
            rig.step(&actions(&rig.envs, t, 0)).unwrap();
            seen.push((
                rig.observations.clone(),
                rig.rewards.clone(),
                rig.terminated.clone(),
                rig.truncated.clone(),
                rig.finals.clone(),
            ));
        }
        let width = first.len() / 3;
        for env in 0..3 {
            let row = env * width..(env + 1) * width;
            let seeds: Vec<u32> =
                (0..100).map(|episode| Stream::new(9, Purpose::Reset, env as u32, episode).word() >> 1).collect();
            let actions: Vec<_> = (0..steps).map(|t| action(&rig.envs, t, env as u32)).collect();
            let lines = reference(name, &seeds, &actions);
            let numbers = |value: &Value| -> Vec<f32> { serde_json::from_value(value.clone()).unwrap() };
            assert_eq!(first[row.clone()], numbers(&lines[0]["observation"]), "{name}");
            let mut ends = 0;
            for (line, (observations, rewards, terminated, truncated, finals)) in lines[1..].iter().zip(&seen) {
                assert_eq!(observations[row.clone()], numbers(&line["observation"]), "{name}: {line}");
                assert_eq!(Some(rewards[env]), line["reward"].as_f64().map(|reward| reward as f32), "{name}: {line}");
                assert_eq!(terminated[env] > 0.0, line["terminated"], "{name}: {line}");
                assert_eq!(truncated[env] > 0.0, line["truncated"], "{name}: {line}");
                if terminated[env] + truncated[env] > 0.0 {
                    assert_eq!(finals[row.clone()], numbers(&line["final"]), "{name}: {line}");
                    ends += 1;
                }
            }
            assert!(ends > 1, "{name}: only {ends} episodes have ended");
        }
    }
}

/// What Gymnasium gives by itself, a line a step.
fn reference(name: &str, seeds: &[u32], actions: &[Vec<f32>]) -> Vec<Value> {
    let (seeds, actions) = (json!(seeds).to_string(), json!(actions).to_string());
    let output = Command::new(python())
        .args(["tests/python/reference.py", name, &seeds, &actions])
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Observations, rewards and ends of so many steps.
fn run(rig: &mut Rig, from: u32, to: u32, first: u32) -> Vec<f32> {
    let mut all = rig.observations.clone();
    for t in from..to {
        rig.step(&actions(&rig.envs, t, first)).unwrap();
        for part in [&rig.observations, &rig.rewards, &rig.terminated, &rig.truncated] {
            all.extend(part);
        }
    }
    all
}

fn nothing_depends_on_workers_or_batches() {
    let one = run(&mut Rig::new(&task("Counter", 5, 1), 3), 0, 30, 0);
    for workers in [2, 3, 5, 9] {
        let mut rig = Rig::new(&task("Counter", 5, workers), 3);
        assert_eq!(rig.envs.process_ids().len(), workers.min(5));
        assert_eq!(run(&mut rig, 0, 30, 0), one, "{workers} workers");
    }
    // A batch of the environments from the third on is the same as they are among others.
    let all = task("Counter", 5, 2);
    let mut part = Rig::new(&Task { num_envs: 3, ..all.clone() }, 3);
    part.envs.reset(3, 2, &mut part.observations).unwrap();
    let mut whole = Rig::new(&all, 3);
    for t in 0..20 {
        part.step(&actions(&part.envs, t, 2)).unwrap();
        whole.step(&actions(&whole.envs, t, 0)).unwrap();
        assert_eq!(part.observations, whole.observations[4..]);
        assert_eq!(part.rewards, whole.rewards[2..]);
    }
}

fn a_step_may_be_of_some_environments_only() {
    let mut whole = Rig::new(&task("Counter", 4, 2), 5);
    let mut parts = Rig::new(&task("Counter", 4, 2), 5);
    for t in 0..12 {
        let actions = actions(&whole.envs, t, 0);
        whole.step(&actions).unwrap();
        for active in [[true, false, false, true], [false, true, true, false]] {
            parts.rewards.fill(-7.0);
            let (envs, out) = parts.split();
            envs.step_active(&active, &actions, out).unwrap();
            for (env, is_active) in active.into_iter().enumerate() {
                assert_eq!(parts.rewards[env], if is_active { whole.rewards[env] } else { -7.0 });
            }
        }
        assert_eq!(parts.observations, whole.observations);
    }
    let before = parts.observations.clone();
    parts.envs.reset_active(&[false, true, false, false], &mut parts.observations).unwrap();
    assert_eq!(parts.observations[..2], before[..2]);
    assert_eq!(parts.observations[4..], before[4..]);
    assert_eq!(parts.observations[3], 0.0, "the count of steps");
    assert_ne!(parts.observations[2], before[2], "another episode");
}

fn a_batch_goes_on_from_a_snapshot_with_its_next_episodes() {
    let task = task("Counter", 4, 2);
    let mut rig = Rig::new(&task, 11);
    run(&mut rig, 0, 10, 0);
    let snapshot = rig.envs.snapshot();
    let restored = |task| {
        let mut rig = Rig::new(task, 0);
        rig.envs.restore(&snapshot, &mut rig.observations).unwrap();
        run(&mut rig, 10, 25, 0)
    };
    let again = restored(&task);
    assert_eq!(again, restored(&task));
    for env in 0..4 {
        assert_eq!(again[env * 2 + 1], 0.0, "no step of the episode is done");
        let mut at_reset = Rig::new(&task, 11);
        for _ in 0..=snapshot.episodes[env] {
            at_reset.envs.reset_active(&[true; 4], &mut at_reset.observations).unwrap();
        }
        assert_eq!(again[env * 2], at_reset.observations[env * 2], "the mark of the next episode");
    }
    let wrong = striatum_envs::Snapshot { states: vec![1.0], state_width: 1, ..snapshot.clone() };
    let error = rig.envs.restore(&wrong, &mut rig.observations).unwrap_err();
    assert!(matches!(error, EnvError::BadState(_)), "{error}");
}

fn a_step_can_be_begun_and_finished() {
    let mut whole = Rig::new(&task("Counter", 4, 2), 5);
    let mut begun = Rig::new(&task("Counter", 4, 2), 5);
    assert!(begun.envs.is_asynchronous());
    for t in 0..12 {
        let actions = actions(&whole.envs, t, 0);
        whole.step(&actions).unwrap();
        let (envs, out) = begun.split();
        envs.begin_step(&actions).unwrap();
        envs.finish_step(&actions, out).unwrap();
        assert_eq!(begun.observations, whole.observations);
        assert_eq!(begun.truncated, whole.truncated);
    }
}

fn pictures_come_from_the_environment_asked_for() {
    let mut with = task("Counter", 3, 2);
    with.settings.render_mode = "rgb_array".to_owned();
    with.arguments = Params::default().with("longest", 1000);
    let mut rig = Rig::new(&with, 0);
    rig.step(&[0.0; 3]).unwrap();
    rig.step(&[0.0; 3]).unwrap();
    let (envs, out) = rig.split();
    envs.step_active(&[false, false, true], &[0.0; 3], out).unwrap();
    for (env, steps) in [(0, 2), (1, 2), (2, 3)] {
        let frame = rig.envs.frame(env).unwrap().expect("a picture");
        assert_eq!((frame.width, frame.height, frame.rgb.len()), (6, 4, 72));
        assert_eq!(frame.rgb[..3], [steps, 0, 0], "environment {env}");
        assert_eq!(frame.rgb[(6 + 2) * 3..][..3], [7, 8, 9]);
    }
    rig.envs.watch();
    assert_eq!(rig.envs.picture(0, Moment::End), Ok(None), "no episode has ended");
    for _ in 0..4 {
        rig.step(&[0.0; 3]).unwrap();
    }
    assert_eq!(rig.truncated[0], 1.0, "after 6 steps");
    let Ok(Some(Picture::Frame(end))) = rig.envs.picture(0, Moment::End) else { panic!("no picture") };
    assert_eq!((end.rgb[0], rig.envs.frame(0).unwrap().expect("a picture").rgb[0]), (6, 0));
    let mut without = Rig::new(&task("Masked", 1, 1), 0);
    assert_eq!(without.envs.frame(0), Ok(None));
}

fn arguments_wrappers_and_thresholds_arrive() {
    let plain = task("Counter", 1, 1);
    let described = describe(&plain).unwrap();
    assert_eq!((described.time_limit, described.solved_at), (Some(6), Some(20.5)));
    assert_eq!(described.render_modes, ["rgb_array"]);
    assert!(described.versions.contains("Gymnasium"), "{}", described.versions);

    let mut wrapped = plain.clone();
    wrapped.arguments = Params::default().with("longest", 1000).with("truncates", true);
    wrapped.settings.wrappers = vec!["tests.python.tasks.Half".to_owned(), "tests.python.tasks:Half".to_owned()];
    let mut rig = Rig::new(&wrapped, 0);
    rig.step(&[2.0]).unwrap();
    assert_eq!(rig.rewards, [0.5], "a quarter of action 1 and step 1");

    wrapped.arguments = Params::default().with("max_episode_steps", 2).with("longest", 1000);
    let mut short = Rig::new(&wrapped, 0);
    short.step(&[0.0]).unwrap();
    assert_eq!(short.truncated, [0.0]);
    short.step(&[0.0]).unwrap();
    assert_eq!(short.truncated, [1.0]);
}
