//! Running statistics against two passes in float64.

use proptest::prelude::*;
use striatum_kernels::{ReturnScaler, RunningMoments};
use striatum_rng::{Purpose, Stream};

proptest! {
    #[test]
    fn batches_merge_to_the_moments_of_all_rows(
        width in prop_oneof![1..5usize, 31..70usize],
        batches in prop::collection::vec(0..40usize, 1..8),
        offset in -1e3_f32..1e3,
        masked in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let mut running = RunningMoments::new(width);
        let mut all: Vec<Vec<f64>> = Vec::new();
        for rows in batches {
            let numbers: Vec<f32> = (0..rows * width).map(|_| offset + stream.normal()).collect();
            let mask: Vec<f32> = (0..rows).map(|_| if masked && stream.uniform() < 0.3 { 0.0 } else { 1.0 }).collect();
            running.update(&numbers, masked.then_some(&mask[..]));
            let taken = numbers.chunks_exact(width).zip(&mask).filter(|(_, mask)| **mask != 0.0);
            all.extend(taken.map(|(row, _)| row.iter().map(|&x| f64::from(x)).collect()));
        }
        prop_assert_eq!(running.count(), all.len() as f64);
        let n = (all.len() as f64).max(1.0);
        for (i, (mean, variance)) in running.mean().iter().zip(running.variance()).enumerate() {
            let expected = all.iter().map(|row| row[i]).sum::<f64>() / n;
            let spread = all.iter().map(|row| (row[i] - expected).powi(2)).sum::<f64>() / n;
            prop_assert!((mean - expected).abs() <= 1e-9 * (1.0 + expected.abs()));
            prop_assert!((variance - spread).abs() <= 1e-9 * (1.0 + spread));
        }
    }
}

#[test]
fn normalised_rows_are_clipped_and_constants_become_0() {
    let mut running = RunningMoments::new(2);
    // The first column is 0, 2, 4: mean 2, variance 8/3; the second is always 1e6 + 1.
    running.update(&[0.0, 1_000_001.0, 2.0, 1_000_001.0, 4.0, 1_000_001.0], None);
    let mut rows = [4.0, 1_000_001.0, -50.0, 1_000_002.0];
    running.standardizer(10.0).apply(&mut rows);
    let expected = [2.0 / (8.0_f32 / 3.0).sqrt(), 0.0, -10.0, 10.0];
    assert!(rows.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-6), "{rows:?}");
}

#[test]
fn before_the_first_row_numbers_are_only_clipped() {
    let mut rows = [0.25, -0.001, 30.0, -30.0];
    RunningMoments::new(2).standardizer(10.0).apply(&mut rows);
    assert_eq!(rows, [0.25, -0.001, 10.0, -10.0]);
}

#[test]
fn rows_that_do_not_count_change_nothing() {
    let mut running = RunningMoments::new(1);
    running.update(&[], None);
    running.update(&[f32::NAN], Some(&[0.0]));
    assert_eq!((running.count(), running.mean()), (0.0, &[0.0][..]));
}

#[test]
fn the_discounted_return_worked_by_hand() {
    // gamma 0.5, two environments; the first ends after its second step.
    //   step 1: rewards 1, 2: R = 1, 2
    //   step 2: rewards 1, 0: R = 1.5, 1; then the first is reset
    //   step 3: rewards 4, 1: R = 4, 1.5
    // Mean 11/6, squares 1 + 4 + 2.25 + 1 + 16 + 2.25 = 26.5: variance 26.5 / 6 - 121/36 = 38/36.
    let mut scaler = ReturnScaler::new(0.5, 2);
    assert_eq!(scaler.scale(), 1.0);
    scaler.update(&[1.0, 2.0], &[0.0, 0.0]);
    scaler.update(&[1.0, 0.0], &[1.0, 0.0]);
    scaler.update(&[4.0, 1.0], &[0.0, 0.0]);
    let expected = (36.0_f32 / 38.0).sqrt();
    assert!((scaler.scale() - expected).abs() < 1e-6, "{} is not {expected}", scaler.scale());
}

#[test]
fn one_return_has_no_scale() {
    let mut scaler = ReturnScaler::new(0.99, 1);
    scaler.update(&[3.0], &[0.0]);
    assert_eq!(scaler.scale(), 1.0);
}
