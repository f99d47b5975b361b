//! First states against the uniform distributions that Gymnasium documents.

use striatum_envs::{make, tasks};

/// Bounds of each number of the internal state after a reset.
fn uniform_ranges(task: &str) -> Vec<(f64, f64)> {
    let pi = std::f64::consts::PI;
    match task {
        "Bandit-v0" | "RiskyChoice-v0" | "Vigour-v0" => vec![(0.0, 0.0)],
        "CliffGamble-v0" => vec![(2.0, 2.0), (0.0, 0.0)],
        "CartPole-v1" | "CartPoleNoVel-v1" => vec![(-0.05, 0.05); 4],
        "MountainCar-v0" | "MountainCarContinuous-v0" => vec![(-0.6, -0.4), (0.0, 0.0)],
        "Acrobot-v1" => vec![(-0.1, 0.1); 4],
        "Pendulum-v1" | "Pendulum-continuing-v0" => vec![(-pi, pi), (-1.0, 1.0)],
        other => panic!("no ranges for {other}"),
    }
}

#[test]
fn first_states_are_uniform_and_independent() {
    const N: usize = 20_000;
    // A first cue comes after a whole number of steps, and cards are shuffled: `dopamine.rs` and `memory.rs` have their distributions.
    let others = ["Conditioning-v0", "RepeatPrevious-v0"];
    for task in tasks().iter().filter(|task| !others.contains(&task.name)) {
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
