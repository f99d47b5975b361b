//! The moments of advantages on the CPU.

use proptest::prelude::*;
use striatum_kernels::Cpu;

#[path = "common/moments.rs"]
mod common;

fn moments(agents: usize, normalize: bool, advantages: &[f32], mask: &[f32]) -> Vec<f32> {
    common::moments(&Cpu::new(), agents, normalize, advantages, mask)
}

#[test]
fn worked_by_hand() {
    // Agent 0 counts 1, 3 and 8: mean 4, squares 9 + 1 + 16 = 26, std sqrt(26 / 2) = 3.6055513, scale 0.2773501.
    // Agent 1 counts one row, which has no deviation: mean 0, scale 1.
    let out = moments(
        2,
        true,
        &[1.0, 3.0, f32::NAN, 8.0, 5.0, 6.0, f32::INFINITY, 7.0],
        &[1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
    );
    let expected = [3.0, 4.0, 0.277_350_1, 0.0, 1.0, 0.0, 1.0, 0.0];
    assert!(out.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-6), "{out:?}");
}

#[test]
fn without_normalising_only_the_count_is_measured() {
    assert_eq!(moments(1, false, &[1.0, 3.0, 8.0], &[1.0, 0.0, 1.0]), [2.0, 0.0, 1.0, 0.0]);
}

#[test]
fn equal_advantages_have_the_largest_scale() {
    // std 0: the scale is 1 / 1e-8, and (A - mean) * scale is 0.
    let out = moments(1, true, &[2.5; 9], &[1.0; 9]);
    assert_eq!(out[..2], [9.0, 2.5]);
    assert!((out[2] - 1e8).abs() < 10.0, "{out:?}");
}

proptest! {
    #[test]
    fn normalised_advantages_have_mean_0_and_deviation_1(
        rows in prop::collection::vec((-1e3_f32..1e3, any::<bool>()), 2..600),
        offset in -1e4_f32..1e4,
    ) {
        let (advantages, mask): (Vec<f32>, Vec<f32>) =
            rows.iter().map(|&(a, counts)| (a + offset, if counts { 1.0 } else { 0.0 })).unzip();
        let counted: Vec<f64> =
            rows.iter().zip(&advantages).filter(|((_, counts), _)| *counts).map(|(_, &a)| f64::from(a)).collect();
        let out = moments(1, true, &advantages, &mask);
        let n = counted.len() as f64;
        prop_assert_eq!(f64::from(out[0]), n);
        if n >= 2.0 {
            let normalised: Vec<f64> =
                counted.iter().map(|a| (a - f64::from(out[1])) * f64::from(out[2])).collect();
            let mean = normalised.iter().sum::<f64>() / n;
            let variance = normalised.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (n - 1.0);
            // The mean is rounded to single precision.
            let rounding = f64::from(out[1].abs() * f32::EPSILON * out[2]);
            prop_assert!(mean.abs() <= 1e-6 + rounding, "mean {}", mean);
            prop_assert!((variance - 1.0).abs() < 1e-5, "variance {}", variance);
        }
    }
}
