//! Means of value heads on the CPU.

mod common;
#[path = "common/distribution.rs"]
mod distribution;

use common::{Ends, Rollout, close, ends, shape, shapes};
use distribution::{mean_heads, mean_heads_oracle};
use proptest::prelude::*;
use striatum_kernels::Cpu;

#[test]
fn worked_by_hand() {
    // Heads (1, 2), (3, 6) and (8, 1) of two numbers: all give (4, 3), the last two (5.5, 3.5), the first itself.
    let mut rollout = Rollout::random(shape(1, 3, 1, 1), Ends::Never, 1);
    rollout.values = vec![1.0, 2.0, 3.0, 6.0, 8.0, 1.0];
    close("means", &mean_heads(&Cpu::new(), &rollout, &[0..3, 1..3, 0..1]), &[4.0, 3.0, 5.5, 3.5, 1.0, 2.0], 1e-7)
        .unwrap();
}

proptest! {
    #[test]
    fn agree_with_float64(shape in shapes(), ends in ends(), seed: u64) {
        let mut rollout = Rollout::random(shape, ends, seed);
        rollout.values.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 0.25);
        let half = shape.heads / 2;
        let groups = [0..shape.heads, shape.heads - half.max(1)..shape.heads, 0..half.max(1)];
        let expected = mean_heads_oracle(&rollout, &groups);
        for threads in [1, 3] {
            close("means", &mean_heads(&Cpu::with_threads(threads), &rollout, &groups), &expected, 1e-6).unwrap();
        }
    }
}
