use crate::common::{Ends, Rollout, close, ends, shape, shapes};
use crate::{Test, check};
use proptest::prelude::any;
use striatum_kernels::{Cpu, Gpu};

pub const TESTS: &[Test] = &[
    ("td_error_agrees_with_its_mirror_and_float64", random),
    ("td_error_over_65535_workgroups", many_workgroups),
    ("td_error_of_nothing", nothing),
];

fn agrees(gpu: &Gpu, rollout: &Rollout) -> Result<(), String> {
    close("deltas", &rollout.td_error(gpu), &rollout.td_error(&Cpu::new()), 1e-6)
}

fn random(gpu: &Gpu) -> Result<(), String> {
    check((shapes(), ends(), any::<u64>()), |(shape, ends, seed)| {
        let rollout = Rollout::random(shape, ends, seed);
        agrees(gpu, &rollout)?;
        close("deltas", &rollout.td_error(gpu), &rollout.td_error_oracle(), 1e-6)
    })
}

fn many_workgroups(gpu: &Gpu) -> Result<(), String> {
    // 4 * 4 194 399 = 16 777 596 invocations are 65 538 workgroups.
    agrees(gpu, &Rollout::random(shape(1, 1, 4, 4_194_399), Ends::Mixed, 2))
}

fn nothing(gpu: &Gpu) -> Result<(), String> {
    for shape in [shape(0, 1, 3, 2), shape(1, 1, 0, 2), shape(1, 1, 3, 0)] {
        agrees(gpu, &Rollout::random(shape, Ends::Never, 0))?;
    }
    Ok(())
}
