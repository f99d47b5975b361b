//! The tasks about dopamine: trajectories worked by hand, and statistics of what is random.

mod common;

use common::Run;
use serde_json::json;
use std::collections::BTreeMap;
use striatum_envs::{Env, EnvError, Params, VecEnv, make_one, make_one_with, make_with, trace, trace_env};

fn params(arguments: &[(&str, serde_json::Value)]) -> Params {
    arguments.iter().fold(Params::default(), |params, (name, value)| params.with(name, value.clone()))
}

fn env(task: &str, arguments: &[(&str, serde_json::Value)]) -> Box<dyn Env> {
    make_one_with(task, &params(arguments)).unwrap()
}

/// Rewards of these actions from `state`, and whether each step ended the episode.
fn rewards(env: &mut dyn Env, state: &[f64], actions: &[f32]) -> (Vec<f32>, Vec<bool>) {
    let rows: Vec<_> = actions.iter().map(|&action| vec![action]).collect();
    trace_env(env, state, &rows).unwrap().into_iter().map(|step| (step.reward, step.terminated)).unzip()
}

/// Mean and variance of every episode's return over so many episodes of a batch in which `act` chooses by an environment's observation.
fn returns(
    task: &str,
    arguments: &[(&str, serde_json::Value)],
    episodes: usize,
    act: impl Fn(&[f32]) -> f32,
) -> (f64, f64) {
    let envs = 500;
    let mut run = Run::seeded(make_with(task, envs, &params(arguments)).unwrap(), 3);
    let width = run.batch.observation_space().width();
    let (mut running, mut done) = (vec![0.0_f64; envs], Vec::new());
    while done.len() < episodes {
        let actions: Vec<f32> = run.observations.chunks_exact(width).map(&act).collect();
        run.step(&actions).unwrap();
        for (i, total) in running.iter_mut().enumerate() {
            *total += f64::from(run.rewards[i]);
            if run.terminated[i] + run.truncated[i] > 0.0 {
                done.push(std::mem::take(total));
            }
        }
    }
    let mean = done.iter().sum::<f64>() / done.len() as f64;
    (mean, done.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / done.len() as f64)
}

/// Fails unless a measured number is within five of its standard errors of what it should be.
#[track_caller]
fn near(what: &str, measured: f64, expected: f64, standard_error: f64) {
    assert!(
        (measured - expected).abs() <= 5.0 * standard_error,
        "{what}: {measured} for {expected} +- {standard_error}"
    );
}

// Bandit-v0.

/// Certain arms, moved on after every second pull: 1 0 0, then 0 1 0, then 0 0 1, then 1 0 0 again.
#[test]
fn a_bandit_moves_its_arms_on() {
    let certain =
        [("arms", json!(3)), ("best", json!(1)), ("other", json!(0)), ("reversal", json!(2)), ("steps", json!(8))];
    let mut env = env("Bandit-v0", &certain);
    let (first, ends) = rewards(&mut *env, &[0.0], &[0.0; 8]);
    assert_eq!(first, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(ends, [false, false, false, false, false, false, false, true]);
    assert_eq!(
        rewards(&mut *env, &[0.0], &[0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 0.0]).0,
        [1., 0., 1., 1., 1., 1., 0., 1.]
    );
    assert_eq!(rewards(&mut *env, &[3.0], &[1.0, 1.0]).0, [1.0, 0.0], "from a state");
    assert_eq!(env.state(), [5.0]);
    let listed = [("arms", json!(3)), ("probabilities", json!([0, 1, 0])), ("reversal", json!(1)), ("steps", json!(9))];
    let mut env = self::env("Bandit-v0", &listed);
    assert_eq!(rewards(&mut *env, &[0.0], &[1.0, 2.0, 0.0, 1.0]).0, [1.0; 4], "a list moves as a whole");
}

/// Of four arms three are closed every time, each as often as any other, and the mask says which is left.
#[test]
fn a_bandit_closes_other_arms_every_time() {
    let arguments = params(&[("closed", json!(3)), ("best", json!(1)), ("other", json!(0)), ("steps", json!(3))]);
    let batch = make_with("Bandit-v0", 2000, &arguments).unwrap();
    assert_eq!((batch.action_mask_width(), batch.observation_space().width()), (4, 5));
    let mut run = Run::seeded(batch, 2);
    let mut counts = [0; 4];
    for _ in 0..5 {
        let arms = run.observations.chunks_exact(5).map(|row| {
            assert_eq!((row[0], row[1..].iter().sum::<f32>()), (1.0, 1.0));
            row[1..].iter().position(|&mark| mark == 1.0).unwrap()
        });
        let arms: Vec<usize> = arms.collect();
        arms.iter().for_each(|&arm| counts[arm] += 1);
        let actions: Vec<f32> = arms.iter().map(|&arm| arm as f32).collect();
        run.step(&actions).unwrap();
        assert!(run.rewards.iter().zip(&arms).all(|(&reward, &arm)| reward == f32::from(u8::from(arm == 0))));
    }
    for count in counts {
        near("an arm's share", f64::from(count) / 10_000.0, 0.25, (0.25 * 0.75_f64 / 10_000.0).sqrt());
    }
    let mut env = env("Bandit-v0", &[("closed", json!(1)), ("arms", json!(3)), ("steps", json!(9))]);
    let mut observation = [0.0; 4];
    env.set_state(&[2.0, 0.0, 1.0, 1.0], &mut observation).unwrap();
    assert_eq!((env.state(), observation), (vec![2.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]));
    for bad in [&[2.0, 0.0, 0.0, 0.0][..], &[2.0, 0.5, 1.0, 1.0], &[2.0, 1.0, 1.0], &[]] {
        assert!(env.set_state(bad, &mut observation).is_err(), "{bad:?}");
    }
}

#[test]
fn arms_pay_at_their_probabilities() {
    const N: usize = 40_000;
    for (arguments, arm, expected) in [
        (vec![], 0.0, 0.8),
        (vec![], 3.0, 0.2),
        (vec![("arms", json!(3)), ("probabilities", json!([0.1, 0.35, 0.6]))], 1.0, 0.35),
    ] {
        let (mean, variance) = returns("Bandit-v0", &arguments, N, |_| arm);
        near("mean", mean, expected, (expected * (1.0 - expected) / N as f64).sqrt());
        near("variance", variance, expected * (1.0 - expected), 0.5 / (N as f64).sqrt());
    }
    // 10 pulls an episode, of which arm 0 is the best in the first 5 alone: 5 x 0.9 + 5 x 0.1.
    let reversal =
        [("arms", json!(2)), ("best", json!(0.9)), ("other", json!(0.1)), ("reversal", json!(5)), ("steps", json!(10))];
    let (mean, variance) = returns("Bandit-v0", &reversal, N, |_| 0.0);
    near("mean", mean, 5.0, (0.9 / N as f64).sqrt());
    near("variance", variance, 10.0 * 0.09, 2.0 * 0.9 / (N as f64).sqrt());
}

// RiskyChoice-v0.

#[test]
fn a_gamble_is_worth_the_safe_amount() {
    let mut certain = env("RiskyChoice-v0", &[("probability", json!(1)), ("win", json!(3)), ("steps", json!(2))]);
    assert_eq!(rewards(&mut *certain, &[0.0], &[0.0, 1.0]), (vec![0.5, 3.0], vec![false, true]));
    let mut lost = env("RiskyChoice-v0", &[("probability", json!(0)), ("lose", json!(-2)), ("safe", json!(0.25))]);
    assert_eq!(rewards(&mut *lost, &[0.0], &[0.0, 1.0]).0, [0.25, -2.0]);
    const N: usize = 40_000;
    assert_eq!(returns("RiskyChoice-v0", &[], N, |_| 0.0), (0.5, 0.0));
    let (mean, variance) = returns("RiskyChoice-v0", &[], N, |_| 1.0);
    near("mean", mean, 0.5, 0.5 / (N as f64).sqrt());
    near("variance", variance, 0.25, 0.01);
}

// Conditioning-v0.

/// A cue 2 steps after the start, a reward 3 steps after it, twice.
#[test]
fn a_cue_announces_a_reward() {
    let fixed = [("delay", json!(3)), ("interval", json!(2)), ("jitter", json!(0)), ("trials", json!(2))];
    let compound = trace_env(&mut *env("Conditioning-v0", &fixed), &[0.0, -2.0], &vec![vec![0.0]; 11]).unwrap();
    let observations: Vec<&[f32]> = compound.iter().map(|step| &step.observation[..]).collect();
    let none: &[f32] = &[0.0, 0.0, 0.0];
    let trial: [&[f32]; 5] = [none, &[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0], none];
    assert_eq!(observations[..5], trial);
    assert_eq!(observations[5..10], trial, "the second trial's interval begins with the first one's reward");
    let paid: Vec<f32> = compound.iter().map(|step| step.reward).collect();
    assert_eq!(paid, [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let ends: Vec<bool> = compound.iter().map(|step| step.terminated).collect();
    assert_eq!(ends.iter().position(|&end| end), Some(9));

    let presence =
        [&fixed[..], &[("observation", json!("presence")), ("cue", json!(2)), ("magnitude", json!(-4))]].concat();
    let steps = trace_env(&mut *env("Conditioning-v0", &presence), &[0.0, -1.0], &vec![vec![1.0]; 4]).unwrap();
    let seen: Vec<f32> = steps.iter().map(|step| step.observation[0]).collect();
    assert_eq!(seen, [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(steps[3].reward, -4.0);
}

#[test]
fn intervals_are_uniform_and_rewards_come_at_their_probability() {
    let partial = [
        ("delay", json!(2)),
        ("interval", json!(1)),
        ("jitter", json!(3)),
        ("probability", json!(0.25)),
        ("trials", json!(8)),
    ];
    const N: usize = 5_000;
    let (mean, variance) = returns("Conditioning-v0", &partial, N, |_| 0.0);
    near("mean", mean, 2.0, (1.5 / N as f64).sqrt());
    near("variance", variance, 1.5, 3.0 / (N as f64).sqrt());

    const M: usize = 20_000;
    let mut batch = make_with("Conditioning-v0", M, &params(&partial)).unwrap();
    batch.reset(5, 0, &mut vec![0.0; 2 * M]).unwrap();
    let mut clocks = BTreeMap::new();
    batch.snapshot().states.chunks_exact(2).for_each(|state| *clocks.entry(state[1] as i32).or_insert(0.0) += 1.0);
    assert_eq!(clocks.keys().copied().collect::<Vec<_>>(), [-4, -3, -2, -1]);
    clocks.values().for_each(|&count| near("first intervals", count, M as f64 / 4.0, (M as f64 * 0.1875).sqrt()));
    // The intervals between trials are drawn too: of the steps of a trial, 2 are the delay's and 1 to 4 the interval's.
    let mut run = Run::seeded(batch, 5);
    let mut cues = 0.0;
    let steps = 90;
    for _ in 0..steps {
        run.step(&vec![0.0; M]).unwrap();
        cues += f64::from(run.observations.chunks_exact(2).map(|row| row[0]).sum::<f32>());
    }
    let share = cues / (steps * M) as f64;
    assert!((share - 1.0 / 4.5).abs() < 0.01, "a cue every {} steps", 1.0 / share);
}

// CliffGamble-v0.

const UP: f32 = 0.0;
const RIGHT: f32 = 1.0;
const DOWN: f32 = 2.0;
const LEFT: f32 = 3.0;

/// Round every gambling cell: up, then for each of three cells right, up, right, right, down, right, and down to the goal.
#[test]
fn the_way_round_is_certain() {
    let mut way = vec![UP];
    (0..3).for_each(|_| way.extend([RIGHT, UP, RIGHT, RIGHT, DOWN, RIGHT]));
    way.push(DOWN);
    let (paid, ends) = rewards(&mut *make_one("CliffGamble-v0").unwrap(), &[2.0, 0.0], &way);
    assert_eq!(paid.len(), 20);
    assert!(paid[..19].iter().all(|&reward| reward == -1.0) && paid[19] == 19.0, "{paid:?}");
    assert_eq!(ends.iter().position(|&end| end), Some(19));
    assert_eq!(paid.iter().sum::<f32>(), 0.0);
}

/// Straight on: every second step of four enters a gambling cell, for -1 - 2 + 4 or -1 - 2 - 4.
#[test]
fn the_way_straight_on_is_a_gamble() {
    let way = [&[UP][..], &[RIGHT; 12], &[DOWN]].concat();
    let (paid, ends) = rewards(&mut *make_one("CliffGamble-v0").unwrap(), &[2.0, 0.0], &way);
    for (t, &reward) in paid.iter().enumerate() {
        match t {
            2 | 6 | 10 => assert!(reward == 1.0 || reward == -7.0, "{paid:?}"),
            13 => assert_eq!(reward, 19.0),
            _ => assert_eq!(reward, -1.0),
        }
    }
    assert_eq!(ends.iter().position(|&end| end), Some(13));
}

#[test]
fn rock_stops_and_the_cliff_leads_back() {
    let mut env = make_one("CliffGamble-v0").unwrap();
    assert_eq!(rewards(&mut *env, &[2.0, 0.0], &[LEFT, DOWN, RIGHT]), (vec![-1.0, -1.0, -6.0], vec![false; 3]));
    assert_eq!(env.state(), [2.0, 0.0]);
    rewards(&mut *env, &[1.0, 4.0], &[UP]);
    assert_eq!(env.state(), [1.0, 4.0], "rock above");
    rewards(&mut *env, &[0.0, 3.0], &[RIGHT, UP]);
    assert_eq!(env.state(), [0.0, 3.0], "rock at the side, the outside above");
    assert_eq!(rewards(&mut *env, &[1.0, 7.0], &[DOWN, UP]), (vec![-6.0, -1.0], vec![false; 2]));
    assert_eq!(env.state(), [1.0, 0.0], "up from the start");
    let steps = trace("CliffGamble-v0", &[1.0, 0.0], &[vec![RIGHT], vec![LEFT]]).unwrap();
    let place = |row: usize| steps[row].observation.iter().position(|&x| x == 1.0);
    assert_eq!((place(0), place(1)), (Some(14), Some(13)), "row 1 of 13 columns");
    assert!(steps.iter().all(|step| step.observation.iter().sum::<f32>() == 1.0));
    for (state, part) in [
        (&[0.0, 4.0][..], "nobody"),
        (&[2.0, 5.0], "nobody"),
        (&[3.0, 0.0], "row"),
        (&[1.0, 13.0], "column"),
        (&[1.5, 0.0], "row"),
    ] {
        let error = env.set_state(state, &mut [0.0; 39]).unwrap_err();
        assert!(matches!(&error, EnvError::BadState(text) if text.contains(part)), "{error}");
    }
}

/// Both ways are worth the same; each gambling cell that is walked over adds the square of the stake to the variance.
#[test]
fn the_ways_differ_in_variance_alone() {
    // On columns 0 to 4: right over the cell, or up before it and down behind it.
    let act = |round: bool| {
        move |observation: &[f32]| {
            let cell = observation.iter().position(|&x| x == 1.0).unwrap();
            let columns = observation.len() / 3;
            match (cell / columns, cell % columns) {
                (2, _) => UP,
                (1, column) if column == columns - 1 => DOWN,
                (1, column) if round && column % 4 == 1 => UP,
                (0, column) if column % 4 == 3 => DOWN,
                _ => RIGHT,
            }
        }
    };
    const N: usize = 20_000;
    assert_eq!(returns("CliffGamble-v0", &[], N, act(true)), (0.0, 0.0));
    for (gambles, stake) in [(3_u32, 4.0), (1, 4.0), (2, 10.0)] {
        let arguments = [("gambles", json!(gambles)), ("stake", json!(stake))];
        let variance = f64::from(gambles) * stake * stake;
        let (mean, measured) = returns("CliffGamble-v0", &arguments, N, act(false));
        near("mean", mean, 18.0 - 6.0 * f64::from(gambles), (variance / N as f64).sqrt());
        near("variance", measured, variance, variance * (2.0 / N as f64).sqrt());
    }
    let dear = [("toll", json!(5)), ("stake", json!(0)), ("gambles", json!(2))];
    assert_eq!(returns("CliffGamble-v0", &dear, 500, act(false)), (0.0, 0.0), "20 - 10 steps - 2 tolls of 5");
}

// Pendulum-continuing-v0.

#[test]
fn the_continuing_pendulum_is_the_pendulum_without_an_end() {
    let actions: Vec<Vec<f32>> = (0..300).map(|t| vec![(t as f32 * 0.37).sin() * 2.5]).collect();
    let plain = trace("Pendulum-v1", &[2.0, -0.5], &actions).unwrap();
    let mut offset = env("Pendulum-continuing-v0", &[("offset", json!(-10))]);
    let steps = trace_env(&mut *offset, &[2.0, -0.5], &actions).unwrap();
    for (step, plain) in steps.iter().zip(&plain) {
        assert_eq!((&step.observation, step.reward), (&plain.observation, plain.reward - 10.0));
        assert!(!step.terminated && !step.truncated);
    }
    assert!(plain[299].truncated && offset.continuing());
    let mut run = Run::seeded(make_with("Pendulum-continuing-v0", 3, &Params::default()).unwrap(), 0);
    (0..1000).for_each(|t| run.step_random(t));
    assert_eq!(run.batch.snapshot().episodes, [0; 3]);
}

// Vigour-v0.

/// With the latencies 0.1 to 10, -1 is 0.1, 0 is 1 and 1 is 10.
#[test]
fn haste_is_costly_and_sloth_loses_time() {
    let mut env = env("Vigour-v0", &[("reward", json!(2)), ("duration", json!(12))]);
    let (paid, ends) = rewards(&mut *env, &[0.0], &[0.0, 1.0, 0.0, 0.0]);
    for (got, expected) in paid.iter().zip([2.0 - 1.0, 2.0 - 0.1, 2.0 - 1.0]) {
        assert!((got - expected).abs() < 1e-6, "{paid:?}");
    }
    assert_eq!(ends[..3], [false, false, true], "1 + 10 + 1 of 12");
    let (paid, ends) = rewards(&mut *env, &[11.5], &[0.0]);
    assert!((paid[0] + 1.0).abs() < 1e-6 && ends[0], "not completed in the 0.5 that are left: its cost alone");
    let (paid, _) = rewards(&mut *env, &[0.0], &[-1.0, -7.0]);
    assert!(paid.iter().all(|reward| (reward + 8.0).abs() < 1e-5), "2 - 1 / 0.1, and beyond the bounds too: {paid:?}");
    assert!((env.state()[0] - 0.2).abs() < 1e-12);
}

/// Of constant latencies, 2 cost / reward earns most: reward^2 / (4 cost) a unit of time.
#[test]
fn the_best_latency_is_the_square_root_of_cost_over_rate() {
    for (reward, cost) in [(1.0_f64, 1.0_f64), (2.0, 1.0), (2.0, 4.0)] {
        let arguments = [("reward", json!(reward)), ("cost", json!(cost)), ("duration", json!(10_000))];
        let rate = |latency: f64| {
            // latency = 0.1 * 100^((action + 1) / 2).
            let action = (latency / 0.1).log10() - 1.0;
            returns("Vigour-v0", &arguments, 500, |_| action as f32).0 / 10_000.0
        };
        let best = 2.0 * cost / reward;
        let highest = rate(best);
        assert!((highest - reward * reward / (4.0 * cost)).abs() < 1e-3, "{highest}");
        assert!((best - (cost / highest).sqrt()).abs() < 1e-2);
        assert!([0.5, 0.8, 0.9, 1.1, 1.25, 2.0].iter().all(|share| rate(share * best) < highest), "{best}");
    }
}
