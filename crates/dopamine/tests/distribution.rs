//! Populations, what is recovered from their responses, and non-negative least squares.

use striatum_dopamine::{Code, Discrete, Interval, Population, Tuning, impute, nonnegative_least_squares};

fn near(measured: f64, expected: f64) {
    assert!((measured - expected).abs() < 1e-12, "{measured} instead of {expected}");
}

fn all_near(measured: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(measured.len(), expected.len());
    for (measured, expected) in measured.iter().zip(expected) {
        assert!((measured - expected).abs() < tolerance, "{measured} instead of {expected}");
    }
}

fn die() -> Discrete {
    Discrete { support: vec![(0.0, 0.25), (1.0, 0.5), (4.0, 0.25)] }
}

/// Asymmetries 1/4 and 3/4, both at 1/2; step size 1/2.
///
/// Reward 1: error 1/2, so expectiles move by 1/2 * tau * 1/2 to 9/16 and 11/16; quantiles by 1/2 * tau to 5/8 and 7/8.
/// Reward 0: expectiles move by -1/2 (1 - tau) V to 9/16 (1 - 3/8) = 45/128 and 11/16 (1 - 1/8) = 77/128; quantiles by -1/2 (1 - tau) to
/// 1/4 and 3/4.
#[test]
fn first_rewards_of_a_population() {
    let mut expectiles = Population::new(Code::Expectile, vec![0.25, 0.75], 0.5);
    let mut quantiles = Population::new(Code::Quantile, vec![0.25, 0.75], 0.5);
    for (reward, expectile, quantile) in
        [(1.0, [9.0 / 16.0, 11.0 / 16.0], [0.625, 0.875]), (0.0, [45.0 / 128.0, 77.0 / 128.0], [0.25, 0.75])]
    {
        expectiles.learn(0.5, reward);
        quantiles.learn(0.5, reward);
        all_near(&expectiles.values, &expectile, 1e-12);
        all_near(&quantiles.values, &quantile, 1e-12);
    }
    // Errors of 1 are scaled by tau, those of -V by 1 - tau.
    let expectiles = Population::new(Code::Expectile, vec![0.25, 0.75], 1.0);
    assert_eq!(expectiles.responses(2.0).collect::<Vec<_>>(), [0.25, 0.75]);
    assert_eq!(expectiles.responses(0.0).collect::<Vec<_>>(), [-0.75, -0.25]);
    assert_eq!(Population::midpoints(4), [0.125, 0.375, 0.625, 0.875]);
}

/// `tau E[(r - e)+] = (1 - tau) E[(e - r)+]`: with e in 1 .. 4, tau (4 - e) / 4 = (1 - tau) (e / 4 + (e - 1) / 2), so that
/// e = (2 + 2 tau) / (3 - 2 tau): 3/2 for 1/2, the mean; 7/3 for 3/4. With e in 0 .. 1, tau 1/4: (1 - e) / 2 + (4 - e) / 4 = 3 e / 4: e = 1.
#[test]
fn expectiles_of_a_discrete_distribution() {
    near(die().mean(), 1.5);
    near(die().expectile(0.5), 1.5);
    near(die().expectile(0.75), 7.0 / 3.0);
    near(die().expectile(0.25), 1.0);
    let coin = Discrete { support: vec![(0.0, 0.5), (1.0, 0.5)] };
    Population::midpoints(32).into_iter().for_each(|tau| near(coin.expectile(tau), tau));
}

#[test]
fn rewards_are_drawn_by_their_probabilities() {
    let drawn: Vec<f64> = (0..100).map(|index| die().at((f64::from(index) + 0.5) / 100.0)).collect();
    let count = |reward: f64| drawn.iter().filter(|&&drawn| drawn == reward).count();
    assert_eq!((count(0.0), count(1.0), count(4.0)), (25, 50, 25));
}

/// Between 0 and 1 the functions differ by 1/4, between 1 and 2 by 1/4 the other way, between 2 and 4 by 1/4.
#[test]
fn distances_are_areas_between_distribution_functions() {
    let other = Discrete { support: vec![(1.0, 0.5), (2.0, 0.5)] };
    near(die().distance(&other), 0.25 + 0.25 + 0.5);
    near(other.distance(&die()), 1.0);
    near(die().distance(&die()), 0.0);
}

#[test]
fn tuning_is_recovered_without_noise() {
    let rewards = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0];
    // 4 (263 + 1/2) / 500 is one of the reversal points that are tried.
    let truth = Tuning { reversal: 2.108, better: 0.9, worse: 0.3 };
    let responses = rewards.map(|reward| (reward, truth.response(reward)));
    let fit = Tuning::fit(&responses);
    all_near(&[fit.reversal, fit.better, fit.worse], &[2.108, 0.9, 0.3], 1e-9);
    near(truth.asymmetry(), 0.75);
    near(truth.response(3.108), 0.9);
    near(truth.response(1.108), -0.3);
}

#[test]
fn exact_expectiles_give_the_distribution_back() {
    let grid: Vec<f64> = (0..=8).map(|index| f64::from(index) * 0.5).collect();
    let expectiles: Vec<_> = Population::midpoints(16).into_iter().map(|tau| (tau, die().expectile(tau))).collect();
    let decoded = impute(&expectiles, &grid, 0.0);
    assert!(die().distance(&decoded) < 1e-9, "{decoded:?}");
    near(decoded.support.iter().map(|(_, probability)| probability).sum(), 1.0);
    // A single prediction says nothing but the mean.
    let decoded = impute(&[(0.5, 1.5)], &grid, 0.0);
    assert!((decoded.mean() - 1.5).abs() < 1e-9, "{decoded:?}");
}

/// Columns (1, 0, 1), (0, 1, 1): without the bound (2, -1) solves (2, -1, 1) exactly; with it x_2 = 0 and x_1 = 3/2.
/// A ridge of 1 makes that 3 / (2 + 1) = 1.
#[test]
fn least_squares_stay_at_the_bound() {
    let columns = [vec![1.0, 0.0, 1.0], vec![0.0, 1.0, 1.0]];
    all_near(&nonnegative_least_squares(&columns, &[2.0, -1.0, 1.0], 0.0), &[1.5, 0.0], 1e-12);
    all_near(&nonnegative_least_squares(&columns, &[2.0, -1.0, 1.0], 1.0), &[1.0, 0.0], 1e-12);
    all_near(&nonnegative_least_squares(&columns, &[2.0, 3.0, 5.0], 0.0), &[2.0, 3.0], 1e-12);
    all_near(&nonnegative_least_squares(&columns, &[-1.0, -1.0, -1.0], 0.0), &[0.0, 0.0], 1e-12);
}

/// At the minimum the gradient is 0 where an unknown is positive, and not negative where it is 0 (Karush, Kuhn and Tucker).
#[test]
fn least_squares_meet_their_conditions() {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / 2_f64.powi(31) - 0.5
    };
    for ridge in [0.0, 0.01, 1.0] {
        for unknowns in [1, 3, 8, 20] {
            let columns: Vec<Vec<f64>> = (0..unknowns).map(|_| (0..12).map(|_| next()).collect()).collect();
            let target: Vec<f64> = (0..12).map(|_| next()).collect();
            let x = nonnegative_least_squares(&columns, &target, ridge);
            let fitted = |row: usize| columns.iter().zip(&x).map(|(column, x)| column[row] * x).sum::<f64>();
            let residual: Vec<f64> = (0..12).map(|row| fitted(row) - target[row]).collect();
            for (column, &x) in columns.iter().zip(&x) {
                let slope = column.iter().zip(&residual).map(|(a, b)| a * b).sum::<f64>() + ridge * x;
                assert!(x >= 0.0 && slope > -1e-9 && (x == 0.0 || slope < 1e-9), "x {x}, slope {slope}");
            }
        }
    }
}

/// Runs 1, 2, 3, 6: mean 3, sum of squares 4 + 1 + 0 + 9 = 14, standard error sqrt(14 / 3 / 4).
#[test]
fn intervals_are_of_the_mean() {
    let interval = Interval::of(&[1.0, 2.0, 3.0, 6.0]);
    near(interval.mean, 3.0);
    near(interval.error, (14.0_f64 / 12.0).sqrt());
    near(interval.bounds().1, 3.0 + 1.959_964 * interval.error);
    assert_eq!(Interval::of(&[2.0]).bounds(), (2.0, 2.0));
}
