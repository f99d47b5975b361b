use crate::common::close;
use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::{Backend, Gpu, column_moments};
use striatum_rng::{Purpose, Stream};

pub const TESTS: &[Test] = &[
    ("column_moments_agree_with_their_mirror", random),
    ("column_moments_of_one_agent_do_not_depend_on_others", agents_apart),
    ("column_moments_of_many_rows_and_columns", large),
    ("column_moments_of_nothing", nothing),
];

fn on_gpu(gpu: &Gpu, agents: usize, columns: usize, rows: &[f32]) -> Result<Vec<f32>, String> {
    let mut out = gpu.upload(&vec![f32::NAN; 3 * agents * columns]);
    gpu.column_moments(agents, columns, &gpu.upload(rows), &mut out);
    gpu.download(&out).map_err(|error| error.to_string())
}

fn numbers(n: usize, offset: f32, seed: u64) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::User, 0, 0);
    (0..n).map(|_| offset + stream.normal()).collect()
}

fn agrees(gpu: &Gpu, agents: usize, columns: usize, rows: &[f32]) -> Result<(), String> {
    let mut expected = vec![f32::NAN; 3 * agents * columns];
    column_moments(agents, columns, rows, &mut expected);
    close("moments", &on_gpu(gpu, agents, columns, rows)?, &expected, 2e-5)
}

fn random(gpu: &Gpu) -> Result<(), String> {
    let columns = prop_oneof![1..40usize, 250..260usize, 500..600usize];
    let offset = prop_oneof![Just(0.0_f32), Just(1e3), Just(-1e3)];
    check((1..4usize, columns, 1..200usize, offset, any::<u64>()), |(agents, columns, rows, offset, seed)| {
        agrees(gpu, agents, columns, &numbers(agents * columns * rows, offset, seed))
    })
}

fn agents_apart(gpu: &Gpu) -> Result<(), String> {
    let (columns, rows) = (5, 3001);
    let all = numbers(3 * columns * rows, 2.0, 4);
    let together = on_gpu(gpu, 3, columns, &all)?;
    let alone = on_gpu(gpu, 1, columns, &all[columns * rows..2 * columns * rows])?;
    if together[3 * columns..6 * columns] == alone { Ok(()) } else { Err(format!("{together:?}, {alone:?}")) }
}

fn large(gpu: &Gpu) -> Result<(), String> {
    // 256 parts of 391 rows, then 66 000 columns of two rows, which are merged over 66 000 workgroups.
    agrees(gpu, 1, 17, &numbers(17 * 100_000, 1e3, 1))?;
    agrees(gpu, 1, 66_000, &numbers(66_000 * 17, 1e3, 2))
}

fn nothing(gpu: &Gpu) -> Result<(), String> {
    [(0, 3), (2, 0), (2, 3)].into_iter().try_for_each(|(agents, columns)| agrees(gpu, agents, columns, &[]))
}
