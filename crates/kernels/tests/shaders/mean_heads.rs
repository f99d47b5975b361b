use crate::common::{Ends, Rollout, close, shape};
use crate::distribution::{mean_heads, mean_heads_oracle};
use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::{Cpu, Gpu};

pub const TESTS: &[Test] = &[("mean_heads_agrees_with_its_mirror_and_float64", random)];

fn random(gpu: &Gpu) -> Result<(), String> {
    let strategy = ((1..4usize, 1..35usize, 1..12usize, 1..60usize), any::<u64>());
    check(strategy, |((agents, heads, steps, envs), seed)| {
        let rollout = Rollout::random(shape(agents, heads, steps, envs), Ends::Never, seed);
        let groups = [0..heads, heads / 2..heads, 0..1];
        let means = mean_heads(gpu, &rollout, &groups);
        close("mirror", &means, &mean_heads(&Cpu::new(), &rollout, &groups), 1e-6)?;
        close("float64", &means, &mean_heads_oracle(&rollout, &groups), 1e-6)
    })
}
