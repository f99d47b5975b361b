use crate::common::{Ends, close, ends, shape, shapes};
use crate::iteration::{Iteration, On};
use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::{Backend, Gpu, scale_rewards};

pub const TESTS: &[Test] = &[
    ("discounted_returns_agree_with_their_mirror", random),
    ("discounted_returns_of_one_agent_do_not_depend_on_others", agents_apart),
    ("discounted_returns_of_many_environments", many_environments),
    ("discounted_returns_of_nothing", nothing),
    ("scale_rewards_agrees_with_its_mirror", scaled),
    ("scale_rewards_over_65535_workgroups", many_rewards),
];

fn agrees(gpu: &Gpu, iteration: &Iteration) -> Result<(), String> {
    let [running, moments] = iteration.discounted_returns(On::Device(gpu));
    let [expected_running, expected_moments] = iteration.discounted_returns(On::Mirror);
    close("running", &running, &expected_running, 2e-5)?;
    close("moments", &moments, &expected_moments, 2e-5)
}

fn random(gpu: &Gpu) -> Result<(), String> {
    let offset = prop_oneof![Just(0.0_f32), Just(1e3)];
    check((shapes(), ends(), offset, any::<u64>()), |(shape, ends, offset, seed)| {
        agrees(gpu, &Iteration::random(shape, ends, offset, seed))
    })
}

fn agents_apart(gpu: &Gpu) -> Result<(), String> {
    let iteration = Iteration::random(shape(3, 1, 7, 600), Ends::Mixed, 1.0, 3);
    let [running, moments] = iteration.discounted_returns(On::Device(gpu));
    let alone = iteration.agent(1).discounted_returns(On::Device(gpu));
    if [&running[600..1200], &moments[3..6]] == alone { Ok(()) } else { Err(format!("{moments:?}, {alone:?}")) }
}

fn many_environments(gpu: &Gpu) -> Result<(), String> {
    // 391 workgroups' moments are more than one workgroup merges with one each.
    agrees(gpu, &Iteration::random(shape(1, 1, 5, 100_000), Ends::Mixed, 1.0, 4))
}

fn nothing(gpu: &Gpu) -> Result<(), String> {
    [shape(0, 1, 3, 2), shape(2, 1, 0, 3), shape(2, 1, 3, 0)]
        .into_iter()
        .try_for_each(|shape| agrees(gpu, &Iteration::random(shape, Ends::Never, 0.0, 0)))
}

fn scale_agrees(gpu: &Gpu, scale: &[f32], clip: f32, rewards: &[f32]) -> Result<(), String> {
    let mut expected = rewards.to_vec();
    scale_rewards(scale.len(), scale, clip, &mut expected);
    let mut scaled = gpu.upload(rewards);
    gpu.scale_rewards(scale.len(), &gpu.upload(scale), clip, &mut scaled);
    close("rewards", &gpu.download(&scaled).map_err(|error| error.to_string())?, &expected, 0.0)
}

fn scaled(gpu: &Gpu) -> Result<(), String> {
    let rewards = (1..4usize, 0..600usize).prop_flat_map(|(agents, rows)| {
        (
            prop::collection::vec(0.01_f32..10.0, agents),
            0.0_f32..5.0,
            prop::collection::vec(-5.0_f32..5.0, agents * rows),
        )
    });
    check(rewards, |(scale, clip, rewards)| scale_agrees(gpu, &scale, clip, &rewards))?;
    scale_agrees(gpu, &[], 1.0, &[])
}

fn many_rewards(gpu: &Gpu) -> Result<(), String> {
    let rewards: Vec<f32> = (0..65_536 * 256 + 3).map(|i| (i % 101) as f32 - 50.0).collect();
    scale_agrees(gpu, &[0.5], 10.0, &rewards)
}
