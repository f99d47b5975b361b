//! First states against the uniform distributions that Gymnasium documents.

use striatum_envs::{make, tasks};

/// Bounds of each number of the internal state after a reset.
fn uniform_ranges(task: &str) -> Vec<(f64, f64)> {
    let pi = std::f64::consts::PI;
    match task {
        "Bandit-v0" | "RiskyChoice-v0" | "Vigour-v0" => vec![(0.0, 0.0)],
        "CliffGamble-v0" => vec![(2.0, 2.0), (0.0, 0.0)],
        "CartPole-v1" | "CartPoleNoVel-v1" => vec![(-0.05, 0.05); 4],
        "FrozenLake-v1" | "FrozenLake8x8-v1" => vec![(0.0, 0.0)],
        "CliffWalking-v1" | "CliffWalkingSlippery-v1" => vec![(36.0, 36.0)],
        "MountainCar-v0" | "MountainCarContinuous-v0" => vec![(-0.6, -0.4), (0.0, 0.0)],
        "Acrobot-v1" => vec![(-0.1, 0.1); 4],
        "Pendulum-v1" | "Pendulum-continuing-v0" => vec![(-pi, pi), (-1.0, 1.0)],
        other => panic!("no ranges for {other}"),
    }
}

#[test]
fn first_states_are_uniform_and_independent() {
    const N: usize = 20_000;
    // Others start from whole numbers: `dopamine.rs` has the distribution of a first cue, `memory.rs` that of cards, and the tests below
    // those of games.
    let whole = |name: &str| {
        let others = ["Conditioning-v0", "RepeatPrevious-v0", "Blackjack-v1"];
        others.contains(&name) || name.starts_with("MinAtar/") || name.starts_with("Taxi")
    };
    for task in tasks().iter().filter(|task| !whole(task.name)) {
        let ranges = uniform_ranges(task.name);
        let mut batch = make(task.name, N).unwrap();
        batch.reset(11, 0, &mut vec![0.0; N * task.observation_space.width()]).unwrap();
        let snapshot = batch.snapshot();
        assert_eq!(snapshot.state_width, ranges.len());
        // Each number scaled to 0..1, or 0 where it is constant.
        let column = |i: usize| -> Vec<f64> {
            let (low, high) = ranges[i];
            let width = if high > low { high - low } else { 1.0 };
            snapshot.states.chunks_exact(ranges.len()).map(|state| (state[i] - low) / width).collect()
        };
        let columns: Vec<_> = (0..ranges.len()).map(column).collect();
        for (i, column) in columns.iter().enumerate() {
            let place = format!("{}, number {i}", task.name);
            if ranges[i].0 == ranges[i].1 {
                assert!(column.iter().all(|&x| x == 0.0), "{place}");
                continue;
            }
            // Single precision may round a draw up to the bound.
            assert!(column.iter().all(|x| (-1e-6..=1.0 + 1e-6).contains(x)), "out of bounds: {place}");
            let mean = column.iter().sum::<f64>() / N as f64;
            let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / N as f64;
            // Five standard errors: sqrt(1/12 / N) = 0.0020 and sqrt(1/180 / N) = 0.00053.
            assert!((mean - 0.5).abs() < 0.0103, "mean {mean}: {place}");
            assert!((variance - 1.0 / 12.0).abs() < 0.0027, "variance {variance}: {place}");
            for (j, other) in columns[..i].iter().enumerate() {
                let covariance = column.iter().zip(other).map(|(x, y)| (x - 0.5) * (y - 0.5)).sum::<f64>() / N as f64;
                assert!(covariance.abs() < 0.003, "covariance {covariance} with number {j}: {place}");
            }
        }
    }
}

/// How often each value of a number of the first states comes, as shares of all.
fn shares(task: &str, index: usize, values: usize) -> Vec<f64> {
    const N: usize = 60_000;
    let mut batch = make(task, N).unwrap();
    batch.reset(5, 0, &mut vec![0.0; N * batch.observation_space().width()]).unwrap();
    let snapshot = batch.snapshot();
    let mut counts = vec![0.0; values];
    for state in snapshot.states.chunks_exact(snapshot.state_width) {
        counts[state[index] as usize] += 1.0 / N as f64;
    }
    counts
}

/// Whether shares of 60 000 are within five standard errors of the expected ones.
fn near(shares: &[f64], expected: impl Fn(usize) -> f64) -> bool {
    shares.iter().enumerate().all(|(i, share)| {
        let p = expected(i);
        (share - p).abs() <= 5.0 * (p * (1.0 - p) / 60_000.0).sqrt()
    })
}

#[test]
fn a_taxi_starts_anywhere_with_a_passenger_who_wants_to_go_elsewhere() {
    let legal = |state: usize| state / 4 % 5 < 4 && state / 4 % 5 != state % 4;
    assert!(near(&shares("Taxi-v3", 0, 500), |state| if legal(state) { 1.0 / 300.0 } else { 0.0 }));
}

#[test]
fn a_quarter_of_the_cards_and_more_are_tens() {
    // The open card, and sums of two cards: 2 only by two aces, 20 only by two tens.
    assert!(near(&shares("Blackjack-v1", 6, 11), |card| [0.0, 1.0, 4.0]
        [usize::from(card > 0) + usize::from(card == 10)]
        / 13.0));
    let sums = shares("Blackjack-v1", 0, 32);
    assert!(near(&[sums[2], sums[20], sums[21]], |i| [1.0, 16.0, 0.0][i] / 169.0));
}

#[test]
fn games_start_from_either_side_and_with_cars_of_any_speed() {
    // The ball's column, and the timers and speeds of a car (timer 1 to 5, negative speeds to the left).
    assert!(near(&shares("MinAtar/Breakout-v1", 3, 10), |x| if x == 0 || x == 9 { 0.5 } else { 0.0 }));
    assert!(near(&shares("MinAtar/Freeway-v1", 6, 6), |timer| if timer > 0 { 0.2 } else { 0.0 }));
    const N: usize = 60_000;
    let mut batch = make("MinAtar/Freeway-v1", N).unwrap();
    batch.reset(5, 0, &mut vec![0.0; N * batch.observation_space().width()]).unwrap();
    let left = batch.snapshot().states.chunks_exact(29).filter(|state| state[7] < 0.0).count();
    assert!(near(&[left as f64 / N as f64], |_| 0.5), "{left}");
}
