use crate::common::{Rollout, close, ends, shape};
use crate::distribution::{sr_lambda, sr_lambda_oracle};
use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::{Cpu, Gpu};

pub const TESTS: &[Test] = &[("sr_lambda_agrees_with_its_mirror_and_float64", random)];

/// A draw that is another word gives another sample altogether.
fn random(gpu: &Gpu) -> Result<(), String> {
    let sizes = prop_oneof![
        (1..4usize, 1..11usize, 1..20usize, 1..40usize),
        (1..3usize, 30..35usize, 1..4usize, 100..300usize)
    ];
    check((sizes, ends(), any::<u64>(), any::<u32>()), |((agents, heads, steps, envs), ends, seed, first_step)| {
        let rollout = Rollout::random(shape(agents, heads, steps, envs), ends, seed);
        let targets = sr_lambda(gpu, &rollout, first_step);
        close("mirror", &targets, &sr_lambda(&Cpu::new(), &rollout, first_step), 1e-5)?;
        close("float64", &targets, &sr_lambda_oracle(&rollout, first_step), 1e-5)
    })
}
