//! The moments of columns on the CPU.

mod common;

use common::close;
use proptest::prelude::*;
use striatum_kernels::{RunningMoments, column_moments};
use striatum_rng::{Purpose, Stream};

fn moments(agents: usize, columns: usize, rows: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; 3 * agents * columns];
    column_moments(agents, columns, rows, &mut out);
    out
}

#[test]
fn worked_by_hand() {
    // Two agents, three rows, two columns. Agent 0: 1, 2, 6 (mean 3, 4 + 1 + 9) and 5, 5, 5; agent 1: 0, 0, 3 (mean 1, 1 + 1 + 4) and
    // -1, 0, 1.
    let rows = [1.0, 5.0, 2.0, 5.0, 6.0, 5.0, 0.0, -1.0, 0.0, 0.0, 3.0, 1.0];
    assert_eq!(moments(2, 2, &rows), [3.0, 3.0, 14.0, 3.0, 5.0, 0.0, 3.0, 1.0, 6.0, 3.0, 0.0, 2.0]);
}

#[test]
fn nothing_has_no_moments() {
    assert_eq!(moments(1, 2, &[]), [0.0; 6]);
    assert!(moments(2, 0, &[]).is_empty());
    assert!(moments(0, 2, &[]).is_empty());
}

proptest! {
    #[test]
    fn they_agree_with_float64_and_merge(
        agents in 1..3usize,
        columns in 1..40usize,
        rows in 1..60usize,
        offset in prop_oneof![Just(0.0_f32), Just(1e3), -1e3_f32..1e3],
        seed: u64,
    ) {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let numbers: Vec<f32> = (0..agents * rows * columns).map(|_| offset + stream.normal()).collect();
        let out = moments(agents, columns, &numbers);
        for agent in 0..agents {
            let own = &numbers[agent * rows * columns..][..rows * columns];
            let out = &out[3 * agent * columns..][..3 * columns];
            let mut expected = Vec::new();
            for column in 0..columns {
                let column: Vec<f64> = own.iter().skip(column).step_by(columns).map(|&x| f64::from(x)).collect();
                let mean = column.iter().sum::<f64>() / rows as f64;
                expected.extend([rows as f64, mean, column.iter().map(|x| (x - mean).powi(2)).sum()]);
            }
            close("moments", out, &expected, 1e-7).map_err(TestCaseError::fail)?;

            // What a normaliser learns from the moments is what it learns from the rows.
            let (mut by_rows, mut by_moments) = (RunningMoments::new(columns), RunningMoments::new(columns));
            by_rows.update(&vec![offset; columns], None);
            by_moments.update(&vec![offset; columns], None);
            by_rows.update(own, None);
            let part = |at: usize| -> Vec<f64> { out.iter().skip(at).step_by(3).map(|&x| f64::from(x)).collect() };
            by_moments.merge_batch(rows as f64, &part(1), &part(2));
            prop_assert_eq!(by_moments.count(), by_rows.count());
            let means: Vec<f32> = by_moments.mean().iter().map(|&mean| mean as f32).collect();
            close("means", &means, by_rows.mean(), 1e-6).map_err(TestCaseError::fail)?;
            let variances: Vec<f32> = by_moments.variance().map(|variance| variance as f32).collect();
            close("variances", &variances, &by_rows.variance().collect::<Vec<_>>(), 2e-4).map_err(TestCaseError::fail)?;
        }
    }
}
