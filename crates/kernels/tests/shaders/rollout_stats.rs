use crate::common::{Ends, close, ends, shape, shapes};
use crate::iteration::{Iteration, On};
use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::Gpu;

pub const TESTS: &[Test] = &[
    ("rollout_stats_agree_with_their_mirror", random),
    ("rollout_stats_of_one_agent_do_not_depend_on_others", agents_apart),
    ("rollout_stats_of_many_rows", large),
    ("rollout_stats_of_nothing", nothing),
];

fn agrees(gpu: &Gpu, iteration: &Iteration) -> Result<(), String> {
    close("stats", &iteration.rollout_stats(On::Device(gpu)), &iteration.rollout_stats(On::Mirror), 2e-5)
}

fn random(gpu: &Gpu) -> Result<(), String> {
    let offset = prop_oneof![Just(0.0_f32), Just(1e3)];
    check((shapes(), ends(), offset, any::<u64>()), |(shape, ends, offset, seed)| {
        agrees(gpu, &Iteration::random(shape, ends, offset, seed))
    })
}

fn agents_apart(gpu: &Gpu) -> Result<(), String> {
    let iteration = Iteration::random(shape(3, 2, 7, 600), Ends::Mixed, 1.0, 3);
    let (all, alone) = (iteration.rollout_stats(On::Device(gpu)), iteration.agent(2).rollout_stats(On::Device(gpu)));
    if all[16..] == alone { Ok(()) } else { Err(format!("{all:?}, {alone:?}")) }
}

fn large(gpu: &Gpu) -> Result<(), String> {
    // 256 parts of 2293 rows.
    agrees(gpu, &Iteration::random(shape(1, 2, 587, 1000), Ends::Never, 1e3, 5))
}

fn nothing(gpu: &Gpu) -> Result<(), String> {
    [shape(0, 1, 3, 2), shape(2, 1, 0, 3), shape(2, 1, 3, 0)]
        .into_iter()
        .try_for_each(|shape| agrees(gpu, &Iteration::random(shape, Ends::Never, 0.0, 0)))
}
