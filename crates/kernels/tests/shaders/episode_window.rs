use crate::common::{Ends, ends, shape, shapes};
use crate::iteration::{Iteration, On};
use crate::{Test, check};
use proptest::prelude::any;
use striatum_kernels::Gpu;

pub const TESTS: &[Test] = &[
    ("episode_window_agrees_with_its_mirror", random),
    ("episode_window_of_many_rows", large),
    ("episode_window_across_parts", sparse),
    ("episode_window_of_nothing", nothing),
];

fn agrees(gpu: &Gpu, iteration: &Iteration) -> Result<(), String> {
    let (actual, expected) = (iteration.episode_window(On::Device(gpu)), iteration.episode_window(On::Mirror));
    if actual == expected { Ok(()) } else { Err(format!("{actual:?}, not {expected:?}")) }
}

fn random(gpu: &Gpu) -> Result<(), String> {
    check((shapes(), ends(), any::<u64>()), |(shape, ends, seed)| {
        agrees(gpu, &Iteration::random(shape, ends, 0.0, seed))
    })
}

fn large(gpu: &Gpu) -> Result<(), String> {
    // 255 parts of 2304 rows.
    agrees(gpu, &Iteration::random(shape(2, 1, 587, 1000), Ends::Mixed, 0.0, 1))?;
    agrees(gpu, &Iteration::random(shape(1, 1, 587, 1000), Ends::Never, 0.0, 1))
}

fn sparse(gpu: &Gpu) -> Result<(), String> {
    // From 1 to 200 episodes that lie far apart, so that the last hundred come from many parts of 2048 rows.
    for (episodes, apart) in [(1, 1), (99, 397), (100, 397), (101, 397), (200, 199), (13, 2048), (13, 3001)] {
        let mut iteration = Iteration::random(shape(1, 1, 400, 100), Ends::Never, 0.0, 0);
        for episode in 0..episodes {
            let row = 39_999 - episode * apart;
            iteration.truncated[row] = 1.0;
            (iteration.episode_returns[row], iteration.episode_lengths[row]) = (row as f32, episode as f32);
        }
        agrees(gpu, &iteration)?;
    }
    Ok(())
}

fn nothing(gpu: &Gpu) -> Result<(), String> {
    [shape(0, 1, 3, 2), shape(2, 1, 0, 3), shape(2, 1, 3, 0)]
        .into_iter()
        .try_for_each(|shape| agrees(gpu, &Iteration::random(shape, Ends::Never, 0.0, 0)))
}
